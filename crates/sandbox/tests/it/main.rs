//! The sandbox over real HTTP on port 0, driven by a client that writes bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod control;
mod faults;
mod http;
mod journal;
mod send;
mod templates;
mod tokens;
