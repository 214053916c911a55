use axum::response::Response;
use hongyan_api::{NewWebhook, WebhookWithSecret};
use hongyan_domain::port::StoreError;
use hongyan_domain::webhook::MOST_WEBHOOKS;
use http::StatusCode;

use super::{account_id, must_cover, shown_once};
use crate::convert::webhook::{accounts, check, events};
use crate::extract::{Caller, CanAdmin, Creation, Query};
use crate::problem::{Code, Problem};
use crate::v1::{body_of, replay, respond, secret};

/// Adds an endpoint that is told what happens from now on.
///
/// What is posted is signed with the secret in this answer, which is shown nowhere else.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", operation_id = "add_webhook",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = NewWebhook,
    responses((status = 201, description = "The endpoint and its secret.", body = WebhookWithSecret)),
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
    let wanted: NewWebhook = request.json()?;
    let engine = caller.engine();
    let mut wrong = Vec::new();
    check(
        engine,
        Some(&wanted.url),
        wanted.description.as_deref(),
        &mut wrong,
    );
    let accounts = accounts(
        &wanted.accounts,
        |name| account_id(&caller, name),
        &mut wrong,
    );
    let events = events(&wanted.events, &mut wrong);
    if !wrong.is_empty() {
        return Err(Problem::invalid(wrong));
    }
    must_cover(&caller, &wanted.accounts)?;
    let description = wanted.description.unwrap_or_default();
    let made = engine.new_webhook(wanted.url, description, accounts, events);
    let body = body_of(&shown_once(&caller, &made))?;
    let once = request.keep(&caller, StatusCode::CREATED.as_u16(), &body);
    match engine.add_webhook(&made, once).await {
        Ok(()) => Ok(secret(respond(StatusCode::CREATED, body))),
        Err(StoreError::InUse { .. }) => Err(Problem::new(
            Code::TooManyWebhooks,
            format!("there are {MOST_WEBHOOKS} webhooks already, which is the most; remove one"),
        )),
        Err(error) => Err(error.into()),
    }
}
