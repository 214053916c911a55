use std::time::Duration;

use hongyan_wechat::{BaseUrl, Bases, HyperSettings};
use serde::{Deserialize, Deserializer, de};

/// `[wechat]`: where WeChat answers and how patient we are.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wechat {
    /// Server API; point it at a sandbox to test.
    #[serde(deserialize_with = "base_url")]
    pub(crate) api_base: Option<BaseUrl>,
    /// The host of QR pictures and the one-time consent page.
    #[serde(deserialize_with = "base_url")]
    pub(crate) mp_base: Option<BaseUrl>,
    /// The host of the login page.
    #[serde(deserialize_with = "base_url")]
    pub(crate) open_base: Option<BaseUrl>,
    /// How long a connection may take, in milliseconds.
    pub(crate) connect_timeout_ms: u64,
    /// How long a call may take in all, in milliseconds.
    pub(crate) request_timeout_ms: u64,
    /// Calls to the token endpoints a day and account; at half of it a warning is
    /// logged.
    pub(crate) token_budget: u32,
}

impl Default for Wechat {
    fn default() -> Self {
        Self {
            api_base: None,
            mp_base: None,
            open_base: None,
            connect_timeout_ms: 5_000,
            request_timeout_ms: 10_000,
            token_budget: 500,
        }
    }
}

impl Wechat {
    pub(crate) fn bases(&self) -> Bases {
        let defaults = Bases::default();
        Bases {
            api: self.api_base.clone().unwrap_or(defaults.api),
            mp: self.mp_base.clone().unwrap_or(defaults.mp),
            open: self.open_base.clone().unwrap_or(defaults.open),
        }
    }

    pub(crate) fn transport(&self) -> HyperSettings {
        HyperSettings {
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            total_timeout: Duration::from_millis(self.request_timeout_ms),
            ..HyperSettings::default()
        }
    }
}

fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BaseUrl>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BaseUrl::parse(&text).map(Some).map_err(de::Error::custom)
}
