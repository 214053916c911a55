use axum::response::Response;
use hongyan_api::{CreatedKey, NewKey};
use http::StatusCode;

use crate::convert::key;
use crate::extract::{Caller, CanAdmin, Creation, Query};
use crate::problem::{Code, Problem};
use crate::v1::{body_of, replay, respond, secret};

/// Makes a key. Its text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "add_key",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = NewKey,
    responses((status = 201, description = "The key and its text.", body = CreatedKey)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn create(
    caller: Caller<CanAdmin>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&caller).await? {
        return Ok(secret(replay(earlier)));
    }
    let wanted: NewKey = request.json()?;
    let wrong = key::check(&wanted, caller.engine().clock().now());
    if !wrong.is_empty() {
        return Err(Problem::invalid(wrong));
    }
    if !caller.covers(&wanted.accounts) {
        return Err(Problem::new(
            Code::AccountNotAllowed,
            "this API key is restricted to accounts; a key made with it must be restricted to some of them",
        ));
    }
    let scopes = key::scopes(&wanted.scopes);
    let (made, text) =
        caller
            .engine()
            .new_key(wanted.name, scopes, wanted.accounts, wanted.expires_at);
    let body = body_of(&CreatedKey {
        key: key::key(&made),
        api_key: text.expose().into(),
    })?;
    let once = request.keep(&caller, StatusCode::CREATED.as_u16(), &body);
    caller.engine().add_key(&made, once).await?;
    Ok(secret(respond(StatusCode::CREATED, body)))
}
