use axum::response::Response;
use hongyan_api::FollowerSync;

use crate::convert::manage::sync;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

/// Says how far the newest sync of an account's followers has come.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/contacts/sync", tag = "people", operation_id = "get_contact_sync",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "The sync.", body = FollowerSync)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn sync_state(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let state = at.caller.engine().follower_sync(&at.account).await?;
    ok(&sync(state.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "the followers of this account were never synced; POST to the same path begins",
        )
    })?))
}
