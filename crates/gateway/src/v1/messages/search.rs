use std::time::Duration;

use axum::response::Response;
use hongyan_api::{List, Message, MessageFilter as Wanted, PageQuery};
use hongyan_domain::MessageId;
use hongyan_domain::message::{Kind, Status};
use hongyan_domain::port::{MessageFilter, Page};
use hongyan_engine::ReachWho;
use hongyan_wechat::OpenId;
use jiff::Timestamp;

use super::listed;
use crate::convert::message::Detail;
use crate::extract::{Caller, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// The longest wait for a receipt that can be asked for: a year.
const LONGEST_MINUTES: u32 = 525_600;

/// Searches the messages, the newest first.
#[utoipa::path(
    get, path = "/v1/messages", tag = "messages", operation_id = "search_messages",
    params(Wanted, PageQuery),
    responses((status = 200, description = "Those that fit, without their attempts.", body = List<Message>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn search(caller: Caller<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let account = query.text("account");
    let now = caller.engine().clock().now();
    let mut filter = filter(&mut query, now);
    let who = person(&mut query);
    let page = PageOf::of(&mut query);
    let after = match &page.after {
        None => None,
        Some(cursor) => Some(
            <[u8; 16]>::try_from(cursor.as_slice())
                .map(MessageId::from_bytes)
                .map_err(|_| query.refuse("cursor"))?,
        ),
    };
    query.done()?;
    filter.accounts = match account {
        Some(name) => Some(vec![caller.account(&name)?.id]),
        None if caller.is_restricted() => {
            Some(caller.accounts().iter().map(|account| account.id).collect())
        }
        None => None,
    };
    filter.openids = match who {
        None => None,
        Some(Who::OpenId(openid)) => Some(vec![openid]),
        Some(Who::Linked(who)) => {
            let known = caller.engine().openids(&who).await?;
            Some(known.into_values().collect())
        }
    };
    let found = caller
        .engine()
        .deliveries(
            &filter,
            Page {
                limit: page.limit + 1,
                after,
            },
        )
        .await?;
    let found = page.list(found, |delivery| delivery.message.id.as_bytes().to_vec());
    let items = found
        .items
        .into_iter()
        .filter_map(|delivery| {
            // Without an account it was removed in between.
            let account = caller.engine().account_by_id(delivery.message.account)?;
            Some(listed(&caller, delivery, &account, Detail::Listed))
        })
        .collect();
    ok(&List::<Message> {
        items,
        next_cursor: found.next_cursor,
    })
}

/// Whose messages.
enum Who {
    /// Those to this openid, whether it is known or not.
    OpenId(OpenId),
    /// Those to a person wherever they are known.
    Linked(ReachWho),
}

fn person(query: &mut Query) -> Option<Who> {
    let openid = query.read("openid", ("an openid", "合法的 openid"));
    let unionid = query.read("unionid", ("a unionid", "合法的 unionid"));
    let user_id = query.read("user_id", ("a user id", "合法的用户 id"));
    match (openid, unionid, user_id) {
        (None, None, None) => None,
        (Some(openid), None, None) => Some(Who::OpenId(openid)),
        (None, Some(unionid), None) => Some(Who::Linked(ReachWho::UnionId(unionid))),
        (None, None, Some(user_id)) => Some(Who::Linked(ReachWho::UserId(user_id))),
        _ => {
            query.wrong(
                "openid",
                "one_of",
                "give at most one of openid, unionid and user_id",
                "openid、unionid、user_id 最多给出一个",
            );
            None
        }
    }
}

fn filter(query: &mut Query, now: Timestamp) -> MessageFilter {
    const TIME: (&str, &str) = (
        "a time such as 2026-11-20T10:00:00Z",
        "时间，如 2026-11-20T10:00:00Z",
    );
    MessageFilter {
        accounts: None,
        kind: query.read_with(
            "kind",
            (
                "one of template, subscribe, notification, one_time, customer_service",
                " template、subscribe、notification、one_time、customer_service 之一",
            ),
            |text| Kind::ALL.into_iter().find(|kind| kind.as_str() == text),
        ),
        status: query.read_with(
            "status",
            (
                "one of scheduled, queued, sending, retrying, accepted, delivered, undelivered, failed, unknown, expired, canceled",
                " scheduled、queued、sending、retrying、accepted、delivered、undelivered、failed、unknown、expired、canceled 之一",
            ),
            |text| Status::ALL.into_iter().find(|status| status.as_str() == text),
        ),
        openids: None,
        reference: query.text("reference"),
        no_receipt_since: query.read_with(
            "no_receipt_after_minutes",
            (
                "a whole number of minutes from 1 to 525600",
                " 1 到 525600 的整数（分钟）",
            ),
            |text| {
                let minutes = text.parse::<u32>().ok()?;
                let is_sensible = (1..=LONGEST_MINUTES).contains(&minutes);
                let span = Duration::from_secs(u64::from(minutes) * 60);
                now.checked_sub(span).ok().filter(|_| is_sensible)
            },
        ),
        errcode: query.read("errcode", ("a whole number", "整数")),
        created_after: query.read("created_after", TIME),
        created_before: query.read("created_before", TIME),
        broadcast: query.read("broadcast", ("the id of a broadcast", "群发的 id")),
    }
}
