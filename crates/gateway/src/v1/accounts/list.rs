use axum::response::Response;
use hongyan_api::{Account, List, PageQuery};

use crate::convert::account;
use crate::extract::{Caller, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the accounts the key may see, by name.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts", operation_id = "list_accounts",
    params(PageQuery),
    responses((status = 200, description = "The accounts.", body = List<Account>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(caller: Caller<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    query.done()?;
    let now = caller.engine().clock().now();
    let found = page.cut(caller.accounts(), |account| {
        account.name().as_str().as_bytes().to_vec()
    });
    ok(&List::<Account> {
        items: found
            .items
            .iter()
            .map(|found| account::account(found, caller.engine().illness(found), now))
            .collect(),
        next_cursor: found.next_cursor,
    })
}
