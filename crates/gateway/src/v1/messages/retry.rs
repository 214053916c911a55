use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::Message;
use hongyan_domain::port::Requeue;

use super::shown;
use crate::extract::{Caller, CanSend, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Sends a message again that failed, did not arrive, or whose outcome is not
/// known.
///
/// It is due at once, with its attempts kept. An `unknown` one may reach the
/// person twice: that is the caller's decision.
#[utoipa::path(
    post, path = "/v1/messages/{id}/retry", tag = "messages", operation_id = "retry_message",
    params(("id" = String, Path, description = "`msg_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "It is queued.", body = Message)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn retry(
    caller: Caller<CanSend>,
    id: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id.map_or_else(|_| String::new(), |id| id.0);
    let (found, _) = caller.delivery(&id).await?;
    match caller.engine().retry(found.message.id).await? {
        Requeue::Queued | Requeue::Missing => {
            let (delivery, account) = caller.delivery(&id).await?;
            ok(&shown(&caller, delivery, &account).await)
        }
        Requeue::NotPossible(_) => {
            let status = found.status(caller.engine().clock().now());
            Err(Problem::new(
                Code::NotRetryable,
                format!(
                    "the message is {status}; only failed, undelivered and unknown ones can be sent again"
                ),
            )
            .zh(format!("消息状态为 {status}；只有失败、未送达和结果未知的消息可以重新发送")))
        }
    }
}
