use axum::response::Response;
use hongyan_api::ShowTyping;

use crate::convert::limits::bad_id;
use crate::extract::{AtAccount, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Shows a person that an answer is being written, or no longer.
///
/// WeChat allows it within 30 seconds of a message of theirs (45080 otherwise).
#[utoipa::path(
    post, path = "/v1/accounts/{account}/typing", tag = "messages", operation_id = "show_typing",
    params(("account" = String, Path, description = "The account's name.")),
    request_body = ShowTyping,
    responses((status = 204, description = "They see it.")),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn typing(
    at: AtAccount<CanSend>,
    query: Query,
    Json(wanted): Json<ShowTyping>,
) -> Result<Response, Problem> {
    query.done()?;
    let openid = wanted
        .openid
        .parse()
        .map_err(|error| Problem::invalid(vec![bad_id("/openid", &error)]))?;
    at.caller
        .engine()
        .show_typing(&at.account, &openid, wanted.typing)
        .await?;
    Ok(nothing())
}
