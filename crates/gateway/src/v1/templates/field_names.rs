use axum::response::Response;
use hongyan_api::FieldNames;

use super::{id, names};
use crate::extract::{AtAccount, CanAdmin, CanRead, Json, Query};
use crate::problem::Problem;
use crate::v1::{nothing, ok};

/// Shows the account's own names for a template's keys.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/templates/{id}/field-names", tag = "templates", operation_id = "get_field_names",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "WeChat's id of the template."),
    ),
    responses((status = 200, description = "Own name to WeChat's key.", body = FieldNames)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    ok(&FieldNames {
        names: names(&at.account, &id(&at.item)?)
            .cloned()
            .unwrap_or_default(),
    })
}

/// Sets the account's own names for a template's keys.
///
/// From then on `data` may use them in place of WeChat's keys, and what is wrong with
/// a value is said by the name that was given. A keyword that WeChat renames is then
/// changed here and not in every caller.
#[utoipa::path(
    put, path = "/v1/accounts/{account}/templates/{id}/field-names", tag = "templates", operation_id = "set_field_names",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "WeChat's id of the template."),
    ),
    request_body = FieldNames,
    responses((status = 200, description = "The names as they are now.", body = FieldNames)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn set(
    at: AtAccount<CanAdmin>,
    query: Query,
    Json(wanted): Json<FieldNames>,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    let engine = at.caller.engine();
    let account = engine
        .set_field_names(at.account.id, &id, wanted.names)
        .await?;
    ok(&FieldNames {
        names: names(&account, &id).cloned().unwrap_or_default(),
    })
}

/// Takes the account's own names for a template's keys away.
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/templates/{id}/field-names", tag = "templates", operation_id = "remove_field_names",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "WeChat's id of the template."),
    ),
    responses((status = 204, description = "They are gone.")),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn remove(at: AtAccount<CanAdmin>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    let names = hongyan_domain::template::FieldNames::new();
    at.caller
        .engine()
        .set_field_names(at.account.id, &id, names)
        .await?;
    Ok(nothing())
}
