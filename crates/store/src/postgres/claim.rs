//! Handing messages out, within what the account may send.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::{Claimed, History, Lease};
use hongyan_domain::message::Priority;
use hongyan_domain::port::{Batch, StoreError};
use hongyan_domain::{AccountId, MessageId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::link::Db;
use super::row::{self, MESSAGE_COLUMNS, message_columns, message_id, now, number, optional_time};

/// When to ask again while as many as may be are under way. (Sends that end on
/// this node are heard of at once; this is for those of others.)
const IN_FLIGHT_PAUSE: i64 = 20;

/// How long a node counts as one that wants to send after it was told to wait: the
/// others leave it its share.
const WANTS: i64 = 2_000;

/// Where in the answer to a claim the columns of `work` begin.
const WORK: usize = MESSAGE_COLUMNS;

/// Claims whose answers were lost: what they took is held by nobody. The next
/// claims for the account give it back first.
#[derive(Debug, Default)]
pub(super) struct LostClaims(Mutex<BTreeMap<i64, Vec<(i64, Instant)>>>);

/// Lost claims remembered for an account at most; further ones end with their
/// leases.
const MOST_LOST: usize = 64;
/// How long a claim is remembered: the server may come to it after its
/// connection broke.
const REMEMBERED: Duration = Duration::from_secs(20);

impl LostClaims {
    /// A claim begins. Until it is told to be known it counts as lost, also when
    /// its caller goes away.
    pub(super) fn begin(&self, account: AccountId) -> std::io::Result<Ticket<'_>> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(std::io::Error::from)?;
        Ok(Ticket {
            lost: self,
            account: account.0,
            number: AtomicI64::new(i64::from_ne_bytes(random)),
            tries: AtomicI64::new(0),
        })
    }

    fn add(&self, account: i64, number: i64) {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = lost.entry(account).or_default();
        if of_account.len() < MOST_LOST {
            of_account.push((number, Instant::now()));
        }
    }

    fn of(&self, account: i64) -> Vec<i64> {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_account) = lost.get_mut(&account) else {
            return Vec::new();
        };
        of_account.retain(|(_, since)| since.elapsed() < REMEMBERED);
        let numbers = of_account.iter().map(|&(number, _)| number).collect();
        if of_account.is_empty() {
            lost.remove(&account);
        }
        numbers
    }
}

/// One claim; each try of it has a number of its own.
pub(super) struct Ticket<'a> {
    lost: &'a LostClaims,
    account: i64,
    number: AtomicI64,
    /// Since it was last known what became of it.
    tries: AtomicI64,
}

impl Ticket<'_> {
    /// The number for another try. That there is one means that the answer to
    /// the one before was lost.
    fn next_try(&self) -> i64 {
        let before = self.number.fetch_add(1, Ordering::Relaxed);
        if self.tries.fetch_add(1, Ordering::Relaxed) > 0 {
            self.lost.add(self.account, before);
        }
        before.wrapping_add(1)
    }

    /// What it took has reached its caller.
    pub(super) fn known(self) {
        self.tries.store(0, Ordering::Relaxed);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if *self.tries.get_mut() > 0 {
            self.lost.add(self.account, *self.number.get_mut());
        }
    }
}

/// The rate of an account, for all nodes together: a token bucket as the engine
/// has one for itself. It starts with a tenth of a second's worth, so that the
/// first second does not see twice the rate, and never holds more, so that what
/// was not used is not made up for in a burst. Slow rates hold two, or every
/// look that comes late would cost a part of one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    rate: f64,
    tokens: f64,
}

