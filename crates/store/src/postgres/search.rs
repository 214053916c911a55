//! Searching messages, the newest first.
//!
//! A search walks one or more *streams*: index ranges in descending order of
//! ids, each over rows that fit the most telling condition. The other conditions
//! are looked at row by row, and what the streams bring is merged. Only searches
//! by person and reference have another order, that of spans (see the first
//! migration) and ids in them.

use hongyan_domain::MessageId;
use hongyan_domain::delivery::Delivery;
use hongyan_domain::message::{Kind, State, Status};
use hongyan_domain::port::{MessageFilter, Page};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fault::Outcome;
use super::link::Db;
use super::row::{
    self, DELIVERY_COLUMNS, broadcast_uuid, delivery_columns, first_id_at, message_uuid, millis,
    now, number, text,
};
use crate::codes;

/// How far a message's `created_at` may lie from the time in its id.
const SLACK: i64 = 60_000;

/// Spans looked into by the first statement of a search, and by later ones: most
/// searches find enough in the newest.
const FIRST_SPANS: i64 = 16;
const MOST_SPANS: i64 = 4096;

/// The conditions every stream puts to its rows, with the parameters $3 to $14.
/// The range of ids, $1 and $2, is a condition on the one table a stream walks.
macro_rules! conditions {
    () => {
        concat!(
            "($4::bigint[] IS NULL OR m.account = ANY($4)) \
             AND ($5::smallint IS NULL OR m.kind = $5) \
             AND ($6::smallint IS NULL OR $6 = CASE \
                WHEN o.state IS NOT NULL THEN o.state \
                WHEN w.claimed_at IS NOT NULL AND w.due_at > ",
            now!("$12"),
            " THEN 102 WHEN w.attempt_count > 0 THEN 103 \
                WHEN m.send_at IS NOT NULL AND w.due_at > ",
            now!("$12"),
            " THEN 100 ELSE 101 END) \
             AND ($7::bigint IS NULL OR coalesce(o.last_errcode, w.last_errcode) = $7) \
             AND ($8::text[] IS NULL OR m.openid = ANY($8)) \
             AND ($9::text IS NULL OR m.reference = $9) \
             AND ($10::bigint IS NULL OR m.created_at >= $10) \
             AND ($11::bigint IS NULL OR m.created_at < $11) \
             AND ($13::bigint IS NULL OR (SELECT true FROM awaited r \
                WHERE r.id = m.id AND r.account = m.account AND r.settled_at < $13)) \
             AND ($14::uuid IS NULL OR m.broadcast = $14) "
        )
    };
}

/// The number by which statements know a status: a state's, or beyond those.
fn status_code(status: Status) -> i16 {
    match status {
        Status::Scheduled => 100,
        Status::Queued => 101,
        Status::Sending => 102,
        Status::Retrying => 103,
        Status::Accepted
        | Status::Delivered
        | Status::Undelivered
        | Status::Failed
        | Status::Unknown
        | Status::Expired
        | Status::Canceled => status.state().code().into(),
    }
}

/// A stream over all accounts: `$rows` names `m`, `w` and `o`. That the account
/// is there is asked row by row, so that the plan cannot begin with it.
macro_rules! stream {
    ($name:literal, $rows:literal, $condition:literal, $order:literal) => {
        concat!(
            "-- search.",
            $name,
            "\nSELECT ",
            delivery_columns!(),
            " FROM ",
            $rows,
            " WHERE ",
            $condition,
            " AND (SELECT true FROM account a WHERE a.id = m.account) AND ",
            conditions!(),
            "ORDER BY ",
            $order,
            " DESC LIMIT $3::bigint"
        )
    };
}

