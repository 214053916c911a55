//! End to end: real HTTP between a gateway and the sandbox, time by hand, the
//! queue pumped instead of waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod delivery;
mod idempotency;
mod intake;
mod metrics;
mod nodes;
mod secrets;
mod tokens;
mod traces;
mod waiting;
