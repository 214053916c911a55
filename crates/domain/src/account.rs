//! Accounts: one official account, mini program or test account we hold the
//! keys of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hongyan_wechat::{AppId, AppSecret, OriginalId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::AccountId;
use crate::message::Kind;
use crate::timing::{FrequencyCap, QuietHours};

/// What an account is at WeChat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// 公众号: a subscription or service account, test accounts included.
    OfficialAccount,
    /// 小程序.
    MiniProgram,
}

impl AccountKind {
    /// The kind's name in API, CLI and storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OfficialAccount => "official_account",
            Self::MiniProgram => "mini_program",
        }
    }

    /// Whether accounts of this kind can send messages of `kind`.
    #[must_use]
    pub fn sends(self, kind: Kind) -> bool {
        match kind {
            Kind::Template | Kind::Notification | Kind::OneTime => self == Self::OfficialAccount,
            Kind::Subscribe => self == Self::MiniProgram,
            Kind::CustomerService => true,
        }
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name by which people and programs address an account: 1 to 64 of
/// `a-z 0-9 - _ .`, beginning with a letter or digit. It stands in URLs and
/// logs, so it is kept plain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountName(String);

/// A name was not of the form [`AccountName`] asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account's name is 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit"
)]
pub struct AccountNameError;

impl AccountName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = AccountNameError;

    fn from_str(text: &str) -> Result<Self, AccountNameError> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = (1..=64).contains(&bytes.len())
            && plain(bytes[0])
            && bytes
                .iter()
                .all(|&c| plain(c) || matches!(c, b'-' | b'_' | b'.'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(AccountNameError)
        }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of WeChat's two families of access tokens an account uses. They are
/// independent: a token of one does not affect the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenMode {
    /// `POST /cgi-bin/stable_token`: repeated calls return the current token,
    /// so several holders of the secret do not disturb each other.
    #[default]
    Stable,
    /// `GET /cgi-bin/token`: each call makes a new token and ends the former
    /// within five minutes.
    Classic,
}

impl TokenMode {
    /// The mode's name in API, CLI and storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Classic => "classic",
        }
    }
}

/// How WeChat's callbacks to this account are proved and deciphered. Both texts
/// are secrets; they use the type that cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSettings {
    /// The Token of the push configuration: 3 to 32 letters and digits.
    pub token: AppSecret,
    /// EncodingAESKey: 43 letters and digits; absent in plaintext mode.
    /// Without it only plaintext is taken; with it only what is ciphered
    /// (compatible and safe mode).
    pub encoding_aes_key: Option<AppSecret>,
    /// The pair before, still taken while WeChat changes over.
    pub previous: Option<CallbackKeys>,
}

/// A former Token and EncodingAESKey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackKeys {
    /// See [`CallbackSettings::token`].
    pub token: AppSecret,
    /// See [`CallbackSettings::encoding_aes_key`].
    pub encoding_aes_key: Option<AppSecret>,
}

/// One of the owner's own programs that gets WeChat's callbacks as WeChat sent
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// `http` or `https`; WeChat's query is added.
    pub url: String,
    /// Whether its answer is given to WeChat. One at most.
    #[serde(default)]
    pub answers: bool,
}

/// What an account's owner decides about callbacks, people and pages. Nothing of it
/// is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountOptions {
    /// Who gets the raw callbacks.
    pub backends: Vec<Backend>,
    /// Asked for an answer to messages and events that no rule answers: it gets
    /// JSON of ours and answers with one of [`crate::rule::Answer`].
    pub reply_url: Option<String>,
    /// Origins (`https://example.com`) whose pages may have a signature for the
    /// JS-SDK.
    pub js_origins: Vec<String>,
    /// Addresses people's browsers may be sent on to: an origin allows every path
    /// of it, a path everything that begins with it.
    pub redirects: Vec<String>,
    /// Whether template messages go out to people who stopped following, too.
    pub send_to_unfollowed: bool,
    /// When nobody is to be disturbed.
    pub quiet_hours: Option<QuietHours>,
    /// How often one person may be told something.
    pub frequency_caps: Vec<FrequencyCap>,
    /// The same words to the same person are sent once in so many seconds; absent =
    /// as often as they are asked for. At most [`crate::timing::LONGEST_SPAN`].
    pub deduplicate_seconds: Option<u32>,
    /// Per template: the caller's names for its keys, so that a keyword WeChat
    /// renames is changed here and not in every caller. Template id to (own name to
    /// WeChat's key).
    pub field_names: BTreeMap<String, BTreeMap<String, String>>,
    /// The part of a day's allowance, in percent, that only messages of high priority
    /// may use up; 0 to 90.
    pub reserve_for_high_percent: u8,
}

impl Default for AccountOptions {
    fn default() -> Self {
        Self {
            backends: Vec::new(),
            reply_url: None,
            js_origins: Vec::new(),
            redirects: Vec::new(),
            send_to_unfollowed: false,
            quiet_hours: None,
            frequency_caps: Vec::new(),
            deduplicate_seconds: None,
            field_names: BTreeMap::new(),
            reserve_for_high_percent: DEFAULT_RESERVE_FOR_HIGH_PERCENT,
        }
    }
}

/// See [`AccountOptions::reserve_for_high_percent`]: where nothing is said, a
/// broadcast leaves a twentieth of the day for what is urgent.
pub const DEFAULT_RESERVE_FOR_HIGH_PERCENT: u8 = 5;

/// The most of it that can be kept.
pub const LARGEST_RESERVE_FOR_HIGH_PERCENT: u8 = 90;

/// Sends of one account that may be under way at once when nothing else is
/// said. With WeChat answering in about 50 ms this allows some 5,000 a second.
pub const DEFAULT_MAX_IN_FLIGHT: u32 = 256;

