//! Broadcasts: the audience in chunks, and where each stands.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::broadcast::{Broadcast, BroadcastState, Counts, Recipient, Skipped};
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::message::State;
use hongyan_domain::port::{
    BroadcastStore, Expanded, Expansion, Idempotency, Intake, Page, StoreError,
};
use hongyan_domain::{AccountId, BroadcastId, NodeId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::expand::{self, Prepared};
use super::fault::{Fault, Outcome, clash};
use super::hints::Topic;
use super::idempotency::{self, Answer};
use super::link::Db;
use super::row::{
    broadcast_id, broadcast_uuid, key_id, key_uuid, millis, now, number, optional_millis,
    optional_time, text,
};
use super::tried::Tried;
use super::{PostgresStore, intake, news};
use crate::codes;
use crate::webhook::News;

/// The columns [`read`] expects, in a query over `broadcast b`.
macro_rules! broadcast_columns {
    () => {
        "b.id, b.account, b.name, b.state, b.spec, b.recipients, b.chunks, b.expanded, \
         b.messages, b.skipped, b.load_cursor, b.problem, b.created_at, b.created_by, \
         b.started_at, b.finished_at"
    };
}

#[async_trait]
impl BroadcastStore for PostgresStore {
    async fn add_broadcast(
        &self,
        broadcast: &Broadcast,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError> {
        let answer = &idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move {
                if tried.earlier(&db).await?.is_some() {
                    return Ok(());
                }
                match add(&db, broadcast, answer.as_ref(), self.by_hand()).await {
                    Ok(()) => {
                        tried.note(&db, &()).await?;
                        db.commit().await?;
                        Ok(())
                    }
                    Err(fault @ Fault::Told(_)) => {
                        db.roll_back().await?;
                        Err(fault)
                    }
                    Err(fault) => Err(fault),
                }
            })
            .await
    }

    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Broadcast>, StoreError> {
        self.link.look(|db| async move { one(&db, id).await }).await
    }

    async fn broadcasts(
        &self,
        accounts: Option<&[AccountId]>,
        page: &Page<BroadcastId>,
    ) -> Result<Vec<Broadcast>, StoreError> {
        let accounts = &accounts.map(|ids| ids.iter().map(|id| id.0).collect::<Vec<i64>>());
        self.link
            .look(|db| async move {
                let list = db
                    .prepare_cached(concat!(
                        "-- broadcasts.list\nSELECT ",
                        broadcast_columns!(),
                        " FROM broadcast b WHERE ($1::bigint[] IS NULL OR b.account = ANY($1)) \
                         AND ($2::uuid IS NULL OR b.id < $2) \
                         AND EXISTS (SELECT 1 FROM account a WHERE a.id = b.account) \
                         ORDER BY b.id DESC LIMIT $3"
                    ))
                    .await?;
                let before = page.after.map(broadcast_uuid);
                let rows = db
                    .query(&list, &[accounts, &before, &number(page.limit)])
                    .await?;
                rows.iter().map(read).collect()
            })
            .await
    }

    async fn add_recipients(
        &self,
        id: BroadcastId,
        intake: &Intake,
    ) -> Result<Option<Broadcast>, StoreError> {
        // JSON escapes the one character that a text cannot hold.
        let people = &intake
            .chunks
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>()
            .map_err(Fault::from)?;
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move { add_recipients(&db, id, intake, people, tried).await })
            .await
    }

    async fn recipients(&self, id: BroadcastId, chunk: u32) -> Result<Vec<Recipient>, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached(
                        "-- broadcasts.recipients\n\
                         SELECT c.people FROM broadcast b JOIN account a ON a.id = b.account \
                         JOIN broadcast_chunk c ON c.broadcast = b.id AND c.n = $2 \
                         WHERE b.id = $1 AND b.state < 4",
                    )
                    .await?;
                let row = db
                    .query_opt(&find, &[&broadcast_uuid(id), &i64::from(chunk)])
                    .await?;
                Ok(match row {
                    Some(row) => serde_json::from_str(row.try_get(0)?)?,
                    None => Vec::new(),
                })
            })
            .await
    }

    async fn move_broadcast(
        &self,
        id: BroadcastId,
        from: &[BroadcastState],
        to: BroadcastState,
        problem: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<Broadcast>, StoreError> {
        let from = &from
            .iter()
            .map(|state| i16::from(state.code()))
            .collect::<Vec<_>>();
        let problem = &problem.map(text);
        let tried = &Tried::default();
        let moved = self
            .link
            .run(|db, _| async move {
                if let Some(moved) = tried.earlier(&db).await? {
                    return Ok(moved);
                }
                let change = db
                    .prepare_cached(concat!(
                        "-- broadcasts.move\n\
                         UPDATE broadcast b SET state = $3::smallint, problem = $4, \
                            started_at = CASE WHEN $3::smallint = 2 THEN coalesce(b.started_at, $5) \
                                ELSE b.started_at END, \
                            finished_at = CASE WHEN $3::smallint >= 4 THEN $5 ELSE b.finished_at END \
                         WHERE b.id = $1 AND b.state = ANY($2::smallint[]) \
                            AND EXISTS (SELECT 1 FROM account a WHERE a.id = b.account) \
                         RETURNING ",
                        broadcast_columns!()
                    ))
                    .await?;
                let (uuid, code) = (broadcast_uuid(id), i16::from(to.code()));
                let ((), row) = tokio::try_join!(db.begin(), async {
                    db.query_opt(&change, &[&uuid, from, &code, problem, &millis(at)])
                        .await
                })?;
                let moved = row.as_ref().map(read).transpose()?;
                if let Some(broadcast) = &moved {
                    let news = News::of_broadcast(broadcast, millis(at));
                    news::tell(&db, news.as_slice(), self.by_hand()).await?;
                    tried.note(&db, &moved).await?;
                }
                db.commit().await?;
                Ok(moved)
            })
            .await?;
        if moved.is_some() && to.is_over() {
            self.housekeeping.purge();
        }
        Ok(moved)
    }

    async fn expand(
        &self,
        id: BroadcastId,
        expansion: &Expansion,
    ) -> Result<Option<Expanded>, StoreError> {
        let (prepared, tried) = (&Prepared::of(id, expansion)?, &Tried::default());
        let expanded = self
            .link
            .run(|db, _| async move { expand::expand(&db, prepared, tried).await })
            .await?;
        if expanded.is_some_and(|expanded| expanded.messages > 0) {
            for account in prepared.due(self.clock.now()) {
                self.tell(Topic::Due, account);
            }
        }
        Ok(expanded)
    }

    async fn lease_broadcasts(
        &self,
        node: NodeId,
        lease: Duration,
    ) -> Result<Vec<Broadcast>, StoreError> {
        let node = Uuid::from_bytes(*node.as_bytes());
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        self.link
            .look(|db| async move { take(&db, node, lease, self.by_hand()).await })
            .await
    }

    async fn broadcast_counts(&self, id: BroadcastId) -> Result<Counts, StoreError> {
        self.link
            .look(|db| async move {
                // Of messages that are open there is no outcome. To count in columns
                // needs no sorting of a million rows.
                let count = db
                    .prepare_cached(
                        "-- broadcasts.counts\n\
                         SELECT count(*) FILTER (WHERE o.state IS NULL), \
                            count(*) FILTER (WHERE o.state = 1), \
                            count(*) FILTER (WHERE o.state = 2), \
                            count(*) FILTER (WHERE o.state = 3), \
                            count(*) FILTER (WHERE o.state = 4), \
                            count(*) FILTER (WHERE o.state = 5), \
                            count(*) FILTER (WHERE o.state = 6), \
                            count(*) FILTER (WHERE o.state = 7) \
                         FROM message m \
                         LEFT JOIN outcome o ON o.id = m.id AND o.account = m.account \
                         WHERE m.broadcast = $1 AND m.broadcast IS NOT NULL \
                         AND (SELECT true FROM broadcast b JOIN account a ON a.id = b.account \
                            WHERE b.id = $1)",
                    )
                    .await?;
                let row = db.query_one(&count, &[&broadcast_uuid(id)]).await?;
                let mut counts = Counts::new();
                for state in State::ALL {
                    let count: i64 = row.try_get(usize::from(state.code()))?;
                    if count > 0 {
                        counts.push((state, count.cast_unsigned()));
                    }
                }
                Ok(counts)
            })
            .await
    }

    async fn skipped(
        &self,
        id: BroadcastId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, Skipped)>, StoreError> {
        self.link
            .look(|db| async move {
                let list = db
                    .prepare_cached(
                        "-- broadcasts.skipped\n\
                         SELECT n, who, why, detail FROM broadcast_skip \
                         WHERE broadcast = $1 AND n > $2 \
                         AND (SELECT true FROM broadcast b JOIN account a ON a.id = b.account \
                            WHERE b.id = $1) \
                         ORDER BY n LIMIT $3",
                    )
                    .await?;
                let after = page.after.unwrap_or(i64::MIN);
                let rows = db
                    .query(&list, &[&broadcast_uuid(id), &after, &number(page.limit)])
                    .await?;
                rows.iter().map(skipped).collect()
            })
            .await
    }

    async fn forget_broadcasts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.link
            .look(|db| async move {
                // Who clears away its members holds it for a moment: that is waited for.
                let forget = db
                    .prepare_cached(
                        "-- broadcasts.forget\n\
                         WITH old AS MATERIALIZED (\
                            SELECT b.id FROM broadcast b \
                            WHERE b.state >= 4 AND b.finished_at < $1 \
                                AND (SELECT true FROM message m WHERE m.broadcast = b.id \
                                    LIMIT 1) IS NULL \
                            ORDER BY b.id LIMIT $2 FOR UPDATE), \
                         skips AS (\
                            DELETE FROM broadcast_skip s USING old WHERE s.broadcast = old.id), \
                         chunks AS (\
                            DELETE FROM broadcast_chunk c USING old WHERE c.broadcast = old.id), \
                         members AS (\
                            DELETE FROM broadcast_member p USING old WHERE p.broadcast = old.id) \
                         DELETE FROM broadcast b USING old WHERE b.id = old.id",
                    )
                    .await?;
                let forgotten = db
                    .execute(&forget, &[&millis(before), &number(limit)])
                    .await?;
                Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
            })
            .await
    }
}

