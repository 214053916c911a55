//! `GET /cgi-bin/token` and `POST /cgi-bin/stable_token` (pages
//! "获取接口调用凭据" and "获取稳定版接口调用凭据").

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::Call;
use crate::event::Event;
use crate::refusal::{self, Outcome, Refusal};
use crate::state::account::{Account, Book};
use crate::state::token::{LIFE_MS, StableDecision, TokenFamily};

pub(super) fn classic(call: &Call<'_>) -> Outcome {
    let field = |name| call.query.get(name).unwrap_or_default();
    let account = identify(
        call,
        &field("grant_type"),
        &field("appid"),
        &field("secret"),
    )?;
    let mut book = account.book.lock();
    let token = issue(call, &account, &mut book, TokenFamily::Classic, false)?;
    Ok(answer(&token, LIFE_MS / 1000))
}

#[derive(Deserialize)]
struct StableBody {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    appid: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    force_refresh: bool,
}

pub(super) fn stable(call: &Call<'_>) -> Outcome {
    let body: StableBody = call.json(None)?;
    let account = identify(call, &body.grant_type, &body.appid, &body.secret)?;
    let mut book = account.book.lock();
    match book.keyring.decide_stable(body.force_refresh, call.now)? {
        StableDecision::Repeat { text, expires_in_s } => Ok(answer(&text, expires_in_s)),
        StableDecision::Issue { forced } => {
            let token = issue(call, &account, &mut book, TokenFamily::Stable, forced)?;
            Ok(answer(&token, LIFE_MS / 1000))
        }
    }
}

/// The account behind appid and secret, after its allow-list and daily quota.
fn identify(
    call: &Call<'_>,
    grant_type: &str,
    appid: &str,
    secret: &str,
) -> Result<Arc<Account>, Refusal> {
    if grant_type != "client_credential" {
        return Err(refusal::INVALID_GRANT_TYPE);
    }
    let account = authorize(call, appid, secret)?;
    if !account.allows(call.peer) {
        return Err(not_on_list(call.peer));
    }
    call.charge(&account)?;
    call.write_charge(&account)?;
    Ok(account)
}

/// The account behind appid and secret: 41002, 40013, 41004, 40125.
pub(super) fn authorize(
    call: &Call<'_>,
    appid: &str,
    secret: &str,
) -> Result<Arc<Account>, Refusal> {
    if appid.is_empty() {
        return Err(refusal::APPID_MISSING);
    }
    let account = call.world.account(appid).ok_or(refusal::INVALID_APPID)?;
    if secret.is_empty() {
        return Err(refusal::SECRET_MISSING);
    }
    if account.settings.read().secret != secret {
        return Err(refusal::INVALID_SECRET);
    }
    call.account.set(Some(account.index));
    Ok(account)
}

fn not_on_list(peer: IpAddr) -> Refusal {
    let seen = peer.to_canonical();
    let mapped = match seen {
        IpAddr::V4(ip) => format!("::ffff:{ip}"),
        IpAddr::V6(ip) => ip.to_string(),
    };
    refusal::IP_NOT_ALLOWED.with_text(format!("invalid ip {seen} ipv6 {mapped}, not in whitelist"))
}

fn issue(
    call: &Call<'_>,
    account: &Account,
    book: &mut Book,
    family: TokenFamily,
    forced: bool,
) -> Result<String, Refusal> {
    let token = call.world.ids.access_token();
    let event = Event::Token {
        appid: account.appid.to_string(),
        family,
        token: token.clone(),
        issued_at: call.now,
        expires_at: call.now + LIFE_MS,
        forced,
    };
    call.world.commit_in(account, book, &event)?;
    Ok(token)
}

fn answer(token: &str, expires_in_s: i64) -> Vec<u8> {
    format!("{{\"access_token\":\"{token}\",\"expires_in\":{expires_in_s}}}").into_bytes()
}
