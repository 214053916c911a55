use hongyan_engine::WebhookSettings;
use serde::Deserialize;

/// `[webhooks]`: where the gateway posts what happens.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Webhooks {
    /// Whether endpoints may lie in private networks or on this machine.
    pub(crate) allow_private: bool,
}

impl Webhooks {
    pub(crate) fn settings(&self) -> WebhookSettings {
        WebhookSettings {
            allow_private: self.allow_private,
        }
    }
}
