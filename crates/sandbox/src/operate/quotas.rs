//! What accounts may still call today.

use super::{ControlError, QuotaView};
use crate::Sandbox;
use crate::api::endpoints::{self, ENDPOINTS};

impl Sandbox {
    /// The daily allowances of an account that were used today or are not the
    /// usual ones, and those of the paths that send.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown account.
    pub fn quotas(&self, appid: &str) -> Result<Vec<QuotaView>, ControlError> {
        let account = self.account(appid)?;
        let now = self.world.clock.now_ms();
        let mut book = account.book.lock();
        let mut views = Vec::new();
        for (index, endpoint) in ENDPOINTS.iter().enumerate() {
            let Some(usual) = endpoint.daily else {
                continue;
            };
            if endpoint.check_audience(account.kind).is_err() {
                continue;
            }
            let usual = endpoints::daily_limit(endpoint, usual, &book);
            let cell = *book.daily(index);
            let used = cell.used_at(now);
            if used > 0 || cell.limit.is_some() || endpoint.path.ends_with("send") {
                views.push(QuotaView {
                    path: endpoint.path.to_owned(),
                    limit: cell.limit.unwrap_or(usual),
                    used,
                });
            }
        }
        Ok(views)
    }
}
