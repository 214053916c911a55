//! What WeChat tells us: callbacks as they are kept, and what follows from one.

use bytes::Bytes;
use hongyan_wechat::{MsgId, OpenId, TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contact::Sighting;
use crate::grant::{Consent, WindowCause};
use crate::ids::{AccountId, CallbackId};

/// How a callback was written and guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Readable, guarded by the signature of the address alone.
    Plain,
    /// Readable and ciphered at once.
    Compatible,
    /// Ciphered.
    Safe,
}

/// A callback, as it came and as we read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// Its id with us.
    pub id: CallbackId,
    /// The account it is for.
    pub account: AccountId,
    /// When it came.
    pub received_at: Timestamp,
    /// By which its repeats are known (消息排重: MsgId, or sender, time and event).
    pub dedupe_key: String,
    /// Who caused it.
    pub openid: Option<OpenId>,
    /// WeChat's `MsgType`.
    pub msg_type: String,
    /// WeChat's `Event`, for events.
    pub event: Option<String>,
    /// WeChat's `EventKey`, for events that have one; at most 1024 characters.
    pub event_key: Option<String>,
    /// WeChat's `CreateTime`.
    pub created_at: Timestamp,
    /// How it was written and guarded.
    pub mode: Mode,
    /// The query as it came, signature included, so that it can be repeated to
    /// somebody who checks it.
    pub query: String,
    /// The `Content-Type` it came with.
    pub content_type: Option<String>,
    /// The body as it came.
    pub body: Bytes,
    /// The body's readable text, XML or JSON.
    pub text: String,
    /// What was answered, once that is known: the plain reply before it was
    /// sealed, empty = `success`.
    pub reply: Option<String>,
    /// How often WeChat repeated it.
    pub repeats: u32,
}

/// What follows from a callback. All of it happens with the storing of the
/// callback in one step, or not at all; for a repeat nothing happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// We learned something about a person.
    Seen(Sighting),
    /// A person opened a customer-service window.
    Opened {
        /// Who.
        openid: OpenId,
        /// By what.
        cause: WindowCause,
        /// When.
        at: Timestamp,
    },
    /// A person answered a question for consent.
    Answered(Consent),
    /// WeChat's last word on a message.
    Receipt(NewReceipt),
    /// Somebody scanned a code of the account's.
    Scanned {
        /// The code's scene.
        scene: String,
        /// Whether they began to follow by it.
        followed: bool,
    },
    /// The person closed their WeChat account, or wants to be forgotten: contact,
    /// consents, windows and bindings go.
    Forgotten {
        /// Who.
        openid: OpenId,
    },
}

/// WeChat's last word on a message, as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReceipt {
    /// WeChat's number of the message.
    pub msgid: MsgId,
    /// The recipient.
    pub openid: OpenId,
    /// The template, where the event names it: by it the notice is found whose
    /// number is told here for the first time (`message/subscribe/bizsend`
    /// answers without one).
    pub template_id: Option<TemplateId>,
    /// Whether the message arrived.
    pub delivered: bool,
    /// WeChat's words, such as `failed:user block`.
    pub status: String,
    /// When the event was made.
    pub at: Timestamp,
}

/// What became of taking a callback in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is new, and stored; its receipts found these messages.
    New {
        /// Messages that are `delivered` or `undelivered` since.
        settled: Vec<crate::ids::MessageId>,
        /// Receipts whose messages are not (yet) there; they are kept.
        early: usize,
    },
    /// It came before.
    Repeated {
        /// The one that came before.
        id: CallbackId,
        /// What was answered to it, if that is known already.
        reply: Option<String>,
    },
}

/// What to search callbacks for. Empty = everything.
#[derive(Debug, Clone, Default)]
pub struct CallbackFilter {
    /// Only from this person.
    pub openid: Option<OpenId>,
    /// Only this `MsgType`.
    pub msg_type: Option<String>,
    /// Only this `Event`.
    pub event: Option<String>,
    /// Came at this time or later.
    pub received_after: Option<Timestamp>,
    /// Came before this time.
    pub received_before: Option<Timestamp>,
}

/// A callback on its way to one of the owner's own programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Its number in storage.
    pub id: i64,
    /// The account.
    pub account: AccountId,
    /// The callback.
    pub callback: CallbackId,
    /// Where it goes.
    pub url: String,
    /// Tries so far.
    pub attempts: u32,
    /// Grows with every claim; who claimed earlier no longer counts.
    pub lease_token: i64,
    /// What is sent: query, content type and body as WeChat sent them.
    pub query: String,
    /// See [`Callback::content_type`].
    pub content_type: Option<String>,
    /// See [`Callback::body`].
    pub body: Bytes,
}

/// How a try to forward ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forwarded {
    /// It was taken (2xx).
    Done {
        /// The HTTP status.
        status: u16,
    },
    /// It was not; again at that time.
    Again {
        /// When.
        at: Timestamp,
        /// What happened, without secrets.
        error: String,
    },
    /// It was not, and is given up.
    GivenUp {
        /// What happened, without secrets.
        error: String,
    },
}

/// Where a forwarding stands, for people who look at a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardState {
    /// Where it goes.
    pub url: String,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next; absent = it is over.
    pub due_at: Option<Timestamp>,
    /// The status of the last answer, if there was one.
    pub status: Option<u16>,
    /// What went wrong last, if something did.
    pub error: Option<String>,
}
