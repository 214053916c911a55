use axum::response::Response;
use hongyan_api::{People, PeopleChanged};

use crate::convert::manage::people;
use crate::extract::{AtAccount, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Puts people on an official account's blacklist, or takes them off (`"remove": true`).
/// Doing it again does no harm.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/blacklist", tag = "people", operation_id = "change_blacklist",
    params(("account" = String, Path, description = "The account's name.")),
    request_body = People,
    responses((status = 200, description = "For how many it was done.", body = PeopleChanged)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn change(
    at: AtAccount<CanSend>,
    query: Query,
    Json(wanted): Json<People>,
) -> Result<Response, Problem> {
    query.done()?;
    let openids = people(&wanted.openids)?;
    let engine = at.caller.engine();
    let done = engine
        .change_blacklist(&at.account, &openids, wanted.remove)
        .await?;
    ok(&PeopleChanged {
        done,
        failed: Vec::new(),
    })
}
