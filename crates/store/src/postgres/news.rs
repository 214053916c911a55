//! What happens, written down for the endpoints that want to be told.

use uuid::Uuid;

use super::fault::Outcome;
use super::link::Db;
use super::row::{now, text};
use crate::webhook::News;

/// An id that begins with the time `t.now`, as all of ours do (RFC 9562, version 7: two
/// bits turn the version of a random id into it).
macro_rules! fresh_id {
    () => {
        "encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) \
            PLACING substring(int8send(t.now) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid"
    };
}
pub(super) use fresh_id;

/// Tells what happened in a transaction, to every endpoint that wants it: one statement
/// that finds out by itself whether there is one, so that it can travel with others.
pub(super) async fn tell(db: &Db, news: &[News], by_hand: Option<i64>) -> Outcome<()> {
    if news.is_empty() {
        return Ok(());
    }
    let (mut subjects, mut details) = (Vec::new(), Vec::new());
    for one in news {
        let (subject, detail) = one.subject_columns()?;
        subjects.push(subject.map(Uuid::from_bytes));
        details.push(detail.map(|detail| text(&detail).into_owned()));
    }
    let accounts: Vec<i64> = news.iter().map(|one| one.account).collect();
    let events: Vec<i16> = news.iter().map(|one| one.event.code().into()).collect();
    let times: Vec<i64> = news.iter().map(|one| one.at).collect();
    let tell = db
        .prepare_cached(concat!(
            "-- news.tell\n\
             WITH w AS MATERIALIZED (\
                SELECT id, accounts, events FROM webhook \
                WHERE why_disabled IS NULL AND NOT removed) \
             INSERT INTO webhook_delivery (id, webhook, account, event, subject, detail, at, due_at) \
             SELECT ",
            fresh_id!(),
            ", w.id, n.account, n.event, n.subject, n.detail, n.at, t.now \
             FROM (SELECT ",
            now!("$6"),
            " AS now) t CROSS JOIN unnest($1::bigint[], $2::smallint[], $3::uuid[], $4::text[], \
                $5::bigint[]) n(account, event, subject, detail, at) \
             JOIN w ON (w.accounts = '{}' OR n.account = ANY(w.accounts)) \
                AND (w.events = '{}' OR n.event = ANY(w.events)) \
             WHERE EXISTS (SELECT 1 FROM w)"
        ))
        .await?;
    db.execute(
        &tell,
        &[&accounts, &events, &subjects, &details, &times, &by_hand],
    )
    .await?;
    Ok(())
}
