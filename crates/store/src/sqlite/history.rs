//! What happened, by the minute.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::history::{Count, Happening};
use hongyan_domain::port::{HistoryStore, StoreError};
use jiff::Timestamp;
use rusqlite::{Row, params};

use super::SqliteStore;
use super::fault::{Fault, Outcome};
use super::row::{count, large, millis, number};

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn note_history(&self, counts: &[Count]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let counts = counts.to_vec();
        self.write(counts.len(), move |db| {
            let mut note = db.prepare_cached(
                "-- history.note\n\
                 INSERT INTO history AS h (minute, account, what, errcode, times) \
                 SELECT ?2, id, ?3, ?4, ?5 FROM account WHERE id = ?1 \
                 ON CONFLICT (minute, account, what, errcode) \
                 DO UPDATE SET times = h.times + excluded.times",
            )?;
            for count in &counts {
                note.execute(params![
                    count.account.0,
                    millis(count.at),
                    count.what.code(),
                    count.errcode,
                    large(count.times)
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn history(
        &self,
        accounts: Option<&[AccountId]>,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Count>, StoreError> {
        let accounts = accounts
            .map(|some| {
                let ids: Vec<i64> = some.iter().map(|account| account.0).collect();
                serde_json::to_string(&ids)
            })
            .transpose()
            .map_err(Fault::from)?;
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        self.read(move |db| {
            let mut all = db.prepare_cached(
                "-- history.read\n\
                 SELECT minute / ?4 * ?4 AS step, account, what, errcode, sum(times) FROM history \
                 WHERE minute >= ?1 AND minute < ?2 \
                 AND (?3 IS NULL OR account IN (SELECT value FROM json_each(?3))) \
                 GROUP BY step, account, what, errcode ORDER BY step, account, what, errcode",
            )?;
            let mut rows = all.query(params![millis(from), millis(to), accounts, step])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(counted(row)?);
            }
            Ok(found)
        })
        .await
    }

    async fn forget_history(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.write(limit.min(1), move |db| {
            Ok(db
                .prepare_cached(
                    "-- history.forget\n\
                     DELETE FROM history WHERE (minute, account, what, errcode) IN (\
                        SELECT minute, account, what, errcode FROM history WHERE minute < ?1 \
                        ORDER BY minute LIMIT ?2)",
                )?
                .execute([millis(before), number(limit)])?)
        })
        .await
    }
}

/// A row: step, account, what, errcode, times.
fn counted(row: &Row<'_>) -> Outcome<Count> {
    Ok(Count {
        account: AccountId(row.get(1)?),
        at: from_millisecond(row.get(0)?),
        what: Happening::from_code(row.get(2)?)
            .ok_or_else(|| Fault::corrupt("something is counted that is not known"))?,
        errcode: row.get(3)?,
        times: count(row, 4)?,
    })
}
