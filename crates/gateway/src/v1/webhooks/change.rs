use axum::response::Response;
use hongyan_api::{ChangeWebhook, Webhook};
use hongyan_domain::webhook::WebhookChange;

use super::{Id, account_id, find, must_cover, refusal};
use crate::convert::webhook::{accounts, check, events, webhook};
use crate::extract::{Caller, CanAdmin, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Changes an endpoint, or switches it on and off.
///
/// What is left out stays.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "change_webhook",
    params(("id" = String, Path, description = "`wh_` and 32 hexadecimal digits.")),
    request_body = ChangeWebhook,
    responses((status = 200, description = "The endpoint as it is now.", body = Webhook)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn change(
    caller: Caller<CanAdmin>,
    id: Id,
    query: Query,
    Json(wanted): Json<ChangeWebhook>,
) -> Result<Response, Problem> {
    query.done()?;
    let found = find(&caller, id).await?;
    let engine = caller.engine();
    let mut wrong = Vec::new();
    check(
        engine,
        wanted.url.as_deref(),
        wanted.description.as_deref(),
        &mut wrong,
    );
    let change = WebhookChange {
        accounts: wanted
            .accounts
            .as_deref()
            .map(|names| accounts(names, |name| account_id(&caller, name), &mut wrong)),
        events: wanted
            .events
            .as_deref()
            .map(|chosen| events(chosen, &mut wrong)),
        url: wanted.url,
        description: wanted.description,
        enabled: wanted.enabled,
    };
    if !wrong.is_empty() {
        return Err(Problem::invalid(wrong));
    }
    if let Some(names) = &wanted.accounts {
        must_cover(&caller, names)?;
    }
    let changed = engine
        .change_webhook(found.id, &change)
        .await
        .map_err(refusal)?;
    ok(&webhook(engine, &changed))
}
