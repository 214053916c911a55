//! Can this person be reached now, and how?

use std::collections::HashMap;
use std::sync::Arc;

use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind, AccountName};
use hongyan_domain::contact::{Follow, UserId};
use hongyan_domain::grant::{Grant, GrantKey, Hold, Withheld, window_clearance};
use hongyan_domain::message::Kind;
use hongyan_domain::port::StoreError;
use hongyan_domain::template::Template;
use hongyan_wechat::{OpenId, TemplateId, UnionId};
use jiff::Timestamp;

use crate::Engine;

/// Who is to be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReachWho {
    /// A person at one account.
    OpenId {
        /// The account.
        account: AccountId,
        /// The person.
        openid: OpenId,
    },
    /// A person over linked accounts.
    UnionId(UnionId),
    /// A caller's user.
    UserId(UserId),
}

/// Whether something would arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Can {
    /// By all we know.
    Yes,
    /// It would be refused.
    No,
    /// Nobody told us enough.
    Unknown,
}

/// One way to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachRoute {
    /// By which kind of message.
    pub kind: Kind,
    /// With which template; none for customer-service messages.
    pub template_id: Option<TemplateId>,
    /// Its title, where it is listed.
    pub title: Option<String>,
    /// Under which scene (kind `one_time`).
    pub scene: Option<u16>,
    /// Whether it would arrive.
    pub can: Can,
    /// How many messages; `None` = no limit, or not known.
    pub left: Option<u32>,
    /// Until when; `None` = no end, or not known.
    pub until: Option<Timestamp>,
    /// Why not.
    pub reason: Option<Withheld>,
}

/// The ways to a person by one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountReach {
    /// The account.
    pub account: AccountName,
    /// The person's id there, if known.
    pub openid: Option<OpenId>,
    /// Whether they follow it.
    pub follow: Follow,
    /// The ways; none where the person is not known there.
    pub routes: Vec<ReachRoute>,
}

impl Engine {
    /// How a person can be reached by these accounts.
    ///
    /// # Errors
    /// Storage's.
    pub async fn reach(
        &self,
        accounts: &[Arc<Account>],
        who: &ReachWho,
    ) -> Result<Vec<AccountReach>, StoreError> {
        let openids = self.openids(who).await?;
        let mut found = Vec::new();
        for account in accounts {
            let openid = openids.get(&account.id).cloned();
            // Asked about one account, the others are nobody's question.
            if let ReachWho::OpenId { account: asked, .. } = who
                && *asked != account.id
            {
                continue;
            }
            found.push(self.reach_at(account, openid).await?);
        }
        Ok(found)
    }

    /// A person's openid at each account that knows them.
    ///
    /// # Errors
    /// Storage's.
    pub async fn openids(&self, who: &ReachWho) -> Result<HashMap<AccountId, OpenId>, StoreError> {
        let mut openids = HashMap::new();
        let mut unionid = None;
        match who {
            ReachWho::OpenId { account, openid } => {
                openids.insert(*account, openid.clone());
            }
            ReachWho::UnionId(known) => unionid = Some(known.clone()),
            ReachWho::UserId(id) => {
                if let Some(user) = self.store.user(id).await? {
                    unionid = self.unionid_of(&user).await?;
                    openids.extend(user.openids);
                }
            }
        }
        if let Some(unionid) = unionid {
            for contact in self.store.contacts_of(&unionid).await? {
                openids.entry(contact.account).or_insert(contact.openid);
            }
        }
        Ok(openids)
    }

    async fn reach_at(
        &self,
        account: &Account,
        openid: Option<OpenId>,
    ) -> Result<AccountReach, StoreError> {
        let Some(openid) = openid else {
            return Ok(AccountReach {
                account: account.name().clone(),
                openid: None,
                follow: Follow::Unknown,
                routes: Vec::new(),
            });
        };
        let contact = self.store.contact(account.id, &openid).await?;
        let follow = contact.map_or(Follow::Unknown, |contact| contact.follow);
        let templates = self.store.templates(account.id).await?;
        let grants = self.store.grants(account.id, &openid).await?;
        let mut routes: Vec<_> = templates
            .iter()
            .map(|template| by_template(account, template, follow, &grants))
            .collect();
        // Consents to what is in no list: one-time subscriptions, and templates
        // that are not known to us.
        let listed = |key: &GrantKey| templates.iter().any(|t| t.id == key.template_id);
        for (key, grant) in grants.iter().filter(|(key, _)| !listed(key)) {
            let kind = match (key.scene, account.settings.kind) {
                (Some(_), _) => Kind::OneTime,
                (None, AccountKind::MiniProgram) => Kind::Subscribe,
                (None, AccountKind::OfficialAccount) => Kind::Notification,
            };
            routes.push(by_grant(
                kind,
                &key.template_id,
                None,
                key.scene,
                Some(grant),
            ));
        }
        routes.push(self.by_window(account, &openid).await?);
        Ok(AccountReach {
            account: account.name().clone(),
            openid: Some(openid),
            follow,
            routes,
        })
    }

    async fn by_window(
        &self,
        account: &Account,
        openid: &OpenId,
    ) -> Result<ReachRoute, StoreError> {
        let now = self.clock.now();
        let windows = self.store.windows(account.id, openid).await?;
        let (can, reason) = match window_clearance(&windows, now) {
            Hold::Withheld(reason) => (Can::No, Some(reason)),
            Hold::Free | Hold::Held if windows.is_empty() => (Can::Unknown, None),
            Hold::Free | Hold::Held => (Can::Yes, None),
        };
        let open = || windows.iter().filter(|window| window.left(now) > 0);
        Ok(ReachRoute {
            kind: Kind::CustomerService,
            template_id: None,
            title: None,
            scene: None,
            can,
            left: (!windows.is_empty()).then(|| open().map(|window| window.left(now)).sum()),
            until: open().map(|window| window.closes_at).max(),
            reason,
        })
    }
}

fn by_template(
    account: &Account,
    template: &Template,
    follow: Follow,
    grants: &[(GrantKey, Grant)],
) -> ReachRoute {
    let title = Some(template.title.clone());
    if template.kind != Kind::Template {
        let known = grants
            .iter()
            .find(|(key, _)| key.template_id == template.id && key.scene.is_none());
        let grant = known.map(|(_, grant)| grant);
        return by_grant(template.kind, &template.id, title, None, grant);
    }
    let (can, reason) = match follow {
        Follow::Following => (Can::Yes, None),
        Follow::Unknown => (Can::Unknown, None),
        Follow::Unfollowed if account.settings.options.send_to_unfollowed => (Can::Unknown, None),
        Follow::Unfollowed => (Can::No, Some(Withheld::NotFollowing)),
    };
    ReachRoute {
        kind: Kind::Template,
        template_id: Some(template.id.clone()),
        title,
        scene: None,
        can,
        left: None,
        until: None,
        reason,
    }
}

fn by_grant(
    kind: Kind,
    template_id: &TemplateId,
    title: Option<String>,
    scene: Option<u16>,
    grant: Option<&Grant>,
) -> ReachRoute {
    let (can, left, reason) = match grant {
        None => (Can::Unknown, None, None),
        Some(grant) => match grant.clone().hold() {
            Hold::Withheld(reason) => (Can::No, Some(0), Some(reason)),
            Hold::Held => (Can::Yes, Some(grant.left()), None),
            Hold::Free if grant.long_term => (Can::Yes, None, None),
            Hold::Free => (Can::Unknown, None, None),
        },
    };
    ReachRoute {
        kind,
        template_id: Some(template_id.clone()),
        title,
        scene,
        can,
        left,
        until: None,
        reason,
    }
}
