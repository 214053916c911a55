use axum::response::Response;
use hongyan_api::AccessToken;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use crate::extract::{AtAccount, CanToken, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Hands out an account's access token, for other programs that call WeChat.
///
/// They must not ask WeChat for tokens themselves; asking here again after
/// `expires_in` seconds, or after a 40001, is cheap.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/access_token", tag = "accounts", operation_id = "get_access_token",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "The token.", body = AccessToken)),
    security(("api_key" = ["token"])),
)]
pub(crate) async fn access_token(
    at: AtAccount<CanToken>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let issued = at.caller.engine().access_token(at.account.id).await?;
    let mut response = ok(&AccessToken {
        access_token: issued.token.expose().into(),
        expires_in: issued.expires_in.as_secs(),
    })?;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
