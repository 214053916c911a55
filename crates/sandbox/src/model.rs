//! Words the control API, the Rust API and the state share.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::outcome::ReceiptRules;
pub use crate::phone::{Action, Choices, Inbox, InboxItem, InboxKind, PopupScene};

/// Which side of WeChat an account belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Official account (公众号), a verified service account.
    OfficialAccount,
    /// Mini program (小程序).
    MiniProgram,
}

/// Kind of a message and of the template it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Official-account template message.
    Template,
    /// Mini-program subscribe message.
    Subscribe,
    /// Official-account subscription notice.
    Notification,
    /// Official-account one-time subscription message.
    OneTime,
    /// Customer-service message; it has no template.
    CustomerService,
}

/// What a person's phone runs, for conditional menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// WeChat's number 1.
    Ios,
    /// WeChat's number 2, and that of everybody of whom nothing else was said.
    #[default]
    Android,
    /// WeChat's number 3.
    Other,
}

impl Platform {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Ios => 1,
            Self::Android => 2,
            Self::Other => 3,
        }
    }

    pub(crate) fn numbered(number: &str) -> Option<Self> {
        Some(match number {
            "1" => Self::Ios,
            "2" => Self::Android,
            "3" => Self::Other,
            _ => return None,
        })
    }
}

/// How long one consent lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// One acceptance allows one message (WeChat's type 2).
    #[default]
    OneTime,
    /// One acceptance allows any number until it is refused (type 3).
    LongTerm,
}

/// Where an account wants WeChat's pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// Address that receives the pushes.
    pub url: String,
    /// Token of the signature.
    pub token: String,
    /// 43 characters of key, needed for the modes `compatible` and `safe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding_aes_key: Option<String>,
    /// How pushes are encrypted.
    #[serde(default)]
    pub mode: CallbackMode,
    /// Notation of the pushes.
    #[serde(default)]
    pub format: CallbackFormat,
}

/// Encryption of pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackMode {
    /// Plain text.
    #[default]
    Plain,
    /// Plain text and cipher text together.
    Compatible,
    /// Cipher text only.
    Safe,
}

/// Notation of pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackFormat {
    /// XML, WeChat's default.
    #[default]
    Xml,
    /// JSON.
    Json,
}

/// What a repeated `client_msg_id` is answered with. WeChat does not document it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateAnswer {
    /// errcode 0 with the msgid of the first send.
    #[default]
    FirstMsgid,
    /// errcode 40241.
    Refuse,
}

/// A new account. Everything but the kind has a default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Kind of account.
    pub kind: AccountKind,
    /// What phones call it; the appid where absent.
    #[serde(default)]
    pub name: Option<String>,
    /// `wx` and 16 hex digits are made up where it is absent.
    #[serde(default)]
    pub appid: Option<String>,
    /// 32 hex digits are made up where it is absent.
    #[serde(default)]
    pub secret: Option<String>,
    /// `gh_` and 12 hex digits are made up where it is absent.
    #[serde(default)]
    pub original_id: Option<String>,
    /// Name of the open-platform account it is bound to: accounts with the same
    /// name see the same unionid of a person; without a name none is shown.
    #[serde(default)]
    pub open_platform: Option<String>,
    /// Addresses or CIDR blocks that may fetch tokens; empty allows everybody.
    #[serde(default)]
    pub ip_allowlist: Vec<String>,
    /// Where pushes go.
    #[serde(default)]
    pub callback: Option<Callback>,
    /// Answer 47002 to bodies with `\u` escapes. WeChat's behaviour differs
    /// from call to call, so this is off by default.
    #[serde(default)]
    pub reject_unicode_escapes: bool,
    /// What a repeated `client_msg_id` gets.
    #[serde(default)]
    pub duplicate_answer: DuplicateAnswer,
    /// Hosts (without a port) that pages may send browsers to and that may use
    /// the JS-SDK; empty allows all.
    #[serde(default)]
    pub web_domains: Vec<String>,
}

