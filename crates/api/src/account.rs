use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::errcode::Diagnosis;
use crate::message::Kind;
use crate::secret::Secret;
use crate::timing::{FrequencyCap, QuietHours};

/// What an account is at WeChat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// 公众号: a subscription or service account, test accounts included.
    OfficialAccount,
    /// 小程序.
    MiniProgram,
}

/// Which of WeChat's two families of access tokens an account uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenMode {
    /// `stable_token`: several holders of the secret do not disturb each other.
    #[default]
    Stable,
    /// `token`: each call ends the token before it.
    Classic,
}

/// How WeChat's callbacks to an account are proved and deciphered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackSettings {
    /// The Token of the push configuration: 3 to 32 letters and digits.
    pub token: Secret,
    /// EncodingAESKey: 43 letters and digits; left out in plaintext mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding_aes_key: Option<Secret>,
    /// The pair before, still taken while WeChat changes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<CallbackKeys>,
}

/// A former Token and EncodingAESKey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackKeys {
    /// The former Token.
    pub token: Secret,
    /// The former EncodingAESKey; left out where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding_aes_key: Option<Secret>,
}

/// A program of the owner's that gets WeChat's callbacks exactly as WeChat sent
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// http or https; WeChat's query is added to it.
    #[schema(example = "https://shop.example.com/wechat")]
    pub url: String,
    /// Whether WeChat is given its answer. One backend at most.
    #[serde(default)]
    pub answers: bool,
}

/// An account to be made known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Its name with us: 1 to 64 of `a-z 0-9 - _ .`, beginning with a letter or
    /// digit. Unique, and never changed.
    #[schema(example = "demo-oa")]
    pub name: String,
    /// What it is at WeChat. Never changed.
    pub kind: AccountKind,
    /// Its appid. Unique.
    #[schema(example = "wx8b6f12d0a95e37c4")]
    pub appid: String,
    /// Its AppSecret.
    pub secret: Secret,
    /// `gh_…`, the id by which WeChat's callbacks name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_id: Option<String>,
    /// Which family of tokens it uses; `stable` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_mode: Option<TokenMode>,
    /// How its callbacks are proved; left out while none are expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackSettings>,
    /// Sends a second at most; left out = no limit of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u32>,
    /// Sends under way at once at most: 1 to 10,000; 256 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// Whether it takes and sends nothing for the time being.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Who else gets its callbacks, exactly as WeChat sent them; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<Backend>,
    /// A program that is asked for an answer, in JSON of ours, where no rule
    /// answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://shop.example.com/reply")]
    pub reply_url: Option<String>,
    /// Origins whose pages may have a signature for the JS-SDK; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["https://shop.example.com"]))]
    pub js_origins: Vec<String>,
    /// Where people's browsers may be sent on to from `/h5/…`: an origin allows
    /// every path of it, a path everything that begins with it; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["https://shop.example.com/done"]))]
    pub redirects: Vec<String>,
    /// Whether template messages go out to people who stopped following, too;
    /// `false` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_to_unfollowed: Option<bool>,
    /// When nobody is to be disturbed; left out = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// How often one person may get messages of a template; at most 20 caps, all of
    /// which hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frequency_caps: Vec<FrequencyCap>,
    /// The same content goes to the same person once in so many seconds, from 1 to
    /// 2,678,400 (31 days); left out = as often as it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplicate_seconds: Option<u32>,
    /// The part of a day's allowance, in percent from 0 to 90, that only messages of
    /// high priority may use up; 5 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve_for_high_percent: Option<u8>,
}

impl NewAccount {
    /// An account with everything optional left out.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        kind: AccountKind,
        appid: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            appid: appid.into(),
            secret: secret.into(),
            original_id: None,
            token_mode: None,
            callback: None,
            rate_per_second: None,
            max_in_flight: None,
            disabled: None,
            backends: Vec::new(),
            reply_url: None,
            js_origins: Vec::new(),
            redirects: Vec::new(),
            send_to_unfollowed: None,
            quiet_hours: None,
            frequency_caps: Vec::new(),
            deduplicate_seconds: None,
            reserve_for_high_percent: None,
        }
    }
}

/// What to change about an account. Fields left out stay as they are; `null`
/// takes an optional setting away. Its name and kind cannot be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// The new appid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
    /// The new AppSecret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// The new original id.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub original_id: Option<Option<String>>,
    /// The new family of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_mode: Option<TokenMode>,
    /// The new way its callbacks are proved.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<CallbackSettings>)]
    pub callback: Option<Option<CallbackSettings>>,
    /// The new limit of sends a second.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>)]
    pub rate_per_second: Option<Option<u32>>,
    /// The new limit of sends under way; `null` = 256.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>)]
    pub max_in_flight: Option<Option<u32>>,
    /// Whether it takes and sends nothing from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// All backends from now on; `null` = none.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Vec<Backend>>)]
    pub backends: Option<Option<Vec<Backend>>>,
    /// The program asked for answers; `null` = none.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub reply_url: Option<Option<String>>,
    /// All origins for the JS-SDK from now on; `null` = none.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Vec<String>>)]
    pub js_origins: Option<Option<Vec<String>>>,
    /// All places people may be sent on to from now on; `null` = none.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Vec<String>>)]
    pub redirects: Option<Option<Vec<String>>>,
    /// Whether template messages go out to people who stopped following, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_to_unfollowed: Option<bool>,
    /// When nobody is to be disturbed; `null` = never.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<QuietHours>)]
    pub quiet_hours: Option<Option<QuietHours>>,
    /// All caps from now on; `null` = none.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Vec<FrequencyCap>>)]
    pub frequency_caps: Option<Option<Vec<FrequencyCap>>>,
    /// In how many seconds the same content goes to the same person once; `null` = as
    /// often as it is asked for.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u32>)]
    pub deduplicate_seconds: Option<Option<u32>>,
    /// The part of a day's allowance kept for messages of high priority, in percent;
    /// `null` = 5.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<u8>)]
    pub reserve_for_high_percent: Option<Option<u8>>,
}

