//! Every change of state as a journal line.
//!
//! A change is decided first, written second and applied third, and the replay
//! applies the very same lines, so memory and file cannot drift apart.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::{AccountKind, MessageKind, Platform};
use crate::state::account::{Settings, TicketKind};
use crate::state::logins::{Code, UserToken};
use crate::state::media::Medium;
use crate::state::menu::MenuChange;
use crate::state::qr::QrCode;
use crate::state::talk::{Cause, Note};
use crate::state::template::TemplateSource;
use crate::state::token::TokenFamily;

/// Version of the line format; a file of a newer one is refused.
pub(crate) const FORMAT: u32 = 3;

/// One change, except a delivery, which is [`DeliveryLine`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(crate) enum Event {
    /// First line of a file.
    Header { version: u32 },
    /// The virtual clock's offset.
    Clock { offset_ms: i64 },
    /// An account was made or changed.
    Account {
        appid: String,
        kind: AccountKind,
        settings: Settings,
    },
    /// A template was made.
    Template {
        appid: String,
        template: TemplateSource,
    },
    /// A template was deleted.
    TemplateGone { appid: String, template_id: String },
    /// A person was made.
    Person {
        person_id: String,
        nickname: String,
        unionid: String,
    },
    /// What a person's phone runs.
    Phone {
        person_id: String,
        platform: Platform,
    },
    /// A person got an openid at an account; bulk people have no person.
    Member {
        appid: String,
        openid: String,
        person_id: Option<String>,
    },
    /// Followed or unfollowed.
    Follow {
        appid: String,
        openid: String,
        following: bool,
        at: i64,
        /// Of the code that led there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scene: Option<String>,
    },
    /// Refuses or allows messages.
    Block {
        appid: String,
        openid: String,
        blocked: bool,
    },
    /// A consent's new value.
    Grant {
        appid: String,
        openid: String,
        template_id: String,
        count: u32,
        open: bool,
    },
    /// A token was issued.
    Token {
        appid: String,
        family: TokenFamily,
        token: String,
        issued_at: i64,
        expires_at: i64,
        forced: bool,
    },
    /// Calls counted; `exact` sets the number, otherwise it never sinks within
    /// a day, because lines of parallel calls may come in any order.
    Quota {
        appid: String,
        path: String,
        day: i64,
        used: u64,
        exact: bool,
    },
    /// A limit set by the control API.
    QuotaLimit {
        appid: String,
        path: String,
        limit: u64,
    },
    /// A limit a minute set by the control API; `None` takes it back.
    RateLimit {
        appid: String,
        path: String,
        per_minute: Option<u32>,
    },
    /// `clear_quota` took effect for the `times`-th time in the month.
    QuotaCleared {
        appid: String,
        month: i64,
        times: u32,
    },
    /// The account's industries.
    Industry {
        appid: String,
        primary: u8,
        secondary: u8,
        month: i64,
    },
    /// People in bulk were made.
    Bulk {
        appid: String,
        /// The account's bulk people in all.
        count: u32,
        #[serde(default = "yes")]
        follows: bool,
        #[serde(default)]
        at: i64,
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        accepts: IndexMap<String, u32>,
    },
    /// A tag was made or renamed, or is gone where there is no name.
    Tag {
        appid: String,
        id: u32,
        name: Option<String>,
    },
    /// People were given a tag or lost it.
    Tagged {
        appid: String,
        tag: u32,
        openids: Vec<String>,
        on: bool,
    },
    /// The account's own name for a person.
    Remark {
        appid: String,
        openid: String,
        remark: String,
    },
    /// People came on the account's blacklist or left it.
    Blacklist {
        appid: String,
        openids: Vec<String>,
        on: bool,
    },
    /// The account's menus changed.
    Menu { appid: String, change: MenuChange },
    /// A QR code was made.
    Qr { appid: String, code: QrCode },
    /// A medium was uploaded; its bytes are kept elsewhere.
    Media { appid: String, medium: Medium },
    /// A medium of the library was deleted.
    MediaGone { appid: String, media_id: String },
    /// A code was issued.
    Code(Code),
    /// A code was exchanged.
    CodeUsed { code: String },
    /// An authorisation led to tokens, or renewed them.
    UserToken(UserToken),
    /// A login made a session.
    Session {
        appid: String,
        openid: String,
        session_key: String,
    },
    /// A ticket was issued.
    Ticket {
        appid: String,
        kind: TicketKind,
        ticket: String,
        expires_at: i64,
    },
    /// A window for customer-service messages was opened, or stands so.
    Window {
        appid: String,
        openid: String,
        cause: Cause,
        at: i64,
        left: u8,
    },
    /// Consent to one message under a scene.
    Scene {
        appid: String,
        openid: String,
        template_id: String,
        scene: u32,
        allowed: bool,
    },
    /// Something on the phone that no send put there.
    Note {
        appid: String,
        openid: String,
        note: Note,
    },
}

fn yes() -> bool {
    true
}

/// A send that took effect. Read and written without [`Event`], because there
/// may be millions and their data is kept as the text that came in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeliveryLine<'a> {
    /// Always [`DELIVERY_TAG`]; it comes first so that replay can tell lines apart cheaply.
    pub(crate) t: &'a str,
    pub(crate) seq: u32,
    pub(crate) at: i64,
    #[serde(borrow)]
    pub(crate) appid: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) openid: Cow<'a, str>,
    pub(crate) kind: MessageKind,
    #[serde(borrow)]
    pub(crate) template_id: Cow<'a, str>,
    pub(crate) msgid: u64,
    #[serde(borrow)]
    pub(crate) client_msg_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) miniprogram: Option<&'a RawValue>,
    /// Scene and title of a one-time message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scene: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<Cow<'a, str>>,
    /// The person refuses messages: accepted, not shown.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) blocked: bool,
    /// Calls of that path counted today, this one included.
    pub(crate) used: u64,
}

/// What a delivery line has as its `t`.
pub(crate) const DELIVERY_TAG: &str = "d";
/// How a delivery line starts.
pub(crate) const DELIVERY_PREFIX: &[u8] = b"{\"t\":\"d\",";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
