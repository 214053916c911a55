//! Searching messages, the newest first.
//!
//! A search walks one or more *streams*: index ranges in order of arrival, each
//! over rows that fit the most telling condition. The other conditions are
//! looked at row by row, and what the streams bring is merged. The order is that
//! of arrival (`seq`), which is also the order of ids up to the few milliseconds
//! that concurrent requests take.

use std::collections::BTreeSet;

use hongyan_domain::MessageId;
use hongyan_domain::delivery::Delivery;
use hongyan_domain::message::{Kind, State, Status};
use hongyan_domain::port::{MessageFilter, Page};
use hongyan_wechat::OpenId;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::fault::{Fault, Outcome};
use super::row::{self, at, delivery_columns, millis};
use super::term::{self, Field};
use crate::codes;

/// A query over the rows from `?1` to `?2` of `d`, the rows a stream is over,
/// whose further parameters are the stream's key.
macro_rules! stream {
    ($name:literal, $rows:literal, $condition:literal) => {
        stream!($name, $rows, $condition, "d.seq DESC")
    };
    ($name:literal, $rows:literal, $condition:literal, $order:literal) => {
        concat!(
            "-- search.",
            $name,
            "\nSELECT ",
            delivery_columns!(),
            ", r.settled_at FROM ",
            $rows,
            " CROSS JOIN message m ON m.seq = d.seq \
             LEFT JOIN work w ON w.seq = d.seq LEFT JOIN outcome o ON o.seq = d.seq \
             LEFT JOIN awaited r ON r.seq = d.seq \
             WHERE d.seq BETWEEN ?1 AND ?2 AND ",
            $condition,
            " ORDER BY ",
            $order
        )
    };
}

const ALL: &str = stream!("all", "message d", "true");
const OPEN: &str = stream!("open", "work d", "true");
const OF_ACCOUNT: &str = stream!("of_account", "message d", "d.account = ?3 AND d.kind = ?4");
const OF_BROADCAST: &str = stream!(
    "of_broadcast",
    "message d INDEXED BY message_broadcast",
    "d.broadcast = ?3"
);
const IN_STATE: &str = stream!(
    "in_state",
    "outcome d",
    "d.account = ?3 AND d.state = ?4 AND d.state <> 1"
);
const ERRCODE_OPEN: &str = stream!(
    "errcode_open",
    "work d",
    "d.account = ?3 AND d.last_errcode = ?4"
);
const ERRCODE_OVER: &str = stream!(
    "errcode_over",
    "outcome d",
    "d.account = ?3 AND d.last_errcode = ?4"
);
const WITH_TERM: &str = stream!(
    "with_term",
    "span s CROSS JOIN term d ON d.span = s.n",
    "s.n BETWEEN ?3 AND ?4 AND d.term = ?5",
    "s.n DESC, d.seq DESC"
);

/// Those whose receipts are waited for, and were settled before `?3`.
const AWAITED: &str = stream!("awaited", "awaited d", "d.settled_at < ?3");

/// A statement, the first message it is about, and its other parameters.
struct Stream {
    sql: &'static str,
    from: i64,
    key: Vec<Value>,
}

impl Stream {
    fn new<K: Into<Value>>(sql: &'static str, key: Vec<K>) -> Self {
        let key = key.into_iter().map(Into::into).collect();
        Self { sql, from: 0, key }
    }
}

pub(super) fn search(
    db: &Connection,
    filter: &MessageFilter,
    page: Page<MessageId>,
    now: Timestamp,
) -> Outcome<Vec<Delivery>> {
    let accounts = accounts(db, filter)?;
    let Some((mut first, last)) = bounds(db, filter, page.after)? else {
        return Ok(Vec::new());
    };
    let mut found: Vec<(i64, Delivery)> = Vec::new();
    for Stream { sql, from, key } in streams(db, filter, &accounts, first, last)? {
        let from = from.max(first);
        let mut rows = db.prepare_cached(sql)?;
        let bounds = [from, last].map(Value::from);
        let mut rows = rows.query(params_from_iter(bounds.into_iter().chain(key)))?;
        let mut taken = 0;
        while taken < page.limit
            && let Some(row) = rows.next()?
        {
            if let Some(delivery) = fitting(row, filter, &accounts, now)? {
                found.push((row.get(at::SEQ)?, delivery));
                taken += 1;
            }
        }
        found.sort_by_key(|&(seq, _)| std::cmp::Reverse(seq));
        found.truncate(page.limit);
        if let Some((seq, _)) = found.last()
            && found.len() == page.limit
        {
            // Older ones in the streams that follow have no place any more.
            first = *seq;
        }
    }
    Ok(found.into_iter().map(|(_, delivery)| delivery).collect())
}

