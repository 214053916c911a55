//! What accounts used of WeChat's allowances.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{QuotaStore, StoreError};
use hongyan_domain::quota::{CallsMade, Quota, ReportedQuota};
use hongyan_domain::timing::LONGEST_SPAN;
use tokio_postgres::Error;

use super::fault::{Fault, Outcome, refers_to_nothing};
use super::link::Db;
use super::row::{millis, now, number, text};
use super::tried::Tried;
use super::{PostgresStore, intake};

#[async_trait]
impl QuotaStore for PostgresStore {
    async fn note_calls(&self, calls: &[CallsMade]) -> Result<(), StoreError> {
        if calls.is_empty() {
            return Ok(());
        }
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move { note_calls(&db, calls, tried).await })
            .await
    }

    async fn note_quota(
        &self,
        account: AccountId,
        path: &str,
        day: i64,
        reported: &ReportedQuota,
    ) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move {
                let note = db
                    .prepare_cached(
                        "-- quotas.note\n\
                         INSERT INTO call_count AS c (account, day, path, daily_limit, used, \
                            reported_at, ours_then) VALUES ($1, $2, $3, $4, $5, $6, 0) \
                         ON CONFLICT (account, day, path) DO UPDATE SET \
                            daily_limit = excluded.daily_limit, used = excluded.used, \
                            reported_at = excluded.reported_at, ours_then = c.ours",
                    )
                    .await?;
                db.execute(
                    &note,
                    &[
                        &account.0,
                        &day,
                        &text(path),
                        &reported.daily_limit.cast_signed(),
                        &reported.used.cast_signed(),
                        &millis(reported.at),
                    ],
                )
                .await
                .map_err(missing)?;
                Ok(())
            })
            .await
    }

    async fn quotas(&self, account: AccountId, day: i64) -> Result<Vec<Quota>, StoreError> {
        self.link
            .look(|db| async move { quotas(&db, account, day).await })
            .await
    }

    async fn count_clearing(&self, account: AccountId, month: i64) -> Result<u32, StoreError> {
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move {
                if let Some(count) = tried.earlier(&db).await? {
                    return Ok(count);
                }
                let count = db
                    .prepare_cached(
                        "-- quotas.cleared\n\
                         INSERT INTO clearing AS c (account, month, count) VALUES ($1, $2, 1) \
                         ON CONFLICT (account, month) DO UPDATE SET count = c.count + 1 \
                         RETURNING count",
                    )
                    .await?;
                db.begin().await?;
                let row = match db.query_one(&count, &[&account.0, &month]).await {
                    Ok(row) => row,
                    Err(error) if refers_to_nothing(&error) => {
                        db.roll_back().await?;
                        return Err(missing(error));
                    }
                    Err(error) => return Err(error.into()),
                };
                let count = small(row.try_get(0)?);
                tried.note(&db, &count).await?;
                db.commit().await?;
                Ok(count)
            })
            .await
    }

    async fn clearings(&self, account: AccountId, month: i64) -> Result<u32, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached(
                        "-- quotas.clearings\n\
                         SELECT count FROM clearing WHERE account = $1 AND month = $2",
                    )
                    .await?;
                let row = db.query_opt(&find, &[&account.0, &month]).await?;
                Ok(row.map(|row| row.try_get(0)).transpose()?.map_or(0, small))
            })
            .await
    }

    async fn forget_counts(&self, day: i64, limit: usize) -> Result<usize, StoreError> {
        self.link
            .look(|db| async move { forget(&db, day, limit, self.by_hand()).await })
            .await
    }
}

fn missing(error: Error) -> Fault {
    if refers_to_nothing(&error) {
        Fault::missing("the account")
    } else {
        error.into()
    }
}

fn small(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}

async fn note_calls(db: &Db, calls: &[CallsMade], tried: &Tried<()>) -> Outcome<()> {
    if tried.earlier(db).await?.is_some() {
        return Ok(());
    }
    // In the order of their keys, so that two nodes do not wait for each other.
    let mut sums = BTreeMap::<(i64, i64, String), i64>::new();
    for call in calls {
        let key = (call.account.0, call.day, text(&call.path).into_owned());
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add_unsigned(call.calls);
    }
    let mut accounts: Vec<i64> = sums.keys().map(|key| key.0).collect();
    accounts.dedup();
    let found = intake::begin(db, &accounts).await?;
    sums.retain(|key, _| found.contains(&key.0));
    let accounts: Vec<i64> = sums.keys().map(|key| key.0).collect();
    let days: Vec<i64> = sums.keys().map(|key| key.1).collect();
    let paths: Vec<&str> = sums.keys().map(|key| key.2.as_str()).collect();
    let counts: Vec<i64> = sums.values().copied().collect();
    let add = db
        .prepare_cached(
            "-- quotas.calls\n\
             INSERT INTO call_count AS c (account, day, path, ours) \
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) \
             ON CONFLICT (account, day, path) DO UPDATE SET ours = c.ours + excluded.ours",
        )
        .await?;
    db.execute(&add, &[&accounts, &days, &paths, &counts])
        .await?;
    tried.note(db, &()).await?;
    db.commit().await?;
    Ok(())
}

async fn quotas(db: &Db, account: AccountId, day: i64) -> Outcome<Vec<Quota>> {
    let list = db
        .prepare_cached(
            "-- quotas.list\n\
             SELECT path, ours, daily_limit, used, reported_at, ours_then FROM call_count \
             WHERE account = $1 AND day = $2 ORDER BY path",
        )
        .await?;
    let rows = db.query(&list, &[&account.0, &day]).await?;
    rows.iter()
        .map(|row| {
            let number = |column: usize| -> Outcome<Option<u64>> {
                let stored: Option<i64> = row.try_get(column)?;
                Ok(stored.map(i64::cast_unsigned))
            };
            let at: Option<i64> = row.try_get(4)?;
            let reported = match (number(2)?, number(3)?, at, number(5)?) {
                (Some(daily_limit), Some(used), Some(at), Some(ours_then)) => {
                    let at = from_millisecond(at);
                    let reported = ReportedQuota {
                        daily_limit,
                        used,
                        at,
                    };
                    Some((reported, ours_then))
                }
                _ => None,
            };
            Ok(Quota {
                path: row.try_get(0)?,
                ours: number(1)?.unwrap_or(0),
                reported,
            })
        })
        .collect()
}

async fn forget(db: &Db, day: i64, limit: usize, by_hand: Option<i64>) -> Outcome<usize> {
    let counts = db
        .prepare_cached(
            "-- quotas.forget\n\
             DELETE FROM call_count WHERE ctid = ANY(ARRAY(\
                SELECT ctid FROM call_count WHERE day < $1 ORDER BY day LIMIT $2))",
        )
        .await?;
    let tallies = db
        .prepare_cached(concat!(
            "-- tally.forget\n\
             DELETE FROM tally WHERE ctid = ANY(ARRAY(\
                SELECT ctid FROM tally WHERE at >= 0 AND at <= (SELECT ",
            now!("$1"),
            " - $3::bigint) ORDER BY at LIMIT $2))"
        ))
        .await?;
    let longest = i64::try_from(LONGEST_SPAN.as_millis()).unwrap_or(i64::MAX);
    let limit = number(limit);
    let forgotten = db.execute(&counts, &[&day, &limit]).await?
        + db.execute(&tallies, &[&by_hand, &limit, &longest]).await?;
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}
