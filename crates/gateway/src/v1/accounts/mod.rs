//! Accounts: made known, changed, checked.

pub(crate) mod access_token;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod show;
