//! Taking messages in, looking at them, and changing their course by hand.

use async_trait::async_trait;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::{Delivery, OutcomeKind};
use hongyan_domain::message::{Message, State};
use hongyan_domain::port::{
    Accepted, Cancellation, MessageFilter, MessageStore, NewBatch, Page, Requeue, StoreError,
    StoredResponse,
};
use hongyan_domain::{BroadcastId, KeyId, MessageId};
use hongyan_wechat::{ErrClass, ErrCode};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, Outcome};
use super::idempotency::{self, Answer};
use super::news::Teller;
use super::row::{self, delivery_columns, millis, optional_millis};
use super::settle::{Finisher, Over};
use super::{SqliteStore, ledger, search, tally, term};
use crate::codes;
use crate::ledger::use_of_end;
use crate::webhook::News;

#[async_trait]
impl MessageStore for SqliteStore {
    async fn accept(&self, batch: NewBatch) -> Result<Accepted, StoreError> {
        let NewBatch {
            messages,
            idempotency,
        } = batch;
        // Everything that can be done here is: the writing thread is the
        // bottleneck.
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, &kept))
            .transpose()?;
        let messages = Incoming::all(messages)?;
        let now = millis(self.clock.now());
        match self
            .write(messages.len(), move |db| {
                take_in(db, &messages, answer.as_ref(), now)
            })
            .await?
        {
            Taken::Stored => Ok(Accepted::Stored),
            Taken::KeyReused => Ok(Accepted::KeyReused),
            Taken::Earlier(earlier) => Ok(Accepted::Replayed(idempotency::unseal(
                &self.seal, &earlier,
            )?)),
        }
    }

    async fn earlier_response(
        &self,
        caller: KeyId,
        key: &str,
    ) -> Result<Option<([u8; 32], StoredResponse)>, StoreError> {
        let (key, now) = (key.to_owned(), millis(self.clock.now()));
        match self
            .read(move |db| idempotency::find(db, caller, &key, now))
            .await?
        {
            Some(earlier) => Ok(Some((
                earlier.fingerprint,
                idempotency::unseal(&self.seal, &earlier)?,
            ))),
            None => Ok(None),
        }
    }

    async fn delivery(&self, id: MessageId) -> Result<Option<Delivery>, StoreError> {
        self.read(move |db| one(db, id)).await
    }

    async fn deliveries(
        &self,
        filter: &MessageFilter,
        page: Page<MessageId>,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (filter, now) = (filter.clone(), self.clock.now());
        self.read(move |db| search::search(db, &filter, page, now))
            .await
    }

    async fn cancel(&self, id: MessageId, at: Timestamp) -> Result<Cancellation, StoreError> {
        let now = millis(self.clock.now());
        self.write(1, move |db| cancel(db, id, millis(at), now))
            .await
    }

    async fn requeue(&self, id: MessageId, at: Timestamp) -> Result<Requeue, StoreError> {
        let now = millis(self.clock.now());
        self.write(1, move |db| requeue(db, id, millis(at), now))
            .await
    }

    async fn forget_old_responses(&self, limit: usize) -> Result<usize, StoreError> {
        let now = millis(self.clock.now());
        self.write(1, move |db| idempotency::forget(db, limit, now))
            .await
    }

    async fn forget_finished(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.forget_some(before, limit).await
    }
}

/// A message on its way in, with its texts made.
pub(super) struct Incoming {
    pub(super) message: Message,
    content: String,
    handling: Option<String>,
}

impl Incoming {
    pub(super) fn all(messages: impl IntoIterator<Item = Message>) -> Outcome<Vec<Self>> {
        messages
            .into_iter()
            .map(|message| {
                Ok(Self {
                    content: serde_json::to_string(&message.content)?,
                    handling: message
                        .handling
                        .as_ref()
                        .map(serde_json::to_string)
                        .transpose()?,
                    message,
                })
            })
            .collect()
    }
}

/// What the writing thread did with a batch.
enum Taken {
    Stored,
    Earlier(Answer),
    KeyReused,
}

fn take_in(
    db: &Connection,
    messages: &[Incoming],
    answer: Option<&Answer>,
    now: i64,
) -> Outcome<Taken> {
    if let Some(answer) = answer {
        if let Some(earlier) = idempotency::earlier(db, answer, now)? {
            let same = earlier.fingerprint == answer.fingerprint;
            return Ok(if same {
                Taken::Earlier(earlier)
            } else {
                Taken::KeyReused
            });
        }
        idempotency::keep(db, answer, now)?;
    }
    queue_all(db, messages)?;
    Ok(Taken::Stored)
}

