//! Webhooks. A key restricted to accounts manages only endpoints that are told of no
//! others.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod deliveries;
pub(crate) mod list;
pub(crate) mod ping;
pub(crate) mod remove;
pub(crate) mod retry;
pub(crate) mod rotate;
pub(crate) mod show;

use std::collections::HashSet;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::WebhookWithSecret;
use hongyan_domain::port::StoreError;
use hongyan_domain::webhook::Webhook;
use hongyan_domain::{AccountId, MessageId, WebhookId};
use http::StatusCode;
use secrecy::ExposeSecret as _;

use crate::convert::webhook::{account_names, delivery, webhook};
use crate::extract::{Caller, Need};
use crate::problem::{Code, Problem};
use crate::v1::{body_of, respond, secret};

/// The id in a path that names nothing else.
type Id = Result<Path<String>, PathRejection>;

/// The endpoint of a path, if there is one and the caller may see it.
async fn find<N: Need>(caller: &Caller<N>, id: Id) -> Result<Webhook, Problem> {
    let id = id.map_err(|_| unknown())?;
    named(caller, &id).await
}

/// The endpoint of this id, if there is one and the caller may see it.
async fn named<N: Need>(caller: &Caller<N>, id: &str) -> Result<Webhook, Problem> {
    let id: WebhookId = id.parse().map_err(|_| unknown())?;
    let found = caller.engine().webhook(id).await?;
    found
        .filter(|webhook| covers(caller, webhook))
        .ok_or_else(unknown)
}

/// Whether the caller may see and manage an endpoint.
fn covers<N: Need>(caller: &Caller<N>, webhook: &Webhook) -> bool {
    caller.covers(&account_names(caller.engine(), webhook))
}

fn unknown() -> Problem {
    Problem::new(
        Code::UnknownWebhook,
        "there is no webhook of this id; GET /v1/webhooks lists those there are",
    )
}

/// Storage's answer about an endpoint that was there a moment ago.
fn refusal(error: StoreError) -> Problem {
    match error {
        StoreError::Missing { .. } => unknown(),
        StoreError::InUse { .. } => disabled(),
        error => error.into(),
    }
}

fn disabled() -> Problem {
    Problem::new(
        Code::WebhookDisabled,
        "nothing is told to this webhook; PATCH it with {\"enabled\": true} first",
    )
}

/// The account of this name, if the caller may touch it.
fn account_id<N: Need>(caller: &Caller<N>, name: &str) -> Option<AccountId> {
    caller.account(name).ok().map(|account| account.id)
}

/// Refuses endpoints that would be told of more than the caller may see.
fn must_cover<N: Need>(caller: &Caller<N>, accounts: &[String]) -> Result<(), Problem> {
    if caller.covers(accounts) {
        return Ok(());
    }
    Err(Problem::new(
        Code::AccountNotAllowed,
        "this API key is restricted to accounts; a webhook made with it must be restricted to some of them",
    ))
}

/// An endpoint with the secret it was just given.
fn with_secret<N: Need>(
    caller: &Caller<N>,
    status: StatusCode,
    made: &Webhook,
) -> Result<Response, Problem> {
    Ok(secret(respond(status, body_of(&shown_once(caller, made))?)))
}

fn shown_once<N: Need>(caller: &Caller<N>, made: &Webhook) -> WebhookWithSecret {
    WebhookWithSecret {
        webhook: webhook(caller.engine(), made),
        secret: made.secret.text().expose_secret().into(),
    }
}

/// What the endpoints that the caller may see were and are to be told of a message.
pub(crate) async fn of_message<N: Need>(
    caller: &Caller<N>,
    message: MessageId,
) -> Result<Vec<hongyan_api::WebhookDelivery>, Problem> {
    let engine = caller.engine();
    let mut told = engine.webhook_deliveries_of(message).await?;
    if caller.is_restricted() && !told.is_empty() {
        let webhooks = engine.webhooks().await?;
        let seen: HashSet<WebhookId> = webhooks
            .iter()
            .filter(|webhook| covers(caller, webhook))
            .map(|webhook| webhook.id)
            .collect();
        told.retain(|one| seen.contains(&one.webhook));
    }
    Ok(told.into_iter().map(|one| delivery(engine, one)).collect())
}
