use axum::response::Response;
use hongyan_api::{List, PageQuery, Webhook};

use super::covers;
use crate::convert::webhook::webhook;
use crate::extract::{Caller, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the endpoints, the oldest first, without their secrets.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    params(PageQuery),
    responses((status = 200, description = "The endpoints.", body = List<Webhook>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(caller: Caller<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    query.done()?;
    let mut all = caller.engine().webhooks().await?;
    all.retain(|one| covers(&caller, one));
    let found = page.cut(all, |one| one.id.as_bytes().to_vec());
    ok(&List::<Webhook> {
        items: found
            .items
            .iter()
            .map(|one| webhook(caller.engine(), one))
            .collect(),
        next_cursor: found.next_cursor,
    })
}
