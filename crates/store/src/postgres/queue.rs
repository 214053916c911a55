//! The queue: handing messages out and taking them back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::Settlement;
use hongyan_domain::grant::Use;
use hongyan_domain::message::{Priority, State};
use hongyan_domain::port::{Batch, QueueDepth, QueueStore, Settled, StoreError};
use hongyan_domain::{AccountId, MessageId};
use jiff::Timestamp;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::hints::Topic;
use super::link::Db;
use super::row::{message_id, message_uuid, now, number, optional_time};
use super::settle::Plan;
use super::{PostgresStore, claim, ledger, news, settle, tally};
use crate::codes;
use crate::ledger::use_of_end;
use crate::webhook::News;

#[async_trait]
impl QueueStore for PostgresStore {
    async fn claim(
        &self,
        account: AccountId,
        limit: usize,
        lease: Duration,
        least: Priority,
    ) -> Result<Batch, StoreError> {
        let ticket = self.lost_claims.begin(account).map_err(Fault::from)?;
        let sending = claim::Sending {
            node: self.node,
            in_flight: self.sending_for(account),
        };
        let claimed = {
            let ticket = &ticket;
            self.link
                .run(|db, _| async move {
                    claim::claim(&db, ticket, sending, limit, lease, least, self.by_hand()).await
                })
                .await?
        };
        ticket.known();
        Ok(claimed)
    }

    async fn backlog(
        &self,
        account: AccountId,
        least: Priority,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        self.link
            .look(|db| async move { backlog(&db, account, least, at_most, self.by_hand()).await })
            .await
    }

    async fn settle(&self, settlements: Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        if settlements.is_empty() {
            return Ok(Vec::new());
        }
        let plan = &Plan::of(&settlements)?;
        let settled = self
            .link
            .run(|db, again| async move { settle::settle(&db, plan, again, self.by_hand()).await })
            .await?;
        self.housekeeping.note(settled.len());
        for account in plan.new_accounts() {
            self.tell(Topic::Due, account);
        }
        Ok(settled)
    }

    async fn release(&self, held: &[(MessageId, i64)]) -> Result<(), StoreError> {
        if held.is_empty() {
            return Ok(());
        }
        let mut held: Vec<(Uuid, i64)> = held
            .iter()
            .map(|&(id, token)| (message_uuid(id), token))
            .collect();
        held.sort_unstable();
        let (ids, tokens): (Vec<_>, Vec<_>) = held.into_iter().unzip();
        let (ids, tokens) = (&ids, &tokens);
        let accounts = self
            .link
            .run(|db, _| async move { release(&db, ids, tokens, self.by_hand()).await })
            .await?;
        for account in accounts {
            self.tell(Topic::Due, account);
        }
        Ok(())
    }

    async fn bring_forward(
        &self,
        account: AccountId,
        put_off_until: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let at = put_off_until.as_millisecond();
        let moved = self
            .link
            .run(
                |db, _| async move { bring_forward(&db, account, at, limit, self.by_hand()).await },
            )
            .await?;
        if moved > 0 {
            self.tell(Topic::Due, account.0);
        }
        Ok(moved)
    }

