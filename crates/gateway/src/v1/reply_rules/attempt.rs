use std::sync::Arc;

use axum::response::Response;
use hongyan_api::rule as api;
use hongyan_domain::rule::{Answer, Occasion, RuleSet};
use hongyan_wechat::OpenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::convert::limits::bad_id;
use crate::extract::{AtAccount, CanRead, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// [`api::TryRules`], with the rules' own type, whose faults have better words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    rules: Option<RuleSet>,
    msg_type: Option<String>,
    text: Option<String>,
    event: Option<String>,
    key: Option<String>,
    openid: Option<String>,
    at: Option<Timestamp>,
}

/// [`api::TriedRules`] likewise.
#[derive(Serialize)]
struct Tried {
    outcome: api::TryOutcome,
    rule: Option<String>,
    index: Option<usize>,
    reply: Option<Answer>,
}

/// Says which reply rule would answer something a person may do, and what. Nothing is
/// sent; the owner's programs are not asked.
///
/// Rules of the request are checked like rules to be kept.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/reply-rules/try", tag = "callbacks", operation_id = "try_reply_rules",
    params(("account" = String, Path, description = "The account's name.")),
    request_body = api::TryRules,
    responses((status = 200, description = "What the rules would answer.", body = api::TriedRules)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn attempt(
    at: AtAccount<CanRead>,
    query: Query,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    query.done()?;
    let openid: OpenId = wanted
        .openid
        .as_deref()
        .unwrap_or("openid")
        .parse()
        .map_err(|error| Problem::invalid(vec![bad_id("/openid", &error)]))?;
    let engine = at.caller.engine();
    let rules = match wanted.rules {
        None => engine.rules(&at.account).await?,
        Some(rules) => {
            let mut wrong = rules.violations(at.account.settings.kind);
            if !wrong.is_empty() {
                for one in &mut wrong {
                    one.pointer.insert_str(0, "/rules");
                }
                return Err(Problem::invalid(wrong));
            }
            Arc::new(rules)
        }
    };
    let kind = if wanted.event.is_some() {
        "event"
    } else {
        "text"
    };
    let occasion = Occasion {
        openid,
        msg_type: wanted.msg_type.unwrap_or_else(|| kind.to_owned()),
        event: wanted.event,
        key: wanted.key,
        text: wanted.text,
    };
    let now = wanted.at.unwrap_or_else(|| engine.clock().now());
    let said = rules.answer_to(&occasion, now);
    let index = said.as_ref().and_then(|said| said.index);
    ok(&Tried {
        outcome: match &said {
            None => api::TryOutcome::None,
            Some(said) if said.index.is_none() => api::TryOutcome::Default,
            Some(_) => api::TryOutcome::Rule,
        },
        rule: index.map(|index| rules.rules[index].name.clone()),
        index,
        reply: said.map(|said| said.answer),
    })
}
