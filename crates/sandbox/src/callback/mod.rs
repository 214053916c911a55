//! The sandbox calls back: messages, events and receipts to the accounts' own
//! servers (page "消息推送").
//!
//! What a person does is pushed by whoever lets them do it, because its answer
//! is wanted; everything else goes through [`Outbox`], which never makes a
//! call of WeChat's API wait. What waits there is in memory only.

pub(crate) mod body;
pub(crate) mod compose;
pub(crate) mod crypto;
mod exchange;
mod outbox;
mod receipt;
pub(crate) mod reply;
mod xml;

pub(crate) use body::Push;
pub(crate) use outbox::{Job, Outbox};