/// A stream for each account (and kind), merged. `$found` is what is selected
/// from for one account `a`.
macro_rules! streams {
    ($name:literal, $keys:literal, $rows:literal, $condition:literal, $order:literal) => {
        concat!(
            "-- search.",
            $name,
            "\nSELECT found.* FROM account a ",
            $keys,
            " CROSS JOIN LATERAL (SELECT ",
            delivery_columns!(),
            " FROM ",
            $rows,
            " WHERE ",
            $condition,
            " AND ",
            conditions!(),
            "ORDER BY ",
            $order,
            " DESC LIMIT $3::bigint) found \
             WHERE ($4::bigint[] IS NULL OR a.id = ANY($4)) \
             ORDER BY found.id DESC LIMIT $3::bigint"
        )
    };
}

const ALL: &str = stream!(
    "all",
    "message m LEFT JOIN work w ON w.id = m.id AND w.account = m.account \
     LEFT JOIN outcome o ON o.id = m.id AND o.account = m.account",
    "m.id < $1 AND m.id >= $2",
    "m.id"
);
const OPEN: &str = stream!(
    "open",
    "work w JOIN message m ON m.id = w.id AND m.account = w.account \
     LEFT JOIN outcome o ON o.id = w.id AND o.account = w.account",
    "w.id < $1 AND w.id >= $2",
    "w.id"
);
const OF_ACCOUNT: &str = streams!(
    "of_account",
    "CROSS JOIN unnest($15::smallint[]) k(kind)",
    "message m LEFT JOIN work w ON w.id = m.id AND w.account = m.account \
     LEFT JOIN outcome o ON o.id = m.id AND o.account = m.account",
    "m.account = a.id AND m.kind = k.kind AND m.kind > 0 AND m.id < $1 AND m.id >= $2",
    "m.id"
);
const IN_STATE: &str = streams!(
    "in_state",
    "",
    "outcome o JOIN message m ON m.id = o.id AND m.account = o.account \
     LEFT JOIN work w ON w.id = o.id AND w.account = o.account",
    "o.account = a.id AND o.state = $6 AND o.state <> 1 AND o.id < $1 AND o.id >= $2",
    "o.id"
);
const ERRCODE_OPEN: &str = streams!(
    "errcode_open",
    "",
    "work w JOIN message m ON m.id = w.id AND m.account = w.account \
     LEFT JOIN outcome o ON o.id = w.id AND o.account = w.account",
    "w.account = a.id AND w.last_errcode = $7 AND w.id < $1 AND w.id >= $2",
    "w.id"
);
const ERRCODE_OVER: &str = streams!(
    "errcode_over",
    "",
    "outcome o JOIN message m ON m.id = o.id AND m.account = o.account \
     LEFT JOIN work w ON w.id = o.id AND w.account = o.account",
    "o.account = a.id AND o.last_errcode = $7 AND o.id < $1 AND o.id >= $2",
    "o.id"
);

/// Those of a broadcast.
const OF_BROADCAST: &str = stream!(
    "of_broadcast",
    "message m LEFT JOIN work w ON w.id = m.id AND w.account = m.account \
     LEFT JOIN outcome o ON o.id = m.id AND o.account = m.account",
    "m.broadcast = $14 AND m.broadcast IS NOT NULL AND m.id < $1 AND m.id >= $2",
    "m.id"
);

/// Those whose receipts are waited for.
const AWAITED: &str = stream!(
    "awaited",
    "awaited d JOIN message m ON m.id = d.id AND m.account = d.account \
     LEFT JOIN work w ON w.id = d.id AND w.account = d.account \
     LEFT JOIN outcome o ON o.id = d.id AND o.account = d.account",
    "d.id < $1 AND d.id >= $2",
    "d.id"
);

/// A stream over the spans from $15 down to $16, of which those from $17 on hold
/// nothing but what comes after the page's last message.
macro_rules! spans {
    ($name:literal, $condition:literal) => {
        concat!(
            "-- search.",
            $name,
            "\nSELECT found.*, s.n FROM generate_series($15::bigint, $16::bigint, -1) s(n) \
             CROSS JOIN LATERAL (SELECT ",
            delivery_columns!(),
            " FROM message m LEFT JOIN work w ON w.id = m.id AND w.account = m.account \
             LEFT JOIN outcome o ON o.id = m.id AND o.account = m.account \
             WHERE (m.seq >> 16) = s.n \
             AND (SELECT true FROM account a WHERE a.id = m.account) AND ",
            $condition,
            " AND m.id < $1 AND m.id >= $2 AND (s.n < $17 OR m.id < $18) AND ",
            conditions!(),
            "ORDER BY m.id DESC LIMIT $3::bigint) found \
             ORDER BY s.n DESC, found.id DESC LIMIT $3::bigint"
        )
    };
}

