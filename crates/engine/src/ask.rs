//! Calls to WeChat on an account's behalf that are no sends.

use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::port::StoreError;
use hongyan_domain::template::Violation;
use hongyan_wechat::{Call, CallError, ErrClass};

use crate::Engine;
use crate::templates::WechatFailure;

/// Why something was not done at WeChat for an account.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ManageError {
    /// Accounts of this kind have no such thing.
    #[error("only official accounts have this")]
    WrongKind,
    /// What was asked for breaks these rules.
    #[error("it breaks {} rules", .0.len())]
    Invalid(Vec<Violation>),
    /// It is not there.
    #[error("there is no {what}")]
    Unknown {
        /// What was looked for.
        what: String,
    },
    /// WeChat or storage.
    #[error(transparent)]
    Wechat(Box<WechatFailure>),
}

impl From<WechatFailure> for ManageError {
    fn from(failure: WechatFailure) -> Self {
        Self::Wechat(Box::new(failure))
    }
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        WechatFailure::from(error).into()
    }
}

/// Followers, tags, menus and codes are official accounts' alone.
pub(crate) fn official(account: &Account) -> Result<(), ManageError> {
    match account.settings.kind {
        AccountKind::OfficialAccount => Ok(()),
        AccountKind::MiniProgram => Err(ManageError::WrongKind),
    }
}

impl Engine {
    /// Makes a call with the account's token; once more with a newer one where WeChat
    /// says that the token is stale. Only for calls that may be repeated.
    pub(crate) async fn ask_wechat<C: Call>(
        &self,
        account: &Account,
        call: &C,
    ) -> Result<C::Reply, WechatFailure> {
        Ok(self.ask_whole(account, call).await??)
    }

    /// As [`Engine::ask_wechat`], with the refusal whole: its further fields can be read.
    pub(crate) async fn ask_whole<C: Call>(
        &self,
        account: &Account,
        call: &C,
    ) -> Result<Result<C::Reply, CallError>, WechatFailure> {
        let credential = self.credential(account).await?;
        match self.call(account.id, &credential.token, call).await {
            Err(error) if error.class() == ErrClass::StaleCredential => {
                let fresh = self.fresh_credential(account, &credential).await?;
                Ok(self.call(account.id, &fresh.token, call).await)
            }
            answered => Ok(answered),
        }
    }
}
