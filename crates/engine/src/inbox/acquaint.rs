//! Who is it that follows? WeChat's events tell no unionid; one question does.

use std::sync::Arc;

use hongyan_domain::account::{Account, AccountKind};
use hongyan_wechat::OpenId;
use jiff::Timestamp;

use crate::Engine;

/// Questions under way at once. Further ones wait their turn.
pub(crate) const AT_ONCE: usize = 8;

/// Followers that wait to be asked about. What exceeds this is left out: the next
/// follow, login or OAuth tells as well.
const WAITING: usize = 10_000;

impl Engine {
    /// Asks WeChat in the background who a new follower is (获取用户基本信息,
    /// `user/info`), so that they can be reached by unionid and their tags are known.
    pub(super) fn acquaint(&self, account: &Arc<Account>, openid: &OpenId, at: Timestamp) {
        if account.settings.kind != AccountKind::OfficialAccount {
            return;
        }
        let Ok(place) = Arc::clone(&self.acquaintances).try_acquire_owned() else {
            tracing::debug!(account = %account.name(), "too many new followers at once to ask about all of them");
            return;
        };
        let (engine, account, openid) = (self.clone(), Arc::clone(account), openid.clone());
        tokio::spawn(async move {
            let turn = engine.questions.acquire().await;
            if let Err(error) = engine.learn_about(&account, &openid, at).await {
                tracing::debug!(account = %account.name(), %error, "WeChat did not tell who a follower is");
            }
            drop((turn, place));
        });
    }
}

/// Places for followers that wait.
pub(crate) fn places() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(WAITING))
}