const OF_PERSON: &str = spans!(
    "of_person",
    "hashtextextended(m.openid, 0) = ANY(ARRAY(\
        SELECT hashtextextended(one COLLATE \"C\", 0) FROM unnest($8::text[]) one))"
);
const OF_REFERENCE: &str = spans!(
    "of_reference",
    "m.reference IS NOT NULL \
     AND hashtextextended(m.reference, 0) = hashtextextended($9::text COLLATE \"C\", 0)"
);

/// The parameters all streams share.
struct Question<'a> {
    before: Uuid,
    from: Uuid,
    limit: i64,
    accounts: Option<Vec<i64>>,
    kind: Option<i16>,
    status: Option<i16>,
    errcode: Option<i64>,
    openids: Option<Vec<std::borrow::Cow<'a, str>>>,
    reference: Option<std::borrow::Cow<'a, str>>,
    created_after: Option<i64>,
    created_before: Option<i64>,
    by_hand: Option<i64>,
    no_receipt_since: Option<i64>,
    broadcast: Option<Uuid>,
}

impl<'a> Question<'a> {
    fn of(filter: &'a MessageFilter, page: Page<MessageId>, by_hand: Option<i64>) -> Self {
        let created_after = filter.created_after.map(millis);
        let created_before = filter.created_before.map(millis);
        let from = created_after.map_or(Uuid::nil(), |at| first_id_at(at.saturating_sub(SLACK)));
        let before = created_before.map_or(Uuid::max(), |at| first_id_at(at.saturating_add(SLACK)));
        Self {
            before,
            from,
            limit: number(page.limit),
            accounts: filter
                .accounts
                .as_ref()
                .map(|ids| ids.iter().map(|id| id.0).collect()),
            kind: filter.kind.map(codes::kind_code),
            status: filter.status.map(status_code),
            errcode: filter.errcode,
            openids: filter
                .openids
                .as_ref()
                .map(|ids| ids.iter().map(|id| text(id.as_str())).collect()),
            reference: filter.reference.as_deref().map(text),
            created_after,
            created_before,
            by_hand,
            no_receipt_since: filter.no_receipt_since.map(millis),
            broadcast: filter.broadcast.map(broadcast_uuid),
        }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.before,
            &self.from,
            &self.limit,
            &self.accounts,
            &self.kind,
            &self.status,
            &self.errcode,
            &self.openids,
            &self.reference,
            &self.created_after,
            &self.created_before,
            &self.by_hand,
            &self.no_receipt_since,
            &self.broadcast,
        ]
    }
}

