//! What WeChat told us: looking at it, answering it, forgetting it.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::callback::{
    Callback, CallbackFilter, Effect, Forward, ForwardState, Forwarded, Received,
};
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{EARLY_RECEIPT_LIFE, InboxStore, Page, StoreError};
use hongyan_domain::{AccountId, CallbackId, MessageId};
use hongyan_wechat::OpenId;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::link::Db;
use super::receive::callback_uuid;
use super::reception::Call;
use super::row::{count, first_id_at, millis, number, text};
use super::{PostgresStore, forward, receipt};
use crate::codes;
use crate::digest::PERSON_SPAN_BITS;

/// Spans of time looked into by the first statement of a search for a person, and
/// by later ones: most searches find enough in the newest.
const FIRST_SPANS: i64 = 16;
const MOST_SPANS: i64 = 1024;

#[async_trait]
impl InboxStore for PostgresStore {
    async fn receive(
        &self,
        callback: &Callback,
        effects: &[Effect],
        forward_to: &[String],
    ) -> Result<Received, StoreError> {
        let now = millis(self.clock.now());
        self.reception
            .take(Call::new(callback, effects, forward_to, now))
            .await
    }

    async fn keep_reply(&self, id: CallbackId, reply: &str) -> Result<String, StoreError> {
        self.link
            .run(|db, _| async move {
                let keep = db
                    .prepare_cached(
                        "-- inbox.reply\n\
                         UPDATE callback SET reply = coalesce(reply, $2) WHERE id = $1 \
                         RETURNING reply",
                    )
                    .await?;
                let kept = db
                    .query_opt(&keep, &[&callback_uuid(id), &text(reply)])
                    .await?
                    .ok_or_else(|| Fault::missing("the callback"))?;
                Ok(kept.try_get(0)?)
            })
            .await
    }

    async fn callback(&self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached(concat!(
                        "-- inbox.one\nSELECT ",
                        callback_columns!(),
                        " FROM callback c JOIN account a ON a.id = c.account WHERE c.id = $1"
                    ))
                    .await?;
                let found = db.query_opt(&find, &[&callback_uuid(id)]).await?;
                found.as_ref().map(callback).transpose()
            })
            .await
    }

    async fn callbacks(
        &self,
        account: AccountId,
        filter: &CallbackFilter,
        page: &Page<CallbackId>,
    ) -> Result<Vec<Callback>, StoreError> {
        self.link
            .look(|db| async move { search(&db, account, filter, *page).await })
            .await
    }

    async fn join_early_receipts(
        &self,
        limit: usize,
    ) -> Result<(Vec<MessageId>, bool), StoreError> {
        self.link
            .look(|db| async move { receipt::join(&db, &self.joins, limit, self.by_hand()).await })
            .await
    }

    async fn receipts_missing(
        &self,
        before: Timestamp,
        at_most: usize,
    ) -> Result<Vec<(AccountId, u64)>, StoreError> {
        self.link
            .look(|db| async move { receipt::missing(&db, millis(before), at_most).await })
            .await
    }

    async fn forget_callbacks(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let before = millis(before);
        let life = i64::try_from(EARLY_RECEIPT_LIFE.as_millis()).unwrap_or(i64::MAX);
        let too_early = millis(self.clock.now()).saturating_sub(life);
        self.link
            .look(|db| async move {
                receipt::forget(&db, before, too_early, limit).await?;
                forget(&db, before, limit).await
            })
            .await
    }

    async fn claim_forwards(
        &self,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Forward>, StoreError> {
        self.link
            .look(|db| async move { forward::claim(&db, limit, lease, self.by_hand()).await })
            .await
    }

    async fn settle_forward(
        &self,
        id: i64,
        lease_token: i64,
        ended: &Forwarded,
    ) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move { forward::settle(&db, id, lease_token, ended).await })
            .await
    }

    async fn replay(&self, id: CallbackId, url: &str) -> Result<(), StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable {
            reason: error.to_string(),
        })?;
        let order = i64::from_ne_bytes(random);
        self.link
            .run(|db, again| async move {
                forward::replay(&db, id, url, order, self.by_hand(), again).await
            })
            .await
    }

    async fn forwards(&self, id: CallbackId) -> Result<Vec<ForwardState>, StoreError> {
        self.link
            .look(|db| async move { forward::states(&db, id).await })
            .await
    }
}

/// The columns [`callback`] expects, in a query over `callback c`.
macro_rules! callback_columns {
    () => {
        "c.id, c.account, c.received_at, c.dedupe_key, c.openid, c.msg_type, c.event, \
         c.event_key, c.created_at, c.mode, c.query, c.content_type, c.body, c.text, c.reply, \
         c.repeats"
    };
}
use callback_columns;

fn callback(row: &Row) -> Outcome<Callback> {
    let (id, mode): (Uuid, i16) = (row.try_get(0)?, row.try_get(9)?);
    let body: Vec<u8> = row.try_get(12)?;
    let text = match row.try_get(13)? {
        Some(text) => text,
        None => String::from_utf8(body.clone())
            .map_err(|_| Fault::corrupt("a callback's body is not the text it was"))?,
    };
    Ok(Callback {
        id: CallbackId::from_bytes(id.into_bytes()),
        account: AccountId(row.try_get(1)?),
        received_at: from_millisecond(row.try_get(2)?),
        dedupe_key: row.try_get(3)?,
        openid: row
            .try_get::<_, Option<String>>(4)?
            .map(OpenId::parse)
            .transpose()?,
        msg_type: row.try_get(5)?,
        event: row.try_get(6)?,
        event_key: row.try_get(7)?,
        created_at: from_millisecond(row.try_get(8)?),
        mode: codes::mode(mode)?,
        query: row.try_get(10)?,
        content_type: row.try_get(11)?,
        body: body.into(),
        text,
        reply: row.try_get(14)?,
        repeats: count(row.try_get(15)?),
    })
}

