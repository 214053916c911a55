//! People and their phones.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, StatusCode};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::accounts::Items;
use super::problem::Problem;
use super::{Parameters, read};
use crate::{BulkView, ControlError, Inbox, MenuView, NewBulk, PersonView, Platform, Sandbox};

/// Cards shown where no limit is given, and at most.
const INBOX_DEFAULT: usize = 100;
const INBOX_LIMIT: usize = 10_000;
/// Openids written to the wire at once.
const CHUNK: usize = 4096;

pub(super) async fn list(State(sandbox): State<Sandbox>) -> Json<Items<PersonView>> {
    Json(Items {
        items: sandbox.people(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    nickname: String,
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<(StatusCode, Json<PersonView>), Problem> {
    let NewPerson { nickname } = read(&body)?;
    Ok((StatusCode::CREATED, Json(sandbox.add_person(&nickname)?)))
}

pub(super) async fn show(
    State(sandbox): State<Sandbox>,
    Path(person): Path<String>,
) -> Result<Json<PersonView>, Problem> {
    Ok(Json(sandbox.person(&person)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonPatch {
    platform: Platform,
}

pub(super) async fn update(
    State(sandbox): State<Sandbox>,
    Path(person): Path<String>,
    body: Bytes,
) -> Result<Json<PersonView>, Problem> {
    let PersonPatch { platform } = read(&body)?;
    Ok(Json(sandbox.set_platform(&person, platform)?))
}

pub(super) async fn menu(
    State(sandbox): State<Sandbox>,
    Path(person): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<MenuView>, Problem> {
    let parameters = Parameters::read(query.as_deref(), &["appid"])?;
    let appid = parameters
        .get("appid")
        .ok_or_else(|| Problem::invalid("appid is missing: whose menu, as in ?appid=wx…".into()))?;
    Ok(Json(sandbox.menu(&person, appid)?))
}

pub(super) async fn medium(
    State(sandbox): State<Sandbox>,
    Path(media_id): Path<String>,
) -> Result<Response, Problem> {
    match sandbox.medium(&media_id) {
        Some((mime, bytes)) => Ok(([(CONTENT_TYPE, mime)], bytes).into_response()),
        None => Err(Problem::from(ControlError::NotFound {
            what: "medium",
            id: media_id,
        })),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenidBody {
    appid: String,
}

#[derive(Serialize)]
pub(super) struct OpenidView {
    openid: String,
}

pub(super) async fn openid(
    State(sandbox): State<Sandbox>,
    Path(person): Path<String>,
    body: Bytes,
) -> Result<Json<OpenidView>, Problem> {
    let OpenidBody { appid } = read(&body)?;
    Ok(Json(OpenidView {
        openid: sandbox.openid(&person, &appid)?,
    }))
}

pub(super) async fn inbox(
    State(sandbox): State<Sandbox>,
    Path(person): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Inbox>, Problem> {
    let parameters = Parameters::read(query.as_deref(), &["limit", "own"])?;
    let limit = parameters
        .parse("limit")?
        .unwrap_or(INBOX_DEFAULT)
        .min(INBOX_LIMIT);
    let own = parameters.parse("own");
    let own = own.map_err(|_| Problem::invalid("own must be true or false".into()))?;
    Ok(Json(match own {
        Some(true) => sandbox.conversation(&person, limit)?,
        None | Some(false) => sandbox.inbox(&person, limit)?,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkBody {
    appid: String,
    count: u32,
    #[serde(default)]
    follows: Option<bool>,
    #[serde(default)]
    accepts: IndexMap<String, u32>,
}

pub(super) async fn bulk(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<BulkView>), Problem> {
    let body: BulkBody = read(&body)?;
    let new = NewBulk {
        count: body.count,
        follows: body.follows.unwrap_or(true),
        accepts: body.accepts,
    };
    let mut view = sandbox.add_bulk(&body.appid, new)?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if let Some(host) = host.filter(|_| view.openids_url.starts_with('/')) {
        view.openids_url = format!("http://{host}{}", view.openids_url);
    }
    Ok((StatusCode::CREATED, Json(view)))
}

/// Text, one openid a line, made while it is sent; with `unionids=true` a tab
/// and the unionid behind each.
pub(super) async fn bulk_openids(
    State(sandbox): State<Sandbox>,
    Path(appid): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query.as_deref(), &["from", "count", "unionids"])?;
    let from = parameters.parse("from")?.unwrap_or(0);
    let count = parameters.parse("count")?.unwrap_or(u32::MAX);
    let mut openids =
        sandbox
            .bulk_openids(&appid, from, count)
            .ok_or_else(|| ControlError::NotFound {
                what: "account",
                id: appid.clone(),
            })?;
    let mut unionids = match parameters.get("unionids") {
        None | Some("false") => None,
        Some("true") => Some(sandbox.bulk_unionids(&appid, from, count).ok_or_else(|| {
            Problem::invalid("unionids: the account is bound to no open_platform".into())
        })?),
        Some(_) => return Err(Problem::invalid("unionids must be true or false".into())),
    };
    let chunks = std::iter::from_fn(move || {
        let mut chunk = String::new();
        for openid in openids.by_ref().take(CHUNK) {
            chunk.push_str(&openid);
            if let Some(unionid) = unionids.as_mut().and_then(Iterator::next) {
                chunk.push('\t');
                chunk.push_str(&unionid);
            }
            chunk.push('\n');
        }
        (!chunk.is_empty()).then_some(Ok::<_, std::convert::Infallible>(chunk))
    });
    let body = Body::from_stream(stream::iter(chunks));
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response())
}
