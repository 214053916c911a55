use async_trait::async_trait;
use hongyan_wechat::{JsTicket, OpenId, UnionId};
use jiff::Timestamp;

use super::StoreError;
use crate::ids::AccountId;

/// A walk of a person's browser over WeChat's pages and back, begun by us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The account.
    pub account: AccountId,
    /// What for, and what was asked: JSON of the engine's.
    pub purpose: String,
    /// When it is too late to come back.
    pub ends_at: Timestamp,
}

/// Who a one-use ticket stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketHolder {
    /// The account.
    pub account: AccountId,
    /// The person there.
    pub openid: OpenId,
    /// Over linked accounts, if known.
    pub unionid: Option<UnionId>,
    /// When the ticket ends.
    pub ends_at: Timestamp,
}

/// What became of an earlier exchange of the same login code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierLogin {
    /// The person.
    pub openid: OpenId,
    /// Over linked accounts, if known.
    pub unionid: Option<UnionId>,
    /// Whether the person was new then.
    pub is_new: bool,
    /// When.
    pub at: Timestamp,
}

/// What pages, logins and the JS-SDK need to remember. Short-lived; what has ended
/// is cleared away by the store on the way.
#[async_trait]
pub trait WebStore: Send + Sync {
    /// Remembers a walk under the digest of its secret. `Taken`, `Missing`.
    async fn begin_walk(&self, digest: &[u8; 32], walk: &Walk) -> Result<(), StoreError>;

    /// Takes a walk out: it can be ended once. `None` when it was, or is too late.
    async fn end_walk(&self, digest: &[u8; 32]) -> Result<Option<Walk>, StoreError>;

    /// Remembers who a ticket stands for.
    async fn issue_ticket(
        &self,
        digest: &[u8; 32],
        holder: &TicketHolder,
    ) -> Result<(), StoreError>;

    /// Takes a ticket out: it can be used once. `None` when it was, or has ended.
    async fn redeem_ticket(&self, digest: &[u8; 32]) -> Result<Option<TicketHolder>, StoreError>;

    /// Remembers what a login code was exchanged for, until `ends_at`.
    async fn keep_login(
        &self,
        account: AccountId,
        code_digest: &[u8; 32],
        login: &EarlierLogin,
        ends_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// What a login code was exchanged for, while that is remembered.
    async fn earlier_login(
        &self,
        account: AccountId,
        code_digest: &[u8; 32],
    ) -> Result<Option<EarlierLogin>, StoreError>;

    /// Keeps an account's ticket for the JS-SDK, sealed.
    async fn keep_js_ticket(
        &self,
        account: AccountId,
        ticket: &JsTicket,
        ends_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// An account's ticket for the JS-SDK and its end, ended or not.
    async fn js_ticket(
        &self,
        account: AccountId,
    ) -> Result<Option<(JsTicket, Timestamp)>, StoreError>;
}
