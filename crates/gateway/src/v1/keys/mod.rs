//! API keys. A key restricted to accounts manages only keys that reach no
//! further than itself.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod remove;
