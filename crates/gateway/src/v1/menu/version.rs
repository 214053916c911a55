use axum::response::Response;
use hongyan_api::MenuVersion;

use crate::convert::menu::version as shown;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Shows one of the menus an account had.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/menu/versions/{version}", tag = "menus", operation_id = "get_menu_version",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("version" = u32, Path, description = "Its number."),
    ),
    responses((status = 200, description = "The version.", body = MenuVersion)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn version(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let number = at
        .item
        .parse()
        .map_err(|_| Problem::new(Code::NotFound, "versions of a menu are numbers from 1 on"))?;
    let engine = at.caller.engine();
    ok(&shown(engine.menu_version(&at.account, number).await?)?)
}
