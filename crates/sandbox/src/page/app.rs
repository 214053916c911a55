//! The phone as a program in the browser: files that `web/phone` is built into,
//! embedded when the crate is compiled.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::HOST;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::embedded::{FOR_EVER, File, serve};
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

mod files {
    use crate::page::embedded::File;
    include!(concat!(env!("OUT_DIR"), "/app_files.rs"));
}

/// The page at `/`. Frames and cookies belong to hosts, so the phone stands where the
/// pages it opens are, even if somebody wrote the other name of the same machine.
pub(super) async fn index(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    let asked = headers.get(HOST).and_then(|host| host.to_str().ok());
    if let Some(there) = loopback(sandbox.world.config.public_url.as_deref(), asked) {
        return Redirect::temporary(&there).into_response();
    }
    match find("index.html") {
        Some(file) => serve(file, "no-cache", POLICY, &headers),
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

/// The page's own address, where it was asked for as `localhost`.
fn loopback(public_url: Option<&str>, asked: Option<&str>) -> Option<String> {
    let port = asked?.strip_prefix("localhost")?;
    let own = format!("http://127.0.0.1{port}");
    (public_url?.trim_end_matches('/') == own).then(|| format!("{own}/"))
}

/// What the page needs. The names change with the content, so browsers need not
/// ask again.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match find(&format!("assets/{name}")) {
        Some(file) => serve(file, FOR_EVER, POLICY, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn find(name: &str) -> Option<&'static File> {
    files::FILES.iter().find(|file| file.name == name)
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

    #[test]
    fn the_other_name_of_this_machine_leads_to_the_pages_own() {
        let own = Some("http://127.0.0.1:8700");
        let there = |asked| loopback(own, Some(asked));
        assert_eq!(there("localhost:8700").unwrap(), "http://127.0.0.1:8700/");
        assert_eq!(there("127.0.0.1:8700"), None);
        assert_eq!(there("localhost:9000"), None, "through a tunnel");
        assert_eq!(loopback(None, Some("localhost:8700")), None);
        let elsewhere = Some("https://sandbox.example");
        assert_eq!(loopback(elsewhere, Some("localhost:8700")), None);
    }

    #[test]
    fn the_phone_may_run_no_foreign_and_no_inline_scripts() {
        assert!(POLICY.contains("script-src 'self';") && !POLICY.contains("unsafe"));
    }
}
