//! Accounts, templates, quotas.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::problem::Problem;
use super::read;
use crate::model::present;
use crate::{
    AccountPatch, AccountView, Callback, CodeView, ControlError, NewAccount, QuotaView,
    ReceiptRules, Sandbox, TemplateView,
};

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
    let (body, verify) = take_verify(&body)?;
    let new: NewAccount = body;
    check(&sandbox, new.callback.as_ref().filter(|_| verify)).await?;
    Ok((StatusCode::CREATED, Json(sandbox.add_account(new)?)))
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
    let (body, verify) = take_verify(&body)?;
    let patch: AccountPatch = body;
    find(&sandbox, &appid)?;
    let callback = patch.callback.as_ref().and_then(Option::as_ref);
    check(&sandbox, callback.filter(|_| verify)).await?;
    Ok(Json(sandbox.update_account(&appid, patch)?))
}

/// Reads a body whose callback may say `verify`, which is a wish and no setting.
fn take_verify<T: DeserializeOwned>(body: &Bytes) -> Result<(T, bool), Problem> {
    let mut value: Value = read(body)?;
    let callback = value.get_mut("callback").and_then(Value::as_object_mut);
    let verify = callback.and_then(|callback| callback.shift_remove("verify"));
    let verify = match verify {
        None | Some(Value::Null) => false,
        Some(Value::Bool(verify)) => verify,
        Some(_) => {
            return Err(Problem::invalid(
                "callback.verify: must be a boolean".into(),
            ));
        }
    };
    Ok((super::read_value(value)?, verify))
}

async fn check(sandbox: &Sandbox, callback: Option<&Callback>) -> Result<(), ControlError> {
    match callback {
        Some(callback) => sandbox.check_callback(callback).await,
        None => Ok(()),
    }
}

pub(super) async fn receipts(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
) -> Result<Json<ReceiptRules>, Problem> {
    Ok(Json(sandbox.receipts(&appid)?))
}

pub(super) async fn set_receipts(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
    body: Bytes,
) -> Result<Json<ReceiptRules>, Problem> {
    Ok(Json(sandbox.set_receipts(&appid, read(&body)?)?))
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

pub(super) async fn codes(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
) -> Result<Json<Items<CodeView>>, Problem> {
    Ok(Json(Items {
        items: sandbox.codes(&appid)?,
    }))
}

pub(super) async fn quotas(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
) -> Result<Json<Items<QuotaView>>, Problem> {
    Ok(Json(Items {
        items: sandbox.quotas(&appid)?,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    path: String,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    per_minute: Option<Option<u32>>,
}

pub(super) async fn set_quota(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
    body: Bytes,
) -> Result<Json<QuotaView>, Problem> {
    let QuotaBody {
        path,
        limit,
        per_minute,
    } = read(&body)?;
    let mut view = None;
    if let Some(limit) = limit {
        view = Some(sandbox.set_quota(&appid, &path, limit)?);
    }
    if let Some(per_minute) = per_minute {
        view = Some(sandbox.set_rate(&appid, &path, per_minute)?);
    }
    view.map(Json)
        .ok_or_else(|| Problem::invalid("limit (a day), per_minute or both must be given".into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MenuBody {
    button: Value,
}

pub(super) async fn set_console_menu(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let MenuBody { button } = read(&body)?;
    sandbox.set_console_menu(&appid, &button)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn update_template(
    State(sandbox): State<Sandbox>,
    Path((appid, template_id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<TemplateView>, Problem> {
    let patch = read(&body)?;
    Ok(Json(sandbox.update_template(
        &appid,
        &template_id,
        patch,
    )?))
}

pub(super) async fn delete_template(
    State(sandbox): State<Sandbox>,
    Path((appid, template_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    sandbox.delete_template(&appid, &template_id)?;
    Ok(StatusCode::NO_CONTENT)
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
