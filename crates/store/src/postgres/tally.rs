//! What messages are counted against: caps and windows of repeats, for all nodes
//! together.

use std::collections::{BTreeMap, BTreeSet};

use hongyan_domain::AccountId;
use hongyan_domain::grant::Withheld;
use hongyan_domain::port::{Ask, Tally};
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::Outcome;
use super::link::Db;
use super::queue::time;
use super::row::message_uuid;

/// Held while messages of an account are counted, so that two nodes do not both
/// find the last place free ("tall"). The other half of the key is the account's
/// number, or what is left of it in 32 bits: to wait for another account is no harm.
const TALLY_LOCK: i32 = 0x7461_6c6c;

/// How far back a tally looks, in milliseconds.
fn span(tally: &Tally) -> i64 {
    i64::try_from(tally.within.as_millis()).unwrap_or(i64::MAX)
}

/// The counts some messages must fit into, held until the transaction ends.
#[derive(Default)]
pub(super) struct Tallies {
    account: i64,
    now: i64,
    /// Messages that were counted.
    counted: BTreeSet<Uuid>,
    /// How many were counted under a key in a span, at most as many as matter.
    before: BTreeMap<(Uuid, i64), i64>,
    /// How many of these messages are counted under a key now.
    fresh: BTreeMap<Uuid, i64>,
    new: Vec<(Uuid, Uuid)>,
}

impl Tallies {
    /// In a transaction; with nothing to count it asks for nothing.
    pub(super) async fn read(
        db: &Db,
        account: AccountId,
        asks: &[&Ask],
        by_hand: Option<i64>,
    ) -> Outcome<Self> {
        if asks.is_empty() {
            return Ok(Self::default());
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "two accounts may share a lock"
        )]
        let half = account.0 as i32;
        let lock = db
            .prepare_cached("-- tally.lock\nSELECT pg_advisory_xact_lock($1, $2)")
            .await?;
        db.query_one(&lock, &[&TALLY_LOCK, &half]).await?;
        let now = time(db, by_hand).await?;
        let mut most = BTreeMap::<(Uuid, i64), i64>::new();
        for tally in asks.iter().flat_map(|ask| &ask.tallies) {
            let most = most
                .entry((Uuid::from_bytes(tally.key), span(tally)))
                .or_default();
            *most = (*most).max(tally.at_most.into());
        }
        let messages: Vec<Uuid> = asks.iter().map(|ask| message_uuid(ask.message)).collect();
        let keys: Vec<Uuid> = most.keys().map(|(key, _)| *key).collect();
        let since: Vec<i64> = most
            .keys()
            .map(|(_, span)| now.saturating_sub(*span))
            .collect();
        let limits: Vec<i64> = most.values().copied().collect();
        let counted = db
            .prepare_cached(
                "-- tally.counted\n\
                 SELECT DISTINCT message FROM tally WHERE message = ANY($1)",
            )
            .await?;
        let before = db
            .prepare_cached(
                "-- tally.before\n\
                 SELECT n.n FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) WITH ORDINALITY \
                    k(key, since, most, place) \
                 CROSS JOIN LATERAL (SELECT count(*) AS n FROM (\
                    SELECT 1 FROM tally t \
                    WHERE t.account = $1 AND t.key = k.key AND t.at > k.since LIMIT k.most) one) n \
                 ORDER BY k.place",
            )
            .await?;
        let (counted, before) =
            tokio::try_join!(async { db.query(&counted, &[&messages]).await }, async {
                db.query(&before, &[&account.0, &keys, &since, &limits])
                    .await
            })?;
        let number = |row: &Row| -> Outcome<i64> { Ok(row.try_get(0)?) };
        Ok(Self {
            account: account.0,
            now,
            counted: counted
                .iter()
                .map(|row| Ok(row.try_get(0)?))
                .collect::<Outcome<_>>()?,
            before: most
                .into_keys()
                .zip(&before)
                .map(|(key, row)| Ok((key, number(row)?)))
                .collect::<Outcome<_>>()?,
            fresh: BTreeMap::new(),
            new: Vec::new(),
        })
    }

    /// Why a message does not fit, if it does not.
    pub(super) fn refusal(&self, ask: &Ask) -> Option<Withheld> {
        if self.counted.contains(&message_uuid(ask.message)) {
            return None;
        }
        ask.tallies
            .iter()
            .find(|tally| {
                let key = Uuid::from_bytes(tally.key);
                let before = self.before.get(&(key, span(tally))).copied();
                let fresh = self.fresh.get(&key).copied();
                before.unwrap_or(0) + fresh.unwrap_or(0) >= i64::from(tally.at_most)
            })
            .map(|tally| tally.reason)
    }

    /// Counts a message, if it was not counted before.
    pub(super) fn count(&mut self, ask: &Ask) {
        let id = message_uuid(ask.message);
        if ask.tallies.is_empty() || !self.counted.insert(id) {
            return;
        }
        let keys: BTreeSet<Uuid> = ask
            .tallies
            .iter()
            .map(|tally| Uuid::from_bytes(tally.key))
            .collect();
        for key in keys {
            *self.fresh.entry(key).or_default() += 1;
            self.new.push((id, key));
        }
    }

    pub(super) async fn write(&self, db: &Db) -> Outcome<()> {
        if self.new.is_empty() {
            return Ok(());
        }
        let (messages, keys): (Vec<Uuid>, Vec<Uuid>) = self.new.iter().copied().unzip();
        let insert = db
            .prepare_cached(
                "-- tally.insert\n\
                 INSERT INTO tally (message, key, account, at) \
                 SELECT n.message, n.key, $3, $4 FROM unnest($1::uuid[], $2::uuid[]) \
                    n(message, key)",
            )
            .await?;
        db.execute(&insert, &[&messages, &keys, &self.account, &self.now])
            .await?;
        Ok(())
    }
}

/// Takes back the counts of messages that certainly did not go out, in a
/// transaction.
pub(super) async fn take_back(db: &Db, messages: &[Uuid]) -> Outcome<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let take = db
        .prepare_cached("-- tally.take_back\nDELETE FROM tally WHERE message = ANY($1)")
        .await?;
    db.execute(&take, &[&messages]).await?;
    Ok(())
}
