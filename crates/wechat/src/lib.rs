//! WeChat's server API for official accounts and mini programs.
//!
//! One remote call is one small struct that implements [`Call`]; a [`Client`] turns it into a request,
//! hands that to a [`Transport`] and answers with the call's reply or with a [`CallError`] that says
//! whether WeChat refused, whether the request never left, or whether nobody knows. [`ErrCode`] explains
//! WeChat's numbers from a compiled table.
//!
//! The other direction is [`callback`]: what WeChat sends to us, and what may be answered. [`web`] builds
//! the addresses to which people's browsers are sent, [`jssdk`] signs pages for WeChat's script, and
//! [`session`] computes what a mini program's session key is good for.
//!
//! # Invariants
//! - The client never repeats a request and never sleeps: only its caller knows whether a repeat is safe.
//! - [`CallError::NotSent`] is said only where the request cannot have reached WeChat. Every doubt is
//!   [`CallError::is_uncertain`].
//! - Secrets have types that cannot be printed or serialised, and no error text carries one, although
//!   WeChat wants them in query strings.
//! - Request bodies are UTF-8 with raw characters and a `Content-Length`, because WeChat refuses
//!   `\u` escapes (40033, 47002) and chunked bodies (HTTP 412).
//! - Decisions rest on `errcode` alone, never on `errmsg`, whose wording changes.
//! - This crate knows no product, no database, and no async runtime except behind the feature `hyper`.

pub mod api;
mod base;
mod call;
pub mod callback;
mod client;
mod errcode;
mod error;
mod ids;
pub mod jssdk;
mod lenient;
mod redact;
mod reply;
mod secret;
pub mod session;
mod transport;
pub mod web;

#[cfg(test)]
mod fixture;

pub use base::{Base, BaseUrl, BaseUrlError, Bases};
pub use call::{Body, Call, Done, Download, json};
pub use client::Client;
pub use errcode::{ErrClass, ErrCode, ErrInfo, Retry};
pub use error::{ApiError, CallError, seen_ip};
pub use ids::{AppId, IdError, MsgId, OpenId, OriginalId, TemplateId, UnionId};
pub use secret::{AccessToken, AppSecret, JsTicket, RefreshToken, SessionKey, UserAccessToken};
#[cfg(feature = "hyper")]
pub use transport::hyper::{HyperSettings, HyperTransport};
pub use transport::{Transport, TransportError};
