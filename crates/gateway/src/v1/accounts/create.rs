use axum::response::Response;
use hongyan_api::{Account, NewAccount};
use http::StatusCode;

use crate::convert::account;
use crate::extract::{Caller, CanAdmin, Creation, Query};
use crate::problem::{Code, Problem};
use crate::v1::{body_of, replay, respond};

/// Makes an account known.
///
/// Its secrets are sealed at rest and never read back. WeChat is not asked
/// anything yet: `check` does that, and `templates/sync` brings its templates.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", operation_id = "add_account",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = NewAccount,
    responses((status = 201, description = "It is known.", body = Account)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn create(
    caller: Caller<CanAdmin>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&caller).await? {
        return Ok(replay(earlier));
    }
    let wanted: NewAccount = request.json()?;
    let settings = account::settings(&wanted).map_err(Problem::invalid)?;
    if !caller.may_touch(settings.name.as_str()) {
        return Err(Problem::new(
            Code::AccountNotAllowed,
            format!(
                "this API key is restricted to other accounts than {:?}",
                wanted.name
            ),
        ));
    }
    // The answer is stored with the account, so it is made before.
    let body = body_of(&account::new_account(
        &settings,
        caller.engine().clock().now(),
    ))?;
    let once = request.keep(&caller, StatusCode::CREATED.as_u16(), &body);
    caller.engine().add_account(settings, once).await?;
    Ok(respond(StatusCode::CREATED, body))
}
