//! `POST /cgi-bin/message/custom/typing` and `…/business/typing` (page
//! "客服输入状态").

use serde::Deserialize;

use super::Call;
use crate::refusal::{self, Outcome, ok};
use crate::state::account::{Account, Recipient};

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    touser: String,
    #[serde(default)]
    command: String,
}

/// Needs an exchange within the last 30 seconds; shown for 15.
pub(super) fn set(call: &Call<'_>, account: &Account) -> Outcome {
    let body: Body = call.json(Some(account))?;
    let on = match body.command.as_str() {
        "Typing" => true,
        "CancelTyping" => false,
        _ => return Err(refusal::INVALID_COMMAND),
    };
    let mut book = account.book.lock();
    let recipient = account
        .recipient(&book, &body.touser)
        .ok_or(refusal::INVALID_OPENID)?;
    let Recipient::Member(index) = recipient else {
        return Err(refusal::NOT_LIVELY);
    };
    let member = book.members.get_mut(index).ok_or(refusal::INVALID_OPENID)?;
    if !member.talk.is_lively(call.now) {
        return Err(refusal::NOT_LIVELY);
    }
    if on && member.talk.is_typing(call.now) {
        return Err(refusal::TYPING_ALREADY);
    }
    member.talk.set_typing(call.now, on);
    ok()
}
