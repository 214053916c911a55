use axum::response::Response;
use hongyan_api::{JsSignature, SignPage};

use crate::extract::{AtAccount, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Signs a page for the JS-SDK: what it hands to `wx.config`.
///
/// The ticket behind it is kept and renewed here. The page's origin must be one of
/// the account's `js_origins`.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/jssdk-signature", tag = "people", operation_id = "sign_page",
    params(("account" = String, Path, description = "The official account's name.")),
    request_body = SignPage,
    responses((status = 200, description = "The signature.", body = JsSignature)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn sign_page(
    at: AtAccount<CanSend>,
    query: Query,
    Json(wanted): Json<SignPage>,
) -> Result<Response, Problem> {
    query.done()?;
    let signature = at
        .caller
        .engine()
        .js_signature(&at.account, &wanted.url)
        .await?;
    ok(&JsSignature {
        app_id: signature.app_id.to_string(),
        timestamp: signature.timestamp,
        nonce_str: signature.nonce_str,
        signature: signature.signature,
    })
}
