//! Logins, tickets and signatures for people's phones.

pub(crate) mod login;
pub(crate) mod oauth_ticket;
pub(crate) mod sign_page;
