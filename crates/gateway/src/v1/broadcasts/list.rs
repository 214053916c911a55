use axum::response::Response;
use hongyan_api::{Broadcast, List, PageQuery};
use hongyan_domain::BroadcastId;
use hongyan_domain::port::Page;

use crate::convert::broadcast::broadcast;
use crate::extract::{Caller, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the broadcasts, the newest first.
#[utoipa::path(
    get, path = "/v1/broadcasts", tag = "broadcasts", operation_id = "list_broadcasts",
    params(
        ("account" = Option<String>, Query, description = "Only this account, by name."),
        PageQuery,
    ),
    responses((status = 200, description = "The broadcasts, without how far they have come.", body = List<Broadcast>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(caller: Caller<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let account = query.text("account");
    let page = PageOf::of(&mut query);
    let after = match &page.after {
        None => None,
        Some(cursor) => Some(
            <[u8; 16]>::try_from(cursor.as_slice())
                .map(BroadcastId::from_bytes)
                .map_err(|_| query.refuse("cursor"))?,
        ),
    };
    query.done()?;
    let accounts = match account {
        Some(name) => Some(vec![caller.account(&name)?.id]),
        None if caller.is_restricted() => {
            Some(caller.accounts().iter().map(|account| account.id).collect())
        }
        None => None,
    };
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let found = caller
        .engine()
        .broadcasts(accounts.as_deref(), &wanted)
        .await?;
    let found = page.list(found, |one| one.id.as_bytes().to_vec());
    let items = found
        .items
        .into_iter()
        .filter_map(|one| {
            // Without an account it was removed in between.
            let account = caller.engine().account_by_id(one.account)?;
            Some(broadcast(one, account.name().as_str(), None))
        })
        .collect();
    ok(&List::<Broadcast> {
        items,
        next_cursor: found.next_cursor,
    })
}
