use axum::response::Response;
use hongyan_api::{NewTag, Tag};
use http::StatusCode;

use crate::convert::manage::tag;
use crate::extract::{AtAccount, CanSend, Creation, Query};
use crate::problem::Problem;
use crate::v1::{body_of, replay, respond};

/// Adds a tag at WeChat.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/tags", tag = "people", operation_id = "add_tag",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = NewTag,
    responses((status = 201, description = "The tag.", body = Tag)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn create(
    at: AtAccount<CanSend>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&at.caller).await? {
        return Ok(replay(earlier));
    }
    let wanted: NewTag = request.json()?;
    let made = at
        .caller
        .engine()
        .add_tag(&at.account, &wanted.name)
        .await?;
    let body = body_of(&tag(made))?;
    let status = StatusCode::CREATED;
    request.remember(&at.caller, status.as_u16(), &body).await?;
    Ok(respond(status, body))
}
