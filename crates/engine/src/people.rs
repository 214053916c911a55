//! People: logins, contacts, the caller's own users, consents.

use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::after;
use hongyan_domain::contact::{Contact, Sighting, User, UserId};
use hongyan_domain::delivery::Refusal;
use hongyan_domain::grant::{Answer, Consent, Grant, GrantKey, Source, Window};
use hongyan_domain::port::{Binding, ContactFilter, EarlierLogin, Page, StoreError};
use hongyan_wechat::api::sns::JsCode2Session;
use hongyan_wechat::{OpenId, TemplateId, UnionId};
use sha2::{Digest, Sha256};

use crate::Engine;
use crate::calls::refusal;

/// How long the same login code is answered from memory. WeChat takes a code for
/// five minutes (小程序登录).
const LOGIN_REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// The code was used before (40163).
const CODE_USED: i64 = 40163;

/// Locks that keep two exchanges of one code apart.
pub(crate) const STRIPES: usize = 64;

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Their id at the mini program.
    pub openid: OpenId,
    /// Their id over linked accounts, where the mini program is bound to an
    /// open-platform account.
    pub unionid: Option<UnionId>,
    /// Whether we had never heard of them.
    pub is_new: bool,
}

/// Why a login code brought nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginFailure {
    /// Only mini programs have logins.
    #[error("only mini programs have login codes")]
    NotAMiniProgram,
    /// The code is empty or longer than 256 characters.
    #[error("a login code has 1 to 256 characters")]
    BadCode,
    /// WeChat refused it.
    #[error("WeChat refused the code: errcode {} {}", .0.errcode, .0.errmsg)]
    Refused(Refusal),
    /// No usable answer; the same code may work again.
    #[error("WeChat could not be reached: {reason}")]
    Unreachable {
        /// What happened, without secrets.
        reason: String,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A person at an account with all that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactCard {
    /// The person.
    pub contact: Contact,
    /// The caller's user they are bound to.
    pub user: Option<UserId>,
    /// Their consents.
    pub grants: Vec<(GrantKey, Grant)>,
    /// Their customer-service windows, closed ones included.
    pub windows: Vec<Window>,
}

/// What identifies a secret in storage without telling it.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Engine {
    /// The one who holds this works alone on what the digest stands for.
    pub(crate) async fn alone(&self, digest: &[u8; 32]) -> tokio::sync::MutexGuard<'_, ()> {
        self.stripes[usize::from(digest[0]) % STRIPES].lock().await
    }

    /// Exchanges a `wx.login` code for the person (小程序登录,
    /// `sns/jscode2session`). The same code again is answered from memory for ten
    /// minutes. The session key is kept sealed and never leaves.
    ///
    /// # Errors
    /// Why there is nobody.
    pub async fn login(&self, account: &Account, code: &str) -> Result<Login, LoginFailure> {
        if account.settings.kind != AccountKind::MiniProgram {
            return Err(LoginFailure::NotAMiniProgram);
        }
        if !(1..=256).contains(&code.chars().count()) {
            return Err(LoginFailure::BadCode);
        }
        let code_digest = digest(code);
        let _alone = self.alone(&code_digest).await;
        if let Some(earlier) = self.store.earlier_login(account.id, &code_digest).await? {
            return Ok(Login {
                openid: earlier.openid,
                unionid: earlier.unionid,
                is_new: earlier.is_new,
            });
        }
        let call = JsCode2Session {
            appid: &account.settings.appid,
            secret: &account.settings.secret,
            js_code: code,
        };
        let session = match self.wechat.call(None, &call).await {
            Ok(session) => session,
            Err(error) => {
                return self.failed_login(account, &code_digest, error).await;
            }
        };
        let now = self.clock.now();
        let sighting = Sighting {
            unionid: session.unionid,
            ..Sighting::of(session.openid, now)
        };
        let (contact, is_new) = self
            .store
            .saw(account.id, &sighting, Some(&session.session_key))
            .await?;
        let login = Login {
            openid: contact.openid,
            unionid: contact.unionid,
            is_new,
        };
        let remembered = EarlierLogin {
            openid: login.openid.clone(),
            unionid: login.unionid.clone(),
            is_new,
            at: now,
        };
        let ends_at = after(now, LOGIN_REMEMBERED);
        self.store
            .keep_login(account.id, &code_digest, &remembered, ends_at)
            .await?;
        Ok(login)
    }

    async fn failed_login(
        &self,
        account: &Account,
        code_digest: &[u8; 32],
        error: hongyan_wechat::CallError,
    ) -> Result<Login, LoginFailure> {
        let Some(refused) = refusal(&error) else {
            return Err(LoginFailure::Unreachable {
                reason: error.to_string(),
            });
        };
        // Another node may have been quicker.
        if refused.errcode.0 == CODE_USED
            && let Some(earlier) = self.store.earlier_login(account.id, code_digest).await?
        {
            return Ok(Login {
                openid: earlier.openid,
                unionid: earlier.unionid,
                is_new: earlier.is_new,
            });
        }
        tracing::info!(account = %account.name(), errcode = refused.errcode.0, rid = refused.rid, "a login code was refused");
        Err(LoginFailure::Refused(refused))
    }

    /// People at an account, by openid.
    ///
    /// # Errors
    /// Storage's.
    pub async fn contacts(
        &self,
        account: &Account,
        filter: &ContactFilter,
        page: &Page<OpenId>,
    ) -> Result<Vec<Contact>, StoreError> {
        self.store.contacts(account.id, filter, page).await
    }

    /// One person at an account with all that is known.
    ///
    /// # Errors
    /// Storage's.
    pub async fn contact(
        &self,
        account: &Account,
        openid: &OpenId,
    ) -> Result<Option<ContactCard>, StoreError> {
        let Some(contact) = self.store.contact(account.id, openid).await? else {
            return Ok(None);
        };
        Ok(Some(ContactCard {
            contact,
            user: self.store.user_of(account.id, openid).await?,
            grants: self.store.grants(account.id, openid).await?,
            windows: self.store.windows(account.id, openid).await?,
        }))
    }

    /// Removes what is known of a person at an account, except their messages.
    /// Whether anything was known.
    ///
    /// # Errors
    /// Storage's.
    pub async fn forget_contact(
        &self,
        account: &Account,
        openid: &OpenId,
    ) -> Result<bool, StoreError> {
        let forgotten = self.store.forget_contact(account.id, openid).await?;
        if forgotten {
            tracing::info!(account = %account.name(), "a person was forgotten");
        }
        Ok(forgotten)
    }

    /// Binds a caller's user; see [`hongyan_domain::port::PeopleStore::bind_user`].
    ///
    /// # Errors
    /// Storage's.
    pub async fn bind_user(
        &self,
        id: &UserId,
        unionid: Option<&UnionId>,
        openids: &[(AccountId, OpenId)],
        takes_over: bool,
    ) -> Result<Binding, StoreError> {
        self.store.bind_user(id, unionid, openids, takes_over).await
    }

    /// A caller's user.
    ///
    /// # Errors
    /// Storage's.
    pub async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.store.user(id).await
    }

    /// The callers' users, by id.
    ///
    /// # Errors
    /// Storage's.
    pub async fn users(&self, page: &Page<UserId>) -> Result<Vec<User>, StoreError> {
        self.store.users(page).await
    }

    /// Removes a user's bindings.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn remove_user(&self, id: &UserId) -> Result<(), StoreError> {
        self.store.remove_user(id).await
    }

    /// What is known of a person's consents at an account.
    ///
    /// # Errors
    /// Storage's.
    pub async fn grants(
        &self,
        account: &Account,
        openid: &OpenId,
    ) -> Result<Vec<(GrantKey, Grant)>, StoreError> {
        self.store.grants(account.id, openid).await
    }

    /// Takes in what the mini program's own code says a person answered. Whether
    /// each counted: what WeChat's event told already does not.
    ///
    /// # Errors
    /// Storage's.
    pub async fn report_consents(
        &self,
        account: &Account,
        openid: &OpenId,
        answers: Vec<(TemplateId, Answer)>,
    ) -> Result<Vec<bool>, StoreError> {
        let now = self.clock.now();
        let mut consents = Vec::with_capacity(answers.len());
        for (template_id, answer) in answers {
            let template = self.store.template(account.id, &template_id).await?;
            consents.push(Consent {
                key: GrantKey {
                    account: account.id,
                    openid: openid.clone(),
                    template_id,
                    scene: None,
                },
                answer,
                source: Source::Report,
                subscription: template.and_then(|known| known.subscription),
                at: now,
            });
        }
        self.store.answered(&consents).await
    }

    /// The openid of a person at an account: by unionid.
    pub(crate) async fn openid_by_unionid(
        &self,
        account: AccountId,
        unionid: &UnionId,
    ) -> Result<Option<OpenId>, StoreError> {
        let known = self.store.contacts_of(unionid).await?;
        Ok(known
            .into_iter()
            .find(|contact| contact.account == account)
            .map(|contact| contact.openid))
    }

    /// The openid of a caller's user at an account: bound there, or found by the
    /// unionid of anything that is bound.
    pub(crate) async fn openid_of_user(
        &self,
        account: AccountId,
        id: &UserId,
    ) -> Result<Option<OpenId>, StoreError> {
        let Some(user) = self.store.user(id).await? else {
            return Ok(None);
        };
        if let Some((_, openid)) = user.openids.iter().find(|(at, _)| *at == account) {
            return Ok(Some(openid.clone()));
        }
        if let Some(unionid) = self.unionid_of(&user).await? {
            return self.openid_by_unionid(account, &unionid).await;
        }
        Ok(None)
    }

    /// A user's unionid: bound, or known of one of the openids that are.
    pub(crate) async fn unionid_of(&self, user: &User) -> Result<Option<UnionId>, StoreError> {
        if user.unionid.is_some() {
            return Ok(user.unionid.clone());
        }
        for (at, openid) in &user.openids {
            let contact = self.store.contact(*at, openid).await?;
            if let Some(unionid) = contact.and_then(|contact| contact.unionid) {
                return Ok(Some(unionid));
            }
        }
        Ok(None)
    }
}
