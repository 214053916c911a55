use axum::response::Response;
use hongyan_api::{AddedTemplate, NewTemplate};
use http::StatusCode;

use super::names;
use crate::convert::template::{new_template, template};
use crate::extract::{AtAccount, CanAdmin, Creation, Query};
use crate::problem::Problem;
use crate::v1::{body_of, replay, respond};

/// Takes a template from WeChat's library into the account.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/templates", tag = "templates", operation_id = "add_template",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = NewTemplate,
    responses((status = 201, description = "It is the account's.", body = AddedTemplate)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn add(
    at: AtAccount<CanAdmin>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&at.caller).await? {
        return Ok(replay(earlier));
    }
    let wanted = new_template(request.json::<NewTemplate>()?)?;
    let (id, added) = at
        .caller
        .engine()
        .add_template(&at.account, &wanted)
        .await?;
    let body = body_of(&AddedTemplate {
        template: added.map(|added| template(added, names(&at.account, &id))),
        template_id: id.to_string(),
    })?;
    let status = StatusCode::CREATED;
    request.remember(&at.caller, status.as_u16(), &body).await?;
    Ok(respond(status, body))
}
