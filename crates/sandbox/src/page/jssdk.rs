//! The script `jweixin` and what it asks the sandbox (page "JS-SDK说明文档").
//!
//! Pages of other origins load it, so its routes answer across origins.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::visitor::cookie;
use crate::callback::crypto::sha1_hex;
use crate::state::account::TicketKind;
use crate::{AccountKind, Action, Choices, MessageKind, Sandbox};

/// Templates one tag may ask for.
const TEMPLATES: usize = 5;
/// People offered in the pop-up.
const OFFERED: usize = 50;

/// The script; it needs nothing from outside.
pub(super) async fn script() -> Response {
    let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
    ([(CONTENT_TYPE, kind)], include_str!("jweixin.js")).into_response()
}

/// What `wx.config` was called with, and where.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    app_id: String,
    /// A number in the documentation's examples, a string in many pages.
    #[serde(default)]
    timestamp: Value,
    #[serde(default)]
    nonce_str: String,
    #[serde(default)]
    signature: String,
    /// The page's address without its fragment.
    #[serde(default)]
    url: String,
}

#[derive(Serialize)]
struct Offered {
    person_id: String,
    nickname: String,
}

/// Checks the signature of a page.
pub(super) async fn verify(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let verdict = match serde_json::from_slice::<Config>(&body) {
        Ok(config) => check(&sandbox, &config),
        Err(error) => format!("config:invalid parameters, {error}"),
    };
    let people = sandbox.people();
    let person = cookie(&headers).filter(|id| people.iter().any(|one| one.person_id == *id));
    let offered = people.iter().take(OFFERED).map(|person| Offered {
        person_id: person.person_id.clone(),
        nickname: person.nickname.clone(),
    });
    let answer = json!({
        "ok": verdict == "config:ok",
        "errMsg": verdict,
        "person": person,
        "people": offered.collect::<Vec<_>>(),
    });
    across_origins(&headers, &answer)
}

fn check(sandbox: &Sandbox, config: &Config) -> String {
    let account = sandbox.account(&config.app_id).ok();
    let Some(account) = account.filter(|one| one.kind == AccountKind::OfficialAccount) else {
        return "config:invalid appid".to_owned();
    };
    let url = config.url.split('#').next().unwrap_or_default();
    if !account.settings.read().allows_host(url) {
        return "config:invalid url domain".to_owned();
    }
    let timestamp = match &config.timestamp {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let now = sandbox.world.clock.now_ms();
    let book = account.book.lock();
    let mut tickets = book
        .tickets
        .iter()
        .filter(|ticket| ticket.kind == TicketKind::Jsapi && ticket.expires_at > now);
    let is_signed = tickets.any(|ticket| {
        let nonce = &config.nonce_str;
        let text = format!(
            "jsapi_ticket={}&noncestr={nonce}&timestamp={timestamp}&url={url}",
            ticket.ticket
        );
        sha1_hex(&text) == config.signature
    });
    let verdict = if is_signed {
        "config:ok"
    } else {
        "config:invalid signature"
    };
    verdict.to_owned()
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    appid: String,
    #[serde(default)]
    templates: Vec<String>,
}

/// The templates of a tag, or the number of the error its page gets.
pub(super) async fn templates(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = match serde_json::from_slice::<Asked>(&body) {
        Ok(asked) => offer(&sandbox, &asked).unwrap_or_else(|refused| refused),
        Err(error) => refused(10004, &error.to_string()),
    };
    across_origins(&headers, &answer)
}

fn offer(sandbox: &Sandbox, asked: &Asked) -> Result<Value, Value> {
    if asked.templates.is_empty() {
        return Err(refused(10001, "TmplIds can't be empty"));
    }
    if asked.templates.len() > TEMPLATES {
        return Err(refused(20003, "Templates count out of max bounds"));
    }
    let account = sandbox
        .account(&asked.appid)
        .map_err(|error| refused(10002, &error.to_string()))?;
    let name = account.shown_name();
    let book = account.book.lock();
    let known: Option<Vec<_>> = asked
        .templates
        .iter()
        .map(|id| {
            let template = book.template(id)?;
            (template.source.kind == MessageKind::Notification).then_some(template)
        })
        .collect();
    let unknown = "No template data return, verify the template id exist";
    let known = known.ok_or_else(|| refused(20001, unknown))?;
    if known
        .windows(2)
        .any(|pair| pair[0].subscription() != pair[1].subscription())
    {
        return Err(refused(20002, "Templates type must be same"));
    }
    let items: Vec<Value> = known
        .iter()
        .map(|template| {
            let source = &template.source;
            json!({ "template_id": source.template_id, "title": source.title })
        })
        .collect();
    Ok(json!({ "errCode": 0, "name": name, "items": items }))
}

fn refused(code: u32, text: &str) -> Value {
    json!({ "errCode": code, "errMsg": text })
}

#[derive(Deserialize)]
struct Answered {
    appid: String,
    person: String,
    results: Choices,
}

/// The person's answers to a pop-up.
pub(super) async fn subscribe(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = serde_json::from_slice::<Answered>(&body)
        .map_err(|error| error.to_string())
        .and_then(|answered| {
            let action = Action::SubscribePopup(answered.results);
            sandbox
                .act(&answered.person, &answered.appid, &action)
                .map_err(|error| error.to_string())
        });
    let answer = match done {
        Ok(_) => json!({ "errCode": 0 }),
        Err(error) => refused(10003, &error),
    };
    across_origins(&headers, &answer)
}

/// JSON that pages of the asking origin may read.
fn across_origins(headers: &HeaderMap, answer: &Value) -> Response {
    let mut response = Json(answer).into_response();
    if let Some(origin) = headers.get(ORIGIN) {
        let sent = response.headers_mut();
        sent.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let yes = HeaderValue::from_static("true");
        sent.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        sent.insert(VARY, HeaderValue::from_static("Origin"));
    }
    response
}
