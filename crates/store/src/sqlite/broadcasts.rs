//! The broadcasts.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::broadcast::{Broadcast, BroadcastState, Counts, Recipient, Skipped};
use hongyan_domain::clock::after;
use hongyan_domain::port::{
    BroadcastStore, Expanded, Expansion, Idempotency, Intake, Page, StoreError,
};
use hongyan_domain::{AccountId, BroadcastId, NodeId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::broadcast::{self, broadcast_columns};
use super::credentials::refuse_missing;
use super::expand::{self, Prepared};
use super::fault::{Fault, Outcome};
use super::news::Teller;
use super::row::millis;
use super::{SqliteStore, idempotency};
use crate::webhook::News;

#[async_trait]
impl BroadcastStore for SqliteStore {
    async fn add_broadcast(
        &self,
        broadcast: &Broadcast,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError> {
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        let spec = serde_json::to_string(&broadcast.spec).map_err(Fault::from)?;
        let (broadcast, now) = (broadcast.clone(), millis(self.clock.now()));
        self.write(1, move |db| {
            refuse_missing(db, broadcast.account)?;
            idempotency::keep_new(db, answer.as_ref(), now)?;
            broadcast::insert(db, &broadcast, &spec)
        })
        .await
    }

    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Broadcast>, StoreError> {
        self.read(move |db| broadcast::find(db, id)).await
    }

    async fn broadcasts(
        &self,
        accounts: Option<&[AccountId]>,
        page: &Page<BroadcastId>,
    ) -> Result<Vec<Broadcast>, StoreError> {
        let accounts = accounts
            .map(serde_json::to_string)
            .transpose()
            .map_err(Fault::from)?;
        let page = *page;
        self.read(move |db| broadcast::list(db, accounts.as_deref(), page))
            .await
    }

    async fn add_recipients(
        &self,
        id: BroadcastId,
        intake: &Intake,
    ) -> Result<Option<Broadcast>, StoreError> {
        let chunks = intake
            .chunks
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>()
            .map_err(Fault::from)?;
        let people = intake.chunks.iter().map(Vec::len).sum();
        let (first, load_cursor) = (intake.first, intake.load_cursor.clone());
        // A chunk is one row, though a large one.
        self.write(1 + chunks.len(), move |db| {
            broadcast::load(db, id, first, &chunks, people, load_cursor.as_deref())
        })
        .await
    }

    async fn recipients(&self, id: BroadcastId, chunk: u32) -> Result<Vec<Recipient>, StoreError> {
        self.read(move |db| {
            Ok(match broadcast::chunk(db, id, chunk)? {
                Some(people) => serde_json::from_str(&people)?,
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
        let (from, problem) = (from.to_vec(), problem.map(str::to_owned));
        let (purge, now) = (self.purge.clone(), millis(self.clock.now()));
        self.write(1, move |db| {
            let moved = broadcast::move_to(db, id, &from, to, problem.as_deref(), at, &purge)?;
            if let Some(moved) = &moved {
                Teller::prepare(db, now)?.tell(|| News::of_broadcast(moved, millis(at)))?;
            }
            Ok(moved)
        })
        .await
    }

    async fn expand(
        &self,
        id: BroadcastId,
        expansion: &Expansion,
    ) -> Result<Option<Expanded>, StoreError> {
        let prepared = Prepared::new(expansion.clone())?;
        self.write(prepared.rows(), move |db| expand::expand(db, id, &prepared))
            .await
    }

    async fn lease_broadcasts(
        &self,
        node: NodeId,
        lease: Duration,
    ) -> Result<Vec<Broadcast>, StoreError> {
        let now = self.clock.now();
        let until = millis(after(now, lease));
        let now = millis(now);
        // Mostly there are none, which a reader can tell.
        if !self.read(any_under_way).await? {
            return Ok(Vec::new());
        }
        self.write(1, move |db| take(db, node, now, until)).await
    }

    async fn broadcast_counts(&self, id: BroadcastId) -> Result<Counts, StoreError> {
        self.read(move |db| expand::counts(db, id)).await
    }

    async fn skipped(
        &self,
        id: BroadcastId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, Skipped)>, StoreError> {
        let page = *page;
        self.read(move |db| broadcast::skipped(db, id, page)).await
    }

    async fn forget_broadcasts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (before, purge) = (millis(before), self.purge.clone());
        self.write(1, move |db| broadcast::forget(db, before, limit, &purge))
            .await
    }
}

fn any_under_way(db: &Connection) -> Outcome<bool> {
    let found = db
        .prepare_cached("-- broadcasts.under_way\nSELECT 1 FROM broadcast WHERE state < 4 LIMIT 1")?
        .query_one([], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn take(db: &Connection, node: NodeId, now: i64, until: i64) -> Outcome<Vec<Broadcast>> {
    db.prepare_cached(
        "-- broadcasts.lease\n\
         UPDATE broadcast SET node = ?1, leased_until = ?3 \
         WHERE state < 4 AND (node IS NULL OR node = ?1 OR leased_until <= ?2)",
    )?
    .execute(params![node.as_bytes(), now, until])?;
    broadcast::collect(
        db,
        concat!(
            "-- broadcasts.leased\nSELECT ",
            broadcast_columns!(),
            " FROM broadcast b WHERE b.state < 4 AND b.node = ?1 ORDER BY b.id"
        ),
        [node.as_bytes()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number stands in statements and in an index.
    #[test]
    fn states_below_four_are_not_over() {
        for state in BroadcastState::ALL {
            assert_eq!(state.code() < 4, !state.is_over());
        }
    }
}
