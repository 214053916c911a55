//! The further ways of a request to send, read as the request itself is.

use hongyan_api as api;
use hongyan_domain::template::Violation;
use hongyan_engine::{DraftWay, MOST_WAYS};

use super::{content, draft};
use crate::extract::invalid;

/// Reads further ways. `is_known` tells which accounts the caller may touch. What is wrong is said below `/fallback/N`.
pub(super) fn read(
    ways: Vec<api::Fallback>,
    is_known: &dyn Fn(&str) -> bool,
    wrong: &mut Vec<Violation>,
) -> Vec<DraftWay> {
    let count = ways.len();
    if count > MOST_WAYS {
        wrong.push(invalid(
            "/fallback",
            "count",
            format!("a message has at most {MOST_WAYS} further ways, not {count}"),
            format!("fallback 最多 {MOST_WAYS} 条，现为 {count} 条"),
        ));
        return Vec::new();
    }
    let mut read = Vec::with_capacity(count);
    for (index, way) in ways.into_iter().enumerate() {
        let mut wrong_here = Vec::new();
        read.extend(one(way, is_known, &mut wrong_here));
        wrong.extend(below(&format!("/fallback/{index}"), wrong_here));
    }
    // Places are counted: with one missing, the engine would name the wrong ones.
    if read.len() < count {
        read.clear();
    }
    read
}

/// Violations of a part, as those of the whole.
pub(crate) fn below(place: &str, violations: Vec<Violation>) -> impl Iterator<Item = Violation> {
    violations.into_iter().map(move |mut violation| {
        violation.pointer.insert_str(0, place);
        violation
    })
}

fn one(
    way: api::Fallback,
    is_known: &dyn Fn(&str) -> bool,
    wrong: &mut Vec<Violation>,
) -> Option<DraftWay> {
    let known = is_known(&way.account);
    if !known {
        let shown: String = way.account.chars().take(64).collect();
        wrong.push(invalid(
            "/account",
            "unknown_account",
            format!("there is no account {shown:?}; GET /v1/accounts lists those there are"),
            format!("没有账号“{shown}”；GET /v1/accounts 列出可用账号"),
        ));
    }
    let to = way
        .to
        .as_ref()
        .map(|to| draft::recipient(to, wrong).ok_or(()));
    let account = way.account.clone();
    let request = as_message(way);
    let content = content::read(request, wrong)?;
    // The engine would stop at it; what else is wrong is to be said as well.
    if !known {
        return None;
    }
    Some(DraftWay {
        account,
        to: to.transpose().ok()?,
        content,
    })
}

/// The message that would go this way.
fn as_message(way: api::Fallback) -> api::NewMessage {
    let mut message = api::NewMessage::new(
        way.account,
        way.kind,
        way.to.unwrap_or_default(),
        "",
        api::Data::new(),
    );
    message.template_id = way.template_id;
    message.data = way.data;
    message.url = way.url;
    message.miniprogram = way.miniprogram;
    message.page = way.page;
    message.miniprogram_state = way.miniprogram_state;
    message.lang = way.lang;
    message.scene = way.scene;
    message.title = way.title;
    message.content = way.content;
    message
}
