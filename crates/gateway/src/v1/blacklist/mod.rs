//! The people an official account wants to hear nothing from.

pub(crate) mod change;
pub(crate) mod list;
