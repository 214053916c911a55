//! Callbacks as rows, and searching them, the newest first.

use hongyan_domain::callback::{Callback, CallbackFilter};
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::Page;
use hongyan_domain::{AccountId, CallbackId};
use hongyan_wechat::OpenId;
use rusqlite::{Connection, Row, params};

use super::fault::{Fault, Outcome};
use super::row::{millis, number};
use super::term::{self, Field};
use crate::codes;
use crate::digest::PERSON_SPAN_BITS;

/// The hash by which a person's callbacks are found; the openid is compared, too.
pub(super) fn person(openid: &OpenId) -> i64 {
    term::hash(Field::OpenId, openid.as_str())
}

/// The columns [`callback`] expects, in a query over `callback c`.
macro_rules! callback_columns {
    () => {
        "c.id, c.account, c.received_at, c.dedupe_key, c.openid, c.msg_type, c.event, \
         c.event_key, c.created_at, c.mode, c.query, c.content_type, c.body, c.text, c.reply, \
         c.repeats"
    };
}
fn callback(row: &Row<'_>) -> Outcome<Callback> {
    let body: Vec<u8> = row.get(12)?;
    let text = match row.get(13)? {
        Some(text) => text,
        None => String::from_utf8(body.clone())
            .map_err(|_| Fault::corrupt("a callback's body is not the text it was"))?,
    };
    Ok(Callback {
        id: CallbackId::from_bytes(row.get(0)?),
        account: AccountId(row.get(1)?),
        received_at: from_millisecond(row.get(2)?),
        dedupe_key: row.get(3)?,
        openid: row
            .get::<_, Option<String>>(4)?
            .map(OpenId::parse)
            .transpose()?,
        msg_type: row.get(5)?,
        event: row.get(6)?,
        event_key: row.get(7)?,
        created_at: from_millisecond(row.get(8)?),
        mode: codes::mode(row.get::<_, i64>(9)?)?,
        query: row.get(10)?,
        content_type: row.get(11)?,
        body: body.into(),
        text,
        reply: row.get(14)?,
        repeats: row.get(15)?,
    })
}

pub(super) fn find(db: &Connection, id: CallbackId) -> Outcome<Option<Callback>> {
    let mut one = db.prepare_cached(concat!(
        "-- inbox.one\nSELECT ",
        callback_columns!(),
        " FROM callback c JOIN account a ON a.id = c.account WHERE c.id = ?1"
    ))?;
    let mut rows = one.query([id.as_bytes()])?;
    rows.next()?.map(callback).transpose()
}

/// The end of a page that begins after `after`: an id no callback has.
const LAST_ID: [u8; 16] = [0xff; 16];

/// What fits a filter beside account and person, with the parameters ?3 to ?7.
macro_rules! fits {
    () => {
        "c.id < ?2 \
         AND (?3 IS NULL OR c.msg_type = ?3) AND (?4 IS NULL OR c.event = ?4) \
         AND c.received_at >= ?5 AND c.received_at < ?6"
    };
}

pub(super) fn of_account(
    db: &Connection,
    account: AccountId,
    filter: &CallbackFilter,
    page: Page<CallbackId>,
) -> Outcome<Vec<Callback>> {
    let mut found = db.prepare_cached(concat!(
        "-- inbox.of_account\nSELECT ",
        callback_columns!(),
        " FROM callback c WHERE c.account = ?1 AND ",
        fits!(),
        " ORDER BY c.id DESC LIMIT ?7"
    ))?;
    let (from, until) = span_of_time(filter);
    let mut rows = found.query(params![
        account.0,
        page.after.map_or(LAST_ID, |id| *id.as_bytes()),
        filter.msg_type,
        filter.event,
        from,
        until,
        number(page.limit),
    ])?;
    let mut callbacks = Vec::new();
    while let Some(row) = rows.next()? {
        callbacks.push(callback(row)?);
    }
    Ok(callbacks)
}

