//! What the store does by itself beside its callers: clearing away what removed
//! accounts had and the rows that finished messages leave behind in the
//! queue. Several nodes may do so at the same time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::fault::Outcome;
use super::link::{Db, Link};
use super::row::number;

/// How often to look for work that another node left.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often to look whether the queue is to be swept.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Messages deleted in one step, which takes some milliseconds, and the pause
/// after it.
const STEP: i64 = 500;
const PAUSE: Duration = Duration::from_millis(20);
/// Members of a broadcast deleted in one step: their rows are small.
const MEMBERS_STEP: i64 = 5000;
/// Dead rows of the queue that are swept at least, and what part of the living
/// ones they must be: sweeping reads the queue's indexes.
const SWEEP_FROM: i64 = 20_000;
const SWEEP_PART: i64 = 5;

/// What there is to do.
#[derive(Debug, Default)]
pub(super) struct Housekeeping {
    purge: Notify,
    /// Messages this node has settled since the last sweep.
    settled: AtomicI64,
}

impl Housekeeping {
    pub(super) fn purge(&self) {
        self.purge.notify_one();
    }

    pub(super) fn note(&self, settled: usize) {
        self.settled.fetch_add(number(settled), Ordering::Relaxed);
    }
}

/// Works as long as the store lives.
pub(super) async fn keep(link: Link, work: std::sync::Arc<Housekeeping>) {
    tokio::join!(purge(&link, &work), sweep(&link, &work));
}

