//! Messages on their way into the tables.

use hongyan_domain::message::Message;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fault::Outcome;
use super::link::Db;
use super::row::{broadcast_uuid, key_uuid, message_uuid, millis, optional_millis, text};
use crate::codes;

/// A message as its columns hold it. Made by the caller: the tasks that write are
/// the bottleneck.
#[derive(Debug)]
pub(super) struct NewRow {
    pub(super) id: Uuid,
    pub(super) account: i64,
    created_at: i64,
    send_at: Option<i64>,
    expires_at: Option<i64>,
    kind: i16,
    priority: i16,
    on_unknown: i16,
    created_by: Option<Uuid>,
    pub(super) openid: String,
    reference: Option<String>,
    content: String,
    metadata: Option<String>,
    trace_context: Option<String>,
    broadcast: Option<Uuid>,
    handling: Option<String>,
    due_at: i64,
}

impl NewRow {
    pub(super) fn of(message: &Message) -> Outcome<Self> {
        let owned = |value: &str| text(value).into_owned();
        // Its end is noticed when it comes, not when it would have been sent.
        let first_due_at = message.first_due_at();
        let due_at = message
            .expires_at
            .map_or(first_due_at, |end| end.min(first_due_at));
        Ok(Self {
            id: message_uuid(message.id),
            account: message.account.0,
            created_at: millis(message.created_at),
            send_at: optional_millis(message.send_at),
            expires_at: optional_millis(message.expires_at),
            kind: codes::kind_code(message.kind()),
            priority: message.priority.band().into(),
            on_unknown: codes::on_unknown_code(message.on_unknown),
            created_by: message.created_by.map(key_uuid),
            openid: owned(message.to.as_str()),
            reference: message.reference.as_deref().map(owned),
            content: serde_json::to_string(&message.content)?,
            metadata: message.metadata.as_deref().map(owned),
            trace_context: message.trace_context.as_ref().map(ToString::to_string),
            broadcast: message.broadcast.map(broadcast_uuid),
            // JSON escapes the one character that a text cannot hold.
            handling: message
                .handling
                .as_ref()
                .map(serde_json::to_string)
                .transpose()?,
            due_at: millis(due_at),
        })
    }
}

/// Writes messages into archive and queue and commits, in one journey.
pub(super) async fn insert_and_commit(db: &Db, rows: &[&NewRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return db.commit().await;
    }
    let insert = db
        .prepare_cached(
            "-- intake.insert\n\
             WITH new AS (\
                INSERT INTO message (id, account, created_at, send_at, expires_at, kind, \
                    priority, on_unknown, created_by, openid, reference, content, metadata, \
                    trace_context, broadcast, handling) \
                SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], \
                    $5::bigint[], $6::smallint[], $7::smallint[], $8::smallint[], $9::uuid[], \
                    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::uuid[], \
                    $16::text[])) \
             INSERT INTO work (id, account, band, due_at, expires_at) \
             SELECT * FROM unnest($1::uuid[], $2::bigint[], $7::smallint[], $17::bigint[], \
                $5::bigint[])",
        )
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let accounts: Vec<i64> = rows.iter().map(|row| row.account).collect();
    let created: Vec<i64> = rows.iter().map(|row| row.created_at).collect();
    let send: Vec<Option<i64>> = rows.iter().map(|row| row.send_at).collect();
    let expires: Vec<Option<i64>> = rows.iter().map(|row| row.expires_at).collect();
    let kinds: Vec<i16> = rows.iter().map(|row| row.kind).collect();
    let priorities: Vec<i16> = rows.iter().map(|row| row.priority).collect();
    let unknown: Vec<i16> = rows.iter().map(|row| row.on_unknown).collect();
    let by: Vec<Option<Uuid>> = rows.iter().map(|row| row.created_by).collect();
    let openids: Vec<&str> = rows.iter().map(|row| row.openid.as_str()).collect();
    let references: Vec<Option<&str>> = rows.iter().map(|row| row.reference.as_deref()).collect();
    let contents: Vec<&str> = rows.iter().map(|row| row.content.as_str()).collect();
    let metadata: Vec<Option<&str>> = rows.iter().map(|row| row.metadata.as_deref()).collect();
    let traces: Vec<Option<&str>> = rows
        .iter()
        .map(|row| row.trace_context.as_deref())
        .collect();
    let broadcasts: Vec<Option<Uuid>> = rows.iter().map(|row| row.broadcast).collect();
    let handlings: Vec<Option<&str>> = rows.iter().map(|row| row.handling.as_deref()).collect();
    let due: Vec<i64> = rows.iter().map(|row| row.due_at).collect();
    let columns: [&(dyn ToSql + Sync); 17] = [
        &ids,
        &accounts,
        &created,
        &send,
        &expires,
        &kinds,
        &priorities,
        &unknown,
        &by,
        &openids,
        &references,
        &contents,
        &metadata,
        &traces,
        &broadcasts,
        &handlings,
        &due,
    ];
    tokio::try_join!(async { db.execute(&insert, &columns).await }, db.commit())?;
    Ok(())
}
