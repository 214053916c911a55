//! What accounts used of WeChat's allowances.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{QuotaStore, StoreError};
use hongyan_domain::quota::{CallsMade, Quota, ReportedQuota};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::credentials::refuse_missing;
use super::fault::Outcome;
use super::row::{count, large, millis, number};
use super::{SqliteStore, tally};

#[async_trait]
impl QuotaStore for SqliteStore {
    async fn note_calls(&self, calls: &[CallsMade]) -> Result<(), StoreError> {
        if calls.is_empty() {
            return Ok(());
        }
        let calls = calls.to_vec();
        self.write(calls.len(), move |db| note_calls(db, &calls))
            .await
    }

    async fn note_quota(
        &self,
        account: AccountId,
        path: &str,
        day: i64,
        reported: &ReportedQuota,
    ) -> Result<(), StoreError> {
        let (path, reported) = (path.to_owned(), *reported);
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            db.prepare_cached(
                "-- quotas.report\n\
                 INSERT INTO quota AS q (account, day, path, ours, daily_limit, used, \
                    reported_at, ours_then) \
                 VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, 0) \
                 ON CONFLICT (account, day, path) DO UPDATE SET \
                    daily_limit = excluded.daily_limit, used = excluded.used, \
                    reported_at = excluded.reported_at, ours_then = q.ours",
            )?
            .execute(params![
                account.0,
                day,
                path,
                large(reported.daily_limit),
                large(reported.used),
                millis(reported.at)
            ])?;
            Ok(())
        })
        .await
    }

    async fn quotas(&self, account: AccountId, day: i64) -> Result<Vec<Quota>, StoreError> {
        self.read(move |db| {
            let mut all = db.prepare_cached(
                "-- quotas.of\n\
                 SELECT path, ours, daily_limit, used, reported_at, ours_then FROM quota \
                 WHERE account = ?1 AND day = ?2 ORDER BY path",
            )?;
            let quotas = all
                .query_map([account.0, day], quota)?
                .collect::<Result<_, _>>()?;
            Ok(quotas)
        })
        .await
    }

    async fn count_clearing(&self, account: AccountId, month: i64) -> Result<u32, StoreError> {
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            Ok(db
                .prepare_cached(
                    "-- quotas.count_clearing\n\
                     INSERT INTO quota_clearing (account, month, used) VALUES (?1, ?2, 1) \
                     ON CONFLICT (account, month) DO UPDATE SET used = used + 1 RETURNING used",
                )?
                .query_one([account.0, month], |row| row.get(0))?)
        })
        .await
    }

    async fn clearings(&self, account: AccountId, month: i64) -> Result<u32, StoreError> {
        self.read(move |db| {
            let used: Option<u32> = db
                .prepare_cached(
                    "-- quotas.clearings\n\
                     SELECT used FROM quota_clearing WHERE account = ?1 AND month = ?2",
                )?
                .query_one([account.0, month], |row| row.get(0))
                .optional()?;
            Ok(used.unwrap_or_default())
        })
        .await
    }

    async fn forget_counts(&self, day: i64, limit: usize) -> Result<usize, StoreError> {
        let now = millis(self.clock.now());
        self.write(limit.min(1), move |db| {
            let days = db
                .prepare_cached(
                    "-- quotas.forget\n\
                     DELETE FROM quota WHERE (account, day, path) IN (\
                        SELECT account, day, path FROM quota WHERE day < ?1 LIMIT ?2)",
                )?
                .execute([day, number(limit)])?;
            Ok(days + tally::forget(db, now, limit)?)
        })
        .await
    }
}

fn note_calls(db: &Connection, calls: &[CallsMade]) -> Outcome<()> {
    let mut note = db.prepare_cached(
        "-- quotas.note\n\
         INSERT INTO quota AS q (account, day, path, ours) \
         SELECT id, ?2, ?3, ?4 FROM account WHERE id = ?1 \
         ON CONFLICT (account, day, path) DO UPDATE SET ours = q.ours + excluded.ours",
    )?;
    for made in calls {
        note.execute(params![
            made.account.0,
            made.day,
            made.path,
            large(made.calls)
        ])?;
    }
    Ok(())
}

/// A row: path, ours, daily_limit, used, reported_at, ours_then.
fn quota(row: &Row<'_>) -> rusqlite::Result<Quota> {
    let reported_at: Option<i64> = row.get(4)?;
    let reported = match reported_at {
        Some(at) => {
            let reported = ReportedQuota {
                daily_limit: count(row, 2)?,
                used: count(row, 3)?,
                at: from_millisecond(at),
            };
            Some((reported, count(row, 5)?))
        }
        None => None,
    };
    Ok(Quota {
        path: row.get(0)?,
        ours: count(row, 1)?,
        reported,
    })
}
