//! Values as columns hold them, and rows as messages.

use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::{Attempt, Delivery, Receipt};
use hongyan_domain::message::{Message, State};
use hongyan_domain::{AccountId, BroadcastId, KeyId, MessageId};
use hongyan_wechat::MsgId;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::Outcome;
use crate::codes;

/// The time in milliseconds: the parameter's where a test sets it, else the
/// database's at this very moment, not at the beginning of the transaction.
macro_rules! now {
    ($parameter:literal) => {
        concat!(
            "coalesce(",
            $parameter,
            "::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
        )
    };
}
pub(super) use now;

pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn optional_millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(millis)
}

pub(super) fn optional_time(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(from_millisecond)
}

/// A number of ours that fits, or the largest that does.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as its column holds it, which no message lives long enough to fill.
pub(super) fn small(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

pub(super) fn count(stored: i32) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}

pub(super) fn message_uuid(id: MessageId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn message_id(uuid: Uuid) -> MessageId {
    MessageId::from_bytes(uuid.into_bytes())
}

pub(super) fn key_uuid(id: KeyId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn key_id(uuid: Uuid) -> KeyId {
    KeyId::from_bytes(uuid.into_bytes())
}

pub(super) fn broadcast_uuid(id: BroadcastId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn broadcast_id(uuid: Uuid) -> BroadcastId {
    BroadcastId::from_bytes(uuid.into_bytes())
}

/// The least id of a message made at this millisecond or later: ids begin with
/// the time (RFC 9562, 5.7).
pub(super) fn first_id_at(millisecond: i64) -> Uuid {
    let millisecond = u128::try_from(millisecond.clamp(0, (1 << 48) - 1)).unwrap_or(0);
    Uuid::from_u128(millisecond << 80)
}

/// A text as PostgreSQL can hold it: without the character of number zero, in
/// whose place its picture stands.
pub(super) fn text(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{2400}").into()
    } else {
        text.into()
    }
}

/// The columns [`message`] expects, first in a query over `message m`.
macro_rules! message_columns {
    () => {
        "m.id, m.account, m.created_at, m.openid, m.reference, m.priority, m.on_unknown, \
         m.send_at, m.expires_at, m.created_by, m.content, m.metadata, m.trace_context, \
         m.broadcast, m.handling"
    };
}
pub(super) use message_columns;

/// How many columns that are.
pub(super) const MESSAGE_COLUMNS: usize = 15;

/// A row of `message`.
pub(super) fn message(row: &Row) -> Outcome<Message> {
    let openid: &str = row.try_get(3)?;
    let priority: i16 = row.try_get(5)?;
    let on_unknown: i16 = row.try_get(6)?;
    let content: &str = row.try_get(10)?;
    Ok(Message {
        id: message_id(row.try_get(0)?),
        account: AccountId(row.try_get(1)?),
        to: openid.parse()?,
        content: serde_json::from_str(content)?,
        priority: codes::priority(priority)?,
        on_unknown: codes::on_unknown(on_unknown)?,
        send_at: optional_time(row.try_get(7)?),
        expires_at: optional_time(row.try_get(8)?),
        reference: row.try_get(4)?,
        metadata: row.try_get(11)?,
        created_at: from_millisecond(row.try_get(2)?),
        created_by: row.try_get::<_, Option<Uuid>>(9)?.map(key_id),
        // A trace that cannot be continued is no reason not to send.
        trace_context: row
            .try_get::<_, Option<&str>>(12)?
            .and_then(|text| text.parse().ok()),
        broadcast: row.try_get::<_, Option<Uuid>>(13)?.map(broadcast_id),
        handling: row
            .try_get::<_, Option<&str>>(14)?
            .map(serde_json::from_str)
            .transpose()?,
    })
}

/// The columns [`delivery`] expects, first in a query over `message m` with
/// `work w` and `outcome o`.
macro_rules! delivery_columns {
    () => {
        concat!(
            $crate::postgres::row::message_columns!(),
            ", w.due_at, w.claimed_at, w.attempt_count, w.last_errcode, \
             o.state, o.attempt_count, o.last_errcode, o.wechat_msgid, o.settled_at, \
             o.receipt_status, o.receipt_at"
        )
    };
}
pub(super) use delivery_columns;

/// How many columns that are.
pub(super) const DELIVERY_COLUMNS: usize = MESSAGE_COLUMNS + 11;

/// A message with what happened to it, without its attempts.
pub(super) fn delivery(row: &Row) -> Outcome<Delivery> {
    const WORK: usize = MESSAGE_COLUMNS;
    const OVER: usize = WORK + 4;
    let mut delivery = Delivery {
        message: message(row)?,
        state: State::Open,
        due_at: None,
        leased_until: None,
        wechat_msgid: None,
        settled_at: None,
        last_errcode: None,
        attempts: Vec::new(),
        attempt_count: 0,
        receipt: None,
    };
    if let Some(code) = row.try_get::<_, Option<i16>>(OVER)? {
        delivery.state = codes::state(code)?;
        delivery.attempt_count = count(row.try_get(OVER + 1)?);
        delivery.last_errcode = row.try_get(OVER + 2)?;
        let msgid: Option<i64> = row.try_get(OVER + 3)?;
        delivery.wechat_msgid = msgid.map(|id| MsgId(id.cast_unsigned()));
        delivery.settled_at = optional_time(row.try_get(OVER + 4)?);
        let status: Option<String> = row.try_get(OVER + 5)?;
        let at = optional_time(row.try_get(OVER + 6)?);
        delivery.receipt = status.zip(at).map(|(status, at)| Receipt { status, at });
    } else {
        // A message is in `work` or in `outcome`; without either this fails.
        let due_at = from_millisecond(row.try_get(WORK)?);
        let claimed_at: Option<i64> = row.try_get(WORK + 1)?;
        delivery.due_at = Some(due_at);
        delivery.leased_until = claimed_at.map(|_| due_at);
        delivery.attempt_count = count(row.try_get(WORK + 2)?);
        delivery.last_errcode = row.try_get(WORK + 3)?;
    }
    Ok(delivery)
}

/// The columns [`attempt`] expects, in a query over `attempt t`.
macro_rules! attempt_columns {
    () => {
        "t.at, t.outcome, t.elapsed_ms, t.errcode, t.errmsg, t.rid"
    };
}
pub(super) use attempt_columns;

/// The attempt that begins at column `from`, if there is one.
pub(super) fn attempt(row: &Row, from: usize) -> Outcome<Option<Attempt>> {
    let Some(at) = row.try_get::<_, Option<i64>>(from)? else {
        return Ok(None);
    };
    let outcome: i16 = row.try_get(from + 1)?;
    let elapsed: i64 = row.try_get(from + 2)?;
    Ok(Some(Attempt {
        at: from_millisecond(at),
        outcome: codes::outcome_kind(outcome)?,
        elapsed_ms: u32::try_from(elapsed).unwrap_or(u32::MAX),
        errcode: row.try_get(from + 3)?,
        errmsg: row.try_get(from + 4)?,
        rid: row.try_get(from + 5)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_by_their_time() {
        let at = from_millisecond(1_800_000_000_123);
        let first = first_id_at(millis(at));
        for random in [[0; 10], [255; 10]] {
            let id = message_uuid(MessageId::new(at, random));
            assert!(id >= first && id < first_id_at(millis(at) + 1));
        }
        assert_eq!(first_id_at(i64::MIN), Uuid::nil());
    }

    #[test]
    fn texts_have_no_zero_in_them() {
        assert_eq!(text("a\0b"), "a\u{2400}b");
        assert!(matches!(text("ab"), std::borrow::Cow::Borrowed(_)));
    }
}
