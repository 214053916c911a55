use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::{ChangeOperator, List, NewOperator, Operator, PageQuery};
use hongyan_domain::KeyId;
use hongyan_domain::port::StoreError;
use http::StatusCode;

use super::{login_name, operator, refused, role, secret};
use crate::extract::{Caller, CanAdmin, Json, PageOf, Query};
use crate::problem::{Code, Problem};
use crate::v1::{body_of, nothing, ok, respond};

/// A key that is restricted to accounts must not let in people who are not.
fn unrestricted(caller: &Caller<CanAdmin>) -> Result<(), Problem> {
    if caller.is_restricted() {
        return Err(Problem::new(
            Code::AccountNotAllowed,
            "this API key is restricted to accounts; people of the console are not",
        ));
    }
    Ok(())
}

fn unknown() -> Problem {
    Problem::new(Code::UnknownOperator, "nobody of the console has this id")
}

fn id(path: Result<Path<String>, PathRejection>) -> Result<KeyId, Problem> {
    path.map_err(|_| unknown())?.parse().map_err(|_| unknown())
}

/// Lists who may use the console.
#[utoipa::path(
    get, path = "/v1/console/operators", tag = "console", operation_id = "list_operators",
    params(PageQuery),
    responses((status = 200, description = "They, by name.", body = List<Operator>)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn list(caller: Caller<CanAdmin>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    query.done()?;
    unrestricted(&caller)?;
    let all = caller.engine().operators().await?;
    let found = page.cut(all, |one| one.name.as_str().as_bytes().to_vec());
    ok(&List::<Operator> {
        items: found.items.iter().map(operator).collect(),
        next_cursor: found.next_cursor,
    })
}

/// Lets somebody use the console.
#[utoipa::path(
    post, path = "/v1/console/operators", tag = "console", operation_id = "add_operator",
    request_body = NewOperator,
    responses((status = 201, description = "They may sign in.", body = Operator)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn create(
    caller: Caller<CanAdmin>,
    query: Query,
    Json(request): Json<NewOperator>,
) -> Result<Response, Problem> {
    query.done()?;
    unrestricted(&caller)?;
    let name = login_name(&request.name)?;
    let added = caller
        .engine()
        .add_operator(name, role(request.role), secret(&request.password))
        .await
        .map_err(|refusal| refused(refusal, "/password"))?;
    Ok(respond(StatusCode::CREATED, body_of(&operator(&added))?))
}

/// Changes somebody's role or password. Whoever gets a new password is signed out.
#[utoipa::path(
    patch, path = "/v1/console/operators/{id}", tag = "console", operation_id = "change_operator",
    params(("id" = String, Path, description = "`key_` and 32 hexadecimal digits.")),
    request_body = ChangeOperator,
    responses((status = 200, description = "They as they now are.", body = Operator)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn change(
    caller: Caller<CanAdmin>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
    Json(request): Json<ChangeOperator>,
) -> Result<Response, Problem> {
    query.done()?;
    unrestricted(&caller)?;
    let changed = caller
        .engine()
        .change_operator(
            id(path)?,
            request.role.map(role),
            request.password.as_ref().map(secret),
        )
        .await
        .map_err(|refusal| match refusal {
            hongyan_engine::ConsoleRefusal::Store(StoreError::Missing { .. }) => unknown(),
            other => refused(other, "/password"),
        })?;
    ok(&operator(&changed))
}

/// Lets somebody use the console no more; they are signed out at once.
#[utoipa::path(
    delete, path = "/v1/console/operators/{id}", tag = "console", operation_id = "remove_operator",
    params(("id" = String, Path, description = "`key_` and 32 hexadecimal digits.")),
    responses((status = 204, description = "They are gone.")),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn remove(
    caller: Caller<CanAdmin>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    unrestricted(&caller)?;
    match caller.engine().remove_operator(id(path)?).await {
        Ok(()) => Ok(nothing()),
        Err(StoreError::Missing { .. }) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}
