use axum::response::Response;
use hongyan_api::{AppliedMenu, RollBackMenu};
use hongyan_engine::MenuChange;

use crate::convert::menu::applied;
use crate::extract::{AtAccount, CanAdmin, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Goes back to a menu the account had; that is a new version like any other change.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/menu/rollback", tag = "menus", operation_id = "roll_back_menu",
    params(("account" = String, Path, description = "The account's name.")),
    request_body = RollBackMenu,
    responses((status = 200, description = "The menu as it is now, and what changed.", body = AppliedMenu)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn roll_back(
    at: AtAccount<CanAdmin>,
    query: Query,
    Json(wanted): Json<RollBackMenu>,
) -> Result<Response, Problem> {
    query.done()?;
    let change = MenuChange {
        note: wanted.note,
        by: Some(at.caller.key_id()),
    };
    let engine = at.caller.engine();
    let back = engine
        .roll_back_menu(&at.account, wanted.version, &change)
        .await?;
    ok(&applied(back)?)
}
