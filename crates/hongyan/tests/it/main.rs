//! The binary as people use it: commands, files, signals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broadcasts;
mod cli;
mod dashboards;
mod demo;
mod managing;
mod postgres;
mod refusals;
mod stage;
mod stopping;
mod support;
mod telemetry;
mod webhooks;