impl Bucket {
    fn filled(rate: i64, tokens: f64, filled_at: Option<i64>, now: i64) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "rates and spans of time are far below 2^52"
        )]
        let (rate, passed) = (
            rate.max(0) as f64,
            filled_at.map(|then| now.saturating_sub(then).max(0) as f64),
        );
        let start = (rate / 10.0).max(1.0);
        let tokens = match passed {
            None => start,
            Some(passed) => (tokens + rate * passed / 1000.0).min(start.max(2.0)),
        };
        Self { rate, tokens }
    }

    fn whole(self) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the bucket holds between 0 and u32::MAX tokens"
        )]
        let tokens = self.tokens as i64;
        tokens
    }

    /// How many milliseconds until there is one after `taken` are gone.
    fn wait(self, taken: i64) -> i64 {
        #[expect(clippy::cast_precision_loss, reason = "claims are far below 2^52")]
        let missing = 1.0 - (self.tokens - taken as f64);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no account is so slow that the span does not fit"
        )]
        let wait = (missing * 1000.0 / self.rate.max(0.001) - 1e-6).ceil() as i64;
        wait.max(1)
    }
}

/// A node at an account, by its own word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    /// Which.
    pub(super) node: i64,
    /// What it is sending at this moment.
    pub(super) in_flight: i64,
}

/// What an account may send at this moment.
struct Room {
    now: i64,
    in_flight: i64,
    bucket: Option<Bucket>,
}

/// How many more a node may begin to send: never more than the account's limit
/// leaves, nor than its share where several want to send. Crumbs are not worth a
/// claim while others of its own are under way.
fn room(most: i64, others: i64, other_nodes: i64, own: i64) -> i64 {
    let free = most - others - own;
    if other_nodes == 0 {
        return free.max(0);
    }
    let share = ((most + other_nodes) / (other_nodes + 1)).max(1);
    let room = free.min(share - own).max(0);
    if own > 0 && room < share / 4 { 0 } else { room }
}

/// In one transaction: holds the account's lane, so that no other node claims
/// for it meanwhile, looks how much may be taken, and takes it.
pub(super) async fn claim(
    db: &Db,
    ticket: &Ticket<'_>,
    sending: Sending,
    limit: usize,
    lease: Duration,
    least: Priority,
    by_hand: Option<i64>,
) -> Outcome<Batch> {
    let (account, claim) = (ticket.account, ticket.next_try());
    let lost = ticket.lost.of(account);
    let Some(room) = begin(db, account, sending, &lost, by_hand).await? else {
        // The account is gone.
        db.commit().await?;
        return Ok(Batch::default());
    };
    let wanted = number(limit);
    let mut allowed = wanted.min(room.in_flight);
    if let Some(bucket) = room.bucket {
        allowed = allowed.min(bucket.whole());
    }
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    let until = room.now.saturating_add(lease);
    let (rows, next) = take(
        db,
        (account, claim),
        sending,
        &room,
        (allowed, least),
        until,
    )
    .await?;
    let taken = number(rows.len());
    let mut next_due_at = next;
    if let Some(due_at) = next
        && due_at <= room.now
        && taken < wanted
    {
        // The account's limits held it back: which of them?
        let wait = match room.bucket {
            Some(bucket) if bucket.whole() <= room.in_flight => bucket.wait(taken),
            _ if taken >= room.in_flight => IN_FLIGHT_PAUSE,
            // Somebody had it in hand at that moment.
            _ => 1,
        };
        next_due_at = Some(room.now.saturating_add(wait));
    }
    let claimed = rows
        .iter()
        .filter_map(|row| understand(row, until))
        .collect();
    Ok(Batch {
        claimed,
        next_due_at: next_due_at.map(from_millisecond),
    })
}