impl NewAccount {
    /// An account of that kind with everything else made up.
    pub fn new(kind: AccountKind) -> Self {
        Self {
            kind,
            name: None,
            appid: None,
            secret: None,
            original_id: None,
            open_platform: None,
            ip_allowlist: Vec::new(),
            callback: None,
            reject_unicode_escapes: false,
            duplicate_answer: DuplicateAnswer::default(),
            web_domains: Vec::new(),
        }
    }
}

/// Changes to an account; absent fields stay, `null` empties where that is possible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountPatch {
    /// New name; `Some(None)` takes it away.
    #[serde(default, deserialize_with = "present")]
    pub name: Option<Option<String>>,
    /// New secret.
    #[serde(default)]
    pub secret: Option<String>,
    /// New original id.
    #[serde(default)]
    pub original_id: Option<String>,
    /// New open-platform account; `Some(None)` unbinds.
    #[serde(default, deserialize_with = "present")]
    pub open_platform: Option<Option<String>>,
    /// New allow-list.
    #[serde(default)]
    pub ip_allowlist: Option<Vec<String>>,
    /// New callback; `Some(None)` removes it.
    #[serde(default, deserialize_with = "present")]
    pub callback: Option<Option<Callback>>,
    /// See [`NewAccount::reject_unicode_escapes`].
    #[serde(default)]
    pub reject_unicode_escapes: Option<bool>,
    /// See [`NewAccount::duplicate_answer`].
    #[serde(default)]
    pub duplicate_answer: Option<DuplicateAnswer>,
    /// See [`NewAccount::web_domains`].
    #[serde(default)]
    pub web_domains: Option<Vec<String>>,
}

/// Tells an explicit `null` from an absent field.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// An account as the control API shows it. The secret is shown on purpose:
/// nothing here guards anything.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    /// `wx…`.
    pub appid: String,
    /// Kind of account.
    pub kind: AccountKind,
    /// What phones call it.
    pub name: Option<String>,
    /// AppSecret.
    pub secret: String,
    /// `gh_…`.
    pub original_id: String,
    /// Open-platform account, if bound.
    pub open_platform: Option<String>,
    /// Addresses that may fetch tokens.
    pub ip_allowlist: Vec<String>,
    /// Where pushes go.
    pub callback: Option<Callback>,
    /// See [`NewAccount::reject_unicode_escapes`].
    pub reject_unicode_escapes: bool,
    /// See [`NewAccount::duplicate_answer`].
    pub duplicate_answer: DuplicateAnswer,
    /// See [`NewAccount::web_domains`].
    pub web_domains: Vec<String>,
    /// How receipts go out.
    pub receipts: ReceiptRules,
    /// Templates that exist now.
    pub templates: Vec<TemplateView>,
    /// People who follow it.
    pub followers: u64,
}

/// A new template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// Kind of message it is for.
    pub kind: MessageKind,
    /// Heading of the card.
    pub title: String,
    /// Lines such as `订单号：{{character_string1.DATA}}`.
    pub content: String,
    /// For consent-bound kinds; one-time unless said otherwise.
    #[serde(default)]
    pub subscription: Option<Subscription>,
    /// Made up where it is absent.
    #[serde(default)]
    pub template_id: Option<String>,
    /// Sample text that the template lists show.
    #[serde(default)]
    pub example: Option<String>,
    /// Values that keys of the types `enum`, `enum_string` and `const` may take.
    #[serde(default)]
    pub enum_values: IndexMap<String, Vec<String>>,
}

impl NewTemplate {
    /// A template with a made-up id.
    pub fn new(kind: MessageKind, title: &str, content: &str) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            content: content.to_owned(),
            subscription: None,
            template_id: None,
            example: None,
            enum_values: IndexMap::new(),
        }
    }
}

/// What WeChat changed about a template overnight; absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplatePatch {
    /// New heading.
    #[serde(default)]
    pub title: Option<String>,
    /// New lines.
    #[serde(default)]
    pub content: Option<String>,
    /// New sample text.
    #[serde(default)]
    pub example: Option<String>,
    /// New values of all enumerations.
    #[serde(default)]
    pub enum_values: Option<IndexMap<String, Vec<String>>>,
}