/// Puts messages into the queue.
pub(super) fn queue_all<'a>(
    db: &Connection,
    messages: impl IntoIterator<Item = &'a Incoming>,
) -> Outcome<()> {
    // The account that was looked up last, and the times of the span written to
    // last: both are mostly the same for all messages.
    let mut account = None;
    let mut span: Option<(i64, i64, i64)> = None;
    for incoming in messages {
        let message = &incoming.message;
        if account != Some(message.account) {
            db.prepare_cached("-- messages.account\nSELECT 1 FROM account WHERE id = ?1")?
                .query_one([message.account.0], |_| Ok(()))
                .optional()?
                .ok_or_else(|| Fault::missing("the account"))?;
            account = Some(message.account);
        }
        let (seq, created_at) = (insert(db, incoming)?, millis(message.created_at));
        span = Some(match span {
            Some((last, oldest, newest)) if term::span(last) == term::span(seq) => {
                (seq, oldest.min(created_at), newest.max(created_at))
            }
            full => {
                if let Some((last, oldest, newest)) = full {
                    term::widen(db, last, oldest, newest)?;
                }
                (seq, created_at, created_at)
            }
        });
    }
    if let Some((last, oldest, newest)) = span {
        term::widen(db, last, oldest, newest)?;
    }
    Ok(())
}

fn insert(db: &Connection, incoming: &Incoming) -> Outcome<i64> {
    let message = &incoming.message;
    let expires_at = optional_millis(message.expires_at);
    db.prepare_cached(
        "-- messages.insert\n\
         INSERT INTO message (id, account, kind, created_at, openid, reference, priority, \
            on_unknown, send_at, expires_at, created_by, content, metadata, \
            trace_context, broadcast, handling) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        message.id.as_bytes(),
        message.account.0,
        codes::kind_code(message.kind()),
        millis(message.created_at),
        message.to.as_str(),
        message.reference,
        message.priority.band(),
        codes::on_unknown_code(message.on_unknown),
        optional_millis(message.send_at),
        expires_at,
        message.created_by.as_ref().map(KeyId::as_bytes),
        incoming.content,
        message.metadata,
        message.trace_context.as_ref().map(ToString::to_string),
        message.broadcast.as_ref().map(BroadcastId::as_bytes),
        incoming.handling,
    ])
    .map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => {
            Fault::taken(format!("the id {}", message.id))
        }
        _ => error.into(),
    })?;
    let seq = db.last_insert_rowid();
    let due_at = millis(message.first_due_at());
    db.prepare_cached(
        "-- messages.queue\n\
         INSERT INTO work (seq, account, band, due_at, lease_token, attempts, attempt_count, \
            expires_at) \
         VALUES (?1, ?2, ?3, ?4, 0, 0, 0, ?5)",
    )?
    .execute(params![
        seq,
        message.account.0,
        message.priority.band(),
        // Its end is noticed when it comes, not when it would have been sent.
        expires_at.map_or(due_at, |end| end.min(due_at)),
        expires_at,
    ])?;
    if term::span(seq) != term::span(seq - 1) {
        term::enter_full_span(db, seq)?;
    }
    Ok(seq)
}

fn one(db: &Connection, id: MessageId) -> Outcome<Option<Delivery>> {
    let mut found = db.prepare_cached(concat!(
        "-- messages.one\nSELECT ",
        delivery_columns!(),
        " FROM message m JOIN account a ON a.id = m.account \
         LEFT JOIN work w ON w.seq = m.seq LEFT JOIN outcome o ON o.seq = m.seq \
         WHERE m.id = ?1"
    ))?;
    let mut rows = found.query([id.as_bytes()])?;
    let Some(first) = rows.next()? else {
        return Ok(None);
    };
    let mut delivery = row::delivery(first)?;
    let seq: i64 = first.get(row::at::SEQ)?;
    let mut attempts = db.prepare_cached(
        "-- messages.attempts\n\
         SELECT at, outcome, elapsed_ms, errcode, errmsg, rid FROM attempt \
         WHERE seq = ?1 ORDER BY at, n",
    )?;
    let mut rows = attempts.query([seq])?;
    while let Some(row) = rows.next()? {
        delivery.attempts.push(row::attempt(row)?);
    }
    Ok(Some(delivery))
}