async fn begin(
    db: &Db,
    account: i64,
    sending: Sending,
    lost: &[i64],
    by_hand: Option<i64>,
) -> Outcome<Option<Room>> {
    let hold = db
        .prepare_cached("-- claim.hold\nSELECT 1 FROM lane WHERE account = $1 FOR UPDATE")
        .await?;
    // A statement of its own: it sees what was committed before the lane was
    // free, and the time after that.
    let room = db
        .prepare_cached(concat!(
            "-- claim.room\n\
             SELECT t.now, a.max_in_flight, a.rate_per_second, l.tokens, l.filled_at, \
                n.in_flight, n.nodes \
             FROM (SELECT ",
            now!("$2"),
            " AS now) t, account a, lane l, LATERAL (\
                SELECT coalesce(sum(o.in_flight), 0)::bigint AS in_flight, count(*) AS nodes \
                FROM lane_node o WHERE o.account = $1 AND o.node <> $3 AND o.until > t.now) n \
             WHERE a.id = $1 AND l.account = $1"
        ))
        .await?;
    let row = if lost.is_empty() {
        let ((), _, row) = tokio::try_join!(
            db.begin(),
            async { db.query_opt(&hold, &[&account]).await },
            async {
                db.query_opt(&room, &[&account, &by_hand, &sending.node])
                    .await
            }
        )?;
        row
    } else {
        let give_back = db
            .prepare_cached(concat!(
                "-- claim.give_back\n\
                 UPDATE work SET claimed_at = NULL, claim = NULL, lease_token = lease_token + 1, \
                    due_at = ",
                now!("$3"),
                " WHERE account = $1 AND claimed_at IS NOT NULL AND claim = ANY($2)"
            ))
            .await?;
        let ((), _, _, row) = tokio::try_join!(
            db.begin(),
            async { db.query_opt(&hold, &[&account]).await },
            async { db.execute(&give_back, &[&account, &lost, &by_hand]).await },
            async {
                db.query_opt(&room, &[&account, &by_hand, &sending.node])
                    .await
            }
        )?;
        row
    };
    let Some(row) = row else { return Ok(None) };
    let now = row.try_get(0)?;
    let (most, others): (i64, i64) = (row.try_get(1)?, row.try_get(5)?);
    let other_nodes = row.try_get(6)?;
    let (tokens, filled_at) = (row.try_get(3)?, row.try_get(4)?);
    Ok(Some(Room {
        now,
        in_flight: self::room(most, others, other_nodes, sending.in_flight),
        bucket: row
            .try_get::<_, Option<i64>>(2)?
            .map(|rate| Bucket::filled(rate, tokens, filled_at, now)),
    }))
}

/// The bands of what is as urgent as `least` or more.
pub(super) fn bands(least: Priority) -> Vec<i16> {
    Priority::ALL
        .into_iter()
        .filter(|priority| *priority <= least)
        .map(|priority| priority.band().into())
        .collect()
}

