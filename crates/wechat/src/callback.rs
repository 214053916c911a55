//! WeChat calling us ("消息推送"): what it sends, proven, decrypted and read, and what may be answered.
//!
//! Pure functions over bytes. A push goes through three steps: [`CallbackQuery::parse`] reads the query,
//! [`Keyring::open`] checks the signature and takes the body out of its envelope, [`Inbound::parse`] reads
//! what it says. [`Reply`] writes a passive reply and [`Keyring::seal`] puts it into the envelope that the
//! push asks for.
//!
//! ```
//! use hongyan_wechat::{AppId, AppSecret, callback::*};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keyring = Keyring {
//!     appid: AppId::parse("wxba5fad812f8e6fb9")?,
//!     pairs: vec![KeyPair {
//!         token: AppSecret::new("AAAAA"),
//!         aes_key: None,
//!     }],
//!     allow_plaintext: false,
//! };
//! let query = CallbackQuery::parse(
//!     "signature=899cf89e464efb63f54ddac96b0a0a235f53aa78&timestamp=1714037059&nonce=486452656",
//! )?;
//! let body = br#"{"ToUserName":"gh_1","FromUserName":"o1","CreateTime":1714037059,
//!     "MsgType":"event","Event":"debug_demo","debug_str":"hello"}"#;
//!
//! let opened = keyring.open(&query, body)?;
//! let inbound = Inbound::parse(&opened.plain)?;
//! assert!(matches!(inbound.body, InboundBody::Event(InboundEvent::DebugDemo { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//! - No input makes these functions panic, and none costs more than a pass over at most [`MAX_BODY`] bytes
//!   and a tree of 2000 nodes, 16 deep.
//! - What comes in an encrypted envelope is believed only after `msg_signature`, which covers it; the
//!   `signature` of the query covers nothing of the body.
//! - No error text carries a secret or a part of what was sent.

mod cipher;
mod error;
mod fields;
mod inbound;
mod json;
mod open;
mod query;
mod reply;
mod signature;
mod xml;

pub use self::{
    cipher::EncodingAesKey,
    error::CallbackError,
    fields::{Fields, Node},
    inbound::{
        Inbound, InboundBody, InboundEvent, InboundMessage, PopupChoice, ScanCode, SubscribeChange,
        SubscribeSent, SubscribeStatus, TemplateSendStatus,
    },
    open::{Format, KeyPair, Keyring, Mode, Opened},
    query::CallbackQuery,
    reply::{Article, Reply, ReplyViolation},
    signature::{signature, signature_matches},
};

/// Longest body accepted, in bytes. Real pushes stay below 10 KiB.
pub const MAX_BODY: usize = 1 << 20;

/// Deepest nesting accepted. Real pushes reach 4.
const MAX_DEPTH: usize = 16;

/// Most elements or values accepted in one body. Real pushes have fewer than 100.
const MAX_NODES: usize = 2000;
