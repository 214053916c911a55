//! The ways to a person: the message itself and what was given as its `fallback`.

use std::sync::Arc;

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::contact::UserId;
use hongyan_domain::message::{Content, Handling, LeftRoute, Route, WhyLeft};
use hongyan_domain::port::StoreError;
use hongyan_domain::template::{Overflow, Template, Violation};
use hongyan_wechat::{OpenId, UnionId};
use jiff::Timestamp;

use crate::Engine;
use crate::intake::{Rejection, To};

/// Further ways a message can be given.
pub const MOST_WAYS: usize = 5;

/// A further way to the person, as the caller wants it.
#[derive(Debug, Clone)]
pub struct DraftWay {
    /// The name of the account that would send it.
    pub account: String,
    /// The person at that account; `None` = the message's own, found there.
    pub to: Option<To>,
    /// What to say.
    pub content: Content,
}

/// A way whose words were checked, and whose person is not yet looked for.
pub(crate) struct CheckedWay {
    pub(crate) account: Arc<Account>,
    pub(crate) content: Content,
    pub(crate) template: Option<Arc<Template>>,
    pub(crate) to: Option<To>,
}

impl CheckedWay {
    /// The way to that person.
    fn lead_to(self, to: OpenId, position: u32) -> (Route, Option<Arc<Template>>) {
        let route = Route {
            position,
            account: self.account.id,
            to,
            content: self.content,
        };
        (route, self.template)
    }

    /// The person is not known on this way.
    fn leave(&self, position: u32, now: Timestamp) -> LeftRoute {
        LeftRoute {
            position,
            account: self.account.id,
            kind: self.content.kind(),
            template_id: self.content.template_id().cloned(),
            to: None,
            at: now,
            why: WhyLeft::UnknownPerson,
        }
    }
}

/// The way a message begins on, and what is known of the others.
pub(crate) struct Start {
    pub(crate) way: Route,
    pub(crate) template: Option<Arc<Template>>,
    pub(crate) handling: Handling,
}

/// A person to be found at another account.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// Whoever this is at that account.
    At(AccountId, OpenId),
    /// Over linked accounts.
    Union(UnionId),
    /// A caller's user.
    User(UserId),
}

impl Engine {
    /// Checks the words of further ways, as those of the message itself. What is
    /// wrong is said below `/fallback/N`.
    pub(crate) async fn check_ways(
        &self,
        ways: Vec<DraftWay>,
        overflow: Overflow,
        violations: &mut Vec<Violation>,
    ) -> Result<Vec<CheckedWay>, Rejection> {
        let mut checked = Vec::with_capacity(ways.len());
        for (index, mut way) in ways.into_iter().enumerate() {
            let account = self
                .account_for(&way.account, way.content.kind())
                .map_err(|rejection| at_way(index, rejection))?;
            let (template, wrong) = self
                .examine(&account, &mut way.content, overflow)
                .await
                .map_err(|rejection| at_way(index, rejection))?;
            violations.extend(wrong.into_iter().map(|mut violation| {
                violation.pointer = format!("/fallback/{index}{}", violation.pointer);
                violation
            }));
            checked.push(CheckedWay {
                account,
                content: way.content,
                template,
                to: way.to,
            });
        }
        Ok(checked)
    }

