//! `GET /cgi-bin/ticket/getticket` (page "获取JS-SDK的ticket").

use super::Call;
use crate::event::Event;
use crate::refusal::{self, Outcome};
use crate::state::account::{Account, TicketKind};

/// Life of a ticket.
const LIFE_MS: i64 = 7200 * 1000;

/// The same ticket until it expires, with the time it has left.
pub(super) fn get(call: &Call<'_>, account: &Account) -> Outcome {
    let kind = match &*super::field(call, "type") {
        "jsapi" => TicketKind::Jsapi,
        "wx_card" => TicketKind::WxCard,
        _ => return Err(refusal::INVALID_ARGS),
    };
    let mut book = account.book.lock();
    let current = book
        .tickets
        .iter()
        .rev()
        .find(|one| one.kind == kind && one.expires_at > call.now);
    if let Some(current) = current {
        return Ok(answer(&current.ticket, current.expires_at - call.now));
    }
    let ticket = call.world.ids.ticket();
    let event = Event::Ticket {
        appid: account.appid.to_string(),
        kind,
        ticket: ticket.clone(),
        expires_at: call.now + LIFE_MS,
    };
    call.world.commit_in(account, &mut book, &event)?;
    Ok(answer(&ticket, LIFE_MS))
}

fn answer(ticket: &str, left_ms: i64) -> Vec<u8> {
    let expires_in = left_ms / 1000;
    format!(
        "{{\"errcode\":0,\"errmsg\":\"ok\",\"ticket\":\"{ticket}\",\"expires_in\":{expires_in}}}"
    )
    .into_bytes()
}
