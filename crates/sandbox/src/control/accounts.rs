//! Accounts, templates, quotas.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::read;
use crate::{AccountView, ControlError, QuotaView, Sandbox, TemplateView};

/// A list that is never long.
#[derive(Serialize)]
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
}

pub(super) async fn list(State(sandbox): State<Sandbox>) -> Json<Items<AccountView>> {
    Json(Items {
        items: sandbox.accounts(),
    })
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<(StatusCode, Json<AccountView>), Problem> {
    Ok((
        StatusCode::CREATED,
        Json(sandbox.add_account(read(&body)?)?),
    ))
}

pub(super) async fn show(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(find(&sandbox, &appid)?))
}

pub(super) async fn update(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
    body: Bytes,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(sandbox.update_account(&appid, read(&body)?)?))
}

pub(super) async fn templates(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
) -> Result<Json<Items<TemplateView>>, Problem> {
    Ok(Json(Items {
        items: find(&sandbox, &appid)?.templates,
    }))
}

pub(super) async fn add_template(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<TemplateView>), Problem> {
    Ok((
        StatusCode::CREATED,
        Json(sandbox.add_template(&appid, read(&body)?)?),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    path: String,
    limit: u64,
}

pub(super) async fn set_quota(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
    body: Bytes,
) -> Result<Json<QuotaView>, Problem> {
    let QuotaBody { path, limit } = read(&body)?;
    Ok(Json(sandbox.set_quota(&appid, &path, limit)?))
}

fn find(sandbox: &Sandbox, appid: &str) -> Result<AccountView, ControlError> {
    sandbox
        .accounts()
        .into_iter()
        .find(|account| account.appid == appid)
        .ok_or_else(|| ControlError::NotFound {
            what: "account",
            id: appid.to_owned(),
        })
}
