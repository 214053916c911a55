use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use hongyan_api::{Accepted, Message, NewMessage};
use hongyan_domain::MessageId;
use hongyan_domain::port::{Accepted as Stored, StoredResponse};
use http::StatusCode;

use super::intake::prepare;
use super::shown;
use crate::convert::message::{accepted, still_open};
use crate::extract::{Caller, CanSend, Creation, Query, Stopping};
use crate::problem::Problem;
use crate::v1::{body_of, mark_replayed, ok, replay, respond};

/// Sends a message.
///
/// `202` says that it is on disk. With `wait` the answer is held until the
/// outcome is known and is then `200` with the whole message; if it is still open
/// at the end, `202` it is. A repeat with the same `Idempotency-Key` is answered
/// alike for 24 hours and sends nothing.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages", operation_id = "send_message",
    params(
        ("wait" = Option<u32>, Query, description = "Seconds to wait for the outcome, at most 60."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body(content = NewMessage, examples(
        ("template" = (summary = "Official account: template message", value = json!({
            "account": "demo-oa", "kind": "template", "to": {"openid": "oP4uB6jKx0QmTzR3yVdWc9LnEaSs"},
            "template_id": "Doclyl5uP7Aciu-qZ7mJNPtWkbkYnWBWVja26EGbNyk",
            "data": {"character_string1": "SO20260101-0042", "thing2": "蓝牙耳机", "time3": "2026-11-20 10:00"},
            "url": "https://shop.example.com/orders/42", "overflow": "truncate", "reference": "order-42",
        }))),
        ("subscribe" = (summary = "Mini program: subscribe message", value = json!({
            "account": "demo-mp", "kind": "subscribe", "to": {"user_id": "42"},
            "template_id": "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo",
            "data": {"character_string1": "SO20260101-0042", "amount3": "￥128.50", "phrase5": "配送中"},
            "page": "pages/order/detail?id=42", "miniprogram_state": "formal", "lang": "zh_CN",
        }))),
        ("notification" = (summary = "Official account: subscription notice", value = json!({
            "account": "demo-oa", "kind": "notification", "to": {"unionid": "o6_bmasdasdsad6_2sgVt7hMZOPfL"},
            "template_id": "cQ8nR5vLx0WtYb3EzKjHs6PuMd1GfAo2TiXy7NkVqCe",
            "data": {"thing1": "空调清洗", "date2": "2026-01-01 08:01"}, "page": "https://shop.example.com/visits/7",
        }))),
        ("one_time" = (summary = "Official account: one-time subscription", value = json!({
            "account": "demo-oa", "kind": "one_time", "to": {"openid": "oP4uB6jKx0QmTzR3yVdWc9LnEaSs"},
            "template_id": "Hs8yW1dRf6VuC0mPe3KjZq9XbTn5Lg2AoI7xUv4SrEk", "scene": 1000, "title": "开奖提醒",
            "data": {"content": {"value": "您参与的活动已开奖", "color": "#173177"}}, "url": "https://shop.example.com/draw",
        }))),
        ("customer_service" = (summary = "Either: customer-service message", value = json!({
            "account": "demo-oa", "kind": "customer_service", "to": {"openid": "oP4uB6jKx0QmTzR3yVdWc9LnEaSs"},
            "content": {"msgtype": "msgmenu", "msgmenu": {"head_content": "满意吗？",
                "list": [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}], "tail_content": "谢谢"}},
        }))),
    )),
    responses(
        (status = 200, description = "Its outcome is known.", body = Message),
        (status = 202, description = "It is on disk.", body = Accepted),
    ),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn create(
    caller: Caller<CanSend>,
    mut query: Query,
    stopping: Stopping,
    request: Creation,
) -> Result<Response, Problem> {
    let wait = Wait {
        at_most: seconds(&mut query),
        stopping,
    };
    query.done()?;
    if let Some(earlier) = request.earlier(&caller).await? {
        return again(&caller, earlier, wait).await;
    }
    let prepared = prepare(&caller, request.json::<NewMessage>()?).await?;
    let id = prepared.message.id;
    let body = body_of(&accepted(&prepared.message))?;
    let once = request.keep(&caller, StatusCode::ACCEPTED.as_u16(), &body);
    match caller.engine().accept(vec![prepared], once).await? {
        Stored::Stored => outcome(&caller, id, body, wait).await,
        Stored::Replayed(earlier) => again(&caller, earlier, wait).await,
        Stored::KeyReused => Err(Creation::key_reused()),
    }
}

struct Wait {
    at_most: Option<Duration>,
    stopping: Stopping,
}

fn seconds(query: &mut Query) -> Option<Duration> {
    query
        .read::<u32>(
            "wait",
            ("a whole number of seconds, at most 60", "整数秒，最多 60"),
        )
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Duration::from_secs(u64::from(seconds)))
}

/// The answer for a message that is on disk: at once, or when its outcome is
/// known.
async fn outcome(
    caller: &Caller<CanSend>,
    id: MessageId,
    body: Bytes,
    wait: Wait,
) -> Result<Response, Problem> {
    let Some(at_most) = wait.at_most else {
        return Ok(respond(StatusCode::ACCEPTED, body));
    };
    let at_most = at_most.min(caller.settings().longest_wait);
    let delivery = tokio::select! {
        delivery = caller.engine().wait(id, at_most) => delivery?,
        () = wait.stopping.asked() => caller.engine().delivery(id).await?,
    };
    let now = caller.engine().clock().now();
    let account = delivery
        .as_ref()
        .and_then(|d| caller.engine().account_by_id(d.message.account));
    match (delivery, account) {
        (Some(delivery), Some(account)) if delivery.status(now).is_settled() => {
            ok(&shown(caller, delivery, &account).await)
        }
        (Some(delivery), _) => Ok(respond(
            StatusCode::ACCEPTED,
            body_of(&still_open(&delivery, now))?,
        )),
        // Removed with its account in between.
        (None, _) => Ok(respond(StatusCode::ACCEPTED, body)),
    }
}

/// The answer to a repeated request. One that waits is told the outcome of the
/// same message.
async fn again(
    caller: &Caller<CanSend>,
    earlier: StoredResponse,
    wait: Wait,
) -> Result<Response, Problem> {
    let id = serde_json::from_slice::<Accepted>(&earlier.body)
        .ok()
        .and_then(|accepted| accepted.id.parse().ok());
    match id {
        Some(id) if wait.at_most.is_some() => outcome(caller, id, earlier.body, wait)
            .await
            .map(mark_replayed),
        _ => Ok(replay(earlier)),
    }
}
