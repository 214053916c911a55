//! Storage: the ports of `hongyan-domain` made real on a database.
//!
//! Invariants
//! - Each method of a port is one atomic step, and what it acknowledged is on
//!   disk: the answer is given after the commit.
//! - Secrets (account secrets, tokens, answers kept for idempotency) are sealed
//!   by [`Seal`] before they reach the database.
//! - Dialects differ in directories ([`sqlite`]), never in branches. One suite
//!   (`tests/suite`) says what every back-end must do.
//! - Nothing here knows the engine, HTTP or configuration files.

mod error;
mod seal;
pub mod sqlite;

pub use error::OpenError;
pub use seal::{Place, Seal, SealError, Unsealable};
pub use sqlite::{OpenOptions, SqliteStore};
