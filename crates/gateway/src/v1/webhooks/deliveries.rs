use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api as api;
use hongyan_api::{List, PageQuery};
use hongyan_domain::WebhookDeliveryId;
use hongyan_domain::port::Page;
use hongyan_domain::webhook::{
    EventType, Webhook, WebhookDelivery, WebhookDeliveryFilter, WebhookDeliveryState,
};

use super::{Id, disabled, find, named, refusal, unknown};
use crate::convert::webhook::delivery;
use crate::extract::{Caller, CanRead, CanSend, Need, PageOf, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// The ids in a path: the endpoint's and its delivery's.
type Ids = Result<Path<(String, String)>, PathRejection>;

/// Lists what was and is to be told to an endpoint, the newest first.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "list_webhook_deliveries",
    params(
        ("id" = String, Path, description = "`wh_` and 32 hexadecimal digits."),
        api::WebhookDeliveryFilter, PageQuery,
    ),
    responses((status = 200, description = "Those that fit.", body = List<api::WebhookDelivery>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(
    caller: Caller<CanRead>,
    id: Id,
    mut query: Query,
) -> Result<Response, Problem> {
    let filter = WebhookDeliveryFilter {
        state: query.read_with(
            "state",
            (
                "pending, delivered or failed",
                " pending、delivered 或 failed",
            ),
            |text| {
                use WebhookDeliveryState::{Delivered, Failed, Pending};
                let all = [Pending, Delivered, Failed];
                all.into_iter().find(|state| state.as_str() == text)
            },
        ),
        event: query.read_with(
            "event",
            (
                "an event type such as message.failed",
                "事件类型，如 message.failed",
            ),
            |text| {
                let all = EventType::CHOICES.into_iter().chain([EventType::Ping]);
                all.into_iter().find(|event| event.as_str() == text)
            },
        ),
    };
    let page = PageOf::of(&mut query);
    let after = match &page.after {
        None => None,
        Some(cursor) => Some(
            <[u8; 16]>::try_from(cursor.as_slice())
                .map(WebhookDeliveryId::from_bytes)
                .map_err(|_| query.refuse("cursor"))?,
        ),
    };
    query.done()?;
    let webhook = find(&caller, id).await?;
    let engine = caller.engine();
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let found = engine
        .webhook_deliveries(webhook.id, &filter, &wanted)
        .await?;
    let found = page.list(found, |one| one.id.as_bytes().to_vec());
    ok(&List::<api::WebhookDelivery> {
        items: found
            .items
            .into_iter()
            .map(|one| delivery(engine, one))
            .collect(),
        next_cursor: found.next_cursor,
    })
}

/// Shows something told to an endpoint, with what is posted.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries/{delivery}", tag = "webhooks", operation_id = "get_webhook_delivery",
    params(
        ("id" = String, Path, description = "`wh_` and 32 hexadecimal digits."),
        ("delivery" = String, Path, description = "`whd_` and 32 hexadecimal digits."),
    ),
    responses((status = 200, description = "What is told.", body = api::WebhookDeliveryDetail)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(
    caller: Caller<CanRead>,
    ids: Ids,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let (webhook, told) = both(&caller, ids).await?;
    let engine = caller.engine();
    let body = engine.webhook_body(&webhook, &told).await?;
    let body = serde_json::from_str(&body).map_err(|error| {
        tracing::error!(%error, "what is posted could not be read as it is described");
        Problem::internal()
    })?;
    ok(&api::WebhookDeliveryDetail {
        delivery: delivery(engine, told),
        body,
    })
}

/// Tells an endpoint something once more, from the first try on.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/deliveries/{delivery}/retry", tag = "webhooks", operation_id = "retry_webhook_delivery",
    params(
        ("id" = String, Path, description = "`wh_` and 32 hexadecimal digits."),
        ("delivery" = String, Path, description = "`whd_` and 32 hexadecimal digits."),
    ),
    responses((status = 200, description = "It is on its way.", body = api::WebhookDelivery)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn retry(
    caller: Caller<CanSend>,
    ids: Ids,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let (webhook, told) = both(&caller, ids).await?;
    if webhook.disabled.is_some() {
        return Err(disabled());
    }
    let engine = caller.engine();
    let again = engine
        .retry_webhook_delivery(told.id)
        .await
        .map_err(refusal)?;
    ok(&delivery(engine, again))
}

/// The endpoint of a path and what it was told.
async fn both<N: Need>(
    caller: &Caller<N>,
    ids: Ids,
) -> Result<(Webhook, WebhookDelivery), Problem> {
    let Path((id, told)) = ids.map_err(|_| unknown())?;
    let webhook = named(caller, &id).await?;
    let missing = || {
        Problem::new(
            Code::UnknownWebhookDelivery,
            "nothing of this id was told to the webhook; GET /v1/webhooks/{id}/deliveries lists what was",
        )
    };
    let told: WebhookDeliveryId = told.parse().map_err(|_| missing())?;
    let found = caller.engine().webhook_delivery(told).await?;
    let found = found.filter(|one| one.webhook == webhook.id);
    Ok((webhook, found.ok_or_else(missing)?))
}
