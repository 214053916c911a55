//! Values as columns hold them, and rows as messages.

use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::{Attempt, Delivery, Receipt};
use hongyan_domain::message::{Message, State};
use hongyan_domain::{AccountId, BroadcastId, KeyId, MessageId};
use hongyan_wechat::MsgId;
use jiff::Timestamp;
use rusqlite::Row;

use super::fault::Outcome;
use crate::codes;

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

/// A count of ours that fits, or the largest that does.
pub(super) fn large(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A column with a count; ours are never negative.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

/// The columns `MessageRow::read` expects, first in a query over `message m`.
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

/// A row of `message`, not yet understood: that costs time which the writing
/// thread does not have.
#[derive(Debug)]
pub(super) struct MessageRow {
    pub(super) id: MessageId,
    account: i64,
    created_at: i64,
    openid: String,
    reference: Option<String>,
    priority: i64,
    on_unknown: i64,
    send_at: Option<i64>,
    expires_at: Option<i64>,
    created_by: Option<[u8; 16]>,
    content: String,
    metadata: Option<String>,
    trace_context: Option<String>,
    broadcast: Option<[u8; 16]>,
    handling: Option<String>,
}

impl MessageRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: MessageId::from_bytes(row.get(0)?),
            account: row.get(1)?,
            created_at: row.get(2)?,
            openid: row.get(3)?,
            reference: row.get(4)?,
            priority: row.get(5)?,
            on_unknown: row.get(6)?,
            send_at: row.get(7)?,
            expires_at: row.get(8)?,
            created_by: row.get(9)?,
            content: row.get(10)?,
            metadata: row.get(11)?,
            trace_context: row.get(12)?,
            broadcast: row.get(at::BROADCAST)?,
            handling: row.get(14)?,
        })
    }

    pub(super) fn into_message(self) -> Outcome<Message> {
        Ok(Message {
            id: self.id,
            account: AccountId(self.account),
            to: self.openid.parse()?,
            content: serde_json::from_str(&self.content)?,
            priority: codes::priority(self.priority)?,
            on_unknown: codes::on_unknown(self.on_unknown)?,
            send_at: optional_time(self.send_at),
            expires_at: optional_time(self.expires_at),
            reference: self.reference,
            metadata: self.metadata,
            created_at: from_millisecond(self.created_at),
            created_by: self.created_by.map(KeyId::from_bytes),
            // A trace that cannot be continued is no reason not to send.
            trace_context: self.trace_context.and_then(|text| text.parse().ok()),
            broadcast: self.broadcast.map(BroadcastId::from_bytes),
            handling: self
                .handling
                .as_deref()
                .map(serde_json::from_str)
                .transpose()?,
        })
    }
}

/// The columns `delivery` expects, first in a query over `message m` with
/// `work w` and `outcome o`.
macro_rules! delivery_columns {
    () => {
        concat!(
            $crate::sqlite::row::message_columns!(),
            ", w.due_at, w.claimed_at, w.attempt_count, w.last_errcode, \
             o.state, o.attempt_count, o.last_errcode, o.wechat_msgid, o.settled_at, \
             o.receipt_status, o.receipt_at, m.seq, m.kind"
        )
    };
}
pub(super) use delivery_columns;

/// Where in `delivery_columns` these stand.
pub(super) mod at {
    pub(in crate::sqlite) const ACCOUNT: usize = 1;
    pub(in crate::sqlite) const CREATED_AT: usize = 2;
    pub(in crate::sqlite) const OPENID: usize = 3;
    pub(in crate::sqlite) const REFERENCE: usize = 4;
    pub(in crate::sqlite) const BROADCAST: usize = 13;
    pub(in crate::sqlite) const WORK_ERRCODE: usize = super::MESSAGE_COLUMNS + 3;
    pub(in crate::sqlite) const STATE: usize = super::MESSAGE_COLUMNS + 4;
    pub(in crate::sqlite) const OUTCOME_ERRCODE: usize = super::MESSAGE_COLUMNS + 6;
    pub(in crate::sqlite) const SEQ: usize = super::MESSAGE_COLUMNS + 11;
    pub(in crate::sqlite) const KIND: usize = super::MESSAGE_COLUMNS + 12;
    /// Behind them in searches: since when the receipt is waited for.
    pub(in crate::sqlite) const AWAITED_SINCE: usize = super::MESSAGE_COLUMNS + 13;
}

/// A message with what happened to it, without its attempts.
pub(super) fn delivery(row: &Row<'_>) -> Outcome<Delivery> {
    const WORK: usize = MESSAGE_COLUMNS;
    let message = MessageRow::read(row)?.into_message()?;
    let mut delivery = Delivery {
        message,
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
    if let Some(code) = row.get::<_, Option<i64>>(at::STATE)? {
        delivery.state = codes::state(code)?;
        delivery.attempt_count = row.get(WORK + 5)?;
        delivery.last_errcode = row.get(at::OUTCOME_ERRCODE)?;
        delivery.wechat_msgid = row
            .get::<_, Option<i64>>(WORK + 7)?
            .map(|id| MsgId(id.cast_unsigned()));
        delivery.settled_at = optional_time(row.get(WORK + 8)?);
        let status: Option<String> = row.get(WORK + 9)?;
        let at = optional_time(row.get(WORK + 10)?);
        delivery.receipt = status.zip(at).map(|(status, at)| Receipt { status, at });
    } else {
        // A message is in `work` or in `outcome`; without either this fails.
        let due_at = from_millisecond(row.get(WORK)?);
        let claimed_at: Option<i64> = row.get(WORK + 1)?;
        delivery.due_at = Some(due_at);
        delivery.leased_until = claimed_at.map(|_| due_at);
        delivery.attempt_count = row.get(WORK + 2)?;
        delivery.last_errcode = row.get(at::WORK_ERRCODE)?;
    }
    Ok(delivery)
}

/// A row of `attempt`: at, outcome, elapsed_ms, errcode, errmsg, rid.
pub(super) fn attempt(row: &Row<'_>) -> Outcome<Attempt> {
    Ok(Attempt {
        at: from_millisecond(row.get(0)?),
        outcome: codes::outcome_kind(row.get::<_, i64>(1)?)?,
        elapsed_ms: row.get(2)?,
        errcode: row.get(3)?,
        errmsg: row.get(4)?,
        rid: row.get(5)?,
    })
}
