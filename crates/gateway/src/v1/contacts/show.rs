use axum::response::Response;
use hongyan_api::ContactCard;

use super::{openid, unknown};
use crate::convert::person::card;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows a person at an account: follow state, consents, customer-service windows.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/contacts/{openid}", tag = "people", operation_id = "get_contact",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("openid" = String, Path, description = "The person at the account."),
    ),
    responses((status = 200, description = "The person.", body = ContactCard)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let openid = openid(&at.item)?;
    let engine = at.caller.engine();
    let found = engine.contact(&at.account, &openid).await?;
    ok(&card(found.ok_or_else(unknown)?, engine.clock().now()))
}
