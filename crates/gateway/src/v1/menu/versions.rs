use axum::response::Response;
use hongyan_api::{List, MenuVersion, PageQuery};
use hongyan_domain::port::Page;

use crate::convert::menu::version;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the menus an account had, the newest first.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/menu/versions", tag = "menus", operation_id = "list_menu_versions",
    params(("account" = String, Path, description = "The account's name."), PageQuery),
    responses((status = 200, description = "The versions.", body = List<MenuVersion>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn versions(
    at: AtAccount<CanRead>,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let wanted = Page {
        limit: page.limit + 1,
        after,
    };
    let engine = at.caller.engine();
    let found = engine.menu_versions(&at.account, &wanted).await?;
    let found = page.list(found, |one| one.version.to_string().into_bytes());
    let items: Result<_, _> = found.items.into_iter().map(version).collect();
    ok(&List::<MenuVersion> {
        items: items?,
        next_cursor: found.next_cursor,
    })
}