/// Takes at most `allowed` messages, as urgent as `least` or more, and commits. Returns them, the most urgent
/// and longest due first, and when the next one becomes due.
async fn take(
    db: &Db,
    (account, claim): (i64, i64),
    sending: Sending,
    room: &Room,
    (allowed, least): (i64, Priority),
    until: i64,
) -> Outcome<(Vec<Row>, Option<i64>)> {
    let next = db
        .prepare_cached(
            "-- claim.next\n\
             SELECT min(first.due_at) FROM unnest($2::smallint[]) b(band) CROSS JOIN LATERAL (\
                SELECT w.due_at FROM work w WHERE w.account = $1 AND w.band = b.band AND w.band >= 0 \
                    AND w.claim IS DISTINCT FROM $3 \
                ORDER BY w.due_at, w.id LIMIT 1) first",
        )
        .await?;
    let (bands, last_band) = (bands(least), i16::from(least.band()));
    let Sending { node, in_flight } = sending;
    if allowed == 0 {
        let wants = db
            .prepare_cached(
                "-- claim.wants\n\
                 INSERT INTO lane_node (account, node, in_flight, until) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (account, node) DO UPDATE SET in_flight = EXCLUDED.in_flight, \
                    until = greatest(lane_node.until, EXCLUDED.until)",
            )
            .await?;
        let wants_until = room.now.saturating_add(WANTS);
        let (_, row, ()) = tokio::try_join!(
            async {
                db.execute(&wants, &[&account, &node, &in_flight, &wants_until])
                    .await
            },
            async { db.query_one(&next, &[&account, &bands, &claim]).await },
            db.commit()
        )?;
        return Ok((Vec::new(), row.try_get(0)?));
    }
    // The three bands are those of `Priority`.
    let take = db
        .prepare_cached(concat!(
            "-- claim.take\n\
             WITH high AS MATERIALIZED (\
                SELECT id, account, band, due_at FROM work WHERE account = $1 AND band = 0 AND due_at <= $2 \
                ORDER BY due_at, id LIMIT $3::bigint FOR UPDATE SKIP LOCKED), \
             normal AS MATERIALIZED (\
                SELECT id, account, band, due_at FROM work WHERE account = $1 AND band = 1 AND due_at <= $2 AND $9::smallint >= 1 \
                ORDER BY due_at, id LIMIT $3::bigint - (SELECT count(*) FROM high) \
                FOR UPDATE SKIP LOCKED), \
             low AS MATERIALIZED (\
                SELECT id, account, band, due_at FROM work WHERE account = $1 AND band = 2 AND due_at <= $2 AND $9::smallint >= 2 \
                ORDER BY due_at, id LIMIT $3::bigint - (SELECT count(*) FROM high) \
                    - (SELECT count(*) FROM normal) \
                FOR UPDATE SKIP LOCKED), \
             due AS (SELECT * FROM high UNION ALL SELECT * FROM normal UNION ALL SELECT * FROM low), \
             taken AS (\
                UPDATE work w SET due_at = $4, lease_token = w.lease_token + 1, claimed_at = $2, \
                    claim = $5, interrupted_at = coalesce(w.interrupted_at, w.claimed_at) \
                FROM due WHERE w.id = due.id AND w.account = due.account \
                RETURNING w.id, w.account, w.lease_token, w.attempts, w.first_uncertain_at, \
                    w.interrupted_at, w.doubted, due.band, due.due_at), \
             spent AS (\
                UPDATE lane SET tokens = $6::double precision - (SELECT count(*) FROM taken), \
                    filled_at = $2 \
                WHERE account = $1 AND $6::double precision IS NOT NULL AND EXISTS (SELECT 1 FROM taken)), \
             said AS (\
                INSERT INTO lane_node (account, node, in_flight, until) \
                SELECT $1, $7, s.in_flight, CASE WHEN s.in_flight > 0 THEN $4 ELSE $2 END \
                FROM (SELECT $8::bigint + (SELECT count(*) FROM taken) AS in_flight) s \
                ON CONFLICT (account, node) DO UPDATE \
                    SET in_flight = EXCLUDED.in_flight, until = EXCLUDED.until) \
             SELECT ",
            message_columns!(),
            ", t.id, t.lease_token, t.attempts, t.first_uncertain_at, t.interrupted_at, t.doubted, \
                t.band, t.due_at \
             FROM taken t LEFT JOIN message m ON m.id = t.id AND m.account = t.account"
        ))
        .await?;
    let tokens = room.bucket.map(|bucket| bucket.tokens);
    let (rows, row, ()) = tokio::try_join!(
        async {
            db.query(
                &take,
                &[
                    &account, &room.now, &allowed, &until, &claim, &tokens, &node, &in_flight,
                    &last_band,
                ],
            )
            .await
        },
        async { db.query_one(&next, &[&account, &bands, &claim]).await },
        db.commit()
    )?;
    // What an update returns has no order.
    let mut ordered = rows
        .into_iter()
        .map(|row| {
            let place: (i16, i64, Uuid) = (
                row.try_get(WORK + 6)?,
                row.try_get(WORK + 7)?,
                row.try_get(WORK)?,
            );
            Ok((place, row))
        })
        .collect::<Outcome<Vec<_>>>()?;
    ordered.sort_unstable_by_key(|(place, _)| *place);
    let rows = ordered.into_iter().map(|(_, row)| row).collect();
    Ok((rows, row.try_get(0)?))
}