/// Where a message stands, for those who want to change its course by hand.
struct Standing {
    seq: i64,
    account: i64,
    band: i64,
    /// `None` = open.
    over: Option<State>,
    /// Open and with WeChat, or perhaps sent before.
    may_be_sent: bool,
}

fn standing(db: &Connection, id: MessageId) -> Outcome<Option<Standing>> {
    let found = db
        .prepare_cached(
            "-- messages.standing\n\
             SELECT m.seq, m.account, m.priority, o.state, \
                coalesce(w.claimed_at, w.interrupted_at, w.first_uncertain_at) IS NOT NULL \
                OR coalesce(w.doubted, 0) \
             FROM message m JOIN account a ON a.id = m.account \
             LEFT JOIN work w ON w.seq = m.seq LEFT JOIN outcome o ON o.seq = m.seq \
             WHERE m.id = ?1",
        )?
        .query_one([id.as_bytes()], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get::<_, Option<i64>>(3)?,
                row.get(4)?,
            ))
        })
        .optional()?;
    let Some((seq, account, band, state, may_be_sent)) = found else {
        return Ok(None);
    };
    let over = state.map(codes::state).transpose()?;
    Ok(Some(Standing {
        seq,
        account,
        band,
        over,
        may_be_sent,
    }))
}

fn cancel(db: &Connection, id: MessageId, at: i64, now: i64) -> Outcome<Cancellation> {
    Ok(match standing(db, id)? {
        None => Cancellation::Missing,
        Some(Standing {
            over: Some(state), ..
        }) => Cancellation::Over(state),
        Some(Standing {
            may_be_sent: true, ..
        }) => Cancellation::BeingSent,
        Some(Standing { seq, account, .. }) => {
            let over = Over {
                state: State::Canceled,
                msgid: None,
                at,
                attempts: &[],
            };
            Finisher::prepare(db)?.finish(seq, &over)?;
            let outcome = use_of_end(State::Canceled);
            ledger::return_hold(db, seq, outcome, from_millisecond(at))?;
            tally::take_back(db, id)?;
            Teller::prepare(db, now)?
                .tell(|| News::of_message(account, id, State::Canceled, at))?;
            Cancellation::Canceled
        }
    })
}

fn requeue(db: &Connection, id: MessageId, at: i64, now: i64) -> Outcome<Requeue> {
    let Some(Standing {
        seq,
        account,
        band,
        over,
        ..
    }) = standing(db, id)?
    else {
        return Ok(Requeue::Missing);
    };
    match over {
        None => return Ok(Requeue::NotPossible(State::Open)),
        Some(state) if !state.may_be_retried() => return Ok(Requeue::NotPossible(state)),
        Some(_) => {}
    }
    db.prepare_cached(
        "-- messages.lift_expiry\n\
         UPDATE message SET expires_at = NULL WHERE seq = ?1 AND expires_at <= ?2",
    )?
    .execute(params![seq, at])?;
    let doubted = may_have_gone_out(db, seq)?;
    db.prepare_cached(
        "-- messages.requeue\n\
         INSERT INTO work (seq, account, band, due_at, lease_token, attempts, attempt_count, \
            last_errcode, doubted, expires_at) \
         SELECT o.seq, ?2, ?3, ?4, o.lease_token, 0, o.attempt_count, o.last_errcode, ?5, \
            m.expires_at \
         FROM outcome o JOIN message m ON m.seq = o.seq WHERE o.seq = ?1",
    )?
    .execute(params![seq, account, band, now, doubted])?;
    db.prepare_cached("-- messages.reopen\nDELETE FROM outcome WHERE seq = ?1")?
        .execute([seq])?;
    Ok(Requeue::Queued)
}

/// Whether one of a message's attempts may have taken effect.
fn may_have_gone_out(db: &Connection, seq: i64) -> Outcome<bool> {
    let mut attempts = db
        .prepare_cached("-- messages.doubt\nSELECT outcome, errcode FROM attempt WHERE seq = ?1")?;
    let mut rows = attempts.query([seq])?;
    while let Some(row) = rows.next()? {
        let errcode: Option<i64> = row.get(1)?;
        let doubtful = match codes::outcome_kind(row.get::<_, i64>(0)?)? {
            OutcomeKind::Uncertain | OutcomeKind::Interrupted => true,
            OutcomeKind::Refused => {
                errcode.is_some_and(|code| ErrCode(code).class() == ErrClass::Busy)
            }
            OutcomeKind::Accepted | OutcomeKind::NotSent | OutcomeKind::Withheld => false,
        };
        if doubtful {
            return Ok(true);
        }
    }
    Ok(false)
}
