use axum::response::Response;
use hongyan_api::{People, PeopleChanged};

use super::id;
use crate::convert::manage::people;
use crate::extract::{AtAccount, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Gives a tag to people, or takes it from them (`"remove": true`). Doing it again does
/// no harm.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/tags/{id}/members", tag = "people", operation_id = "tag_people",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = i64, Path, description = "WeChat's number of the tag."),
    ),
    request_body = People,
    responses((status = 200, description = "For how many it was done, and for whom not.", body = PeopleChanged)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn tag_people(
    at: AtAccount<CanSend>,
    query: Query,
    Json(wanted): Json<People>,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    let openids = people(&wanted.openids)?;
    let engine = at.caller.engine();
    let changed = engine
        .tag_people(&at.account, id, &openids, wanted.remove)
        .await?;
    ok(&PeopleChanged {
        done: changed.done,
        failed: changed.failed.iter().map(ToString::to_string).collect(),
    })
}