/// What is handed out. A message that cannot be read back must not keep the
/// others from being sent: it is left to its lease.
fn understand(row: &Row, until: i64) -> Option<Claimed> {
    let read = || -> Outcome<Claimed> {
        if row.try_get::<_, Option<Uuid>>(0)?.is_none() {
            return Err(Fault::corrupt("it is in the queue but not in the archive"));
        }
        Ok(Claimed {
            message: row::message(row)?,
            lease: Lease {
                token: row.try_get(WORK + 1)?,
                until: from_millisecond(until),
            },
            history: History {
                attempts: row::count(row.try_get(WORK + 2)?),
                first_uncertain_at: optional_time(row.try_get(WORK + 3)?),
                doubted: row.try_get(WORK + 5)?,
            },
            interrupted_at: optional_time(row.try_get(WORK + 4)?),
        })
    };
    read()
        .map_err(StoreError::from)
        .inspect_err(|error| {
            let id: Option<MessageId> = row.try_get(WORK).ok().map(message_id);
            tracing::error!(?id, %error, "a queued message cannot be read back");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_through_what_the_rate_says() {
        let (mut tokens, mut filled_at, mut sent) = (0.0, None, 0);
        for now in (0..10_000).step_by(7) {
            let bucket = Bucket::filled(50, tokens, filled_at, now);
            let taken = bucket.whole();
            (tokens, filled_at) = (bucket.tokens - f64::from(taken as i32), Some(now));
            sent += taken;
        }
        assert!((495..=505).contains(&sent), "{sent}");
        let idle = Bucket::filled(50, tokens, filled_at, 70_000);
        assert!(idle.whole() <= 5, "what was not used is not made up for");
    }

    #[test]
    fn a_bucket_tells_when_it_has_one() {
        let empty = Bucket::filled(1, 0.0, Some(0), 999);
        assert_eq!((empty.whole(), empty.wait(0)), (0, 1));
        assert_eq!(Bucket::filled(1, 0.0, Some(0), 1000).whole(), 1);
        let started = Bucket::filled(1000, 0.0, None, 0);
        assert_eq!((started.whole(), started.wait(100)), (100, 1));
        assert_eq!(Bucket::filled(2, 0.0, Some(0), 0).wait(0), 500);
    }

    #[test]
    fn nodes_share_what_the_account_may_send() {
        assert_eq!(room(256, 0, 0, 0), 256);
        assert_eq!(room(256, 0, 0, 200), 56);
        // Another has it all: nothing, until it leaves a share.
        assert_eq!(room(256, 256, 1, 0), 0);
        assert_eq!(room(256, 0, 1, 256), 0);
        assert_eq!(room(256, 100, 1, 0), 128);
        assert_eq!(room(256, 100, 1, 100), 0, "a crumb");
        assert_eq!(room(256, 100, 1, 64), 64);
        // Fewer than there are nodes.
        assert_eq!(room(2, 2, 3, 0), 0);
        assert_eq!(room(2, 1, 3, 0), 1);
    }

    #[test]
    fn a_claim_is_lost_until_it_is_known() {
        let lost = LostClaims::default();
        let oa = AccountId(7);
        drop(lost.begin(oa).unwrap());
        assert!(lost.of(7).is_empty(), "it never began");
        let dropped = lost.begin(oa).unwrap();
        let number = dropped.next_try();
        drop(dropped);
        assert_eq!(lost.of(7), [number]);
        let tried_twice = lost.begin(oa).unwrap();
        let first = tried_twice.next_try();
        assert_eq!(lost.of(7), [number], "it is under way");
        assert_ne!(tried_twice.next_try(), first);
        tried_twice.known();
        assert_eq!(lost.of(7), [number, first]);
        assert!(lost.of(8).is_empty());
    }
}
