use axum::response::Response;
use hongyan_api::Media;

use super::{id, unknown};
use crate::convert::manage::media;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows what is known of a file.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/media/{id}", tag = "media", operation_id = "get_media",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "`med_` and 32 hexadecimal digits."),
    ),
    responses((status = 200, description = "The file, without its bytes.", body = Media)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    let found = at.caller.engine().media(&at.account, id).await?;
    ok(&media(found.ok_or_else(unknown)?))
}
