use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_domain::KeyId;
use hongyan_domain::port::StoreError;

use crate::extract::{Caller, CanAdmin, Query};
use crate::problem::{Code, Problem};
use crate::v1::nothing;

/// Removes a key; it stops working at once.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "keys", operation_id = "remove_key",
    params(("id" = String, Path, description = "`key_` and 32 hexadecimal digits.")),
    responses((status = 204, description = "It is gone.")),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn remove(
    caller: Caller<CanAdmin>,
    id: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let unknown = || Problem::new(Code::UnknownKey, "there is no key of this id");
    let id: KeyId = id.map_err(|_| unknown())?.parse().map_err(|_| unknown())?;
    let keys = caller.engine().keys().await?;
    let is_there = keys
        .iter()
        .any(|key| key.id == id && caller.covers(&key.accounts));
    if !is_there {
        return Err(unknown());
    }
    match caller.engine().remove_key(id).await {
        Ok(()) => Ok(nothing()),
        Err(StoreError::Missing { .. }) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}
