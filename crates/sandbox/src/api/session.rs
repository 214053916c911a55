//! Logins of mini programs: `GET /sns/jscode2session` (page "小程序登录") and
//! `GET /wxa/checksession` (page "检验登录态").

use serde_json::json;

use super::admin::render;
use super::tokens::authorize;
use super::users::unionid_of;
use super::{Call, field};
use crate::callback::crypto::session_signature;
use crate::event::Event;
use crate::model::AccountKind;
use crate::refusal::{self, Outcome, ok};
use crate::state::account::Account;
use crate::state::logins::BadCode;

/// Exchanges a code, once, for openid and session key. Every exchange makes a
/// new key; WeChat only may do so.
pub(super) fn from_code(call: &Call<'_>) -> Outcome {
    let account = authorize(call, &field(call, "appid"), &field(call, "secret"))?;
    if account.kind != AccountKind::MiniProgram {
        return Err(refusal::INVALID_APPID);
    }
    if field(call, "grant_type") != "authorization_code" {
        return Err(refusal::INVALID_GRANT_TYPE);
    }
    let code = field(call, "js_code");
    if code.is_empty() {
        return Err(refusal::CODE_MISSING);
    }
    let openid = {
        // Held from looking to using: a code is good for one of two callers.
        let _guard = call.world.control.lock();
        let logins = call.world.logins.lock();
        let openid = logins
            .check(&code, &account.appid, true, call.now)
            .map(|code| code.openid.clone())
            .map_err(|bad| match bad {
                // Expired ones are as unknown as those never issued.
                BadCode::Unknown | BadCode::Expired => refusal::INVALID_CODE,
                BadCode::Used => refusal::CODE_USED,
            })?;
        drop(logins);
        call.world.commit(&Event::CodeUsed { code })?;
        openid
    };
    let session_key = call.world.ids.session_key();
    let event = Event::Session {
        appid: account.appid.to_string(),
        openid: openid.clone(),
        session_key: session_key.clone(),
    };
    let mut book = account.book.lock();
    call.world.commit_in(&account, &mut book, &event)?;
    drop(book);
    let mut answer = json!({ "session_key": session_key, "openid": openid });
    if let Some(unionid) = unionid_of(call.world, &account, &openid) {
        answer["unionid"] = unionid.into();
    }
    render(&answer)
}

/// Whether a session key is the last one of its person.
pub(super) fn check(call: &Call<'_>, account: &Account) -> Outcome {
    if field(call, "sig_method") != "hmac_sha256" {
        return Err(refusal::INVALID_SIG_METHOD);
    }
    let openid = field(call, "openid");
    let book = account.book.lock();
    let member = book.member(&openid).ok_or(refusal::INVALID_OPENID)?;
    let expected = member.talk.session_key.as_deref().map(session_signature);
    if expected.is_some_and(|expected| expected == field(call, "signature")) {
        ok()
    } else {
        Err(refusal::INVALID_SIGNATURE)
    }
}
