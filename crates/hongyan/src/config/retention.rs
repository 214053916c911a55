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
}

impl Default for Retention {
    fn default() -> Self {
        Self { messages_days: 90 }
    }
}

impl Retention {
    pub(crate) fn settings(&self) -> RetentionSettings {
        let days = u64::from(self.messages_days);
        RetentionSettings {
            messages: (days > 0).then(|| Duration::from_secs(days * 24 * 60 * 60)),
        }
    }
}
