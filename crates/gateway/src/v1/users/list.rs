use axum::response::Response;
use hongyan_api::{List, PageQuery, User};
use hongyan_domain::port::Page;

use super::shown;
use crate::extract::{Caller, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the users, by id.
///
/// A key that is restricted to accounts sees those bound there; a page may then
/// have fewer than `limit`.
#[utoipa::path(
    get, path = "/v1/users", tag = "people", operation_id = "list_users",
    params(PageQuery),
    responses((status = 200, description = "The users.", body = List<User>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(caller: Caller<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let found = caller.engine().users(&wanted).await?;
    let found = page.list(found, |user| user.id.as_str().as_bytes().to_vec());
    ok(&List::<User> {
        items: found
            .items
            .into_iter()
            .filter_map(|user| shown(&caller, user))
            .collect(),
        next_cursor: found.next_cursor,
    })
}
