use axum::response::Response;
use hongyan_api::{ChangeContact, ContactCard};

use super::{openid, unknown};
use crate::convert::person::card;
use crate::extract::{AtAccount, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Sets an official account's own note about a person, at WeChat too.
#[utoipa::path(
    patch, path = "/v1/accounts/{account}/contacts/{openid}", tag = "people", operation_id = "change_contact",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("openid" = String, Path, description = "The person at the account."),
    ),
    request_body = ChangeContact,
    responses((status = 200, description = "The person as they are known now.", body = ContactCard)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn change(
    at: AtAccount<CanSend>,
    query: Query,
    Json(wanted): Json<ChangeContact>,
) -> Result<Response, Problem> {
    query.done()?;
    let openid = openid(&at.item)?;
    let engine = at.caller.engine();
    engine
        .set_remark(&at.account, &openid, &wanted.remark)
        .await?;
    let found = engine.contact(&at.account, &openid).await?;
    ok(&card(found.ok_or_else(unknown)?, engine.clock().now()))
}
