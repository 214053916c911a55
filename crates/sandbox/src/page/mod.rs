//! Pages: the phones at `/`, and WeChat's own that people walk through in a
//! browser.

mod authorize;
mod html;
mod jssdk;
mod qrcode;
mod subscribe;
mod visitor;

use axum::extract::State;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

use crate::{AccountView, ClockView, InboxItem, MenuSource, MenuView, PersonView, Sandbox};

/// People shown; a sandbox with more is watched through the control API.
const PEOPLE: usize = 50;
/// Cards shown for each.
const CARDS: usize = 20;

/// One file without outside parts, so that it works offline.
const PAGE: &str = include_str!("index.html");

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/sandbox/v1/page", get(state))
        .route(
            authorize::PATH,
            get(authorize::show).post(authorize::decide),
        )
        .route(
            subscribe::PATH,
            get(subscribe::show).post(subscribe::decide),
        )
        .route(qrcode::PATH, get(qrcode::show))
        .route(SCRIPT, get(jssdk::script))
        .route("/sandbox/v1/jssdk/verify", post(jssdk::verify))
        .route("/sandbox/v1/jssdk/templates", post(jssdk::templates))
        .route("/sandbox/v1/jssdk/subscribe", post(jssdk::subscribe))
}

/// The JS-SDK, under the path it has on WeChat's host.
const SCRIPT: &str = "/open/js/jweixin-1.6.0.js";

/// Whether a path is one of WeChat's pages.
pub(crate) fn is_page(path: &str) -> bool {
    [authorize::PATH, subscribe::PATH, qrcode::PATH, SCRIPT].contains(&path)
}

/// All that the page shows, in one answer.
#[derive(Serialize)]
struct PageView {
    clock: ClockView,
    deliveries: u64,
    people_total: usize,
    accounts: Vec<AccountView>,
    people: Vec<PhoneView>,
}

#[derive(Serialize)]
struct PhoneView {
    #[serde(flatten)]
    person: PersonView,
    /// Of the official accounts that have one.
    menus: Vec<MenuView>,
    inbox: Vec<InboxItem>,
}

async fn state(State(sandbox): State<Sandbox>) -> Json<PageView> {
    let all = sandbox.people();
    let stats = sandbox.stats();
    let people_total = all.len();
    let accounts = sandbox.accounts();
    let people = all
        .into_iter()
        .take(PEOPLE)
        .map(|person| {
            // An unreadable journal shows as an empty phone; the control API tells why.
            let inbox = sandbox
                .inbox(&person.person_id, CARDS)
                .map(|inbox| inbox.items);
            let menus = accounts
                .iter()
                .filter_map(|account| sandbox.menu(&person.person_id, &account.appid).ok())
                .filter(|menu| menu.source != MenuSource::None);
            PhoneView {
                menus: menus.collect(),
                inbox: inbox.unwrap_or_default(),
                person,
            }
        })
        .collect();
    Json(PageView {
        clock: stats.clock,
        deliveries: stats.deliveries,
        people_total,
        accounts,
        people,
    })
}
