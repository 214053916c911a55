//! What people allowed us to send.

pub(crate) mod list;
pub(crate) mod reach;
pub(crate) mod report;
