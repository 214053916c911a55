use std::time::Duration;

use hongyan_engine::RetentionSettings;
use serde::Deserialize;

/// `[retention]`: what is kept, and for how long.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    /// How many days messages that are over are kept with their attempts;
    /// 0 = for ever.
    pub(crate) messages_days: u32,
    /// How many days WeChat's callbacks are kept; 0 = for ever.
    pub(crate) callbacks_days: u32,
    /// How many days it is kept what webhooks were told; 0 = for ever.
    pub(crate) webhooks_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            messages_days: 90,
            callbacks_days: 30,
            webhooks_days: 30,
        }
    }
}

impl Retention {
    pub(crate) fn settings(&self) -> RetentionSettings {
        let days =
            |days: u32| (days > 0).then(|| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
        RetentionSettings {
            messages: days(self.messages_days),
            callbacks: days(self.callbacks_days),
            webhooks: days(self.webhooks_days),
        }
    }
}
