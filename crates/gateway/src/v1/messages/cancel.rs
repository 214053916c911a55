use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::Message;
use hongyan_domain::message::State;
use hongyan_domain::port::Cancellation;

use super::shown;
use crate::extract::{Caller, CanSend, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Takes a message back that was not sent yet.
///
/// Canceling twice is no error. What is with WeChat, or may have been sent, cannot
/// be taken back: `being_sent`.
#[utoipa::path(
    post, path = "/v1/messages/{id}/cancel", tag = "messages", operation_id = "cancel_message",
    params(("id" = String, Path, description = "`msg_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "It will not be sent.", body = Message)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn cancel(
    caller: Caller<CanSend>,
    id: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id.map_or_else(|_| String::new(), |id| id.0);
    let (found, _) = caller.delivery(&id).await?;
    match caller.engine().cancel(found.message.id).await? {
        Cancellation::Canceled | Cancellation::Over(State::Canceled) | Cancellation::Missing => {
            let (delivery, account) = caller.delivery(&id).await?;
            ok(&shown(&caller, delivery, &account).await)
        }
        Cancellation::BeingSent => Err(Problem::new(
            Code::BeingSent,
            "the message is with WeChat at this moment or may have been sent; it cannot be taken back",
        )
        .zh("消息正在发往微信，或可能已经发出，不能撤回")),
        Cancellation::Over(_) => {
            let now = caller.engine().clock().now();
            let (delivery, _) = caller.delivery(&id).await?;
            let status = delivery.status(now);
            Err(Problem::new(
                Code::AlreadyOver,
                format!("the message is {status} already"),
            )
            .zh(format!("消息已经结束，状态为 {status}，不能撤回")))
        }
    }
}
