use axum::response::Response;
use hongyan_api::{Menu, MenuPlan};
use hongyan_domain::menu;

use crate::convert::menu::changes;
use crate::extract::{AtAccount, CanRead, Query, Typed};
use crate::problem::Problem;
use crate::v1::ok;

/// Says what applying a menu would change of the one people see now. Nothing is changed.
///
/// The body is as for `PUT …/menu`; what WeChat would refuse of it is refused here.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/menu/plan", tag = "menus", operation_id = "plan_menu",
    params(("account" = String, Path, description = "The account's name.")),
    request_body(content(
        (Menu = "application/json"),
        (String = "application/toml"),
    )),
    responses((status = 200, description = "What would change.", body = MenuPlan)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn plan(
    at: AtAccount<CanRead>,
    query: Query,
    request: Typed,
) -> Result<Response, Problem> {
    query.done()?;
    let wanted: menu::Menu = request.decode()?;
    let found = at.caller.engine().plan_menu(&at.account, &wanted).await?;
    ok(&MenuPlan {
        changes: changes(found),
    })
}