/// The accounts whose messages may be shown.
fn accounts(db: &Connection, filter: &MessageFilter) -> Outcome<BTreeSet<i64>> {
    let mut known = db.prepare_cached("-- search.accounts\nSELECT id FROM account")?;
    let mut known = known
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<BTreeSet<i64>>>()?;
    if let Some(wanted) = &filter.accounts {
        let wanted: BTreeSet<i64> = wanted.iter().map(|id| id.0).collect();
        known.retain(|id| wanted.contains(id));
    }
    Ok(known)
}

/// The first and the last `seq` that can fit; `None` = none can.
fn bounds(
    db: &Connection,
    filter: &MessageFilter,
    after: Option<MessageId>,
) -> Outcome<Option<(i64, i64)>> {
    let (mut first, mut last) = (0, i64::MAX);
    if filter.created_after.is_some() || filter.created_before.is_some() {
        let oldest = filter.created_after.map_or(i64::MIN, millis);
        let end = filter.created_before.map_or(i64::MAX, millis);
        let spans: (Option<i64>, Option<i64>) = db
            .prepare_cached(
                "-- search.spans\n\
                 SELECT min(n), max(n) FROM span WHERE newest >= ?1 AND oldest < ?2",
            )?
            .query_one([oldest, end], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(from), Some(to)) = spans else {
            return Ok(None);
        };
        (first, last) = (term::messages(from).0, term::messages(to).1);
    }
    if let Some(id) = after {
        // A message that is gone is stood in for by the one before it.
        let nearest: Option<(i64, bool)> = db
            .prepare_cached(
                "-- search.after\n\
                 SELECT seq, id = ?1 FROM message WHERE id <= ?1 ORDER BY id DESC LIMIT 1",
            )?
            .query_one([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((seq, is_itself)) = nearest else {
            return Ok(None);
        };
        last = last.min(if is_itself { seq - 1 } else { seq });
    }
    Ok((first <= last).then_some((first, last)))
}

/// The streams that together hold everything that fits.
fn streams(
    db: &Connection,
    filter: &MessageFilter,
    accounts: &BTreeSet<i64>,
    first: i64,
    last: i64,
) -> Outcome<Vec<Stream>> {
    let with_terms = |field, texts: &[&str]| {
        // The words of the newest span are not entered yet.
        let newest: Option<i64> = db
            .prepare_cached("-- search.newest\nSELECT max(seq) FROM message")?
            .query_one([], |row| row.get(0))?;
        let newest = term::span(newest.unwrap_or(0));
        let entered = term::span(last).min(newest - 1);
        let mut streams = vec![Stream {
            from: term::messages(newest).0,
            ..Stream::new(ALL, Vec::<i64>::new())
        }];
        streams.extend(texts.iter().map(|text| {
            let key = vec![term::span(first), entered, term::hash(field, text)];
            Stream::new(WITH_TERM, key)
        }));
        Ok(streams)
    };
    let by_account = |sql: &'static str, key: i64| {
        accounts
            .iter()
            .map(move |&account| Stream::new(sql, vec![account, key]))
    };
    if let Some(reference) = &filter.reference {
        return with_terms(Field::Reference, &[reference.as_str()]);
    }
    if let Some(openids) = &filter.openids {
        let openids: Vec<&str> = openids.iter().map(OpenId::as_str).collect();
        return with_terms(Field::OpenId, &openids);
    }
    if let Some(broadcast) = &filter.broadcast {
        let key = vec![broadcast.as_bytes().to_vec()];
        return Ok(vec![Stream::new(OF_BROADCAST, key)]);
    }
    if let Some(before) = filter.no_receipt_since {
        return Ok(vec![Stream::new(AWAITED, vec![millis(before)])]);
    }
    Ok(if let Some(code) = filter.errcode {
        by_account(ERRCODE_OPEN, code)
            .chain(by_account(ERRCODE_OVER, code))
            .collect()
    } else {
        match filter.status.map(Status::state) {
            Some(State::Open) => vec![Stream::new(OPEN, Vec::<i64>::new())],
            Some(
                state @ (State::Delivered
                | State::Undelivered
                | State::Failed
                | State::Unknown
                | State::Expired
                | State::Canceled),
            ) => by_account(IN_STATE, state.code().into()).collect(),
            Some(State::Accepted) | None if filter.accounts.is_some() || filter.kind.is_some() => {
                let kinds = Kind::ALL
                    .into_iter()
                    .filter(|&k| filter.kind.is_none_or(|f| f == k));
                kinds
                    .flat_map(|kind| by_account(OF_ACCOUNT, codes::kind_code(kind).into()))
                    .collect()
            }
            Some(State::Accepted) | None => vec![Stream::new(ALL, Vec::<i64>::new())],
        }
    })
}

/// The row's message, if it fits all conditions. The cheap ones come first: most
/// rows that are looked at and do not fit are never read in full.
fn fitting(
    row: &Row<'_>,
    filter: &MessageFilter,
    accounts: &BTreeSet<i64>,
    now: Timestamp,
) -> Outcome<Option<Delivery>> {
    let created_at: i64 = row.get(at::CREATED_AT)?;
    if !accounts.contains(&row.get(at::ACCOUNT)?)
        || filter
            .created_after
            .is_some_and(|from| created_at < millis(from))
        || filter
            .created_before
            .is_some_and(|end| created_at >= millis(end))
    {
        return Ok(None);
    }
    if let Some(broadcast) = &filter.broadcast {
        let stored = row.get_ref(at::BROADCAST)?.as_blob_or_null();
        let stored = stored.map_err(rusqlite::Error::from)?;
        if stored != Some(broadcast.as_bytes().as_slice()) {
            return Ok(None);
        }
    }
    if let Some(kind) = filter.kind
        && row.get::<_, i16>(at::KIND)? != codes::kind_code(kind)
    {
        return Ok(None);
    }
    if let Some(status) = filter.status {
        let state: Option<i64> = row.get(at::STATE)?;
        if state.unwrap_or(i64::from(State::Open.code())) != i64::from(status.state().code()) {
            return Ok(None);
        }
    }
    if let Some(errcode) = filter.errcode {
        let open: Option<i64> = row.get(at::WORK_ERRCODE)?;
        let over: Option<i64> = row.get(at::OUTCOME_ERRCODE)?;
        if open.or(over) != Some(errcode) {
            return Ok(None);
        }
    }
    let text = |column: usize| {
        let stored = row.get_ref(column)?.as_str_or_null();
        Ok::<_, Fault>(stored.map_err(rusqlite::Error::from)?)
    };
    if let Some(openids) = &filter.openids
        && let stored = text(at::OPENID)?
        && !openids.iter().any(|one| stored == Some(one.as_str()))
    {
        return Ok(None);
    }
    if let Some(before) = filter.no_receipt_since
        && row
            .get::<_, Option<i64>>(at::AWAITED_SINCE)?
            .is_none_or(|since| since >= millis(before))
    {
        return Ok(None);
    }
    if let Some(reference) = &filter.reference
        && text(at::REFERENCE)? != Some(reference.as_str())
    {
        return Ok(None);
    }
    let delivery = row::delivery(row)?;
    let fits = filter
        .status
        .is_none_or(|status| delivery.status(now) == status);
    Ok(fits.then_some(delivery))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each stream must walk an index in its order: neither all rows nor a sort.
    #[test]
    fn streams_are_bounded_by_their_index() {
        let db = Connection::open_in_memory().unwrap();
        for step in [
            include_str!("migrations/0001.sql"),
            include_str!("migrations/0003.sql"),
            include_str!("migrations/0004.sql"),
            include_str!("migrations/0005.sql"),
        ] {
            db.execute_batch(step).unwrap();
        }
        let plans = [
            (
                ALL,
                "SEARCH d USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
            ),
            (
                OPEN,
                "SEARCH d USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
            ),
            (
                OF_ACCOUNT,
                "INDEX message_of_account (account=? AND kind=? AND rowid>? AND rowid<?)",
            ),
            (
                OF_BROADCAST,
                "INDEX message_broadcast (broadcast=? AND rowid>? AND rowid<?)",
            ),
            (
                IN_STATE,
                "INDEX outcome_state (account=? AND state=? AND rowid>? AND rowid<?)",
            ),
            (
                ERRCODE_OPEN,
                "INDEX work_errcode (account=? AND last_errcode=? AND rowid>? AND rowid<?)",
            ),
            (
                ERRCODE_OVER,
                "INDEX outcome_errcode (account=? AND last_errcode=? AND rowid>? AND rowid<?)",
            ),
            (
                WITH_TERM,
                "PRIMARY KEY (span=? AND term=? AND seq>? AND seq<?)",
            ),
            (
                AWAITED,
                "SEARCH d USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
            ),
        ];
        for (sql, index) in plans {
            let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan: Vec<String> = explain
                .query_map(
                    params_from_iter(vec![0; explain.parameter_count()]),
                    |row| row.get(3),
                )
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(
                plan.iter().any(|step| step.contains(index)),
                "{sql}\n{plan:#?}"
            );
            assert!(
                !plan
                    .iter()
                    .any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE")),
                "{sql}\n{plan:#?}"
            );
        }
    }
}
