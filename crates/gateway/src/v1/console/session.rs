use axum::response::Response;
use hongyan_api::{ChangePassword, ConsoleSession, ConsoleState, SetUp, SignIn};
use hongyan_engine::SignedIn;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::ExposeSecret as _;

use super::{login_name, refused, secret};
use crate::convert::key::scopes_of;
use crate::extract::{
    Caller, CanRead, FromConsole, Json, Outsider, Peer, Query, session_cookie, set_session_cookie,
};
use crate::problem::Problem;
use crate::v1::{body_of, nothing, ok, respond};

/// Whether anybody uses the console yet.
#[utoipa::path(
    get, path = "/v1/console", tag = "console", operation_id = "console_state",
    responses((status = 200, description = "Whether it waits for its first person.", body = ConsoleState)),
)]
pub(crate) async fn state(outsider: Outsider, query: Query) -> Result<Response, Problem> {
    query.done()?;
    ok(&ConsoleState {
        needs_setup: outsider.console_needs_setup().await?,
    })
}

/// Lets the first person in, as admin, by the link that the gateway printed.
#[utoipa::path(
    post, path = "/v1/console/setup", tag = "console", operation_id = "console_set_up",
    request_body = SetUp,
    responses((status = 201, description = "They are signed in; the cookie says so.", body = ConsoleSession)),
)]
pub(crate) async fn set_up(
    outsider: Outsider,
    _: FromConsole,
    query: Query,
    Json(request): Json<SetUp>,
) -> Result<Response, Problem> {
    query.done()?;
    let name = login_name(&request.name)?;
    let signed_in = outsider
        .set_up_console(request.secret.expose(), name, secret(&request.password))
        .await
        .map_err(|refusal| refused(refusal, "/password"))?;
    welcome(&outsider, &signed_in)
}

/// Signs somebody in.
#[utoipa::path(
    post, path = "/v1/console/session", tag = "console", operation_id = "console_sign_in",
    request_body = SignIn,
    responses((status = 201, description = "They are signed in; the cookie says so.", body = ConsoleSession)),
)]
pub(crate) async fn sign_in(
    outsider: Outsider,
    _: FromConsole,
    query: Query,
    peer: Peer,
    Json(request): Json<SignIn>,
) -> Result<Response, Problem> {
    query.done()?;
    let signed_in = outsider
        .sign_in(&request.name, secret(&request.password), peer.address())
        .await
        .map_err(|refusal| refused(refusal, "/password"))?;
    welcome(&outsider, &signed_in)
}

fn welcome(outsider: &Outsider, signed_in: &SignedIn) -> Result<Response, Problem> {
    let operator = &signed_in.operator;
    let mut response = respond(
        StatusCode::CREATED,
        body_of(&ConsoleSession {
            id: operator.id.to_string(),
            name: operator.name.to_string(),
            scopes: scopes_of(&[operator.role.scope()]),
            phone_url: outsider.settings().phone_url.clone(),
        })?,
    );
    let seconds = hongyan_domain::console::SESSION_LIFE.as_secs();
    let cookie = set_session_cookie(
        signed_in.cookie.expose_secret(),
        i64::try_from(seconds).unwrap_or(i64::MAX),
        outsider.settings().secure_cookies,
    );
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Who calls: by the console's cookie, or by an API key.
#[utoipa::path(
    get, path = "/v1/console/session", tag = "console", operation_id = "console_session",
    responses((status = 200, description = "Who calls.", body = ConsoleSession)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(caller: Caller<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    ok(&ConsoleSession {
        id: caller.key_id().to_string(),
        name: caller.name().to_owned(),
        scopes: scopes_of(caller.scopes()),
        phone_url: caller.settings().phone_url.clone(),
    })
}

/// Signs out.
#[utoipa::path(
    delete, path = "/v1/console/session", tag = "console", operation_id = "console_sign_out",
    responses((status = 204, description = "The session is over.")),
)]
pub(crate) async fn sign_out(
    outsider: Outsider,
    _: FromConsole,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(cookie) = session_cookie(&headers) {
        outsider.sign_out(cookie).await?;
    }
    let mut response = nothing();
    if let Some(gone) = set_session_cookie("", 0, outsider.settings().secure_cookies) {
        response.headers_mut().insert(SET_COOKIE, gone);
    }
    Ok(response)
}

/// Changes one's own password; one is signed out everywhere.
#[utoipa::path(
    put, path = "/v1/console/password", tag = "console", operation_id = "console_change_password",
    request_body = ChangePassword,
    responses((status = 204, description = "It is changed.")),
)]
pub(crate) async fn change_password(
    caller: Caller<CanRead>,
    query: Query,
    Json(request): Json<ChangePassword>,
) -> Result<Response, Problem> {
    query.done()?;
    let engine = caller.engine();
    engine
        .confirm_password(caller.key_id(), secret(&request.current))
        .await
        .map_err(|refusal| refused(refusal, "/current"))?;
    engine
        .change_operator(caller.key_id(), None, Some(secret(&request.new)))
        .await
        .map_err(|refusal| refused(refusal, "/new"))?;
    Ok(nothing())
}
