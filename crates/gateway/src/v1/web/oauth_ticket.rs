use axum::response::Response;
use hongyan_api::{RedeemTicket, TicketHolder};
use http::StatusCode;

use crate::extract::{AtAccount, CanSend, Creation, Query};
use crate::problem::{Code, Problem};
use crate::v1::{body_of, replay, respond};

/// Turns the ticket that a browser brought from `/h5/{account}/oauth` into the
/// person.
///
/// It works once, and for five minutes; with an `Idempotency-Key` a repeat is
/// answered alike.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/oauth-ticket", tag = "people", operation_id = "redeem_oauth_ticket",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = RedeemTicket,
    responses((status = 200, description = "Whose it was.", body = TicketHolder)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn oauth_ticket(
    at: AtAccount<CanSend>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&at.caller).await? {
        return Ok(replay(earlier));
    }
    let wanted: RedeemTicket = request.json()?;
    let engine = at.caller.engine();
    let holder = engine
        .redeem_oauth_ticket(&at.account, wanted.ticket.expose())
        .await?
        .ok_or_else(|| {
            Problem::new(
                Code::UnknownTicket,
                "the ticket was exchanged already, is too old, or belongs to another account",
            )
        })?;
    let body = body_of(&TicketHolder {
        openid: holder.openid.to_string(),
        unionid: holder.unionid.map(|id| id.to_string()),
    })?;
    request
        .remember(&at.caller, StatusCode::OK.as_u16(), &body)
        .await?;
    Ok(respond(StatusCode::OK, body))
}
