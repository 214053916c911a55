//! Templates of an account, as WeChat lists them.

pub(crate) mod list;
pub(crate) mod sync;
