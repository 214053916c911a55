use axum::response::Response;
use hongyan_api::{MenuNote, MenuVersion};

use super::change;
use crate::convert::menu::version;
use crate::extract::{AtAccount, CanAdmin, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Removes an official account's menus, conditional ones included. That too is kept as a
/// version, so that there is a way back.
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/menu", tag = "menus", operation_id = "remove_menu",
    params(("account" = String, Path, description = "The account's name."), MenuNote),
    responses((status = 200, description = "The version that says so.", body = MenuVersion)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn remove(at: AtAccount<CanAdmin>, mut query: Query) -> Result<Response, Problem> {
    let change = change(&at, &mut query);
    query.done()?;
    let engine = at.caller.engine();
    ok(&version(engine.remove_menu(&at.account, &change).await?)?)
}
