use axum::response::Response;
use hongyan_api::{Login, NewLogin};

use crate::extract::{AtAccount, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Turns a mini program's login code into the person.
///
/// The session key stays inside. The same code again is answered alike for ten
/// minutes, so a request whose answer was lost can be repeated.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/login", tag = "people", operation_id = "login",
    params(("account" = String, Path, description = "The mini program's name.")),
    request_body = NewLogin,
    responses((status = 200, description = "Who logged in.", body = Login)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn login(
    at: AtAccount<CanSend>,
    query: Query,
    Json(wanted): Json<NewLogin>,
) -> Result<Response, Problem> {
    query.done()?;
    let engine = at.caller.engine();
    let login = engine.login(&at.account, wanted.code.expose()).await?;
    ok(&Login {
        openid: login.openid.to_string(),
        unionid: login.unionid.map(|id| id.to_string()),
        is_new: login.is_new,
    })
}
