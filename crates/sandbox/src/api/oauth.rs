//! Web authorisation: `GET /sns/oauth2/*`, `/sns/userinfo`, `/sns/auth` (page
//! "网页授权"). Codes come from the page `/connect/oauth2/authorize`.

use serde_json::{Value, json};

use super::admin::render;
use super::tokens::authorize;
use super::{Call, field, users};
use crate::event::Event;
use crate::ids::other_unionid;
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::Account;
use crate::state::logins::{ACCESS_MS, BadCode, Purpose, REFRESH_MS, UserToken};

/// What a snapshot shows instead of the person.
const SNAPSHOT_NAME: &str = "微信用户";

pub(super) fn access_token(call: &Call<'_>) -> Outcome {
    let account = authorize(call, &field(call, "appid"), &field(call, "secret"))?;
    let code = field(call, "code");
    if code.is_empty() {
        return Err(refusal::CODE_MISSING);
    }
    if field(call, "grant_type") != "authorization_code" {
        return Err(refusal::INVALID_GRANT_TYPE);
    }
    let token = {
        // Held from looking to using: a code is good for one of two callers.
        let _guard = call.world.control.lock();
        let logins = call.world.logins.lock();
        let known = logins
            .check(&code, &account.appid, false, call.now)
            .cloned()
            .map_err(|bad| match bad {
                BadCode::Unknown => refusal::INVALID_CODE,
                BadCode::Expired => refusal::CODE_EXPIRED,
                BadCode::Used => refusal::CODE_USED,
            })?;
        drop(logins);
        call.world.commit(&Event::CodeUsed { code })?;
        let token = UserToken {
            access_token: call.world.ids.access_token(),
            refresh_token: call.world.ids.access_token(),
            appid: known.appid,
            openid: known.openid,
            purpose: known.purpose,
            at: call.now,
            since: call.now,
        };
        call.world.commit(&Event::UserToken(token.clone()))?;
        token
    };
    let mut answer = tokens(&token);
    match token.purpose {
        Purpose::Snapshot => answer["is_snapshotuser"] = 1.into(),
        Purpose::UserInfo => {
            if let Some(unionid) = unionid_of(call, &account, &token) {
                answer["unionid"] = unionid.into();
            }
        }
        Purpose::Base | Purpose::Login => {}
    }
    render(&answer)
}

pub(super) fn refresh_token(call: &Call<'_>) -> Outcome {
    let appid = field(call, "appid");
    if appid.is_empty() {
        return Err(refusal::APPID_MISSING);
    }
    let account = call.world.account(&appid).ok_or(refusal::INVALID_APPID)?;
    call.account.set(Some(account.index));
    if field(call, "grant_type") != "refresh_token" {
        return Err(refusal::INVALID_GRANT_TYPE);
    }
    let refresh = field(call, "refresh_token");
    if refresh.is_empty() {
        return Err(refusal::REFRESH_TOKEN_MISSING);
    }
    let known = call.world.logins.lock().by_refresh(&refresh).cloned();
    let known = known
        .filter(|token| token.appid == appid)
        .ok_or(refusal::INVALID_REFRESH_TOKEN)?;
    if call.now - known.since >= REFRESH_MS {
        return Err(refusal::REFRESH_TOKEN_EXPIRED);
    }
    let token = UserToken {
        access_token: call.world.ids.access_token(),
        at: call.now,
        ..known
    };
    call.world.commit(&Event::UserToken(token.clone()))?;
    render(&tokens(&token))
}

/// Only for the scope `snsapi_userinfo`; sex and region are empty since 2021.
pub(super) fn user_info(call: &Call<'_>) -> Outcome {
    let (account, token) = bearer(call)?;
    let nickname = match token.purpose {
        Purpose::Base | Purpose::Login => return Err(refusal::UNAUTHORIZED),
        Purpose::Snapshot => SNAPSHOT_NAME.to_owned(),
        Purpose::UserInfo => nickname(call, &account, &token.openid),
    };
    let mut answer = json!({
        "openid": token.openid,
        "nickname": nickname,
        "sex": 0,
        "language": "",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
    });
    if let Some(unionid) = unionid_of(call, &account, &token) {
        answer["unionid"] = unionid.into();
    }
    render(&answer)
}

pub(super) fn is_valid(call: &Call<'_>) -> Outcome {
    bearer(call)?;
    ok()
}

/// The person's token in the query, with the openid it must belong to.
fn bearer(call: &Call<'_>) -> Result<(std::sync::Arc<Account>, UserToken), Refusal> {
    let text = field(call, "access_token");
    if text.is_empty() {
        return Err(refusal::TOKEN_MISSING);
    }
    let token = call.world.logins.lock().by_access(&text).cloned();
    let token = token.ok_or(refusal::INVALID_CREDENTIAL)?;
    if call.now - token.at >= ACCESS_MS {
        return Err(refusal::TOKEN_EXPIRED);
    }
    if token.openid != field(call, "openid") {
        return Err(refusal::INVALID_OPENID);
    }
    let account = call.world.account(&token.appid);
    let account = account.ok_or(refusal::INVALID_CREDENTIAL)?;
    call.account.set(Some(account.index));
    Ok((account, token))
}

fn tokens(token: &UserToken) -> Value {
    json!({
        "access_token": token.access_token,
        "expires_in": ACCESS_MS / 1000,
        "refresh_token": token.refresh_token,
        "openid": token.openid,
        "scope": token.purpose.scope(),
    })
}

fn person_of(account: &Account, openid: &str) -> Option<std::sync::Arc<str>> {
    let book = account.book.lock();
    book.member(openid)
        .and_then(|member| member.person_id.clone())
}

fn nickname(call: &Call<'_>, account: &Account, openid: &str) -> String {
    let person = person_of(account, openid);
    let people = call.world.people.lock();
    person
        .and_then(|id| people.get(&id).map(|person| person.nickname.to_string()))
        .unwrap_or_default()
}

/// A snapshot's unionid is as made up as its openid.
fn unionid_of(call: &Call<'_>, account: &Account, token: &UserToken) -> Option<String> {
    if token.purpose == Purpose::Snapshot {
        let platform = account.settings.read().open_platform.clone()?;
        return Some(other_unionid(&token.openid, &platform));
    }
    users::unionid_of(call.world, account, &token.openid)
}