/// A template as the control API shows it.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateView {
    /// 43 characters.
    pub template_id: String,
    /// Kind of message it is for.
    pub kind: MessageKind,
    /// Heading of the card.
    pub title: String,
    /// The lines with their parameters.
    pub content: String,
    /// For consent-bound kinds only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<Subscription>,
    /// The parameters in order.
    pub keys: Vec<String>,
}

/// A person and what each account knows of them.
#[derive(Debug, Clone, Serialize)]
pub struct PersonView {
    /// `person_…`.
    pub person_id: String,
    /// Name for people who look at the sandbox.
    pub nickname: String,
    /// Id over all accounts of the first open-platform account.
    pub unionid: String,
    /// What their phone runs.
    pub platform: Platform,
    /// Openid by appid.
    pub openids: IndexMap<String, String>,
    /// State at each account they have an openid of.
    pub accounts: Vec<MembershipView>,
}

/// A QR code of an account.
#[derive(Debug, Clone, Serialize)]
pub struct CodeView {
    /// What the code is exchanged for a picture by.
    pub ticket: String,
    /// What events tell of it.
    pub scene: String,
    /// RFC 3339 in UTC; `None` of a permanent one.
    pub expires_at: Option<String>,
    /// It can no longer be scanned.
    pub expired: bool,
}

/// A person at one account.
#[derive(Debug, Clone, Serialize)]
pub struct MembershipView {
    /// The account.
    pub appid: String,
    /// The person's id there.
    pub openid: String,
    /// Id over the accounts of the same open-platform account, if bound.
    pub unionid: Option<String>,
    /// Follows the account (official accounts).
    pub following: bool,
    /// Refuses its messages although following.
    pub blocked: bool,
    /// Consents by template.
    pub grants: Vec<GrantView>,
    /// Consents to one-time messages by scene.
    pub scenes: Vec<SceneView>,
}

/// Consent to one one-time message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SceneView {
    /// The account's one-time template.
    pub template_id: String,
    /// Scene under which it was given, 0 to 10 000.
    pub scene: u32,
}

/// One consent.
#[derive(Debug, Clone, Serialize)]
pub struct GrantView {
    /// The template consented to.
    pub template_id: String,
    /// One-time or long-term.
    pub subscription: Subscription,
    /// Messages left (one-time).
    pub count: u32,
    /// Open until refused (long-term).
    pub open: bool,
}

/// The menu a person sees at an official account.
#[derive(Debug, Clone, Serialize)]
pub struct MenuView {
    /// The account.
    pub appid: String,
    /// The person's id there; `None` where they never met.
    pub openid: Option<String>,
    /// Where the menu comes from.
    pub source: MenuSource,
    /// Its id; `None` of a menu made in WeChat's own console, and of none.
    pub menuid: Option<u64>,
    /// Its buttons as `menu/get` writes them.
    pub button: serde_json::Value,
}

/// Where a menu comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MenuSource {
    /// The account has none.
    None,
    /// Made through the API for everybody.
    Default,
    /// Made through the API for some people, this one among them.
    Conditional,
    /// Made in WeChat's own console.
    Console,
}

/// People to be made in bulk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBulk {
    /// How many; an account may have ten million in all.
    pub count: u32,
    /// Whether they follow the account; they do unless said otherwise.
    #[serde(default = "yes")]
    pub follows: bool,
    /// What each of them consented to: messages by template of the kinds
    /// `subscribe` and `notification`. For a long-term template any number but
    /// 0 is a standing consent.
    #[serde(default)]
    pub accepts: IndexMap<String, u32>,
}

impl NewBulk {
    /// So many followers without consents.
    pub fn new(count: u32) -> Self {
        Self {
            count,
            follows: true,
            accepts: IndexMap::new(),
        }
    }
}

fn yes() -> bool {
    true
}

/// People made in bulk.
#[derive(Debug, Clone, Serialize)]
pub struct BulkView {
    /// Address of the list of their openids, one a line.
    pub openids_url: String,
    /// How many were made now.
    pub count: u32,
    /// How many bulk people the account has in all.
    pub total: u32,
}
