//! WeChat's last word on messages: who waits for it, and what came too early.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use hongyan_domain::callback::NewReceipt;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::Settlement;
use hongyan_domain::message::State;
use hongyan_domain::{AccountId, MessageId};
use hongyan_wechat::{MsgId, OpenId, TemplateId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::Outcome;
use super::link::Db;
use super::news;
use super::row::{message_id, message_uuid, millis, number, text};
use crate::codes;
use crate::webhook::News;

/// Early receipts looked at by one call that joins: most of them may be for
/// messages that another program sent.
const JOIN_STEP: i64 = 2_000;

fn stored(msgid: MsgId) -> i64 {
    msgid.0.cast_signed()
}

fn state_code(receipt: &NewReceipt) -> i16 {
    let state = if receipt.delivered {
        State::Delivered
    } else {
        State::Undelivered
    };
    state.code().into()
}

/// A message that was accepted: its account, its settlement, WeChat's number.
pub(super) type Accepted<'a> = (i64, &'a Settlement, Option<MsgId>);

/// Notes that WeChat will tell what became of messages. Where it gave no number
/// the message is found by its person and template.
pub(super) async fn await_receipts(db: &Db, accepted: &[Accepted<'_>]) -> Outcome<()> {
    let (numbered, nameless): (Vec<&Accepted<'_>>, Vec<&Accepted<'_>>) =
        accepted.iter().partition(|(_, _, msgid)| msgid.is_some());
    let ids = |some: &[&Accepted<'_>]| -> Vec<Uuid> {
        some.iter()
            .map(|(_, s, _)| message_uuid(s.message))
            .collect()
    };
    let accounts = |some: &[&Accepted<'_>]| -> Vec<i64> { some.iter().map(|a| a.0).collect() };
    let times =
        |some: &[&Accepted<'_>]| -> Vec<i64> { some.iter().map(|a| millis(a.1.at)).collect() };
    if !numbered.is_empty() {
        let msgids: Vec<i64> = numbered.iter().filter_map(|a| a.2.map(stored)).collect();
        let keep = db
            .prepare_cached(
                "-- receipt.await\n\
                 INSERT INTO awaited (id, account, settled_at, msgid) \
                 SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) \
                 ON CONFLICT (id, account) DO UPDATE SET settled_at = excluded.settled_at, \
                    msgid = excluded.msgid, openid = NULL, template_id = NULL",
            )
            .await?;
        let (ids, accounts, times) = (ids(&numbered), accounts(&numbered), times(&numbered));
        db.execute(&keep, &[&ids, &accounts, &times, &msgids])
            .await?;
    }
    if !nameless.is_empty() {
        let keep = db
            .prepare_cached(
                "-- receipt.await_notice\n\
                 INSERT INTO awaited (id, account, settled_at, openid, template_id) \
                 SELECT s.id, s.account, s.at, m.openid, m.content::json ->> 'template_id' \
                 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) s(id, account, at) \
                 JOIN message m ON m.id = s.id AND m.account = s.account \
                 ON CONFLICT (id, account) DO UPDATE SET settled_at = excluded.settled_at, \
                    msgid = NULL, openid = excluded.openid, template_id = excluded.template_id",
            )
            .await?;
        let (ids, accounts, times) = (ids(&nameless), accounts(&nameless), times(&nameless));
        db.execute(&keep, &[&ids, &accounts, &times]).await?;
    }
    Ok(())
}

/// What became of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It found its message.
    Settled(MessageId),
    /// It is kept until its message is there.
    Kept,
    /// It had come before.
    Known,
}

/// A receipt and the account it is for.
pub(super) type One<'a> = (i64, &'a NewReceipt);

/// Takes in receipts that are new, in a transaction; one answer each. What is to be
/// told of it is added to `news`.
pub(super) async fn take(
    db: &Db,
    receipts: &[One<'_>],
    now: i64,
    news: &mut Vec<News>,
) -> Outcome<Vec<Taken>> {
    if receipts.is_empty() {
        return Ok(Vec::new());
    }
    let mut taken = vec![None; receipts.len()];
    for (n, id) in by_number(db, receipts, news).await? {
        taken[n] = Some(Taken::Settled(id));
    }
    for n in 0..receipts.len() {
        if taken[n].is_none() {
            taken[n] = Some(keep_or_end(db, receipts[n], now, news).await?);
        }
    }
    Ok(taken
        .into_iter()
        .map(|one| one.unwrap_or(Taken::Known))
        .collect())
}

/// Messages found by the numbers WeChat gave them, by the place of the receipt.
async fn by_number(
    db: &Db,
    receipts: &[One<'_>],
    news: &mut Vec<News>,
) -> Outcome<BTreeMap<usize, MessageId>> {
    let accounts: Vec<i64> = receipts.iter().map(|(account, _)| *account).collect();
    let msgids: Vec<i64> = receipts.iter().map(|(_, r)| stored(r.msgid)).collect();
    let take = db
        .prepare_cached(
            "-- receipt.by_number\n\
             DELETE FROM awaited a USING unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY \
                r(account, msgid, n) \
             WHERE a.account = r.account AND a.msgid = r.msgid RETURNING r.n, a.id",
        )
        .await?;
    let rows = db.query(&take, &[&accounts, &msgids]).await?;
    let found = rows
        .iter()
        .map(|row| {
            let n: i64 = row.try_get(0)?;
            Ok((
                usize::try_from(n - 1).unwrap_or(usize::MAX),
                row.try_get(1)?,
            ))
        })
        .collect::<Outcome<BTreeMap<usize, Uuid>>>()?;
    let ended: Vec<(Uuid, One<'_>)> = found.iter().map(|(&n, &id)| (id, receipts[n])).collect();
    end(db, &ended, news).await?;
    Ok(found
        .into_iter()
        .map(|(n, id)| (n, message_id(id)))
        .collect())
}

/// Writes receipts down beside the outcomes of their messages.
async fn end(db: &Db, ended: &[(Uuid, One<'_>)], news: &mut Vec<News>) -> Outcome<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ended.iter().map(|(id, _)| *id).collect();
    let accounts: Vec<i64> = ended.iter().map(|(_, (account, _))| *account).collect();
    let receipts = || ended.iter().map(|(_, (_, receipt))| receipt);
    let states: Vec<i16> = receipts().map(|r| state_code(r)).collect();
    let words: Vec<_> = receipts().map(|r| text(&r.status)).collect();
    let times: Vec<i64> = receipts().map(|r| millis(r.at)).collect();
    let msgids: Vec<i64> = receipts().map(|r| stored(r.msgid)).collect();
    let write = db
        .prepare_cached(
            "-- receipt.end\n\
             UPDATE outcome o SET state = r.state, receipt_status = r.status, receipt_at = r.at, \
                wechat_msgid = r.msgid \
             FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::bigint[], \
                $6::bigint[]) r(id, account, state, status, at, msgid) \
             WHERE o.id = r.id AND o.account = r.account AND o.state = 1 \
             RETURNING r.account, r.id, r.state, r.at",
        )
        .await?;
    let rows = db
        .query(&write, &[&ids, &accounts, &states, &words, &times, &msgids])
        .await?;
    for row in &rows {
        let state: i16 = row.try_get(2)?;
        news.extend(News::of_message(
            row.try_get(0)?,
            message_id(row.try_get(1)?),
            codes::state(state)?,
            row.try_get(3)?,
        ));
    }
    Ok(())
}

/// What to do with a receipt whose number is not known.
async fn keep_or_end(
    db: &Db,
    (account, receipt): One<'_>,
    now: i64,
    news: &mut Vec<News>,
) -> Outcome<Taken> {
    let template = receipt.template_id.as_ref().map(|id| text(id.as_str()));
    let keep = db
        .prepare_cached(
            "-- receipt.keep\n\
             INSERT INTO early_receipt (account, msgid, openid, template_id, delivered, status, \
                at, received_at, joined) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false) \
             ON CONFLICT (account, msgid) DO NOTHING",
        )
        .await?;
    let msgid = stored(receipt.msgid);
    let kept = db
        .execute(
            &keep,
            &[
                &account,
                &msgid,
                &text(receipt.openid.as_str()),
                &template,
                &receipt.delivered,
                &text(&receipt.status),
                &millis(receipt.at),
                &now,
            ],
        )
        .await?;
    if kept == 0 {
        return Ok(Taken::Known);
    }
    match by_person(db, (account, receipt), news).await? {
        Some(id) => {
            told(db, account, msgid).await?;
            Ok(Taken::Settled(id))
        }
        None => Ok(Taken::Kept),
    }
}

/// The oldest message to this person with this template that WeChat gave no
/// number.
async fn by_person(
    db: &Db,
    (account, receipt): One<'_>,
    news: &mut Vec<News>,
) -> Outcome<Option<MessageId>> {
    let Some(template) = &receipt.template_id else {
        return Ok(None);
    };
    let take = db
        .prepare_cached(
            "-- receipt.by_person\n\
             DELETE FROM awaited a WHERE a.account = $1 AND a.id = (\
                SELECT id FROM awaited WHERE account = $1 AND openid = $2 \
                    AND template_id = $3 AND msgid IS NULL \
                ORDER BY settled_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
             RETURNING a.id",
        )
        .await?;
    let (openid, template) = (text(receipt.openid.as_str()), text(template.as_str()));
    let Some(row) = db.query_opt(&take, &[&account, &openid, &template]).await? else {
        return Ok(None);
    };
    let id: Uuid = row.try_get(0)?;
    end(db, &[(id, (account, receipt))], news).await?;
    Ok(Some(message_id(id)))
}

/// Keeps a receipt that told a message its number, so that a second one is known.
async fn told(db: &Db, account: i64, msgid: i64) -> Outcome<()> {
    let told = db
        .prepare_cached(
            "-- receipt.told\n\
             UPDATE early_receipt SET joined = true WHERE account = $1 AND msgid = $2",
        )
        .await?;
    db.execute(&told, &[&account, &msgid]).await?;
    Ok(())
}

/// How far the walk through early receipts has come.
#[derive(Debug, Default)]
pub(super) struct Joins(AtomicI64);

/// Joins early receipts with their messages: which, and whether any is left.
pub(super) async fn join(
    db: &Db,
    joins: &Joins,
    limit: usize,
    by_hand: Option<i64>,
) -> Outcome<(Vec<MessageId>, bool)> {
    let from = joins.0.load(Ordering::Relaxed);
    let look = db
        .prepare_cached(
            "-- receipt.early\n\
             SELECT e.seq, e.account, e.msgid, e.openid, e.template_id, e.delivered, e.status, \
                e.at, e.joined, \
                NOT e.joined AND coalesce(\
                    (SELECT true FROM awaited a \
                        WHERE a.account = e.account AND a.msgid = e.msgid LIMIT 1), \
                    (SELECT true FROM awaited a WHERE a.account = e.account \
                        AND a.openid = e.openid AND a.template_id = e.template_id \
                        AND a.msgid IS NULL LIMIT 1), false) \
             FROM early_receipt e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2",
        )
        .await?;
    let rows = db.query(&look, &[&from, &JOIN_STEP]).await?;
    let (mut to, mut unjoined, mut found) = (0, 0, Vec::new());
    let mut is_cut = number(rows.len()) == JOIN_STEP;
    for row in &rows {
        if row.try_get(9)? {
            if found.len() == limit {
                is_cut = true;
                break;
            }
            found.push(early(row)?);
        }
        if !row.try_get::<_, bool>(8)? {
            unjoined += 1;
        }
        to = row.try_get(0)?;
    }
    if !is_cut {
        to = 0;
    }
    let joined = join_found(db, &found, by_hand).await?;
    joins.0.store(to, Ordering::Relaxed);
    let is_any_left = to > 0 || unjoined > joined.len();
    Ok((joined, is_any_left))
}

fn early(row: &Row) -> Outcome<(AccountId, NewReceipt)> {
    let msgid: i64 = row.try_get(2)?;
    let receipt = NewReceipt {
        msgid: MsgId(msgid.cast_unsigned()),
        openid: OpenId::parse(row.try_get::<_, String>(3)?)?,
        template_id: row
            .try_get::<_, Option<String>>(4)?
            .map(TemplateId::parse)
            .transpose()?,
        delivered: row.try_get(5)?,
        status: row.try_get(6)?,
        at: from_millisecond(row.try_get(7)?),
    };
    Ok((AccountId(row.try_get(1)?), receipt))
}

async fn join_found(
    db: &Db,
    found: &[(AccountId, NewReceipt)],
    by_hand: Option<i64>,
) -> Outcome<Vec<MessageId>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let receipts: Vec<One<'_>> = found.iter().map(|(account, r)| (account.0, r)).collect();
    db.begin().await?;
    let mut news = Vec::new();
    let numbered = by_number(db, &receipts, &mut news).await?;
    let (mut joined, mut done) = (Vec::new(), (Vec::new(), Vec::new()));
    let mut seen = BTreeSet::new();
    for (n, &(account, receipt)) in receipts.iter().enumerate() {
        let msgid = stored(receipt.msgid);
        if let Some(id) = numbered.get(&n) {
            joined.push(*id);
            done.0.push(account);
            done.1.push(msgid);
        } else if seen.insert((account, msgid))
            && let Some(id) = by_person(db, (account, receipt), &mut news).await?
        {
            told(db, account, msgid).await?;
            joined.push(id);
        }
    }
    let forget = db
        .prepare_cached(
            "-- receipt.joined\n\
             DELETE FROM early_receipt e USING unnest($1::bigint[], $2::bigint[]) d(account, msgid) \
             WHERE e.account = d.account AND e.msgid = d.msgid",
        )
        .await?;
    db.execute(&forget, &[&done.0, &done.1]).await?;
    news::tell(db, &news, by_hand).await?;
    db.commit().await?;
    Ok(joined)
}

/// How many messages of each account wait since before a time.
pub(super) async fn missing(
    db: &Db,
    before: i64,
    at_most: usize,
) -> Outcome<Vec<(AccountId, u64)>> {
    let count = db
        .prepare_cached(
            "-- receipt.missing\n\
             SELECT a.id, n.n FROM account a CROSS JOIN LATERAL (\
                SELECT count(*) AS n FROM (\
                    SELECT 1 FROM awaited w WHERE w.account = a.id AND w.settled_at < $1 \
                        AND w.settled_at >= 0 LIMIT $2) \
                    waiting) n \
             WHERE n.n > 0 ORDER BY a.id",
        )
        .await?;
    let rows = db.query(&count, &[&before, &number(at_most)]).await?;
    rows.iter()
        .map(|row| {
            let n: i64 = row.try_get(1)?;
            Ok((AccountId(row.try_get(0)?), n.cast_unsigned()))
        })
        .collect()
}

/// Forgets receipts that came too early to be of use, and messages whose receipts
/// never came, looking only at the oldest of each.
pub(super) async fn forget(db: &Db, before: i64, too_early: i64, limit: usize) -> Outcome<()> {
    for (statement, time) in [
        (
            "-- receipt.forget_early\n\
             DELETE FROM early_receipt WHERE received_at < $1 \
             AND seq = ANY(ARRAY(SELECT seq FROM early_receipt ORDER BY seq LIMIT $2))",
            too_early,
        ),
        (
            "-- receipt.forget_awaited\n\
             DELETE FROM awaited WHERE settled_at < $1 \
             AND id = ANY(ARRAY(SELECT id FROM awaited ORDER BY id LIMIT $2))",
            before,
        ),
    ] {
        let forget = db.prepare_cached(statement).await?;
        db.execute(&forget, &[&time, &number(limit)]).await?;
    }
    Ok(())
}
