use axum::response::Response;
use hongyan_api::{MatchMenu, MatchedMenu};

use crate::convert::limits::bad_id;
use crate::convert::menu::buttons;
use crate::extract::{AtAccount, CanRead, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Says which menu one person sees, as WeChat matches the conditional ones.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/menu/match", tag = "menus", operation_id = "match_menu",
    params(("account" = String, Path, description = "The account's name.")),
    request_body = MatchMenu,
    responses((status = 200, description = "The menu they see.", body = MatchedMenu)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn match_one(
    at: AtAccount<CanRead>,
    query: Query,
    Json(wanted): Json<MatchMenu>,
) -> Result<Response, Problem> {
    query.done()?;
    let openid = wanted
        .openid
        .parse()
        .map_err(|error| Problem::invalid(vec![bad_id("/openid", &error)]))?;
    let engine = at.caller.engine();
    ok(&MatchedMenu {
        button: buttons(engine.match_menu(&at.account, &openid).await?),
    })
}
