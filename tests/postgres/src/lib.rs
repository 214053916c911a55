//! A PostgreSQL server for tests, and a database for each of them.
//!
//! [`Server::shared`] is started once for a test process, on a port and in a
//! folder of its own, and ends with the process however that ends;
//! `HONGYAN_TEST_POSTGRES=postgres://…` names a running one instead, whose user
//! must be allowed to make databases. Tests that stop their server start one
//! with [`Server::start`].
//!
//! All calls block for as long as they take, which is some milliseconds for a
//! database and a second or two for a server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot have its server has failed"
)]

mod admin;
mod programs;
mod server;

pub use admin::Database;
pub use server::{Server, Settings, Stop};

/// The key with which the secrets in a [`Server::database`] are sealed.
pub const KEY: [u8; 32] = [7; 32];

/// The role that has to give [`PASSWORD`]; everybody else on this machine is let
/// in without.
pub const GUARDED: &str = "guarded";

/// The password of [`GUARDED`].
pub const PASSWORD: &str = "correct-horse";