async fn purge(link: &Link, work: &Housekeeping) {
    loop {
        match link.look(purge_step).await {
            Ok(true) => sleep(PAUSE).await,
            Ok(false) => {
                // Woken or not, there may be something.
                let _ = timeout(LOOK_EVERY, work.purge.notified()).await;
            }
            Err(error) => {
                tracing::debug!(%error, "messages of a removed account could not be cleared away");
                sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Deletes some messages of one removed account; whether there may be more.
async fn purge_step(db: Db) -> Outcome<bool> {
    let choose = db
        .prepare_cached(
            "-- purge.account\nSELECT id FROM removed_account ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .await?;
    let ((), chosen) = tokio::try_join!(db.begin(), async { db.query_opt(&choose, &[]).await })?;
    let Some(chosen) = chosen else {
        let was_rest = clear_broadcast(&db).await?;
        db.commit().await?;
        return Ok(was_rest);
    };
    let account: i64 = chosen.try_get(0)?;
    let messages = db
        .prepare_cached(
            "-- purge.messages\nSELECT id FROM message WHERE account = $1 AND kind > 0 LIMIT $2",
        )
        .await?;
    let rows = db.query(&messages, &[&account, &STEP]).await?;
    let ids = rows
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Outcome<Vec<Uuid>>>()?;
    if ids.is_empty() && purge_others(&db, account).await? {
        // There may be more.
    } else if ids.is_empty() {
        let done = db
            .prepare_cached("-- purge.done\nDELETE FROM removed_account WHERE id = $1")
            .await?;
        db.execute(&done, &[&account]).await?;
    } else {
        for table in [
            "-- purge.attempts\nDELETE FROM attempt WHERE id = ANY($1) AND account = $2",
            "-- purge.receipts\nDELETE FROM awaited WHERE id = ANY($1) AND account = $2",
            "-- purge.outcomes\nDELETE FROM outcome WHERE id = ANY($1) AND account = $2",
            "-- purge.message\nDELETE FROM message WHERE id = ANY($1) AND account = $2",
        ] {
            let delete = db.prepare_cached(table).await?;
            db.execute(&delete, &[&ids, &account]).await?;
        }
    }
    db.commit().await?;
    Ok(true)
}

/// Deletes some chunks and members of a broadcast that is over; whether there was
/// one.
async fn clear_broadcast(db: &Db) -> Outcome<bool> {
    let choose = db
        .prepare_cached(
            "-- purge.broadcast\n\
             SELECT id FROM broadcast WHERE state >= 4 AND has_rest \
             ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .await?;
    let Some(chosen) = db.query_opt(&choose, &[]).await? else {
        return Ok(false);
    };
    let id: Uuid = chosen.try_get(0)?;
    for delete in [
        "-- purge.chunks\n\
         DELETE FROM broadcast_chunk WHERE ctid = ANY(ARRAY(\
            SELECT ctid FROM broadcast_chunk WHERE broadcast = $1 LIMIT $2))",
        "-- purge.members\n\
         DELETE FROM broadcast_member WHERE ctid = ANY(ARRAY(\
            SELECT ctid FROM broadcast_member WHERE broadcast = $1 LIMIT $2))",
    ] {
        let delete = db.prepare_cached(delete).await?;
        if db.execute(&delete, &[&id, &MEMBERS_STEP]).await? > 0 {
            return Ok(true);
        }
    }
    let done = db
        .prepare_cached(
            "-- purge.broadcast_done\nUPDATE broadcast SET has_rest = false WHERE id = $1",
        )
        .await?;
    db.execute(&done, &[&id]).await?;
    Ok(true)
}

/// Deletes some rows of what else a removed account had; whether there were any.
async fn purge_others(db: &Db, account: i64) -> Outcome<bool> {
    macro_rules! some {
        ($table:literal, $rows:literal, $key:literal) => {
            concat!(
                "-- purge.",
                $table,
                "\nDELETE FROM ",
                $table,
                " WHERE account = $1 AND ",
                $key,
                " IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE account = $1 AND ",
                $rows,
                " LIMIT $2)"
            )
        };
    }
    macro_rules! of_broadcasts {
        ($table:literal) => {
            concat!(
                "-- purge.",
                $table,
                "\nDELETE FROM ",
                $table,
                " WHERE ctid = ANY(ARRAY(SELECT r.ctid FROM broadcast b CROSS JOIN LATERAL (\
                    SELECT ctid FROM ",
                $table,
                " WHERE broadcast = b.id LIMIT $2) r WHERE b.account = $1 LIMIT $2))"
            )
        };
    }
    for delete in [
        of_broadcasts!("broadcast_chunk"),
        of_broadcasts!("broadcast_member"),
        of_broadcasts!("broadcast_skip"),
        some!("broadcast", "true", "id"),
        some!("tally", "true", "message"),
        some!("forward", "attempts >= 0", "id"),
        some!("callback", "repeats >= 0", "id"),
        some!("awaited", "settled_at >= 0", "id"),
        some!("early_receipt", "true", "seq"),
        some!("consent", "true", "openid"),
        some!("service_window", "true", "openid"),
        some!("contact", "true", "openid"),
        some!("app_user_openid", "true", "openid"),
    ] {
        let delete = db.prepare_cached(delete).await?;
        if db.execute(&delete, &[&account, &STEP]).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Each message that is settled leaves dead rows at the very place where claims
/// begin to look. The server sweeps once a minute at most; at ten thousand a
/// second that would be too late.
async fn sweep(link: &Link, work: &Housekeeping) {
    let mut living = 0;
    loop {
        sleep(SWEEP_EVERY).await;
        let settled = work.settled.load(Ordering::Relaxed);
        if settled < SWEEP_FROM.max(living / SWEEP_PART) {
            continue;
        }
        match link.look(sweep_once).await {
            Ok(found) => living = found,
            Err(error) => tracing::debug!(%error, "the queue could not be swept"),
        }
        work.settled.fetch_sub(settled, Ordering::Relaxed);
    }
}

/// Returns how many rows are living, as far as the server knows.
async fn sweep_once(db: Db) -> Outcome<i64> {
    // Where another node is at it, that is enough.
    db.batch_execute(
        "-- sweep.queue\nVACUUM (SKIP_LOCKED, TRUNCATE FALSE, INDEX_CLEANUP ON, PARALLEL 0) work",
    )
    .await?;
    let living = db
        .prepare_cached(
            "-- sweep.living\nSELECT reltuples::bigint FROM pg_class WHERE oid = 'work'::regclass",
        )
        .await?;
    Ok(db.query_one(&living, &[]).await?.try_get(0)?)
}
