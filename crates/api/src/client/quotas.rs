//! Allowances and how the accounts fare.

use super::{ApiError, Client, account_path, call};
use crate::{AccountQuota, ClearQuota, Stats};

impl Client {
    /// `GET /v1/accounts/{account}/quota`.
    pub async fn quota(&self, account: &str) -> Result<AccountQuota, ApiError> {
        call(self.get(&account_path(account, "/quota"))).await
    }

    /// `POST /v1/accounts/{account}/quota/sync`.
    pub async fn sync_quota(&self, account: &str) -> Result<AccountQuota, ApiError> {
        call(self.post(&account_path(account, "/quota/sync"), None)).await
    }

    /// `POST /v1/accounts/{account}/quota/clear`, confirmed.
    pub async fn clear_quota(&self, account: &str) -> Result<AccountQuota, ApiError> {
        call(
            self.post(&account_path(account, "/quota/clear"), None)
                .json(&ClearQuota { confirm: true }),
        )
        .await
    }

    /// `GET /v1/stats`.
    pub async fn stats(&self) -> Result<Stats, ApiError> {
        call(self.get("/v1/stats")).await
    }
}
