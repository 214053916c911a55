//! Broadcasts as rows.

use hongyan_domain::broadcast::{Broadcast, BroadcastState, Skipped};
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::Page;
use hongyan_domain::{AccountId, BroadcastId, KeyId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::fault::Outcome;
use super::purge::Purge;
use super::row::{count, large, millis, number, optional_millis, optional_time};
use crate::codes;

/// The columns [`read`] expects, in a query over `broadcast b`.
macro_rules! broadcast_columns {
    () => {
        "b.id, b.account, b.name, b.state, b.spec, b.recipients, b.chunks, b.expanded, \
         b.messages, b.skipped, b.load_cursor, b.problem, b.created_at, b.created_by, \
         b.started_at, b.finished_at"
    };
}
pub(super) use broadcast_columns;

fn read(row: &Row<'_>) -> Outcome<Broadcast> {
    Ok(Broadcast {
        id: BroadcastId::from_bytes(row.get(0)?),
        account: AccountId(row.get(1)?),
        name: row.get(2)?,
        state: codes::broadcast_state(row.get::<_, i64>(3)?)?,
        spec: serde_json::from_str(&row.get::<_, String>(4)?)?,
        recipients: count(row, 5)?,
        chunks: row.get(6)?,
        expanded: row.get(7)?,
        messages: count(row, 8)?,
        skipped: count(row, 9)?,
        load_cursor: row.get(10)?,
        problem: row.get(11)?,
        created_at: from_millisecond(row.get(12)?),
        created_by: row.get::<_, Option<[u8; 16]>>(13)?.map(KeyId::from_bytes),
        started_at: optional_time(row.get(14)?),
        finished_at: optional_time(row.get(15)?),
    })
}

/// What a query over `broadcast_columns` finds.
pub(super) fn collect(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Outcome<Vec<Broadcast>> {
    let mut found = db.prepare_cached(sql)?;
    let mut rows = found.query(parameters)?;
    let mut broadcasts = Vec::new();
    while let Some(row) = rows.next()? {
        broadcasts.push(read(row)?);
    }
    Ok(broadcasts)
}

pub(super) fn find(db: &Connection, id: BroadcastId) -> Outcome<Option<Broadcast>> {
    let found = collect(
        db,
        concat!(
            "-- broadcasts.one\nSELECT ",
            broadcast_columns!(),
            " FROM broadcast b WHERE b.id = ?1"
        ),
        [id.as_bytes()],
    )?;
    Ok(found.into_iter().next())
}

/// Broadcasts of these accounts (a JSON list; `None` = all), the newest first.
pub(super) fn list(
    db: &Connection,
    accounts: Option<&str>,
    page: Page<BroadcastId>,
) -> Outcome<Vec<Broadcast>> {
    /// An id no broadcast has.
    const LAST: [u8; 16] = [0xff; 16];
    let after = page.after.map_or(LAST, |id| *id.as_bytes());
    let limit = number(page.limit);
    match accounts {
        None => collect(
            db,
            concat!(
                "-- broadcasts.all\nSELECT ",
                broadcast_columns!(),
                " FROM broadcast b WHERE b.id < ?1 ORDER BY b.id DESC LIMIT ?2"
            ),
            params![after, limit],
        ),
        Some(accounts) => collect(
            db,
            concat!(
                "-- broadcasts.of_accounts\nSELECT ",
                broadcast_columns!(),
                " FROM broadcast b WHERE b.id < ?1 \
                 AND b.account IN (SELECT value FROM json_each(?3)) \
                 ORDER BY b.id DESC LIMIT ?2"
            ),
            params![after, limit, accounts],
        ),
    }
}

pub(super) fn insert(db: &Connection, broadcast: &Broadcast, spec: &str) -> Outcome<()> {
    db.prepare_cached(
        "-- broadcasts.add\n\
         INSERT INTO broadcast (id, account, name, state, spec, recipients, chunks, expanded, \
            messages, skipped, load_cursor, problem, created_at, created_by, started_at, \
            finished_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        broadcast.id.as_bytes(),
        broadcast.account.0,
        broadcast.name,
        broadcast.state.code(),
        spec,
        large(broadcast.recipients),
        broadcast.chunks,
        broadcast.expanded,
        large(broadcast.messages),
        large(broadcast.skipped),
        broadcast.load_cursor,
        broadcast.problem,
        millis(broadcast.created_at),
        broadcast.created_by.as_ref().map(KeyId::as_bytes),
        optional_millis(broadcast.started_at),
        optional_millis(broadcast.finished_at),
    ])?;
    Ok(())
}

/// Takes in people, as JSON lists, if the broadcast is loading and has `first` chunks.
pub(super) fn load(
    db: &Connection,
    id: BroadcastId,
    first: u32,
    chunks: &[String],
    people: usize,
    load_cursor: Option<&str>,
) -> Outcome<Option<Broadcast>> {
    let seq: Option<i64> = db
        .prepare_cached(
            "-- broadcasts.load\n\
             UPDATE broadcast SET chunks = chunks + ?4, recipients = recipients + ?5, \
                load_cursor = ?6 \
             WHERE id = ?1 AND state = ?2 AND chunks = ?3 RETURNING seq",
        )?
        .query_one(
            params![
                id.as_bytes(),
                BroadcastState::Loading.code(),
                first,
                number(chunks.len()),
                number(people),
                load_cursor,
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(seq) = seq else { return Ok(None) };
    let mut insert = db.prepare_cached(
        "-- broadcasts.chunk\n\
         INSERT INTO broadcast_chunk (broadcast, n, people) VALUES (?1, ?2, ?3)",
    )?;
    for (n, chunk) in (first..).zip(chunks) {
        insert.execute(params![seq, n, chunk])?;
    }
    find(db, id)
}

/// The people of a chunk, as a JSON list; `None` where there are none any more.
pub(super) fn chunk(db: &Connection, id: BroadcastId, chunk: u32) -> Outcome<Option<String>> {
    Ok(db
        .prepare_cached(
            "-- broadcasts.people\n\
             SELECT c.people FROM broadcast b \
             JOIN broadcast_chunk c ON c.broadcast = b.seq AND c.n = ?2 \
             WHERE b.id = ?1 AND b.state < 4",
        )?
        .query_one(params![id.as_bytes(), chunk], |row| row.get(0))
        .optional()?)
}

/// Moves a broadcast; what it kept is cleared away later where it is over.
pub(super) fn move_to(
    db: &Connection,
    id: BroadcastId,
    from: &[BroadcastState],
    to: BroadcastState,
    problem: Option<&str>,
    at: Timestamp,
    purge: &Purge,
) -> Outcome<Option<Broadcast>> {
    let from: Vec<u8> = from.iter().map(|state| state.code()).collect();
    let seq: Option<i64> = db
        .prepare_cached(
            "-- broadcasts.move\n\
             UPDATE broadcast SET state = ?3, problem = ?4, \
                started_at = iif(?6, coalesce(started_at, ?5), started_at), \
                finished_at = iif(?7, coalesce(finished_at, ?5), finished_at) \
             WHERE id = ?1 AND state IN (SELECT value FROM json_each(?2)) RETURNING seq",
        )?
        .query_one(
            params![
                id.as_bytes(),
                serde_json::to_string(&from)?,
                to.code(),
                problem,
                millis(at),
                to == BroadcastState::Running,
                to.is_over(),
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(seq) = seq else { return Ok(None) };
    if to.is_over() {
        db.prepare_cached("-- broadcasts.end\nINSERT OR IGNORE INTO ended_broadcast VALUES (?1)")?
            .execute([seq])?;
        purge.order();
    }
    find(db, id)
}

/// Removes an account's broadcasts; what they kept is cleared away with its messages.
pub(super) fn remove_of_account(db: &Connection, account: AccountId) -> Outcome<()> {
    for step in [
        "-- broadcasts.end_of_account\n\
         INSERT OR IGNORE INTO ended_broadcast SELECT seq FROM broadcast WHERE account = ?1",
        "-- broadcasts.of_account_gone\nDELETE FROM broadcast WHERE account = ?1",
    ] {
        db.prepare_cached(step)?.execute([account.0])?;
    }
    Ok(())
}

pub(super) fn skipped(
    db: &Connection,
    id: BroadcastId,
    page: Page<i64>,
) -> Outcome<Vec<(i64, Skipped)>> {
    let mut all = db.prepare_cached(
        "-- broadcasts.skipped\n\
         SELECT s.seq, s.who, s.why, s.detail FROM broadcast b \
         JOIN broadcast_skip s ON s.broadcast = b.seq \
         WHERE b.id = ?1 AND s.seq > ?2 ORDER BY s.seq LIMIT ?3",
    )?;
    let after = page.after.unwrap_or(0);
    let mut rows = all.query(params![id.as_bytes(), after, number(page.limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let skipped = Skipped {
            who: row.get(1)?,
            why: codes::why_skipped(row.get::<_, i64>(2)?)?,
            detail: row.get(3)?,
        };
        found.push((row.get(0)?, skipped));
    }
    Ok(found)
}

/// Removes broadcasts that were over before a time and have no messages; how many.
pub(super) fn forget(db: &Connection, before: i64, limit: usize, purge: &Purge) -> Outcome<usize> {
    let mut old = db.prepare_cached(
        "-- broadcasts.old\n\
         SELECT b.seq FROM broadcast b WHERE b.finished_at < ?1 \
         AND NOT EXISTS (SELECT 1 FROM message m WHERE m.broadcast = b.id) LIMIT ?2",
    )?;
    let old = old
        .query_map([before, number(limit)], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for seq in &old {
        for step in [
            "-- broadcasts.forget\nDELETE FROM broadcast WHERE seq = ?1",
            "-- broadcasts.end\nINSERT OR IGNORE INTO ended_broadcast VALUES (?1)",
        ] {
            db.prepare_cached(step)?.execute([seq])?;
        }
        purge.order();
    }
    Ok(old.len())
}

/// Chunks cleared away in one step: some hundred kilobytes each.
const CHUNKS_A_STEP: i64 = 8;
/// People passed over whose notes are cleared away in one step.
const SKIPS_A_STEP: i64 = 2_000;

/// Clears away a little of what broadcasts that are over or gone have kept; whether
/// there was any.
pub(super) fn clear_away(db: &Connection) -> Outcome<bool> {
    let ended: Option<(i64, bool)> = db
        .prepare_cached(
            "-- broadcasts.ended\n\
             SELECT e.seq, b.seq IS NULL FROM ended_broadcast e \
             LEFT JOIN broadcast b ON b.seq = e.seq LIMIT 1",
        )?
        .query_one([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((seq, is_gone)) = ended else {
        return Ok(false);
    };
    let mut cleared = 0;
    for (table, limit, only_if_gone) in [
        (
            "-- broadcasts.clear_chunks\n\
             DELETE FROM broadcast_chunk WHERE seq IN (\
                SELECT seq FROM broadcast_chunk WHERE broadcast = ?1 LIMIT ?2)",
            CHUNKS_A_STEP,
            false,
        ),
        (
            "-- broadcasts.clear_told\n\
             DELETE FROM broadcast_told WHERE seq IN (\
                SELECT seq FROM broadcast_told WHERE broadcast = ?1 LIMIT ?2)",
            1,
            false,
        ),
        (
            "-- broadcasts.clear_skips\n\
             DELETE FROM broadcast_skip WHERE seq IN (\
                SELECT seq FROM broadcast_skip WHERE broadcast = ?1 LIMIT ?2)",
            SKIPS_A_STEP,
            true,
        ),
    ] {
        if is_gone || !only_if_gone {
            cleared += db.prepare_cached(table)?.execute([seq, limit])?;
        }
    }
    if cleared == 0 {
        db.prepare_cached("-- broadcasts.cleared\nDELETE FROM ended_broadcast WHERE seq = ?1")?
            .execute([seq])?;
    }
    Ok(true)
}