/// What fits a filter beside the person, with the parameters $1 to $6.
macro_rules! fits {
    () => {
        "c.account = $1 AND c.id < $2 \
         AND ($3::text IS NULL OR c.msg_type = $3) AND ($4::text IS NULL OR c.event = $4) \
         AND c.received_at >= $5 AND c.received_at < $6"
    };
}

async fn search(
    db: &Db,
    account: AccountId,
    filter: &CallbackFilter,
    page: Page<CallbackId>,
) -> Outcome<Vec<Callback>> {
    let before = page.after.map_or(Uuid::max(), callback_uuid);
    let kind = filter.msg_type.as_deref().map(text);
    let event = filter.event.as_deref().map(text);
    let from = filter.received_after.map_or(i64::MIN, millis);
    let until = filter.received_before.map_or(i64::MAX, millis);
    let limit = number(page.limit);
    let mut parameters: Vec<&(dyn ToSql + Sync)> =
        vec![&account.0, &before, &kind, &event, &from, &until, &limit];
    let Some(openid) = &filter.openid else {
        let find = db
            .prepare_cached(concat!(
                "-- inbox.of_account\nSELECT ",
                callback_columns!(),
                " FROM callback c WHERE c.repeats >= 0 AND ",
                fits!(),
                " ORDER BY c.id DESC LIMIT $7"
            ))
            .await?;
        let rows = db.query(&find, &parameters).await?;
        return rows.iter().map(callback).collect();
    };
    let Some((oldest, newest)) = spans(db, from, until).await? else {
        return Ok(Vec::new());
    };
    let find = db
        .prepare_cached(concat!(
            "-- inbox.of_person\n\
             SELECT found.* FROM generate_series($8::bigint, $9::bigint, -1) s(n) \
             CROSS JOIN LATERAL (SELECT ",
            callback_columns!(),
            " FROM callback c WHERE (c.received_at >> 22) = s.n AND c.openid IS NOT NULL \
             AND hashtextextended(c.openid, 0) = hashtextextended($10::text COLLATE \"C\", 0) \
             AND c.openid = $10 AND ",
            fits!(),
            " ORDER BY c.id DESC LIMIT $7::bigint) found \
             ORDER BY s.n DESC, found.id DESC LIMIT $7::bigint"
        ))
        .await?;
    let openid = text(openid.as_str());
    let (mut found, mut width, mut highest) = (Vec::new(), FIRST_SPANS, newest);
    while highest >= oldest && found.len() < page.limit {
        let lowest = (highest - width + 1).max(oldest);
        let wanted = number(page.limit - found.len());
        parameters.truncate(6);
        let mut parameters = parameters.clone();
        parameters.extend([&wanted as &(dyn ToSql + Sync), &highest, &lowest, &openid]);
        for row in db.query(&find, &parameters).await? {
            found.push(callback(&row)?);
        }
        highest = lowest - 1;
        width = (width * 4).min(MOST_SPANS);
    }
    Ok(found)
}

/// The oldest and the newest span of time that can hold what came from one time
/// until another. Those that came at the same time lie in no order: one span
/// more at each end.
async fn spans(db: &Db, from: i64, until: i64) -> Outcome<Option<(i64, i64)>> {
    let find = db
        .prepare_cached(
            "-- inbox.kept\n\
             SELECT (SELECT received_at FROM callback ORDER BY id LIMIT 1), \
                (SELECT received_at FROM callback ORDER BY id DESC LIMIT 1)",
        )
        .await?;
    let row = db.query_one(&find, &[]).await?;
    let (oldest, newest): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(oldest.zip(newest).map(|(oldest, newest)| {
        (
            (oldest.max(from) >> PERSON_SPAN_BITS) - 1,
            (newest.min(until) >> PERSON_SPAN_BITS) + 1,
        )
    }))
}

/// Removes the oldest callbacks that came before a time and are on their way
/// nowhere. Ids begin with the time, so the look ends there.
async fn forget(db: &Db, before: i64, limit: usize) -> Outcome<usize> {
    let forget = db
        .prepare_cached(
            "-- inbox.forget\n\
             WITH old AS MATERIALIZED (\
                SELECT c.id FROM callback c WHERE c.id < $1 AND c.received_at < $2 \
                    AND NOT EXISTS (SELECT 1 FROM forward f \
                        WHERE f.callback = c.id AND f.due_at IS NOT NULL) \
                ORDER BY c.id LIMIT $3 FOR UPDATE OF c SKIP LOCKED), \
             forwards AS (\
                DELETE FROM forward WHERE callback = ANY(ARRAY(SELECT id FROM old))) \
             DELETE FROM callback WHERE id = ANY(ARRAY(SELECT id FROM old))",
        )
        .await?;
    let removed = db
        .execute(&forget, &[&first_id_at(before), &before, &number(limit)])
        .await?;
    Ok(usize::try_from(removed).unwrap_or(usize::MAX))
}
