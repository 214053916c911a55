//! What happened, by the minute.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::history::{Count, Happening};
use hongyan_domain::port::{HistoryStore, StoreError};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::fault::{Fault, Outcome};
use super::link::Db;
use super::row::{millis, number};
use super::tried::Tried;
use super::{PostgresStore, intake};

#[async_trait]
impl HistoryStore for PostgresStore {
    async fn note_history(&self, counts: &[Count]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move { note(&db, counts, tried).await })
            .await
    }

    async fn history(
        &self,
        accounts: Option<&[AccountId]>,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Count>, StoreError> {
        let accounts: Option<Vec<i64>> =
            accounts.map(|some| some.iter().map(|account| account.0).collect());
        let accounts = &accounts;
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        self.link
            .look(|db| async move {
                let read = db
                    .prepare_cached(
                        "-- history.read\n\
                         SELECT minute / $4 * $4 AS step, account, what, errcode, \
                            sum(times)::bigint FROM history \
                         WHERE minute >= $1 AND minute < $2 \
                         AND ($3::bigint[] IS NULL OR account = ANY($3)) \
                         GROUP BY step, account, what, errcode \
                         ORDER BY step, account, what, errcode",
                    )
                    .await?;
                let rows = db
                    .query(&read, &[&millis(from), &millis(to), accounts, &step])
                    .await?;
                rows.iter().map(counted).collect()
            })
            .await
    }

    async fn forget_history(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.link
            .look(|db| async move {
                let forget = db
                    .prepare_cached(
                        "-- history.forget\n\
                         DELETE FROM history WHERE ctid = ANY(ARRAY(\
                            SELECT ctid FROM history WHERE minute < $1 ORDER BY minute LIMIT $2))",
                    )
                    .await?;
                let gone = db
                    .execute(&forget, &[&millis(before), &number(limit)])
                    .await?;
                Ok(usize::try_from(gone).unwrap_or(usize::MAX))
            })
            .await
    }
}

async fn note(db: &Db, counts: &[Count], tried: &Tried<()>) -> Outcome<()> {
    if tried.earlier(db).await?.is_some() {
        return Ok(());
    }
    // In the order of their keys, so that two nodes do not wait for each other.
    let mut sums = BTreeMap::<(i64, i64, i16, i64), i64>::new();
    for count in counts {
        let key = (
            millis(count.at),
            count.account.0,
            i16::from(count.what.code()),
            count.errcode,
        );
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add_unsigned(count.times);
    }
    let mut accounts: Vec<i64> = sums.keys().map(|key| key.1).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let found = intake::begin(db, &accounts).await?;
    sums.retain(|key, _| found.contains(&key.1));
    let minutes: Vec<i64> = sums.keys().map(|key| key.0).collect();
    let accounts: Vec<i64> = sums.keys().map(|key| key.1).collect();
    let whats: Vec<i16> = sums.keys().map(|key| key.2).collect();
    let errcodes: Vec<i64> = sums.keys().map(|key| key.3).collect();
    let times: Vec<i64> = sums.values().copied().collect();
    let add = db
        .prepare_cached(
            "-- history.note\n\
             INSERT INTO history AS h (minute, account, what, errcode, times) \
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], \
                $5::bigint[]) \
             ON CONFLICT (minute, account, what, errcode) \
             DO UPDATE SET times = h.times + excluded.times",
        )
        .await?;
    db.execute(&add, &[&minutes, &accounts, &whats, &errcodes, &times])
        .await?;
    tried.note(db, &()).await?;
    db.commit().await?;
    Ok(())
}

/// A row: step, account, what, errcode, times.
fn counted(row: &Row) -> Outcome<Count> {
    let what: i16 = row.try_get(2)?;
    let times: i64 = row.try_get(4)?;
    Ok(Count {
        account: AccountId(row.try_get(1)?),
        at: from_millisecond(row.try_get(0)?),
        what: u8::try_from(what)
            .ok()
            .and_then(Happening::from_code)
            .ok_or_else(|| Fault::corrupt("something is counted that is not known"))?,
        errcode: row.try_get(3)?,
        times: times.cast_unsigned(),
    })
}