/// Tells `null` (`Some(None)`) from a field left out (`None`, by `default`).
fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// Which callback secrets are set; the secrets themselves are never read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallbackState {
    /// A Token is set.
    pub has_token: bool,
    /// An EncodingAESKey is set.
    pub has_encoding_aes_key: bool,
    /// A former pair is still taken.
    #[serde(default)]
    pub has_previous: bool,
}

/// An account, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name with us.
    pub name: String,
    /// What it is at WeChat.
    pub kind: AccountKind,
    /// Its appid.
    pub appid: String,
    /// `gh_…`.
    pub original_id: Option<String>,
    /// Which family of tokens it uses.
    pub token_mode: TokenMode,
    /// Which callback secrets are set; `null` = no callbacks are expected.
    pub callback: Option<CallbackState>,
    /// Sends a second at most; `null` = no limit of ours.
    pub rate_per_second: Option<u32>,
    /// Sends under way at once at most.
    pub max_in_flight: u32,
    /// Whether it takes and sends nothing for the time being.
    pub disabled: bool,
    /// Who else gets its callbacks.
    #[serde(default)]
    pub backends: Vec<Backend>,
    /// The program asked for answers where no rule answers.
    #[serde(default)]
    pub reply_url: Option<String>,
    /// Origins whose pages may have a signature for the JS-SDK.
    #[serde(default)]
    pub js_origins: Vec<String>,
    /// Where people's browsers may be sent on to.
    #[serde(default)]
    pub redirects: Vec<String>,
    /// Whether template messages go out to people who stopped following, too.
    #[serde(default)]
    pub send_to_unfollowed: bool,
    /// When nobody is to be disturbed.
    #[serde(default)]
    pub quiet_hours: Option<QuietHours>,
    /// How often one person may get messages of a template.
    #[serde(default)]
    pub frequency_caps: Vec<FrequencyCap>,
    /// In how many seconds the same content goes to the same person once.
    #[serde(default)]
    pub deduplicate_seconds: Option<u32>,
    /// The part of a day's allowance kept for messages of high priority, in percent.
    #[serde(default)]
    pub reserve_for_high_percent: u8,
    /// How it fares.
    pub health: Health,
    /// How often its access token was asked for today; left out in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_refreshes: Option<TokenRefreshes>,
    /// When it was made known to us.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
}

/// How often an account's access token was asked for on this day (Beijing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRefreshes {
    /// Our calls to WeChat's token endpoints.
    pub today: u32,
    /// How often another program that holds the account's secret made our token
    /// useless. It should take the token from `GET
    /// /v1/accounts/{account}/access_token` instead.
    pub foreign_today: u32,
}

/// How an account fares, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Nothing is known against it.
    Healthy,
    /// WeChat gives it no credential; its messages wait.
    Unhealthy,
    /// WeChat refuses what it sends (48001, 50002, 40164 and kin); its messages, or
    /// those of `kinds`, wait, and one is tried at `next_try_at`.
    Blocked,
    /// Its allowance at WeChat is used up; its messages of `kinds` wait until `until`.
    Parked,
    /// Somebody switched it off.
    Disabled,
}

/// How an account fares, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// In one word.
    pub status: HealthStatus,
    /// Since when it is unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What was said, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// WeChat's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// What the code means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
    /// The address WeChat saw us come from and refuses (40164): the one to enter
    /// in the account's IP allow-list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_ip: Option<String>,
    /// When we ask WeChat again by ourselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<Timestamp>,
    /// The kinds of messages that are blocked or parked; left out = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
}

/// How one step of a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// As it should be.
    Ok,
    /// Works, but somebody should look at it.
    Warning,
    /// Does not work.
    Failed,
    /// Could not be tried because a step before it failed.
    Skipped,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckStep {
    /// What was looked at.
    pub name: String,
    /// How it ended.
    pub state: StepState,
    /// What was found.
    pub detail: String,
    /// The same in Chinese.
    #[serde(default)]
    pub detail_zh: String,
    /// What to do about it.
    pub fix: Option<String>,
    /// The same in Chinese.
    #[serde(default)]
    pub fix_zh: Option<String>,
    /// WeChat's code, where it answered with one.
    pub errcode: Option<i64>,
    /// WeChat's request id.
    pub rid: Option<String>,
}

/// What a check of an account found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// Whether the account can send.
    pub ok: bool,
    /// The steps, in order.
    pub steps: Vec<CheckStep>,
}

/// An account's access token, for another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessToken {
    /// The token.
    pub access_token: Secret,
    /// Seconds until it ends.
    #[schema(example = 7140)]
    pub expires_in: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_null_from_left_out() {
        let change: ChangeAccount =
            serde_json::from_str(r#"{"rate_per_second":null,"original_id":"gh_1"}"#).unwrap();
        assert_eq!(change.rate_per_second, Some(None));
        assert_eq!(change.original_id, Some(Some("gh_1".to_owned())));
        assert_eq!(change.callback, None);
        assert_eq!(
            serde_json::to_string(&change).unwrap(),
            r#"{"original_id":"gh_1","rate_per_second":null}"#
        );
    }

    #[test]
    fn secrets_do_not_show_themselves() {
        let account: NewAccount = serde_json::from_str(
            r#"{"name":"a","kind":"mini_program","appid":"wx1","secret":"hush","callback":{"token":"hush"}}"#,
        )
        .unwrap();
        assert!(!format!("{account:?}").contains("hush"));
    }
}
