use hongyan_domain::account::{
    AccountKind, AccountName, AccountSettings, CallbackSettings, DEFAULT_MAX_IN_FLIGHT,
    LARGEST_MAX_IN_FLIGHT, TokenMode,
};
use hongyan_wechat::{AppId, AppSecret, OriginalId};
use serde::{Deserialize, Deserializer, de};

/// `[[accounts]]`: an account that must exist.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredAccount {
    #[serde(deserialize_with = "name")]
    pub(crate) name: AccountName,
    pub(crate) kind: AccountKind,
    pub(crate) appid: AppId,
    pub(crate) secret: AppSecret,
    pub(crate) original_id: Option<OriginalId>,
    #[serde(default)]
    pub(crate) token_mode: TokenMode,
    pub(crate) callback: Option<DeclaredCallback>,
    #[serde(default, deserialize_with = "rate")]
    pub(crate) rate_per_second: Option<u32>,
    #[serde(default = "default_max_in_flight", deserialize_with = "max_in_flight")]
    pub(crate) max_in_flight: u32,
    #[serde(default)]
    pub(crate) disabled: bool,
}

/// `callback = { token = …, encoding_aes_key = … }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredCallback {
    pub(crate) token: AppSecret,
    pub(crate) encoding_aes_key: Option<AppSecret>,
}

impl DeclaredAccount {
    /// The settings as the engine takes them.
    pub(crate) fn settings(&self) -> AccountSettings {
        AccountSettings {
            name: self.name.clone(),
            kind: self.kind,
            appid: self.appid.clone(),
            secret: self.secret.clone(),
            original_id: self.original_id.clone(),
            token_mode: self.token_mode,
            callback: self.callback.as_ref().map(|callback| CallbackSettings {
                token: callback.token.clone(),
                encoding_aes_key: callback.encoding_aes_key.clone(),
            }),
            rate_per_second: self.rate_per_second,
            max_in_flight: self.max_in_flight,
            disabled: self.disabled,
        }
    }
}

fn default_max_in_flight() -> u32 {
    DEFAULT_MAX_IN_FLIGHT
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccountName, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(de::Error::custom(
            "rate_per_second must be at least 1; leave it out for no limit",
        )),
        rate => Ok(Some(rate)),
    }
}

fn max_in_flight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let count = u32::deserialize(deserializer)?;
    if (1..=LARGEST_MAX_IN_FLIGHT).contains(&count) {
        Ok(count)
    } else {
        Err(de::Error::custom(format!(
            "max_in_flight must be 1 to {LARGEST_MAX_IN_FLIGHT}"
        )))
    }
}
