use std::time::Duration;

use hongyan_domain::retry::RetryPolicy;
use hongyan_engine::DispatchSettings;
use serde::Deserialize;

use super::Wechat;

/// `[dispatch]`: how messages are taken out of the queue.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dispatch {
    /// How long a message is held while it is sent, in seconds. A gateway that
    /// dies lets go of its messages after this.
    pub(crate) lease_s: u64,
    /// How often the queue is looked at without being told to, in milliseconds.
    pub(crate) poll_interval_ms: u64,
    /// How many messages one claim takes at most.
    pub(crate) claim_batch: u32,
    /// How many outcomes are written down together at most.
    pub(crate) settle_batch: u32,
    /// The pause after a message's first failure, in milliseconds; each further
    /// one doubles it.
    pub(crate) retry_first_pause_ms: u64,
    /// The longest pause, in seconds.
    pub(crate) retry_longest_pause_s: u64,
    /// After so many attempts a message fails.
    pub(crate) max_attempts: u32,
}

impl Default for Dispatch {
    fn default() -> Self {
        let settings = DispatchSettings::default();
        Self {
            lease_s: settings.lease.as_secs(),
            poll_interval_ms: 1_000,
            claim_batch: 256,
            settle_batch: 512,
            retry_first_pause_ms: 1_000,
            retry_longest_pause_s: settings.retry.longest_pause.as_secs(),
            max_attempts: settings.retry.max_attempts,
        }
    }
}

impl Dispatch {
    /// A lease must outlast what happens under it: two calls to WeChat, the
    /// refresh of a token between them, and writing it all down.
    pub(super) fn validate(&self, wechat: &Wechat) -> Result<(), String> {
        let needed = 3 * wechat.request_timeout_ms.div_ceil(1000) + 5;
        if self.lease_s < needed {
            return Err(format!(
                "[dispatch] lease_s is {}, but must be at least {needed}: three times [wechat] request_timeout_ms and 5 s",
                self.lease_s
            ));
        }
        for (name, value) in [
            ("poll_interval_ms", self.poll_interval_ms),
            ("claim_batch", self.claim_batch.into()),
            ("settle_batch", self.settle_batch.into()),
            ("retry_first_pause_ms", self.retry_first_pause_ms),
            ("max_attempts", self.max_attempts.into()),
        ] {
            if value == 0 {
                return Err(format!("[dispatch] {name} must be at least 1"));
            }
        }
        Ok(())
    }

    pub(crate) fn settings(&self, wechat: &Wechat) -> DispatchSettings {
        DispatchSettings {
            lease: Duration::from_secs(self.lease_s),
            request_timeout: Duration::from_millis(wechat.request_timeout_ms),
            poll_interval: Duration::from_millis(self.poll_interval_ms),
            claim_batch: self.claim_batch as usize,
            settle_batch: self.settle_batch as usize,
            retry: RetryPolicy {
                first_pause: Duration::from_millis(self.retry_first_pause_ms),
                longest_pause: Duration::from_secs(self.retry_longest_pause_s),
                max_attempts: self.max_attempts,
            },
        }
    }
}
