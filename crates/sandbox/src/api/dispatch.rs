//! From an HTTP request to a handler and back.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};

use super::endpoints::{self, ENDPOINTS, Handler};
use super::query::Query;
use super::{Call, Download};
use crate::faults::{DropMoment, FaultEffect};
use crate::live::Happening;
use crate::refusal::{self, Refusal};
use crate::requests::Finished;
use crate::state::World;
use crate::state::account::Account;

/// Longest body of a path nobody knows.
const STRAY_LIMIT: usize = 1024 * 1024;
/// WeChat writes `encoding` where others write `charset`.
const JSON: HeaderValue = HeaderValue::from_static("application/json; encoding=utf-8");

/// What becomes of a call.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Response),
    /// The connection must close without an answer.
    Hangup,
}

/// An answer before it becomes HTTP.
struct Draft {
    status: u16,
    body: Bytes,
    errcode: i32,
    rid: Option<String>,
    kind: Kind,
}

/// What an answer is.
enum Kind {
    Json,
    Html,
    File {
        mime: &'static str,
        filename: Option<String>,
    },
}

/// Answers one call of a WeChat path.
pub(crate) async fn handle<B>(world: &World, request: Request<B>, peer: IpAddr) -> Reply
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let started = Instant::now();
    let now = world.clock.now_ms();
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let endpoint = endpoints::find(path);
    world.counters.call(endpoint);
    let mut seen = Seen {
        world,
        head: &head,
        now,
        started,
        peer,
        account: None,
        struck: false,
    };

    let length = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    if head.method == Method::POST && (chunked || length.is_none()) {
        return closing(seen.finish(&[], precondition_failed()));
    }
    let (limit, too_large) = endpoint.map_or((STRAY_LIMIT, refusal::TOO_LARGE), |endpoint| {
        ENDPOINTS[endpoint].body_limit()
    });
    if length
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: usize| length > limit)
    {
        return closing(seen.finish(&[], seen.refused(&too_large)));
    }
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Reply::Hangup,
    };

    let strike = world.faults.strike(path);
    if strike.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(strike.delay_ms)).await;
    }
    let Some(effect) = strike.effect else {
        let draft = run(&mut seen, endpoint, &body);
        return Reply::Answer(seen.finish(&body, draft));
    };
    seen.struck = true;
    let works = effect.drop == Some(DropMoment::After) || effect.took_effect;
    if works {
        run(&mut seen, endpoint, &body);
    }
    if effect.drop.is_some() {
        world.counters.dropped();
        let draft = Draft {
            status: 0,
            body: Bytes::new(),
            errcode: 0,
            rid: None,
            kind: Kind::Html,
        };
        drop(seen.finish(&body, draft));
        return Reply::Hangup;
    }
    Reply::Answer(seen.finish(&body, struck(&seen, &effect)))
}

/// Runs the handler of the path.
fn run(seen: &mut Seen<'_>, endpoint: Option<usize>, body: &[u8]) -> Draft {
    let (world, now) = (seen.world, seen.now);
    let Some(endpoint) = endpoint else {
        return seen.refused(&refusal::INVALID_URL);
    };
    let header = |name| {
        let value = seen.head.headers.get(name);
        value
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .unwrap_or_default()
    };
    let call = Call {
        world,
        endpoint,
        content_type: header(CONTENT_TYPE),
        host: header(HOST),
        query: Query(seen.head.uri.query().unwrap_or_default()),
        body,
        peer: seen.peer,
        now,
        used: Cell::new(0),
        used_written: Cell::new(false),
        account: Cell::new(None),
    };
    let outcome = serve(&call, &seen.head.method);
    seen.account = call.account.get();
    match outcome {
        Ok((body, kind)) => Draft {
            status: 200,
            body,
            errcode: 0,
            rid: None,
            kind,
        },
        Err(refusal) => seen.refused(&refusal),
    }
}

