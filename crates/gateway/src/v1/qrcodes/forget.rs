use axum::response::Response;

use crate::extract::{AtAccount, CanSend, Query};
use crate::problem::{Code, Problem};
use crate::v1::nothing;

/// Forgets a code and its counts. WeChat takes none back: people can go on scanning it.
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/qrcodes/{scene}", tag = "qrcodes", operation_id = "forget_qrcode",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("scene" = String, Path, description = "Its scene."),
    ),
    responses((status = 204, description = "It is forgotten.")),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn forget(at: AtAccount<CanSend>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let engine = at.caller.engine();
    if engine.forget_qrcode(&at.account, &at.item).await? {
        Ok(nothing())
    } else {
        Err(Problem::new(
            Code::NotFound,
            "the account has no code of this scene",
        ))
    }
}
