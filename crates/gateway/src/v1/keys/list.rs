use axum::response::Response;
use hongyan_api::{Key, List, PageQuery};

use crate::convert::key::key;
use crate::extract::{Caller, CanAdmin, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the keys, the oldest first, without their texts.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", operation_id = "list_keys",
    params(PageQuery),
    responses((status = 200, description = "The keys.", body = List<Key>)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn list(caller: Caller<CanAdmin>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    query.done()?;
    let mut all = caller.engine().keys().await?;
    all.retain(|key| caller.covers(&key.accounts));
    let found = page.cut(all, |key| key.id.as_bytes().to_vec());
    ok(&List::<Key> {
        items: found.items.iter().map(key).collect(),
        next_cursor: found.next_cursor,
    })
}
