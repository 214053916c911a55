use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::contact::Follow;
use crate::message::{Kind, Withheld};

/// What is known of a person's consent to a template. WeChat keeps the real
/// figures and tells them to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// The template consented to.
    pub template_id: String,
    /// The scene, for one-time subscriptions by web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u16>,
    /// Whether a message would be let through now.
    pub can_send: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Withheld>,
    /// One-time consents left, those held by messages under way not among them.
    pub left: u32,
    /// Consents held by messages under way.
    pub held: u32,
    /// Consents that may have been used up: their messages ended `unknown`.
    pub in_doubt: u32,
    /// Allowed until refused.
    pub long_term: bool,
    /// The person's last word was no, or WeChat said so.
    pub refused: bool,
    /// WeChat blocks the template.
    pub banned: bool,
    /// When something last changed.
    pub changed_at: Option<Timestamp>,
}

/// What a person answered to `wx.requestSubscribeMessage`, as the mini program's
/// code was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportConsents {
    /// Who.
    pub openid: String,
    /// Template id to answer, in WeChat's words: `accept` (and everything that
    /// begins so), `reject`, `ban`, `filter`. At most 20.
    #[schema(
        value_type = std::collections::HashMap<String, String>,
        example = json!({"Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo": "accept"})
    )]
    pub results: IndexMap<String, String>,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentReport {
    /// Template id to whether the answer counted. A second report of one tap does
    /// not (WeChat's own event may have come first), nor does `filter`.
    #[schema(value_type = std::collections::HashMap<String, bool>)]
    pub counted: IndexMap<String, bool>,
    /// The person's consents after that.
    pub grants: Vec<Grant>,
}

/// Whether a person can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Can {
    /// By all that is known.
    Yes,
    /// WeChat would refuse.
    No,
    /// Only WeChat can say; a message is sent and WeChat decides.
    Unknown,
}

/// One way to reach a person at an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// The kind of message.
    pub kind: Kind,
    /// The template, where the kind has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The scene, for one-time subscriptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u16>,
    /// Whether a message would arrive now.
    pub can: Can,
    /// How many messages; left out = not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// Until when; left out = no end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Withheld>,
}

/// How a person can be reached at one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountReach {
    /// The account.
    pub account: String,
    /// The person there; `null` = the account does not know them.
    pub openid: Option<String>,
    /// Whether they follow.
    pub follow: Follow,
    /// The ways.
    pub routes: Vec<Route>,
}

/// Whose reach is asked for: `account` with `openid`, or `unionid`, or `user_id`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReachQuery {
    /// The account of the openid; with `unionid` or `user_id`: only this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The person at that account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// The person over linked accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// The caller's own id of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}
