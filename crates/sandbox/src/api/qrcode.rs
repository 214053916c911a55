//! `POST /cgi-bin/qrcode/create` (page "生成带参数的二维码").

use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::admin::render;
use crate::event::Event;
use crate::refusal::{self, Outcome, Refusal};
use crate::state::account::Account;
use crate::state::qr::QrCode;

/// Longest life of a temporary code, and that of one that names none, seconds.
const LONGEST_S: i64 = 2_592_000;
const DEFAULT_S: i64 = 60;
/// Permanent codes, and the highest scene of one with a number.
const PERMANENT: usize = 100_000;
const PERMANENT_SCENE: u64 = 100_000;
/// Longest scene that is a text, in characters.
const SCENE_CHARS: usize = 64;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    expire_seconds: Option<i64>,
    #[serde(default)]
    action_name: String,
    #[serde(default)]
    action_info: Value,
}

/// A permanent code of a scene that has one is the same code again.
pub(super) fn create(call: &Call<'_>, account: &Account) -> Outcome {
    let body: Body = call.json(Some(account))?;
    let number = |highest: u64| {
        let id = body.action_info["scene"]["scene_id"].as_u64();
        id.filter(|id| (1..=highest).contains(id))
            .map(|id| id.to_string())
            .ok_or(refusal::ACTION_INFO)
    };
    let text = || {
        let text = body.action_info["scene"]["scene_str"].as_str();
        text.filter(|text| (1..=SCENE_CHARS).contains(&text.chars().count()))
            .map(str::to_owned)
            .ok_or(refusal::ACTION_INFO)
    };
    let (scene, is_permanent) = match body.action_name.as_str() {
        "QR_SCENE" => (number(u32::MAX.into())?, false),
        "QR_STR_SCENE" => (text()?, false),
        "QR_LIMIT_SCENE" => (number(PERMANENT_SCENE)?, true),
        "QR_LIMIT_STR_SCENE" => (text()?, true),
        _ => return Err(refusal::ACTION_NAME),
    };
    let seconds = life(&body, is_permanent)?;
    let mut book = account.book.lock();
    if is_permanent {
        let known = book.codes.by_scene(&scene);
        if let Some(known) = known.filter(|code| code.expires_at.is_none()) {
            return answer(known, None);
        }
        if book.codes.permanent() >= PERMANENT {
            return Err(refusal::TOO_MANY_CODES);
        }
    }
    let code = QrCode {
        ticket: call.world.ids.qr_ticket(),
        scene,
        expires_at: seconds.map(|seconds| call.now + seconds * 1000),
        url: format!("http://weixin.qq.com/q/02{}", call.world.ids.word(20)),
    };
    let event = Event::Qr {
        appid: account.appid.to_string(),
        code: code.clone(),
    };
    call.world.commit_in(account, &mut book, &event)?;
    answer(&code, seconds)
}

fn life(body: &Body, is_permanent: bool) -> Result<Option<i64>, Refusal> {
    if is_permanent {
        return Ok(None);
    }
    let seconds = body.expire_seconds.unwrap_or(DEFAULT_S);
    if (1..=LONGEST_S).contains(&seconds) {
        Ok(Some(seconds))
    } else {
        Err(refusal::ACTION_INFO)
    }
}

fn answer(code: &QrCode, seconds: Option<i64>) -> Outcome {
    let mut answer = json!({ "ticket": code.ticket });
    if let Some(seconds) = seconds {
        answer["expire_seconds"] = seconds.into();
    }
    answer["url"] = code.url.as_str().into();
    render(&answer)
}
