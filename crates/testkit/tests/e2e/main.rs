//! End to end: real HTTP between a gateway and the sandbox, time by hand, the
//! queue pumped instead of waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod agree;
mod breaker;
mod broadcasts;
mod callbacks;
mod callbacks_refused;
mod catalogue;
mod consent;
mod delivery;
mod followers;
mod forwarding;
mod idempotency;
mod intake;
mod kinds;
mod logins;
mod media;
mod menus;
mod metrics;
mod nodes;
mod people;
mod qrcodes;
mod quotas;
mod receipts;
mod routes;
mod rules;
mod secrets;
mod tags;
mod timing;
mod tokens;
mod traces;
mod waiting;
mod web;
mod webhooks;
mod windows;
