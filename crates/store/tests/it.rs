//! The conformance suite of storage, run for every back-end, and what is
//! particular to each.
#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod durability;
mod opening;
mod postgres;
mod sqlite;
mod suite;
