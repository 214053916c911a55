//! Making messages of a chunk of a broadcast's people, in one transaction.

use std::collections::BTreeSet;

use hongyan_domain::BroadcastId;
use hongyan_domain::broadcast::{Skipped, WhySkipped};
use hongyan_domain::port::{Expanded, Expansion};
use jiff::Timestamp;
use uuid::Uuid;

use super::fault::{Fault, Outcome, clash};
use super::insert::{NewRow, insert_and_commit};
use super::intake;
use super::link::Db;
use super::row::{broadcast_uuid, number, text};
use super::tried::Tried;

/// An expansion as columns hold it.
pub(super) struct Prepared<'a> {
    id: BroadcastId,
    expansion: &'a Expansion,
    rows: Vec<NewRow>,
    accounts: Vec<i64>,
}

impl<'a> Prepared<'a> {
    pub(super) fn of(id: BroadcastId, expansion: &'a Expansion) -> Outcome<Self> {
        let rows = expansion
            .messages
            .iter()
            .map(NewRow::of)
            .collect::<Outcome<Vec<_>>>()?;
        let accounts: BTreeSet<i64> = rows.iter().map(|row| row.account).collect();
        Ok(Self {
            id,
            expansion,
            rows,
            accounts: accounts.into_iter().collect(),
        })
    }

    /// The accounts of messages that are due.
    pub(super) fn due(&self, now: Timestamp) -> BTreeSet<i64> {
        let messages = self.expansion.messages.iter();
        messages
            .filter(|message| message.first_due_at() <= now)
            .map(|message| message.account.0)
            .collect()
    }
}

/// Does it, if the broadcast is running and the chunk is its next.
pub(super) async fn expand(
    db: &Db,
    prepared: &Prepared<'_>,
    tried: &Tried<Expanded>,
) -> Outcome<Option<Expanded>> {
    if let Some(expanded) = tried.earlier(db).await? {
        return Ok(Some(expanded));
    }
    let Prepared {
        id,
        expansion,
        rows,
        accounts,
    } = prepared;
    let uuid = broadcast_uuid(*id);
    let chunk = i64::from(expansion.chunk);
    let found = intake::begin(db, accounts).await?;
    // Held until the end: expansions come one after the other, and who pauses the
    // broadcast waits for this one.
    let hold = db
        .prepare_cached(
            "-- expand.hold\n\
             SELECT 1 FROM broadcast b JOIN account a ON a.id = b.account \
             WHERE b.id = $1 AND b.state = 2 AND b.expanded = $2 AND b.expanded < b.chunks \
             FOR UPDATE OF b FOR KEY SHARE OF a",
        )
        .await?;
    if db.query_opt(&hold, &[&uuid, &chunk]).await?.is_none() {
        db.roll_back().await?;
        return Ok(None);
    }
    if found.len() < accounts.len() {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    let new = new_members(db, uuid, rows).await?;
    let (fresh, repeated): (Vec<_>, Vec<_>) = rows.iter().zip(new).partition(|(_, is_new)| *is_new);
    let fresh: Vec<&NewRow> = fresh.into_iter().map(|(row, _)| row).collect();
    let duplicates: Vec<Skipped> = repeated
        .into_iter()
        .map(|(row, _)| Skipped {
            who: row.openid.clone(),
            why: WhySkipped::Duplicate,
            detail: None,
        })
        .collect();
    let expanded = Expanded {
        messages: fresh.len(),
        duplicates: duplicates.len(),
    };
    let skipped: Vec<&Skipped> = expansion.skipped.iter().chain(&duplicates).collect();
    note_skipped(db, uuid, &skipped).await?;
    let count = db
        .prepare_cached(
            "-- expand.count\n\
             WITH chunk AS (DELETE FROM broadcast_chunk WHERE broadcast = $1 AND n = $2) \
             UPDATE broadcast SET expanded = expanded + 1, messages = messages + $3, \
                skipped = skipped + $4 WHERE id = $1",
        )
        .await?;
    let (messages, passed) = (number(fresh.len()), number(skipped.len()));
    db.execute(&count, &[&uuid, &chunk, &messages, &passed])
        .await?;
    tried.note(db, &expanded).await?;
    if let Err(error) = insert_and_commit(db, &fresh).await {
        if clash(&error).is_none() {
            return Err(error.into());
        }
        db.roll_back().await?;
        return Err(Fault::taken("the id of one of the messages"));
    }
    Ok(Some(expanded))
}

/// Which of these people have no message of the broadcast yet, the first of those
/// that are named twice; they are noted.
async fn new_members(db: &Db, broadcast: Uuid, rows: &[NewRow]) -> Outcome<Vec<bool>> {
    // In the order of the index.
    let people: BTreeSet<&str> = rows.iter().map(|row| row.openid.as_str()).collect();
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let people: Vec<&str> = people.into_iter().collect();
    let insert = db
        .prepare_cached(
            "-- expand.members\n\
             INSERT INTO broadcast_member (broadcast, openid) \
             SELECT $1, p.openid FROM unnest($2::text[]) p(openid) \
             ON CONFLICT DO NOTHING RETURNING openid",
        )
        .await?;
    let added = db.query(&insert, &[&broadcast, &people]).await?;
    let mut added = added
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Outcome<BTreeSet<&str>>>()?;
    Ok(rows
        .iter()
        .map(|row| added.remove(row.openid.as_str()))
        .collect())
}

async fn note_skipped(db: &Db, broadcast: Uuid, skipped: &[&Skipped]) -> Outcome<()> {
    if skipped.is_empty() {
        return Ok(());
    }
    let who: Vec<_> = skipped.iter().map(|one| text(&one.who)).collect();
    let why: Vec<i16> = skipped.iter().map(|one| one.why.code().into()).collect();
    let details: Vec<_> = skipped
        .iter()
        .map(|one| one.detail.as_deref().map(text))
        .collect();
    let insert = db
        .prepare_cached(
            "-- expand.skipped\n\
             INSERT INTO broadcast_skip (broadcast, who, why, detail) \
             SELECT $1, s.who, s.why, s.detail \
             FROM unnest($2::text[], $3::smallint[], $4::text[]) WITH ORDINALITY \
                s(who, why, detail, n) ORDER BY s.n",
        )
        .await?;
    db.execute(&insert, &[&broadcast, &who, &why, &details])
        .await?;
    Ok(())
}