fn serve(call: &Call<'_>, method: &Method) -> Result<(Bytes, Kind), Refusal> {
    let endpoint = &ENDPOINTS[call.endpoint];
    endpoint.check_method(method)?;
    let json = |body: Vec<u8>| (Bytes::from(body), Kind::Json);
    match &endpoint.handler {
        Handler::Retired(refusal) => Err(refusal.clone()),
        Handler::Open(handler) => handler(call).map(json),
        Handler::Account(handler) => served(call, |account| handler(call, account).map(json)),
        Handler::File(handler) => served(call, |account| {
            let Download {
                mime,
                filename,
                bytes,
            } = handler(call, account)?;
            Ok((bytes, Kind::File { mime, filename }))
        }),
    }
}

/// Runs a handler for the account whose token came along.
fn served<T>(
    call: &Call<'_>,
    handler: impl FnOnce(&Account) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let index = call.authenticate()?;
    let account = call.world.account_at(index).ok_or(refusal::INVALID_TOKEN)?;
    call.charge(&account)?;
    let outcome = ENDPOINTS[call.endpoint]
        .check_audience(account.kind)
        .and_then(|()| handler(&account));
    call.write_charge(&account)?;
    outcome
}

/// The answer of WeChat's front to a POST without a length: no JSON.
fn precondition_failed() -> Draft {
    let body = b"<html><head><title>412 Precondition Failed</title></head><body>412 Precondition Failed</body></html>";
    Draft {
        status: 412,
        body: Bytes::from_static(body),
        errcode: 0,
        rid: None,
        kind: Kind::Html,
    }
}

/// The answer a fault asks for.
fn struck(seen: &Seen<'_>, effect: &FaultEffect) -> Draft {
    let status = effect.http_status.unwrap_or(200);
    let Some(code) = effect.errcode else {
        let body = format!("<html><body>{status}</body></html>").into();
        return Draft {
            status,
            body,
            errcode: 0,
            rid: None,
            kind: Kind::Html,
        };
    };
    let mut refusal = Refusal::of(code);
    if let Some(text) = &effect.errmsg {
        refusal = refusal.with_text(text.clone());
    }
    Draft {
        status,
        ..seen.refused(&refusal)
    }
}

/// Tells the client that no further request will be read on this connection:
/// its body was left unread.
fn closing(mut response: Response) -> Reply {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    Reply::Answer(response)
}

/// What the request log needs of a call.
struct Seen<'a> {
    world: &'a World,
    head: &'a http::request::Parts,
    now: i64,
    started: Instant,
    peer: IpAddr,
    account: Option<u32>,
    struck: bool,
}

impl Seen<'_> {
    /// The calls of the old family answer in a style of their own.
    fn is_sns(&self) -> bool {
        self.head.uri.path().starts_with("/sns/")
    }

    fn refused(&self, refusal: &Refusal) -> Draft {
        let rid = self.world.ids.rid(self.now);
        let body = refusal.body(&rid, self.is_sns());
        Draft {
            status: 200,
            body: body.into(),
            errcode: refusal.code,
            rid: Some(rid),
            kind: Kind::Json,
        }
    }

    /// Logs the call and turns the draft into a response.
    fn finish(&self, body: &[u8], draft: Draft) -> Response {
        if draft.errcode != 0 {
            self.world.counters.error(draft.errcode);
        }
        let number = self.world.requests.push(&Finished {
            at: self.now,
            method: &self.head.method,
            path: self.head.uri.path(),
            query: self.head.uri.query().unwrap_or_default(),
            body,
            answer: &draft.body,
            status: draft.status,
            errcode: draft.errcode,
            rid: draft.rid.as_deref(),
            elapsed_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            peer: self.peer.to_canonical(),
            account: self.account,
            struck: self.struck,
            target: None,
        });
        self.world.live.tell(|| Happening::Call(number));
        let mut response = Response::new(Body::from(draft.body));
        *response.status_mut() = StatusCode::from_u16(draft.status).unwrap_or_default();
        let (kind, filename) = match draft.kind {
            Kind::Json if self.is_sns() => (HeaderValue::from_static("text/plain"), None),
            Kind::Json => (JSON, None),
            Kind::Html => (HeaderValue::from_static("text/html"), None),
            Kind::File { mime, filename } => (HeaderValue::from_static(mime), filename),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, kind);
        let saved = filename.map(|name| format!("attachment; filename=\"{name}\""));
        if let Some(saved) = saved.and_then(|saved| HeaderValue::try_from(saved).ok()) {
            headers.insert(CONTENT_DISPOSITION, saved);
        }
        response
    }
}
