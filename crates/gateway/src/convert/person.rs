//! People: contacts, users, consents, reach.

use hongyan_api as api;
use hongyan_domain::AccountId;
use hongyan_domain::contact::{Contact, ContactDetails, Follow, User};
use hongyan_domain::grant::{Grant, GrantKey, Hold, Window, WindowCause};
use hongyan_engine::{AccountReach, Can, ContactCard, ReachRoute};
use jiff::Timestamp;

use super::message::{kind, withheld};

/// A person at an account.
pub(crate) fn contact(contact: Contact) -> api::Contact {
    api::Contact {
        openid: contact.openid.to_string(),
        unionid: contact.unionid.map(|id| id.to_string()),
        follow: follow(contact.follow),
        followed_at: contact.followed_at,
        unfollowed_at: contact.unfollowed_at,
        scene: contact.scene,
        seen_at: contact.seen_at,
        created_at: contact.created_at,
        details: contact.details.map(details),
    }
}

fn details(details: ContactDetails) -> api::ContactDetails {
    api::ContactDetails {
        remark: details.remark,
        tags: details.tags,
        subscribe_scene: details.subscribe_scene,
        qr_scene: details.qr_scene,
        language: details.language,
    }
}

fn follow(follow: Follow) -> api::Follow {
    match follow {
        Follow::Unknown => api::Follow::Unknown,
        Follow::Following => api::Follow::Following,
        Follow::Unfollowed => api::Follow::Unfollowed,
    }
}

/// A person at an account with all that is known at `now`.
pub(crate) fn card(card: ContactCard, now: Timestamp) -> api::ContactCard {
    api::ContactCard {
        contact: contact(card.contact),
        user_id: card.user.map(|id| id.to_string()),
        grants: grants(card.grants),
        windows: card
            .windows
            .into_iter()
            .map(|one| window(one, now))
            .collect(),
    }
}

fn window(window: Window, now: Timestamp) -> api::Window {
    api::Window {
        cause: match window.cause {
            WindowCause::Message => api::WindowCause::Message,
            WindowCause::MenuTap => api::WindowCause::MenuTap,
            WindowCause::Follow => api::WindowCause::Follow,
            WindowCause::Scan => api::WindowCause::Scan,
            WindowCause::Enter => api::WindowCause::Enter,
        },
        opened_at: window.opened_at,
        closes_at: window.closes_at,
        allowed: window.allowed,
        left: window.left(now),
    }
}

/// Consents.
pub(crate) fn grants(grants: Vec<(GrantKey, Grant)>) -> Vec<api::Grant> {
    grants
        .into_iter()
        .map(|(key, grant)| {
            let reason = match grant.clone().hold() {
                Hold::Withheld(reason) => Some(reason),
                Hold::Held | Hold::Free => None,
            };
            api::Grant {
                template_id: key.template_id.to_string(),
                scene: key.scene,
                can_send: reason.is_none(),
                reason: reason.map(withheld),
                left: grant.left(),
                held: grant.held,
                in_doubt: grant.in_doubt,
                long_term: grant.long_term,
                refused: grant.refused,
                banned: grant.banned,
                changed_at: grant.changed_at,
            }
        })
        .collect()
}

/// A user as somebody sees them who may touch the accounts that `name_of` names;
/// `None` if nothing of them may be seen.
pub(crate) fn user(user: User, name_of: impl Fn(AccountId) -> Option<String>) -> Option<api::User> {
    let bound = user.openids.len();
    let shown = api::User {
        id: user.id.to_string(),
        unionid: user.unionid.map(|id| id.to_string()),
        openids: user
            .openids
            .into_iter()
            .filter_map(|(account, openid)| Some((name_of(account)?, openid.to_string())))
            .collect(),
        created_at: user.created_at,
        updated_at: user.updated_at,
    };
    (bound == 0 || !shown.openids.is_empty()).then_some(shown)
}

/// How a person can be reached at an account.
pub(crate) fn reach(reach: AccountReach) -> api::AccountReach {
    api::AccountReach {
        account: reach.account.to_string(),
        openid: reach.openid.map(|id| id.to_string()),
        follow: follow(reach.follow),
        routes: reach.routes.into_iter().map(route).collect(),
    }
}

fn route(route: ReachRoute) -> api::Route {
    api::Route {
        kind: kind(route.kind),
        template_id: route.template_id.map(|id| id.to_string()),
        title: route.title,
        scene: route.scene,
        can: match route.can {
            Can::Yes => api::Can::Yes,
            Can::No => api::Can::No,
            Can::Unknown => api::Can::Unknown,
        },
        left: route.left,
        until: route.until,
        reason: route.reason.map(withheld),
    }
}
