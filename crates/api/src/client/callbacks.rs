//! What WeChat told us, and what is answered to it.

use reqwest::Method;

use super::{ApiError, Client, account_path, call, segment};
use crate::rule::{RuleSet, TriedRules, TryRules};
use crate::{Callback, CallbackDetail, CallbackFilter, List, PageQuery, ReplayCallback, Replayed};

impl Client {
    /// `GET /v1/accounts/{account}/callbacks`, the newest first.
    pub async fn callbacks(
        &self,
        account: &str,
        filter: &CallbackFilter,
        page: &PageQuery,
    ) -> Result<List<Callback>, ApiError> {
        let request = self.get(&account_path(account, "/callbacks"));
        call(request.query(filter).query(page)).await
    }

    /// `GET /v1/accounts/{account}/callbacks/{id}`.
    pub async fn callback(&self, account: &str, id: &str) -> Result<CallbackDetail, ApiError> {
        let path = account_path(account, &format!("/callbacks/{}", segment(id)));
        call(self.get(&path)).await
    }

    /// `POST /v1/accounts/{account}/callbacks/{id}/replay`.
    pub async fn replay_callback(
        &self,
        account: &str,
        id: &str,
        replay: &ReplayCallback,
    ) -> Result<Replayed, ApiError> {
        let path = account_path(account, &format!("/callbacks/{}/replay", segment(id)));
        call(self.post(&path, None).json(replay)).await
    }

    /// `GET /v1/accounts/{account}/reply-rules`.
    pub async fn reply_rules(&self, account: &str) -> Result<RuleSet, ApiError> {
        call(self.get(&account_path(account, "/reply-rules"))).await
    }

    /// `PUT /v1/accounts/{account}/reply-rules`.
    pub async fn replace_reply_rules(
        &self,
        account: &str,
        rules: &RuleSet,
    ) -> Result<RuleSet, ApiError> {
        let path = account_path(account, "/reply-rules");
        call(self.request(Method::PUT, &path).json(rules)).await
    }

    /// `POST /v1/accounts/{account}/reply-rules/try`.
    pub async fn try_reply_rules(
        &self,
        account: &str,
        occasion: &TryRules,
    ) -> Result<TriedRules, ApiError> {
        let path = account_path(account, "/reply-rules/try");
        call(self.post(&path, None).json(occasion)).await
    }
}
