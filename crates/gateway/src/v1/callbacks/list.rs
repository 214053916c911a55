use axum::response::Response;
use hongyan_api::{Callback, CallbackFilter as Wanted, List, PageQuery};
use hongyan_domain::CallbackId;
use hongyan_domain::callback::CallbackFilter;
use hongyan_domain::port::Page;

use crate::convert::callback::listed;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Searches what WeChat told an account, the newest first.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/callbacks", tag = "callbacks", operation_id = "search_callbacks",
    params(("account" = String, Path, description = "The account's name."), Wanted, PageQuery),
    responses((status = 200, description = "Those that fit.", body = List<Callback>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    const TIME: (&str, &str) = (
        "a time such as 2026-11-20T10:00:00Z",
        "时间，如 2026-11-20T10:00:00Z",
    );
    let filter = CallbackFilter {
        openid: query.read("openid", ("an openid", "合法的 openid")),
        msg_type: query.text("msg_type"),
        event: query.text("event"),
        received_after: query.read("received_after", TIME),
        received_before: query.read("received_before", TIME),
    };
    let page = PageOf::of(&mut query);
    let after = match &page.after {
        None => None,
        Some(cursor) => Some(
            <[u8; 16]>::try_from(cursor.as_slice())
                .map(CallbackId::from_bytes)
                .map_err(|_| query.refuse("cursor"))?,
        ),
    };
    query.done()?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let engine = at.caller.engine();
    let found = engine.callbacks(&at.account, &filter, &wanted).await?;
    let found = page.list(found, |callback| callback.id.as_bytes().to_vec());
    let account = at.account.name().as_str();
    ok(&List::<Callback> {
        items: found
            .items
            .into_iter()
            .map(|callback| listed(callback, account))
            .collect(),
        next_cursor: found.next_cursor,
    })
}
