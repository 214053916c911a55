//! The words and rules of Hongyan: accounts, templates, messages, deliveries
//! and what follows from an answer of WeChat's.
//!
//! Invariants
//! - No I/O, no async runtime, no SQL, no HTTP, no environment. Time comes in
//!   as a [`jiff::Timestamp`] or through [`clock::Clock`], chance as a number.
//! - Functions are deterministic: the same arguments give the same answer.
//! - Every change of a message's state goes through [`message::State`].
//! - [`port`] says what the engine asks of storage; nothing here knows how it
//!   is done.

pub mod account;
pub mod breaker;
pub mod broadcast;
pub mod callback;
pub mod clock;
pub mod console;
pub mod contact;
pub mod delivery;
pub mod grant;
pub mod history;
pub mod ids;
pub mod key;
pub mod media;
pub mod menu;
pub mod message;
pub mod pointer;
pub mod port;
pub mod qrcode;
pub mod quota;
pub mod retry;
pub mod rule;
pub mod spelling;
pub mod template;
pub mod timing;
pub mod trace;
pub mod webhook;

pub use ids::{
    AccountId, BroadcastId, CallbackId, KeyId, MediaId, MessageId, NodeId, WebhookDeliveryId,
    WebhookId,
};
