//! Messages that need no template.

pub mod custom;
