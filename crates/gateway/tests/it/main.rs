//! What the gateway answers without WeChat: a real router over a real database,
//! with the engine's loops standing still.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its footing is missing"
)]

mod app;

mod accounts;
mod bodies;
mod callbacks;
mod console;
mod contract;
mod h5;
mod keys;
mod messages;
mod metrics;
mod people;
mod serving;
mod webhooks;
