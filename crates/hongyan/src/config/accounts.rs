use std::path::PathBuf;

use hongyan_domain::account::{
    AccountKind, AccountName, AccountOptions, AccountSettings, Backend, CallbackKeys,
    CallbackSettings, DEFAULT_MAX_IN_FLIGHT, LARGEST_MAX_IN_FLIGHT, TokenMode,
};
use hongyan_wechat::callback::EncodingAesKey;
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
    #[serde(default, deserialize_with = "backends")]
    pub(crate) backends: Vec<Backend>,
    #[serde(default, deserialize_with = "optional_address")]
    pub(crate) reply_url: Option<String>,
    #[serde(default, deserialize_with = "addresses")]
    pub(crate) js_origins: Vec<String>,
    #[serde(default, deserialize_with = "addresses")]
    pub(crate) redirects: Vec<String>,
    #[serde(default)]
    pub(crate) send_to_unfollowed: bool,
    /// A file of reply rules, which replaces the account's at every start.
    pub(crate) reply_rules: Option<PathBuf>,
}

/// `callback = { token = …, encoding_aes_key = …, previous = { … } }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredCallback {
    #[serde(deserialize_with = "callback_token")]
    pub(crate) token: AppSecret,
    #[serde(default, deserialize_with = "aes_key")]
    pub(crate) encoding_aes_key: Option<AppSecret>,
    pub(crate) previous: Option<DeclaredKeys>,
}

/// `previous = { token = …, encoding_aes_key = … }`: still taken while WeChat
/// changes over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredKeys {
    #[serde(deserialize_with = "callback_token")]
    pub(crate) token: AppSecret,
    #[serde(default, deserialize_with = "aes_key")]
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
                previous: callback.previous.as_ref().map(|keys| CallbackKeys {
                    token: keys.token.clone(),
                    encoding_aes_key: keys.encoding_aes_key.clone(),
                }),
            }),
            rate_per_second: self.rate_per_second,
            max_in_flight: self.max_in_flight,
            disabled: self.disabled,
            options: AccountOptions {
                backends: self.backends.clone(),
                reply_url: self.reply_url.clone(),
                js_origins: self.js_origins.clone(),
                redirects: self.redirects.clone(),
                send_to_unfollowed: self.send_to_unfollowed,
                ..AccountOptions::default()
            },
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

fn callback_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AppSecret, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if (3..=32).contains(&text.len()) && is_plain {
        Ok(AppSecret::new(text))
    } else {
        Err(de::Error::custom("a Token has 3 to 32 letters and digits"))
    }
}

fn aes_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AppSecret>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.parse::<EncodingAesKey>().is_ok() {
        Ok(Some(AppSecret::new(text)))
    } else {
        Err(de::Error::custom(
            "an EncodingAESKey has 43 letters and digits",
        ))
    }
}

fn backends<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Backend>, D::Error> {
    let backends = Vec::<Backend>::deserialize(deserializer)?;
    for backend in &backends {
        is_address(&backend.url)?;
    }
    if backends.iter().filter(|backend| backend.answers).count() > 1 {
        return Err(de::Error::custom("one backend at most can answer WeChat"));
    }
    Ok(backends)
}

fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    is_address(&text)?;
    Ok(Some(text))
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let all = Vec::<String>::deserialize(deserializer)?;
    for text in &all {
        is_address(text)?;
    }
    Ok(all)
}

fn is_address<E: de::Error>(text: &str) -> Result<(), E> {
    let rest = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    if rest.is_some_and(|rest| !rest.is_empty()) {
        Ok(())
    } else {
        Err(E::custom(format!(
            "{text:?} does not begin with http:// or https:// and a host"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<DeclaredAccount, String> {
        let text = format!(
            "name = \"shop\"\nkind = \"official_account\"\nappid = \"wx1\"\nsecret = \"s\"\n{more}"
        );
        toml::from_str(&text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn everything_about_callbacks_and_pages_can_be_declared() {
        let key = "a".repeat(43);
        let declared = read(&format!(
            "callback = {{ token = \"newToken\", encoding_aes_key = \"{key}\", previous = {{ token = \"oldToken\" }} }}\n\
             backends = [{{ url = \"http://127.0.0.1:1/wechat\", answers = true }}]\n\
             reply_url = \"https://a.example/reply\"\njs_origins = [\"https://a.example\"]\n\
             redirects = [\"https://a.example/done\"]\nsend_to_unfollowed = true\nreply_rules = \"rules.toml\"\n"
        ))
        .unwrap();
        assert_eq!(declared.reply_rules, Some(PathBuf::from("rules.toml")));
        let settings = declared.settings();
        let callback = settings.callback.unwrap();
        assert_eq!(callback.previous.unwrap().token.expose(), "oldToken");
        assert!(settings.options.backends[0].answers);
        assert!(settings.options.send_to_unfollowed);
    }

    #[test]
    fn what_cannot_work_is_refused_at_the_start() {
        for (more, said) in [
            ("callback = { token = \"x\" }", "Token"),
            (
                "callback = { token = \"abc\", encoding_aes_key = \"short\" }",
                "EncodingAESKey",
            ),
            ("reply_url = \"reply\"", "http"),
            ("backends = [{ url = \"ftp://a\" }]", "http"),
            (
                "backends = [{ url = \"http://a\", answers = true }, { url = \"http://b\", answers = true }]",
                "one backend",
            ),
        ] {
            let reason = read(more).unwrap_err();
            assert!(reason.contains(said), "{more}: {reason}");
        }
    }
}