/// The most an account may ask for.
pub const LARGEST_MAX_IN_FLIGHT: u32 = 10_000;

/// What the owner of an account decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    /// Its name with us; unique.
    pub name: AccountName,
    /// What it is at WeChat; never changes.
    pub kind: AccountKind,
    /// Its appid; unique.
    pub appid: AppId,
    /// Its AppSecret.
    pub secret: AppSecret,
    /// `gh_…`, which callbacks carry as `ToUserName`.
    pub original_id: Option<OriginalId>,
    /// Which family of tokens it uses.
    pub token_mode: TokenMode,
    /// How its callbacks are proved; absent while none are expected.
    pub callback: Option<CallbackSettings>,
    /// Sends a second at most; absent = no limit of ours.
    pub rate_per_second: Option<u32>,
    /// Sends under way at once at most.
    pub max_in_flight: u32,
    /// Whether it takes and sends nothing for the time being.
    pub disabled: bool,
    /// Callbacks, people, pages.
    pub options: AccountOptions,
}

/// An account as storage holds it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its number in storage.
    pub id: AccountId,
    /// What its owner decided.
    pub settings: AccountSettings,
    /// What we learned about it while working.
    pub state: AccountState,
    /// When it was made known to us.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
}

/// What we learned about an account while working.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountState {
    /// Nothing is sent before this time.
    pub parked: Option<Parked>,
    /// Why no credential can be had; absent = healthy.
    pub illness: Option<Illness>,
    /// Why WeChat lets the account send nothing; absent = it does.
    pub breaker: Option<Breaker>,
}

/// WeChat refuses whatever the account sends, for a reason of the account's and not
/// of a message's (48001, 50002, 40164 and kin). Its messages wait; one at a time is
/// tried, to see whether the reason is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Since when.
    pub since: Timestamp,
    /// WeChat's code.
    pub errcode: i64,
    /// WeChat's words.
    pub errmsg: String,
    /// WeChat's request id.
    #[serde(default)]
    pub rid: Option<String>,
    /// The address WeChat saw us come from, where it refuses that address (40164).
    #[serde(default)]
    pub seen_ip: Option<String>,
    /// The kinds of messages that wait: an account without the right to one kind
    /// still sends the others. Empty = all.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// How often one was tried since.
    pub tries: u32,
    /// When the next one is tried.
    pub next_try_at: Timestamp,
}

/// What WeChat's daily allowance is used up for. Each kind of message has an
/// interface of its own at WeChat, with an allowance of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The kinds of messages that wait. Empty = all.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// When sending goes on.
    pub until: Timestamp,
    /// The errcode that said so (45009 and kin).
    pub errcode: i64,
    /// WeChat's words.
    pub errmsg: String,
}

/// Why an account cannot obtain a credential. Its messages wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Illness {
    /// Since when.
    pub since: Timestamp,
    /// WeChat's code, where it was WeChat that refused.
    pub errcode: Option<i64>,
    /// What was said, without secrets.
    pub reason: String,
    /// WeChat's own words, where it was WeChat that refused.
    #[serde(default)]
    pub errmsg: Option<String>,
    /// WeChat's request id, where it was WeChat that refused.
    #[serde(default)]
    pub rid: Option<String>,
    /// The address WeChat saw us come from, when it refuses that address
    /// (40164): the one to enter in the allow-list.
    pub seen_ip: Option<String>,
    /// When we ask again by ourselves; absent = only after somebody changes the
    /// account or asks for a check.
    pub next_try_at: Option<Timestamp>,
}

impl Account {
    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &AccountName {
        &self.settings.name
    }

    /// What the day's allowance is used up for at `now`.
    #[must_use]
    pub fn parked(&self, now: Timestamp) -> Option<&Parked> {
        self.state.parked.as_ref().filter(|it| it.until > now)
    }

    /// Until when no message of this kind is sent because the day's allowance for
    /// it is used up.
    #[must_use]
    pub fn parked_until(&self, kind: Kind, now: Timestamp) -> Option<Timestamp> {
        self.parked(now)
            .filter(|parked| parked.holds(kind))
            .map(|parked| parked.until)
    }
}

impl Parked {
    /// Whether messages of this kind wait.
    #[must_use]
    pub fn holds(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Once there is allowance left for this kind; nothing, if no other waits.
    #[must_use]
    pub fn without(mut self, kind: Kind) -> Option<Self> {
        self.kinds.retain(|held| *held != kind);
        (!self.kinds.is_empty()).then_some(self)
    }

    /// With what is known from before: all allowances of an account start again
    /// at the same moment, and the answers of one day come in any order.
    #[must_use]
    pub fn joined_to(mut self, former: Option<&Self>) -> Self {
        let Some(former) = former.filter(|former| former.until >= self.until) else {
            return self;
        };
        if former.until > self.until {
            return former.clone();
        }
        if former.kinds.is_empty() || self.kinds.is_empty() {
            self.kinds.clear();
        } else {
            let known = former
                .kinds
                .iter()
                .filter(|kind| !self.kinds.contains(kind));
            self.kinds.splice(..0, known.copied().collect::<Vec<_>>());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["demo-oa", "a", "0.x_y"] {
            assert_eq!(good.parse::<AccountName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a b", "a/b", "号", &"a".repeat(65)] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn each_kind_of_account_has_its_kinds_of_messages() {
        assert!(AccountKind::OfficialAccount.sends(Kind::Template));
        assert!(!AccountKind::OfficialAccount.sends(Kind::Subscribe));
        assert!(AccountKind::MiniProgram.sends(Kind::Subscribe));
        assert!(!AccountKind::MiniProgram.sends(Kind::Template));
    }
}
