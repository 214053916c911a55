use std::time::Duration;

use axum::response::Response;
use hongyan_api::{NewQrCode, QrCode};
use hongyan_engine::LONGEST_QRCODE;
use http::StatusCode;

use crate::convert::manage::qrcode;
use crate::extract::{AtAccount, CanSend, Creation, Query, invalid};
use crate::problem::Problem;
use crate::v1::{body_of, replay, respond};

/// Makes a code with a scene, by which it is known where people came from.
///
/// One of the same scene is replaced; its counts go on.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/qrcodes", tag = "qrcodes", operation_id = "make_qrcode",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = NewQrCode,
    responses((status = 201, description = "The code.", body = QrCode)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn create(
    at: AtAccount<CanSend>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&at.caller).await? {
        return Ok(replay(earlier));
    }
    let wanted: NewQrCode = request.json()?;
    let life = match (wanted.permanent, wanted.expires_in_seconds) {
        (true, None) => None,
        (false, seconds) => Some(seconds.map_or(LONGEST_QRCODE, |s| Duration::from_secs(s.into()))),
        (true, Some(_)) => {
            return Err(Problem::invalid(vec![invalid(
                "/expires_in_seconds",
                "contradiction",
                "a permanent code does not end: leave out permanent or expires_in_seconds",
                "永久二维码没有有效期：permanent 与 expires_in_seconds 只能填一个",
            )]));
        }
    };
    let new = hongyan_engine::NewQrCode {
        scene: wanted.scene,
        name: wanted.name,
        life,
    };
    let engine = at.caller.engine();
    let made = engine.make_qrcode(&at.account, new).await?;
    let picture_url = engine.qrcode_picture(&made);
    let body = body_of(&qrcode(made, picture_url))?;
    let status = StatusCode::CREATED;
    request.remember(&at.caller, status.as_u16(), &body).await?;
    Ok(respond(status, body))
}
