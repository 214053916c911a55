//! Storage: the ports of `hongyan-domain` made real on a database.
//!
//! Invariants
//! - Each method of a port is one atomic step, and what it acknowledged is on
//!   disk: the answer is given after the commit.
//! - Secrets (account secrets, callback keys, tokens, tickets, session keys, secrets of
//!   webhooks, answers kept for idempotency) are sealed by [`Seal`] before they reach the database.
//! - Dialects differ in directories ([`sqlite`], [`postgres`]), never in branches. One suite
//!   (`tests/suite`) says what every back-end must do.
//! - Nothing here knows the engine, HTTP or configuration files.

mod codes;
mod digest;
mod error;
mod ledger;
pub mod postgres;
mod seal;
mod secret;
pub mod sqlite;
mod webhook;

pub use error::{Endpoint, OpenError};
pub use postgres::{PostgresOptions, PostgresStore};
pub use seal::{Place, Seal, SealError, Unsealable};
pub use sqlite::{OpenOptions, SqliteStore};
