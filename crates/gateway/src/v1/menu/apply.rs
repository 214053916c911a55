use axum::response::Response;
use hongyan_api::{AppliedMenu, Menu, MenuNote};
use hongyan_domain::menu;

use super::change;
use crate::convert::menu::applied;
use crate::extract::{AtAccount, CanAdmin, Query, Typed};
use crate::problem::Problem;
use crate::v1::ok;

/// Makes a menu the account's, conditional menus included, and keeps it as a version.
///
/// The body is JSON, or TOML with `Content-Type: application/toml`. What was live and
/// not kept yet is kept first. Phones look for a new menu when the account is opened, at
/// most every five minutes.
#[utoipa::path(
    put, path = "/v1/accounts/{account}/menu", tag = "menus", operation_id = "apply_menu",
    params(("account" = String, Path, description = "The account's name."), MenuNote),
    request_body(content(
        (Menu = "application/json"),
        (String = "application/toml"),
    )),
    responses((status = 200, description = "The menu as it is now, and what changed.", body = AppliedMenu)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn apply(
    at: AtAccount<CanAdmin>,
    mut query: Query,
    request: Typed,
) -> Result<Response, Problem> {
    let change = change(&at, &mut query);
    query.done()?;
    let wanted: menu::Menu = request.decode()?;
    let engine = at.caller.engine();
    ok(&applied(
        engine.apply_menu(&at.account, &wanted, &change).await?,
    )?)
}