pub(super) async fn search(
    db: &Db,
    filter: &MessageFilter,
    page: Page<MessageId>,
    by_hand: Option<i64>,
) -> Outcome<Vec<Delivery>> {
    if page.limit == 0 {
        return Ok(Vec::new());
    }
    let mut question = Question::of(filter, page, by_hand);
    if filter.reference.is_some() {
        return in_spans(db, OF_REFERENCE, &question, page.after).await;
    }
    if filter.openids.is_some() {
        return in_spans(db, OF_PERSON, &question, page.after).await;
    }
    if let Some(after) = page.after {
        question.before = question.before.min(message_uuid(after));
    }
    let kinds: Vec<i16> = Kind::ALL
        .into_iter()
        .filter(|&kind| filter.kind.is_none_or(|wanted| wanted == kind))
        .map(codes::kind_code)
        .collect();
    let streams: &[&str] = if filter.broadcast.is_some() {
        &[OF_BROADCAST]
    } else if filter.no_receipt_since.is_some() {
        &[AWAITED]
    } else if filter.errcode.is_some() {
        &[ERRCODE_OPEN, ERRCODE_OVER]
    } else {
        match filter.status.map(Status::state) {
            Some(State::Open) => &[OPEN],
            Some(
                State::Delivered
                | State::Undelivered
                | State::Failed
                | State::Unknown
                | State::Expired
                | State::Canceled,
            ) => &[IN_STATE],
            Some(State::Accepted) | None if filter.accounts.is_some() || filter.kind.is_some() => {
                &[OF_ACCOUNT]
            }
            Some(State::Accepted) | None => &[ALL],
        }
    };
    let mut found = Vec::new();
    for &stream in streams {
        let mut parameters = question.parameters();
        if stream == OF_ACCOUNT {
            parameters.push(&kinds);
        }
        let stream = db.prepare_cached(stream).await?;
        for row in db.query(&stream, &parameters).await? {
            found.push(row::delivery(&row)?);
        }
    }
    // A message that is settled between two streams is found by both.
    found.sort_by_key(|delivery| std::cmp::Reverse(delivery.message.id));
    found.dedup_by_key(|delivery| delivery.message.id);
    found.truncate(page.limit);
    Ok(found)
}

/// Looks into spans, the newest first, until there is enough.
async fn in_spans(
    db: &Db,
    stream: &str,
    question: &Question<'_>,
    after: Option<MessageId>,
) -> Outcome<Vec<Delivery>> {
    let Some((oldest, mut newest)) = spans(db).await? else {
        return Ok(Vec::new());
    };
    // Where the page before ended: in this span before this id.
    let (mut last_span, mut last_id) = (i64::MAX, Uuid::max());
    if let Some(after) = after {
        let Some(span) = span_of(db, after).await? else {
            return Ok(Vec::new());
        };
        (last_span, last_id) = (span, message_uuid(after));
        newest = newest.min(span);
    }
    let stream = db.prepare_cached(stream).await?;
    let (mut found, mut width) = (Vec::new(), FIRST_SPANS);
    while newest >= oldest && number(found.len()) < question.limit {
        let lowest = (newest - width + 1).max(oldest);
        let limit = question.limit - number(found.len());
        let mut parameters = question.parameters();
        parameters[2] = &limit;
        parameters.extend([
            &newest as &(dyn ToSql + Sync),
            &lowest,
            &last_span,
            &last_id,
        ]);
        for row in db.query(&stream, &parameters).await? {
            debug_assert_eq!(row.len(), DELIVERY_COLUMNS + 1);
            found.push(row::delivery(&row)?);
        }
        newest = lowest - 1;
        width = (width * 4).min(MOST_SPANS);
    }
    Ok(found)
}

/// The oldest and the newest span.
async fn spans(db: &Db) -> Outcome<Option<(i64, i64)>> {
    let find = db
        .prepare_cached("-- search.spans\nSELECT min(seq >> 16), max(seq >> 16) FROM message")
        .await?;
    let row = db.query_one(&find, &[]).await?;
    let (oldest, newest): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(oldest.zip(newest))
}

/// The span of a message; one that is gone is stood in for by the one before it.
async fn span_of(db: &Db, id: MessageId) -> Outcome<Option<i64>> {
    let find = db
        .prepare_cached(
            "-- search.after\n\
             SELECT seq >> 16 FROM message WHERE id <= $1 ORDER BY id DESC LIMIT 1",
        )
        .await?;
    let row = db.query_opt(&find, &[&message_uuid(id)]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_of_the_indexes() {
        let schema = include_str!("migrations/0001.sql");
        assert_eq!(schema.matches("(seq >> 16)").count(), 2);
        for stream in [OF_PERSON, OF_REFERENCE] {
            assert!(stream.contains("(m.seq >> 16)"));
        }
    }

    #[test]
    fn every_status_has_a_number_of_its_own() {
        let mut codes: Vec<_> = Status::ALL.into_iter().map(status_code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Status::ALL.len());
    }
}
