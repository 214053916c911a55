use axum::response::Response;
use hongyan_api::LiveMenu;

use crate::convert::menu::live;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows the menu that an official account's people see now: asks WeChat, for menus made
/// in its console too.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/menu", tag = "menus", operation_id = "get_menu",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "The menu.", body = LiveMenu)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    ok(&live(at.caller.engine().live_menu(&at.account).await?))
}
