//! Codes people scan.

pub(crate) mod create;
pub(crate) mod forget;
pub(crate) mod list;
