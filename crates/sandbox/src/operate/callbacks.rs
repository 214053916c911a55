//! Callbacks and receipts of accounts.

use super::ControlError;
use super::accounts::check_callback;
use crate::Sandbox;
use crate::event::Event;
use crate::model::Callback;
use crate::outcome::ReceiptRules;

/// Longest delay of a receipt.
const MAX_DELAY_MS: u64 = 600_000;

impl Sandbox {
    /// How receipts of the account go out.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub fn receipts(&self, appid: &str) -> Result<ReceiptRules, ControlError> {
        Ok(self.account(appid)?.settings.read().receipts)
    }

    /// Sets how receipts of the account go out from now on.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Invalid`] for a chance
    /// outside 0 to 1 or a delay beyond ten minutes.
    pub fn set_receipts(
        &self,
        appid: &str,
        rules: ReceiptRules,
    ) -> Result<ReceiptRules, ControlError> {
        let _guard = self.world.control.lock();
        if !(0.0..=1.0).contains(&rules.drop_probability) {
            return Err(ControlError::Invalid(
                "drop_probability must be between 0 and 1".into(),
            ));
        }
        if rules.delay_ms > MAX_DELAY_MS {
            return Err(ControlError::Invalid(format!(
                "delay_ms must be at most {MAX_DELAY_MS}"
            )));
        }
        let account = self.account(appid)?;
        let mut settings = account.settings.read().clone();
        settings.receipts = rules;
        self.world.commit(&Event::Account {
            appid: appid.to_owned(),
            kind: account.kind,
            settings,
        })?;
        Ok(rules)
    }

    /// Asks the address of a callback for its `echostr`, as WeChat does before
    /// it keeps one. Changes nothing.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] for settings that make no sense,
    /// [`ControlError::CallbackCheck`] where the answer is not 200 with exactly
    /// the `echostr` inside the time limit.
    pub async fn check_callback(&self, callback: &Callback) -> Result<(), ControlError> {
        check_callback(callback)?;
        self.world
            .check_url(callback)
            .await
            .map_err(|reason| ControlError::CallbackCheck {
                url: callback.url.clone(),
                reason,
            })
    }

    /// Resolves as soon as no push waits or is in flight. Pushes wait until
    /// the sandbox is served.
    pub async fn callbacks_settled(&self) {
        self.world.outbox.settled().await;
    }
}