    async fn expire(&self, limit: usize) -> Result<Vec<MessageId>, StoreError> {
        self.link
            .look(|db| async move { expire(&db, limit, self.by_hand()).await })
            .await
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, StoreError> {
        self.link.look(depths).await
    }
}

/// Ends claims under which nothing was sent. What earlier holders may have sent
/// stays noted. The token is used up: what its holder says later comes too late.
async fn release(db: &Db, ids: &[Uuid], tokens: &[i64], by_hand: Option<i64>) -> Outcome<Vec<i64>> {
    let release = db
        .prepare_cached(concat!(
            "-- queue.release\n\
             UPDATE work w SET claimed_at = NULL, claim = NULL, lease_token = w.lease_token + 1, \
                due_at = t.now \
             FROM (SELECT ",
            now!("$3"),
            " AS now) t, unnest($1::uuid[], $2::bigint[]) held(id, token) \
             WHERE w.id = held.id AND w.lease_token = held.token AND coalesce(w.claimed_at, -1) >= 0 \
             RETURNING w.account, w.id"
        ))
        .await?;
    let ((), rows) = tokio::try_join!(db.begin(), async {
        db.query(&release, &[&ids, &tokens, &by_hand]).await
    })?;
    let released = rows
        .iter()
        .map(|row| Ok((row.try_get(1)?, Use::Returned)))
        .collect::<Outcome<Vec<(Uuid, Use)>>>()?;
    if !released.is_empty() {
        let at = time(db, by_hand).await?;
        ledger::return_holds(db, &released, from_millisecond(at)).await?;
    }
    db.commit().await?;
    let mut accounts = rows
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Outcome<Vec<i64>>>()?;
    accounts.sort_unstable();
    accounts.dedup();
    Ok(accounts)
}

async fn bring_forward(
    db: &Db,
    account: AccountId,
    at: i64,
    limit: usize,
    by_hand: Option<i64>,
) -> Outcome<usize> {
    let forward = db
        .prepare_cached(concat!(
            "-- queue.bring_forward\n\
             UPDATE work w SET due_at = ",
            now!("$4"),
            " FROM (SELECT w.id FROM work w \
                WHERE w.account = $1 AND w.band >= 0 AND w.due_at = $2 AND w.claimed_at IS NULL \
                AND NOT EXISTS (SELECT FROM message m WHERE m.id = w.id AND m.send_at = $2) \
                LIMIT $3 FOR UPDATE OF w SKIP LOCKED) late \
             WHERE w.account = $1 AND w.id = late.id"
        ))
        .await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let moved = db
        .execute(&forward, &[&account.0, &at, &limit, &by_hand])
        .await?;
    Ok(usize::try_from(moved).unwrap_or(usize::MAX))
}

/// Where a claim ended without a settlement its token is used up too, so that
/// what its holder says later is not taken for something that was written
/// before.
async fn expire(db: &Db, limit: usize, by_hand: Option<i64>) -> Outcome<Vec<MessageId>> {
    let expire = db
        .prepare_cached(concat!(
            "-- queue.expire\n\
             WITH t AS MATERIALIZED (SELECT ",
            now!("$1"),
            " AS now), \
             late AS MATERIALIZED (\
                SELECT w.id, w.account FROM work w \
                WHERE w.expires_at <= (SELECT now FROM t) \
                    AND (w.claimed_at IS NULL OR w.due_at <= (SELECT now FROM t)) \
                ORDER BY w.expires_at LIMIT $2 FOR UPDATE SKIP LOCKED), \
             gone AS (\
                DELETE FROM work w USING late WHERE w.id = late.id AND w.account = late.account \
                RETURNING w.*) \
             INSERT INTO outcome (id, account, state, settled_at, lease_token, attempt_count, \
                last_errcode) \
             SELECT id, account, \
                CASE WHEN coalesce(claimed_at, interrupted_at, first_uncertain_at) IS NOT NULL \
                    OR doubted THEN $3::smallint ELSE $4::smallint END, \
                (SELECT now FROM t), lease_token + (claimed_at IS NOT NULL)::int, attempt_count, \
                last_errcode \
             FROM gone RETURNING id, state, settled_at, account"
        ))
        .await?;
    let (unknown, expired) = (State::Unknown.code(), State::Expired.code());
    let (unknown, expired, most) = (i16::from(unknown), i16::from(expired), number(limit));
    let ((), rows) = tokio::try_join!(db.begin(), async {
        db.query(&expire, &[&by_hand, &most, &unknown, &expired])
            .await
    })?;
    let (mut ended, mut unsent, mut news, mut at) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for row in &rows {
        let (id, state): (Uuid, i16) = (row.try_get(0)?, row.try_get(1)?);
        let state = codes::state(state)?;
        ended.push((id, use_of_end(state)));
        if state == State::Expired {
            unsent.push(id);
        }
        at = row.try_get(2)?;
        news.extend(News::of_message(row.try_get(3)?, message_id(id), state, at));
    }
    if !ended.is_empty() {
        ledger::return_holds(db, &ended, from_millisecond(at)).await?;
        tally::take_back(db, &unsent).await?;
        news::tell(db, &news, by_hand).await?;
    }
    db.commit().await?;
    Ok(ended.into_iter().map(|(id, _)| message_id(id)).collect())
}

async fn backlog(
    db: &Db,
    account: AccountId,
    least: Priority,
    at_most: usize,
    by_hand: Option<i64>,
) -> Outcome<usize> {
    let count = db
        .prepare_cached(concat!(
            "-- queue.backlog\n\
             SELECT count(*) FROM (\
                SELECT 1 FROM (SELECT ",
            now!("$4"),
            " AS now) t CROSS JOIN unnest($2::smallint[]) b(band) CROSS JOIN LATERAL (\
                    SELECT 1 FROM work w WHERE w.account = $1 AND w.band = b.band \
                        AND w.band >= 0 AND w.due_at <= t.now LIMIT $3) due \
                LIMIT $3) counted"
        ))
        .await?;
    let (bands, most) = (claim::bands(least), number(at_most));
    let row = db
        .query_one(&count, &[&account.0, &bands, &most, &by_hand])
        .await?;
    let due: i64 = row.try_get(0)?;
    Ok(usize::try_from(due).unwrap_or(at_most))
}

async fn depths(db: Db) -> Outcome<Vec<QueueDepth>> {
    let depths = db
        .prepare_cached(
            "-- queue.depths\n\
             SELECT account, band, count(*), min(due_at) FROM work WHERE band >= 0 \
             GROUP BY account, band",
        )
        .await?;
    let rows = db.query(&depths, &[]).await?;
    rows.iter()
        .map(|row| {
            let (band, open): (i16, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok(QueueDepth {
                account: AccountId(row.try_get(0)?),
                priority: codes::priority(band)?,
                open: open.cast_unsigned(),
                oldest_due_at: optional_time(row.try_get(3)?),
            })
        })
        .collect()
}

/// Now, for the next statement that must agree with this one.
pub(super) async fn time(db: &Db, by_hand: Option<i64>) -> Outcome<i64> {
    let find = db
        .prepare_cached(concat!("-- queue.now\nSELECT ", now!("$1")))
        .await?;
    let at: i64 = db.query_one(&find, &[&by_hand]).await?.try_get(0)?;
    Ok(from_millisecond(at).as_millisecond())
}
