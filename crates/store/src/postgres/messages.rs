//! Taking messages in, looking at them, and changing their course by hand.

use async_trait::async_trait;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::{Delivery, OutcomeKind};
use hongyan_domain::message::State;
use hongyan_domain::port::{
    Accepted, Cancellation, MessageFilter, MessageStore, NewBatch, Page, Requeue, StoreError,
    StoredResponse,
};
use hongyan_domain::{KeyId, MessageId};
use hongyan_wechat::{ErrClass, ErrCode};
use jiff::Timestamp;

use super::fault::{Fault, Outcome};
use super::hints::Topic;
use super::idempotency;
use super::insert::NewRow;
use super::intake::{Call, Taken};
use super::link::Db;
use super::row::{
    self, DELIVERY_COLUMNS, attempt_columns, delivery_columns, message_uuid, millis, now,
};
use super::{PostgresStore, ledger, news, retention, search, tally};
use crate::codes;
use crate::ledger::use_of_end;
use crate::webhook::News;

#[async_trait]
impl MessageStore for PostgresStore {
    async fn accept(&self, batch: NewBatch) -> Result<Accepted, StoreError> {
        let answer = batch
            .idempotency
            .map(|kept| idempotency::seal(&self.seal, &kept))
            .transpose()?;
        let rows = batch
            .messages
            .iter()
            .map(NewRow::of)
            .collect::<Outcome<Vec<_>>>()?;
        let call = Call {
            rows,
            answer,
            by_hand: self.by_hand(),
        };
        match self.intake.take(call).await? {
            Taken::Stored => {
                let now = self.clock.now();
                let mut told = None;
                for message in &batch.messages {
                    if message.first_due_at() <= now && told != Some(message.account) {
                        self.tell(Topic::Due, message.account.0);
                        told = Some(message.account);
                    }
                }
                Ok(Accepted::Stored)
            }
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
        let found = self
            .link
            .look(|db| async move { idempotency::find(&db, caller, key, self.by_hand()).await })
            .await?;
        let Some(earlier) = found else {
            return Ok(None);
        };
        let fingerprint = <[u8; 32]>::try_from(earlier.fingerprint.as_slice())
            .map_err(|_| Fault::corrupt("a fingerprint does not have 32 bytes"))?;
        Ok(Some((
            fingerprint,
            idempotency::unseal(&self.seal, &earlier)?,
        )))
    }

    async fn delivery(&self, id: MessageId) -> Result<Option<Delivery>, StoreError> {
        self.link.look(|db| async move { one(&db, id).await }).await
    }

    async fn deliveries(
        &self,
        filter: &MessageFilter,
        page: Page<MessageId>,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.link
            .look(|db| async move { search::search(&db, filter, page, self.by_hand()).await })
            .await
    }

    async fn cancel(&self, id: MessageId, at: Timestamp) -> Result<Cancellation, StoreError> {
        self.link
            .run(
                |db, again| async move { cancel(&db, id, millis(at), self.by_hand(), again).await },
            )
            .await
    }

    async fn requeue(&self, id: MessageId, at: Timestamp) -> Result<Requeue, StoreError> {
        let (requeued, account) =
            self.link
                .run(|db, again| async move {
                    requeue(&db, id, millis(at), self.by_hand(), again).await
                })
                .await?;
        if let Some(account) = account {
            self.tell(Topic::Due, account);
        }
        Ok(requeued)
    }

    async fn forget_old_responses(&self, limit: usize) -> Result<usize, StoreError> {
        self.link
            .look(|db| async move { idempotency::forget(&db, limit, self.by_hand()).await })
            .await
    }

    async fn forget_finished(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let walk = &self.walk;
        self.link
            .look(|db| async move {
                retention::forget(&db, walk, millis(before), limit, self.by_hand()).await
            })
            .await
    }
}

/// One statement, so that message and attempts are of one moment.
async fn one(db: &Db, id: MessageId) -> Outcome<Option<Delivery>> {
    let find = db
        .prepare_cached(concat!(
            "-- messages.one\nSELECT ",
            delivery_columns!(),
            ", ",
            attempt_columns!(),
            " FROM message m JOIN account a ON a.id = m.account \
             LEFT JOIN work w ON w.id = m.id AND w.account = m.account \
             LEFT JOIN outcome o ON o.id = m.id AND o.account = m.account \
             LEFT JOIN attempt t ON t.id = m.id AND t.account = m.account \
             WHERE m.id = $1 ORDER BY t.at, t.n"
        ))
        .await?;
    let rows = db.query(&find, &[&message_uuid(id)]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut delivery = row::delivery(first)?;
    for row in &rows {
        delivery
            .attempts
            .extend(row::attempt(row, DELIVERY_COLUMNS)?);
    }
    Ok(Some(delivery))
}

/// Where a message stands: over, or open and perhaps sent.
enum Standing {
    Over(State),
    Waiting,
    MayBeSent,
}

async fn standing(db: &Db, id: MessageId) -> Outcome<Option<Standing>> {
    let find = db
        .prepare_cached(
            "-- messages.standing\n\
             SELECT o.state, \
                coalesce(w.claimed_at, w.interrupted_at, w.first_uncertain_at) IS NOT NULL \
                OR coalesce(w.doubted, false), w.id IS NOT NULL \
             FROM message m JOIN account a ON a.id = m.account \
             LEFT JOIN work w ON w.id = m.id AND w.account = m.account \
             LEFT JOIN outcome o ON o.id = m.id AND o.account = m.account \
             WHERE m.id = $1",
        )
        .await?;
    let Some(row) = db.query_opt(&find, &[&message_uuid(id)]).await? else {
        return Ok(None);
    };
    let state: Option<i16> = row.try_get(0)?;
    Ok(Some(match state {
        Some(code) => Standing::Over(codes::state(code)?),
        None if !row.try_get::<_, bool>(2)? => {
            return Err(Fault::corrupt(format!("{id} is neither open nor over")));
        }
        None if row.try_get(1)? => Standing::MayBeSent,
        None => Standing::Waiting,
    }))
}

/// How often to look again when a message changes between look and step.
const LOOKS: u32 = 5;

async fn cancel(
    db: &Db,
    id: MessageId,
    at: i64,
    by_hand: Option<i64>,
    again: bool,
) -> Outcome<Cancellation> {
    let take_back = db
        .prepare_cached(
            "-- messages.cancel\n\
             WITH gone AS (\
                DELETE FROM work w WHERE w.id = $1 AND w.claimed_at IS NULL \
                    AND w.interrupted_at IS NULL AND w.first_uncertain_at IS NULL \
                    AND NOT w.doubted RETURNING w.*) \
             INSERT INTO outcome (id, account, state, settled_at, lease_token, attempt_count, \
                last_errcode) \
             SELECT id, account, $2, $3, lease_token, attempt_count, last_errcode FROM gone \
             RETURNING account",
        )
        .await?;
    let canceled = i16::from(State::Canceled.code());
    let uuid = message_uuid(id);
    for _ in 0..LOOKS {
        let ((), taken_back) = tokio::try_join!(db.begin(), async {
            db.query_opt(&take_back, &[&uuid, &canceled, &at]).await
        })?;
        if let Some(row) = taken_back {
            let ended = [(uuid, use_of_end(State::Canceled))];
            ledger::return_holds(db, &ended, from_millisecond(at)).await?;
            tally::take_back(db, &[uuid]).await?;
            let news = News::of_message(row.try_get(0)?, id, State::Canceled, at);
            news::tell(db, news.as_slice(), by_hand).await?;
            db.commit().await?;
            return Ok(Cancellation::Canceled);
        }
        db.roll_back().await?;
        match standing(db, id).await? {
            None => return Ok(Cancellation::Missing),
            // The try before this one was it.
            Some(Standing::Over(State::Canceled)) if again => return Ok(Cancellation::Canceled),
            Some(Standing::Over(state)) => return Ok(Cancellation::Over(state)),
            Some(Standing::MayBeSent) => return Ok(Cancellation::BeingSent),
            // Given back between the two looks.
            Some(Standing::Waiting) => {}
        }
    }
    Ok(Cancellation::BeingSent)
}

async fn requeue(
    db: &Db,
    id: MessageId,
    at: i64,
    by_hand: Option<i64>,
    again: bool,
) -> Outcome<(Requeue, Option<i64>)> {
    let hold = db
        .prepare_cached(
            "-- messages.hold\n\
             SELECT o.state, o.account FROM outcome o JOIN account a ON a.id = o.account \
             WHERE o.id = $1 FOR UPDATE OF o FOR KEY SHARE OF a",
        )
        .await?;
    let uuid = message_uuid(id);
    let ((), found) = tokio::try_join!(db.begin(), async { db.query_opt(&hold, &[&uuid]).await })?;
    let Some(found) = found else {
        let standing = standing(db, id).await?;
        db.roll_back().await?;
        return Ok(match standing {
            None => (Requeue::Missing, None),
            // The try before this one was it, and it is in the queue.
            Some(_) if again => (Requeue::Queued, None),
            Some(_) => (Requeue::NotPossible(State::Open), None),
        });
    };
    let (code, account): (i16, i64) = (found.try_get(0)?, found.try_get(1)?);
    let state = codes::state(code)?;
    if !state.may_be_retried() {
        db.roll_back().await?;
        return Ok((Requeue::NotPossible(state), None));
    }
    let doubted = may_have_gone_out(db, id).await?;
    let lift = db
        .prepare_cached(
            "-- messages.lift_expiry\n\
             UPDATE message SET expires_at = NULL \
             WHERE id = $1 AND account = $2 AND expires_at <= $3",
        )
        .await?;
    let insert = db
        .prepare_cached(concat!(
            "-- messages.requeue\n\
             INSERT INTO work (id, account, band, due_at, lease_token, attempt_count, \
                last_errcode, doubted, expires_at) \
             SELECT o.id, o.account, m.priority, ",
            now!("$4"),
            ", o.lease_token, o.attempt_count, o.last_errcode, $3, m.expires_at \
             FROM outcome o JOIN message m ON m.id = o.id AND m.account = o.account \
             WHERE o.id = $1 AND o.account = $2"
        ))
        .await?;
    let reopen = db
        .prepare_cached("-- messages.reopen\nDELETE FROM outcome WHERE id = $1 AND account = $2")
        .await?;
    let (_, queued, _) = tokio::try_join!(
        async { db.execute(&lift, &[&uuid, &account, &at]).await },
        async {
            db.execute(&insert, &[&uuid, &account, &doubted, &by_hand])
                .await
        },
        async { db.execute(&reopen, &[&uuid, &account]).await }
    )?;
    if queued != 1 {
        db.roll_back().await?;
        return Ok((Requeue::Missing, None));
    }
    db.commit().await?;
    Ok((Requeue::Queued, Some(account)))
}

/// Whether one of a message's attempts may have taken effect.
async fn may_have_gone_out(db: &Db, id: MessageId) -> Outcome<bool> {
    let find = db
        .prepare_cached("-- messages.doubt\nSELECT outcome, errcode FROM attempt WHERE id = $1")
        .await?;
    for row in db.query(&find, &[&message_uuid(id)]).await? {
        let (outcome, errcode): (i16, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        let doubtful = match codes::outcome_kind(outcome)? {
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