/// From when and until when callbacks came.
fn span_of_time(filter: &CallbackFilter) -> (i64, i64) {
    (
        filter.received_after.map_or(i64::MIN, millis),
        filter.received_before.map_or(i64::MAX, millis),
    )
}

/// Looks into one span of time after the other, the newest first.
pub(super) fn of_person(
    db: &Connection,
    account: AccountId,
    openid: &OpenId,
    filter: &CallbackFilter,
    page: Page<CallbackId>,
) -> Outcome<Vec<Callback>> {
    let (from, until) = span_of_time(filter);
    let kept: (Option<i64>, Option<i64>) = db
        .prepare_cached(
            "-- inbox.kept\n\
             SELECT (SELECT received_at FROM callback ORDER BY seq LIMIT 1), \
                (SELECT received_at FROM callback ORDER BY seq DESC LIMIT 1)",
        )?
        .query_one([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(oldest), Some(newest)) = kept else {
        return Ok(Vec::new());
    };
    // Those that came at the same time lie in no order: one span more.
    let first = (oldest.max(from) >> PERSON_SPAN_BITS) - 1;
    let last = (newest.min(until) >> PERSON_SPAN_BITS) + 1;
    let mut found = db.prepare_cached(concat!(
        "-- inbox.of_person\nSELECT ",
        callback_columns!(),
        " FROM callback c WHERE c.received_at >> 22 = ?8 AND c.person = ?9 AND c.openid = ?10 \
         AND +c.account = ?1 AND ",
        fits!(),
        " ORDER BY c.id DESC LIMIT ?7"
    ))?;
    let mut callbacks = Vec::new();
    for span in (first..=last).rev() {
        let wanted = page.limit - callbacks.len();
        if wanted == 0 {
            break;
        }
        let mut rows = found.query(params![
            account.0,
            page.after.map_or(LAST_ID, |id| *id.as_bytes()),
            filter.msg_type,
            filter.event,
            from,
            until,
            number(wanted),
            span,
            person(openid),
            openid.as_str(),
        ])?;
        while let Some(row) = rows.next()? {
            callbacks.push(callback(row)?);
        }
    }
    Ok(callbacks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens thousands of times a second, and searches.
    #[test]
    fn callbacks_are_found_by_their_indexes() {
        let db = Connection::open_in_memory().unwrap();
        for step in [
            include_str!("migrations/0001.sql"),
            include_str!("migrations/0004.sql"),
        ] {
            db.execute_batch(step).unwrap();
        }
        for (sql, index) in [
            (
                "SELECT seq FROM callback \
                 WHERE created_at >> 20 IN (?1 - 1, ?1, ?1 + 1) AND dedupe = ?2 \
                 AND +account = ?3 AND dedupe_key = ?4 LIMIT 1",
                "INDEX callback_dedupe (<expr>=? AND dedupe=?)",
            ),
            (
                concat!(
                    "SELECT ",
                    callback_columns!(),
                    " FROM callback c WHERE c.received_at >> 22 = ?8 AND c.person = ?9 \
                     AND c.openid = ?10 AND +c.account = ?1 AND ",
                    fits!(),
                    " ORDER BY c.id DESC LIMIT ?7"
                ),
                "INDEX callback_person (<expr>=? AND person=?)",
            ),
            (
                concat!(
                    "SELECT ",
                    callback_columns!(),
                    " FROM callback c WHERE c.account = ?1 AND ",
                    fits!(),
                    " ORDER BY c.id DESC LIMIT ?7"
                ),
                "INDEX callback_of_account (account=? AND id<?)",
            ),
        ] {
            let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = rusqlite::params_from_iter(vec![0; explain.parameter_count()]);
            let plan: Vec<String> = explain
                .query_map(parameters, |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(
                plan.iter().any(|step| step.contains(index)),
                "{sql}\n{plan:#?}"
            );
        }
    }
}
