//! How the accounts fare.

pub(crate) mod show;