    /// Looks for the person at the account of every way. The first way on which they
    /// are known is the one to begin on; those on which they are not are left at
    /// once.
    pub(crate) async fn find_start(
        &self,
        first: CheckedWay,
        to: To,
        others: Vec<CheckedWay>,
        now: Timestamp,
    ) -> Result<Start, Rejection> {
        let home = first.account.id;
        let mut who = match &to {
            To::UnionId(id) => Some(Who::Union(id.clone())),
            To::UserId(id) => Some(Who::User(id.clone())),
            To::OpenId(_) | To::LoginCode(_) => None,
        };
        let found = known(self.recipient(&first.account, to).await)?;
        if let (None, Ok(openid)) = (&who, &found) {
            who = Some(Who::At(home, openid.clone()));
        }
        let mut ways = Vec::with_capacity(others.len());
        let mut left = Vec::new();
        for (index, mut way) in others.into_iter().enumerate() {
            let found = match (way.to.take(), &who) {
                (Some(to), _) => {
                    let looked = self.recipient_there(&way.account, to).await;
                    known(looked.map_err(|rejection| at_way(index, rejection)))?.ok()
                }
                (None, Some(who)) => self.find_at(who, way.account.id).await?,
                (None, None) => None,
            };
            let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
            match found {
                Some(openid) => ways.push(way.lead_to(openid, position)),
                None => left.push(way.leave(position, now)),
            }
        }
        let (way, template) = match found {
            Ok(openid) => first.lead_to(openid, 0),
            Err(rejection) if ways.is_empty() => return Err(rejection),
            Err(_) => {
                left.insert(0, first.leave(0, now));
                ways.remove(0)
            }
        };
        let handling = Handling {
            position: way.position,
            fallback: ways.into_iter().map(|(route, _)| route).collect(),
            left,
            deferred_until: None,
        };
        Ok(Start {
            way,
            template,
            handling,
        })
    }

    /// The openid of a person named for a way of their own.
    async fn recipient_there(&self, account: &Account, to: To) -> Result<OpenId, Rejection> {
        let is_openid = matches!(to, To::OpenId(_));
        let openid = self.recipient(account, to).await?;
        if is_openid {
            let asked = [(account.id, openid.clone())];
            if let Some(belongs_to) = self.misdirected(&asked).await?.pop()
                && !belongs_to.is_empty()
            {
                return Err(Rejection::WrongAccount {
                    account: account.name().to_string(),
                    belongs_to,
                });
            }
        }
        Ok(openid)
    }

    /// Drops the ways whose accounts are no more.
    pub(crate) async fn keep_open_ways(&self, ways: &mut Vec<Route>) {
        let is_gone = |way: &Route| self.registry.by_id(way.account).is_none();
        if !ways.iter().any(is_gone) {
            return;
        }
        // It may be new: made by another node a moment ago.
        if let Err(error) = self.follow().await {
            tracing::warn!(%error, "what others changed could not be looked at");
        }
        ways.retain(|way| !is_gone(way));
    }

    /// The openid of a person at an account.
    pub(crate) async fn find_at(
        &self,
        who: &Who,
        account: AccountId,
    ) -> Result<Option<OpenId>, StoreError> {
        match who {
            Who::At(home, openid) if *home == account => Ok(Some(openid.clone())),
            Who::At(home, openid) => {
                let contact = self.store.contact(*home, openid).await?;
                if let Some(unionid) = contact.and_then(|contact| contact.unionid)
                    && let Some(found) = self.openid_by_unionid(account, &unionid).await?
                {
                    return Ok(Some(found));
                }
                match self.store.user_of(*home, openid).await? {
                    Some(user) => self.openid_of_user(account, &user).await,
                    None => Ok(None),
                }
            }
            Who::Union(unionid) => self.openid_by_unionid(account, unionid).await,
            Who::User(user) => self.openid_of_user(account, user).await,
        }
    }
}

pub(crate) fn at_way(index: usize, rejection: Rejection) -> Rejection {
    Rejection::Way {
        index,
        rejection: Box::new(rejection),
    }
}

/// Tells people who are not known, on whom another way may still lead, from what ends
/// the whole.
fn known(found: Result<OpenId, Rejection>) -> Result<Result<OpenId, Rejection>, Rejection> {
    let unknown = |rejection: &Rejection| match rejection {
        Rejection::UnknownPerson { .. } => true,
        Rejection::Way { rejection, .. } => {
            matches!(**rejection, Rejection::UnknownPerson { .. })
        }
        _ => false,
    };
    match found {
        Err(rejection) if !unknown(&rejection) => Err(rejection),
        judged => Ok(judged),
    }
}
