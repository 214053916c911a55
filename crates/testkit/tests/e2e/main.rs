//! End to end: real HTTP between a gateway and the sandbox, time by hand, the
//! queue pumped instead of waited for.

mod accounts;
mod delivery;
mod idempotency;
mod intake;
mod tokens;
mod waiting;
