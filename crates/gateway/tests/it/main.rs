//! What the gateway answers without WeChat: a real router over a real database,
//! with the engine's loops standing still.

mod app;

mod accounts;
mod bodies;
mod contract;
mod keys;
mod messages;
mod serving;
