//! The ways of a message as the API shows them.

use hongyan_api as api;
use hongyan_domain::AccountId;
use hongyan_domain::message::{Handling, Kind, LeftRoute, WhyLeft};

use super::diagnosis;
use super::message::{kind, withheld};

/// What is shown of the ways of a message.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) on: Option<api::MessageRoute>,
    pub(super) left: Vec<api::LeftRoute>,
    pub(super) open: Vec<api::MessageRoute>,
}

impl Ways {
    /// The ways of a message that is now on its way by `account` as a message of
    /// `of`. `name_of` names the accounts the caller may see.
    pub(super) fn of(
        handling: &Handling,
        account: &str,
        of: Kind,
        name_of: &dyn Fn(AccountId) -> Option<String>,
    ) -> Self {
        if handling.fallback.is_empty() && handling.left.is_empty() {
            return Self::default();
        }
        Self {
            on: Some(api::MessageRoute {
                position: handling.position,
                account: Some(account.to_owned()),
                kind: kind(of),
            }),
            left: handling
                .left
                .iter()
                .map(|way| left(way, name_of(way.account)))
                .collect(),
            open: handling
                .fallback
                .iter()
                .map(|way| api::MessageRoute {
                    position: way.position,
                    account: name_of(way.account),
                    kind: kind(way.content.kind()),
                })
                .collect(),
        }
    }
}

fn left(way: &LeftRoute, account: Option<String>) -> api::LeftRoute {
    let shown = api::LeftRoute {
        position: way.position,
        account,
        kind: kind(way.kind),
        template_id: way.template_id.as_ref().map(ToString::to_string),
        to: way
            .to
            .as_ref()
            .map(|openid| api::Recipient::openid(openid.as_str())),
        reason: api::WhyLeft::UnknownPerson,
        errcode: None,
        errmsg: None,
        diagnosis: None,
        withheld: None,
        message: "the person is not known at this account".to_owned(),
        message_zh: "该账号不认识此人".to_owned(),
        at: way.at,
    };
    match &way.why {
        WhyLeft::UnknownPerson => shown,
        WhyLeft::Withheld { reason } => {
            let why = withheld(*reason);
            api::LeftRoute {
                reason: api::WhyLeft::Withheld,
                message: why.message.clone(),
                message_zh: why.message_zh.clone(),
                withheld: Some(why),
                ..shown
            }
        }
        WhyLeft::Refused { errcode, errmsg } => {
            let means = diagnosis(*errcode);
            let said = |text: Option<&String>| match text {
                Some(meaning) => format!("{meaning} ({errcode})"),
                None => format!("{errcode} {errmsg}"),
            };
            api::LeftRoute {
                reason: api::WhyLeft::Refused,
                message: said(means.as_ref().map(|it| &it.meaning)),
                message_zh: said(means.as_ref().map(|it| &it.meaning_zh)),
                errcode: Some(*errcode),
                errmsg: Some(errmsg.clone()),
                diagnosis: means,
                ..shown
            }
        }
    }
}