/// In a transaction that it begins.
async fn add(
    db: &Db,
    broadcast: &Broadcast,
    answer: Option<&Answer>,
    by_hand: Option<i64>,
) -> Outcome<()> {
    if intake::begin(db, &[broadcast.account.0]).await?.is_empty() {
        return Err(Fault::missing("the account"));
    }
    idempotency::keep_new(db, answer, by_hand).await?;
    let insert = db
        .prepare_cached(
            "-- broadcasts.add\n\
             INSERT INTO broadcast (id, account, name, state, spec, recipients, chunks, expanded, \
                messages, skipped, load_cursor, problem, created_at, created_by, started_at, \
                finished_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .await?;
    db.execute(
        &insert,
        &[
            &broadcast_uuid(broadcast.id),
            &broadcast.account.0,
            &text(&broadcast.name),
            &i16::from(broadcast.state.code()),
            &serde_json::to_string(&broadcast.spec)?,
            &broadcast.recipients.cast_signed(),
            &i64::from(broadcast.chunks),
            &i64::from(broadcast.expanded),
            &broadcast.messages.cast_signed(),
            &broadcast.skipped.cast_signed(),
            &broadcast.load_cursor.as_deref().map(text),
            &broadcast.problem.as_deref().map(text),
            &millis(broadcast.created_at),
            &broadcast.created_by.map(key_uuid),
            &optional_millis(broadcast.started_at),
            &optional_millis(broadcast.finished_at),
        ],
    )
    .await
    .map_err(|error| match clash(&error) {
        Some(_) => Fault::taken(format!("the id {}", broadcast.id)),
        None => error.into(),
    })?;
    Ok(())
}

async fn one(db: &Db, id: BroadcastId) -> Outcome<Option<Broadcast>> {
    let find = db
        .prepare_cached(concat!(
            "-- broadcasts.one\nSELECT ",
            broadcast_columns!(),
            " FROM broadcast b JOIN account a ON a.id = b.account WHERE b.id = $1"
        ))
        .await?;
    let found = db.query_opt(&find, &[&broadcast_uuid(id)]).await?;
    found.as_ref().map(read).transpose()
}

async fn add_recipients(
    db: &Db,
    id: BroadcastId,
    taken_in: &Intake,
    people: &[String],
    tried: &Tried<Option<Broadcast>>,
) -> Outcome<Option<Broadcast>> {
    if let Some(broadcast) = tried.earlier(db).await? {
        return Ok(broadcast);
    }
    let count = db
        .prepare_cached(concat!(
            "-- broadcasts.take_in\n\
             UPDATE broadcast b SET chunks = b.chunks + $3, recipients = b.recipients + $4, \
                load_cursor = $5 \
             WHERE b.id = $1 AND b.state = 0 AND b.chunks = $2 \
                AND EXISTS (SELECT 1 FROM account a WHERE a.id = b.account) \
             RETURNING ",
            broadcast_columns!()
        ))
        .await?;
    let recipients: usize = taken_in.chunks.iter().map(Vec::len).sum();
    let (first, uuid) = (i64::from(taken_in.first), broadcast_uuid(id));
    let cursor = taken_in.load_cursor.as_deref().map(text);
    let ((), row) = tokio::try_join!(db.begin(), async {
        db.query_opt(
            &count,
            &[
                &uuid,
                &first,
                &number(people.len()),
                &number(recipients),
                &cursor,
            ],
        )
        .await
    })?;
    let Some(row) = row else {
        db.roll_back().await?;
        return Ok(None);
    };
    let keep = db
        .prepare_cached(
            "-- broadcasts.keep_chunks\n\
             INSERT INTO broadcast_chunk (broadcast, n, people) \
             SELECT $1, $2 + c.n - 1, c.people \
             FROM unnest($3::text[]) WITH ORDINALITY c(people, n)",
        )
        .await?;
    db.execute(&keep, &[&uuid, &first, &people]).await?;
    let broadcast = Some(read(&row)?);
    tried.note(db, &broadcast).await?;
    db.commit().await?;
    Ok(broadcast)
}

/// Leases what nobody else works on, the oldest first.
async fn take(db: &Db, node: Uuid, lease: i64, by_hand: Option<i64>) -> Outcome<Vec<Broadcast>> {
    let take = db
        .prepare_cached(concat!(
            "-- broadcasts.lease\n\
             WITH t AS MATERIALIZED (SELECT ",
            now!("$3"),
            " AS now), \
             free AS MATERIALIZED (\
                SELECT b.id FROM broadcast b WHERE b.state < 4 \
                    AND (b.node = $1 OR b.leased_until <= (SELECT now FROM t)) \
                    AND EXISTS (SELECT 1 FROM account a WHERE a.id = b.account) \
                ORDER BY b.id FOR UPDATE OF b) \
             UPDATE broadcast b SET node = $1, leased_until = (SELECT now FROM t) + $2::bigint \
             FROM free WHERE b.id = free.id RETURNING ",
            broadcast_columns!()
        ))
        .await?;
    let rows = db.query(&take, &[&node, &lease, &by_hand]).await?;
    let mut leased = rows.iter().map(read).collect::<Outcome<Vec<_>>>()?;
    leased.sort_by_key(|broadcast| broadcast.id);
    Ok(leased)
}

/// A row of `broadcast_columns`.
fn read(row: &Row) -> Outcome<Broadcast> {
    let state: i16 = row.try_get(3)?;
    let count = |column: usize| -> Outcome<u64> {
        let stored: i64 = row.try_get(column)?;
        Ok(stored.cast_unsigned())
    };
    let small = |column: usize| -> Outcome<u32> {
        let stored: i64 = row.try_get(column)?;
        Ok(u32::try_from(stored).unwrap_or(u32::MAX))
    };
    Ok(Broadcast {
        id: broadcast_id(row.try_get(0)?),
        account: AccountId(row.try_get(1)?),
        name: row.try_get(2)?,
        state: codes::broadcast_state(state)?,
        spec: serde_json::from_str(row.try_get(4)?)?,
        recipients: count(5)?,
        chunks: small(6)?,
        expanded: small(7)?,
        messages: count(8)?,
        skipped: count(9)?,
        load_cursor: row.try_get(10)?,
        problem: row.try_get(11)?,
        created_at: from_millisecond(row.try_get(12)?),
        created_by: row.try_get::<_, Option<Uuid>>(13)?.map(key_id),
        started_at: optional_time(row.try_get(14)?),
        finished_at: optional_time(row.try_get(15)?),
    })
}

/// A row: n, who, why, detail.
fn skipped(row: &Row) -> Outcome<(i64, Skipped)> {
    let why: i16 = row.try_get(2)?;
    let skipped = Skipped {
        who: row.try_get(1)?,
        why: codes::why_skipped(why)?,
        detail: row.try_get(3)?,
    };
    Ok((row.try_get(0)?, skipped))
}
