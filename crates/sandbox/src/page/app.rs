//! The phone as a program in the browser: files that `web/phone` is built into,
//! embedded when the crate is compiled.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, body::Body};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::html::document;
use crate::control::problem::Problem;
use crate::{AccountView, InboxItem, PersonView, Sandbox, Stats};

/// People listed; a sandbox with more is watched through the control API.
const PEOPLE: usize = 100;
/// Newest things on each phone.
const CARDS: usize = 100;

/// Nothing but our own files, the pictures of messages, and in the phone's
/// browser the pages that messages lead to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: http: https:; media-src 'self' http: https:; frame-src http: https:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// One file of the program, plain and packed.
pub(super) struct File {
    /// Path below the root, such as `assets/index-1a2b3c.js`.
    name: &'static str,
    /// Tells two builds of it apart.
    digest: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

mod files {
    use super::File;
    include!(concat!(env!("OUT_DIR"), "/app_files.rs"));
}

/// The page at `/`.
pub(super) async fn index(headers: HeaderMap) -> Response {
    match find("index.html") {
        Some(file) => serve(file, "no-cache", &headers),
        None => document(
            "鸿雁沙箱 Hongyan sandbox",
            "<h1>手机页面没有编进这个程序</h1>\
             <p>运行 <code>scripts/web.sh</code> 后重新编译，或直接运行 <code>make run</code>。\
             控制接口 <code>/sandbox/v1</code> 照常可用。</p>\
             <h1>The phone is not part of this build</h1>\
             <p>Run <code>scripts/web.sh</code> and build again, or just <code>make run</code>. \
             The control API at <code>/sandbox/v1</code> works all the same.</p>",
        ),
    }
}

/// What the page needs. The names change with the content, so browsers need not
/// ask again.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match find(&format!("assets/{name}")) {
        Some(file) => serve(file, "public, max-age=31536000, immutable", &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn find(name: &str) -> Option<&'static File> {
    files::FILES.iter().find(|file| file.name == name)
}

fn serve(file: &'static File, cache: &'static str, headers: &HeaderMap) -> Response {
    let (bytes, encoding) = packed(file, headers);
    let tag = format!("\"{}-{encoding}\"", file.digest);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(bytes))
    };
    let mut set = |name: HeaderName, value: &'static str| {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    };
    set(CONTENT_TYPE, kind(file.name));
    set(CACHE_CONTROL, cache);
    set(VARY, "accept-encoding");
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(REFERRER_POLICY, "same-origin");
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if encoding != "identity" {
        set(CONTENT_ENCODING, encoding);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The smallest form the browser takes.
fn packed(file: &'static File, headers: &HeaderMap) -> (&'static [u8], &'static str) {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter();
    let accepted: Vec<&str> = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let refused = weight.trim().trim_start_matches("q=").parse() == Ok(0.0_f32);
            (!refused).then_some(name.trim())
        })
        .collect();
    [("br", file.brotli), ("gzip", file.gzip)]
        .into_iter()
        .filter(|(name, _)| accepted.contains(name))
        .find_map(|(name, bytes)| Some((bytes?, name)))
        .unwrap_or((file.plain, "identity"))
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// All that the page starts with, in one answer.
#[derive(Serialize)]
pub(super) struct PageView {
    /// From here on the stream of events tells what changes.
    last_event_id: String,
    stats: Stats,
    people_total: usize,
    accounts: Vec<AccountView>,
    people: Vec<PhoneView>,
}

/// A person and what their phone shows.
#[derive(Serialize)]
pub(super) struct PhoneView {
    #[serde(flatten)]
    person: PersonView,
    /// Newest first, with what they sent themselves.
    inbox: Vec<InboxItem>,
}

/// `GET /sandbox/v1/page`.
pub(super) async fn state(State(sandbox): State<Sandbox>) -> Result<Json<PageView>, Problem> {
    // Before anything is read, so that nothing falls between.
    let (next, _) = sandbox.world.live.watch();
    let all = sandbox.people();
    let people_total = all.len();
    let people = all.into_iter().take(PEOPLE);
    let people = people.map(|person| view(&sandbox, person));
    Ok(Json(PageView {
        last_event_id: sandbox.world.live.id(next),
        people: people.collect::<Result<_, _>>()?,
        people_total,
        stats: sandbox.stats(),
        accounts: sandbox.accounts(),
    }))
}

/// `GET /sandbox/v1/page/{person}`.
pub(super) async fn phone(
    State(sandbox): State<Sandbox>,
    Path(person): Path<String>,
) -> Result<Json<PhoneView>, Problem> {
    Ok(Json(view(&sandbox, sandbox.person(&person)?)?))
}

fn view(sandbox: &Sandbox, person: PersonView) -> Result<PhoneView, Problem> {
    let inbox = sandbox.conversation(&person.person_id, CARDS)?.items;
    Ok(PhoneView { inbox, person })
}

#[cfg(test)]
mod tests {
    use super::*;

    static FILE: File = File {
        name: "assets/a.js",
        digest: "0123",
        plain: b"plain",
        gzip: Some(b"gz"),
        brotli: Some(b"br"),
    };

    fn accepting(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        headers
    }

    #[test]
    fn browsers_get_the_smallest_form_they_take() {
        let form = |value| packed(&FILE, &accepting(value)).1;
        assert_eq!(form("gzip, deflate, br, zstd"), "br");
        assert_eq!(form("gzip;q=1.0, br;q=0"), "gzip");
        assert_eq!(form("deflate"), "identity");
        assert_eq!(packed(&FILE, &HeaderMap::new()).1, "identity");
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let mut headers = accepting("br");
        let first = serve(&FILE, "no-cache", &headers);
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CONTENT_ENCODING], "br");
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(serve(&FILE, "no-cache", &headers).status(), 304);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(serve(&FILE, "no-cache", &headers).status(), 200);
    }

    #[test]
    fn pages_may_run_no_foreign_and_no_inline_scripts() {
        let response = serve(&FILE, "no-cache", &HeaderMap::new());
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
        assert_eq!(
            response.headers()[CONTENT_TYPE],
            "text/javascript; charset=utf-8"
        );
    }
}
