//! WeChat's last word on messages: who waits for it, and what came too early.

use hongyan_domain::callback::NewReceipt;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::message::State;
use hongyan_domain::{AccountId, MessageId};
use hongyan_wechat::{MsgId, OpenId, TemplateId};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Outcome;
use super::news::Teller;
use super::row::{millis, number};
use crate::webhook::News;

/// Early receipts looked at by one call that joins: most of them may be for
/// messages that another program sent.
const JOIN_STEP: i64 = 2_000;

/// Notes that WeChat will tell what became of a message. Where it gave no number
/// the message is found by its person and template.
pub(super) fn await_receipt(
    db: &Connection,
    seq: i64,
    msgid: Option<MsgId>,
    at: i64,
) -> Outcome<()> {
    db.prepare_cached(
        "-- receipt.await\n\
         INSERT OR REPLACE INTO awaited (seq, account, settled_at, msgid, openid, template_id) \
         SELECT seq, account, ?2, ?3, iif(?3 IS NULL, openid, NULL), \
            iif(?3 IS NULL, json_extract(content, '$.template_id'), NULL) \
         FROM message WHERE seq = ?1",
    )?
    .execute(params![seq, at, msgid.map(stored)])?;
    Ok(())
}

fn stored(msgid: MsgId) -> i64 {
    msgid.0.cast_signed()
}

/// What became of a receipt.
pub(super) enum Taken {
    /// It found its message.
    Settled(MessageId),
    /// It is kept until its message is there.
    Kept,
    /// It had come before.
    Known,
}

/// Takes in a receipt that is new.
pub(super) fn take(
    db: &Connection,
    account: AccountId,
    receipt: &NewReceipt,
    teller: &mut Teller<'_>,
) -> Outcome<Taken> {
    if let Some(id) = by_number(db, account, receipt, teller)? {
        return Ok(Taken::Settled(id));
    }
    let msgid = stored(receipt.msgid);
    let is_known = db
        .prepare_cached(
            "-- receipt.known\nSELECT 1 FROM early_receipt WHERE account = ?1 AND msgid = ?2",
        )?
        .query_one([account.0, msgid], |_| Ok(()))
        .optional()?
        .is_some();
    if is_known {
        return Ok(Taken::Known);
    }
    let found = by_person(db, account, receipt, teller)?;
    db.prepare_cached(
        "-- receipt.keep\n\
         INSERT INTO early_receipt (account, msgid, openid, template_id, delivered, status, at, \
            received_at, joined) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        account.0,
        msgid,
        receipt.openid.as_str(),
        receipt.template_id.as_ref().map(TemplateId::as_str),
        receipt.delivered,
        receipt.status,
        millis(receipt.at),
        teller.now(),
        found.is_some(),
    ])?;
    Ok(found.map_or(Taken::Kept, Taken::Settled))
}

/// The message that WeChat gave this number.
fn by_number(
    db: &Connection,
    account: AccountId,
    receipt: &NewReceipt,
    teller: &mut Teller<'_>,
) -> Outcome<Option<MessageId>> {
    let seq: Option<i64> = db
        .prepare_cached(
            "-- receipt.by_number\n\
             SELECT seq FROM awaited WHERE account = ?1 AND msgid = ?2 ORDER BY seq LIMIT 1",
        )?
        .query_one([account.0, stored(receipt.msgid)], |row| row.get(0))
        .optional()?;
    seq.map(|seq| end(db, (account, seq), receipt, teller))
        .transpose()
}

/// The oldest message to this person with this template that WeChat gave no
/// number.
fn by_person(
    db: &Connection,
    account: AccountId,
    receipt: &NewReceipt,
    teller: &mut Teller<'_>,
) -> Outcome<Option<MessageId>> {
    let Some(template) = &receipt.template_id else {
        return Ok(None);
    };
    let seq: Option<i64> = db
        .prepare_cached(
            "-- receipt.by_person\n\
             SELECT seq FROM awaited WHERE account = ?1 AND openid = ?2 AND template_id = ?3 \
             AND msgid IS NULL ORDER BY settled_at, seq LIMIT 1",
        )?
        .query_one(
            params![account.0, receipt.openid.as_str(), template.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    seq.map(|seq| end(db, (account, seq), receipt, teller))
        .transpose()
}

/// Writes the receipt down; nobody waits for it any more.
fn end(
    db: &Connection,
    (account, seq): (AccountId, i64),
    receipt: &NewReceipt,
    teller: &mut Teller<'_>,
) -> Outcome<MessageId> {
    let state = if receipt.delivered {
        State::Delivered
    } else {
        State::Undelivered
    };
    db.prepare_cached("-- receipt.awaited\nDELETE FROM awaited WHERE seq = ?1")?
        .execute([seq])?;
    let ended = db
        .prepare_cached(
            "-- receipt.end\n\
         UPDATE outcome SET state = ?2, receipt_status = ?3, receipt_at = ?4, wechat_msgid = ?5 \
         WHERE seq = ?1 AND state = 1",
        )?
        .execute(params![
            seq,
            state.code(),
            receipt.status,
            millis(receipt.at),
            stored(receipt.msgid),
        ])?;
    let id = db
        .prepare_cached("-- receipt.message\nSELECT id FROM message WHERE seq = ?1")?
        .query_one([seq], |row| row.get(0))?;
    let id = MessageId::from_bytes(id);
    if ended > 0 {
        teller.tell(|| News::of_message(account.0, id, state, millis(receipt.at)))?;
    }
    Ok(id)
}

/// An early receipt: its place, its account, itself.
type Early = (i64, AccountId, NewReceipt);

/// What a look at early receipts brought.
pub(super) struct Joinable {
    /// Those whose messages are there now.
    pub(super) receipts: Vec<Early>,
    /// Up to where was looked; 0 = the next look begins anew.
    pub(super) to: i64,
    /// How many were seen that are not joined yet.
    pub(super) unjoined: usize,
}

/// Looks at some early receipts for messages that wait for them.
pub(super) fn joinable(db: &Connection, from: i64, limit: usize) -> Outcome<Joinable> {
    let mut some = db.prepare_cached(
        "-- receipt.early\n\
         SELECT e.seq, e.account, e.msgid, e.openid, e.template_id, e.delivered, e.status, e.at, \
            e.joined, \
            NOT e.joined AND (\
                EXISTS (SELECT 1 FROM awaited a WHERE a.account = e.account AND a.msgid = e.msgid) \
                OR EXISTS (SELECT 1 FROM awaited a WHERE a.account = e.account \
                    AND a.openid = e.openid AND a.template_id = e.template_id \
                    AND a.msgid IS NULL)) \
         FROM early_receipt e WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2",
    )?;
    let mut found = Joinable {
        receipts: Vec::new(),
        to: 0,
        unjoined: 0,
    };
    let mut rows = some.query([from, JOIN_STEP])?;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        if !row.get::<_, bool>(8)? {
            found.unjoined += 1;
        }
        if row.get(9)? {
            if found.receipts.len() == limit {
                return Ok(found);
            }
            let receipt = NewReceipt {
                msgid: MsgId(row.get::<_, i64>(2)?.cast_unsigned()),
                openid: OpenId::parse(row.get::<_, String>(3)?)?,
                template_id: row
                    .get::<_, Option<String>>(4)?
                    .map(TemplateId::parse)
                    .transpose()?,
                delivered: row.get(5)?,
                status: row.get(6)?,
                at: from_millisecond(row.get(7)?),
            };
            found.receipts.push((seq, AccountId(row.get(1)?), receipt));
        }
        found.to = seq;
        looked_at += 1;
    }
    if looked_at < JOIN_STEP {
        found.to = 0;
    }
    Ok(found)
}

/// Joins early receipts with their messages.
pub(super) fn join(db: &Connection, receipts: &[Early], now: i64) -> Outcome<Vec<MessageId>> {
    let mut joined = Vec::new();
    let mut teller = Teller::prepare(db, now)?;
    for (seq, account, receipt) in receipts {
        if let Some(id) = by_number(db, *account, receipt, &mut teller)? {
            db.prepare_cached("-- receipt.joined\nDELETE FROM early_receipt WHERE seq = ?1")?
                .execute([seq])?;
            joined.push(id);
        } else if let Some(id) = by_person(db, *account, receipt, &mut teller)? {
            db.prepare_cached(
                "-- receipt.told\nUPDATE early_receipt SET joined = 1 WHERE seq = ?1",
            )?
            .execute([seq])?;
            joined.push(id);
        }
    }
    Ok(joined)
}

/// How many messages of each account wait since before a time.
pub(super) fn missing(
    db: &Connection,
    before: i64,
    at_most: usize,
) -> Outcome<Vec<(AccountId, u64)>> {
    let mut counts = db.prepare_cached(
        "-- receipt.missing\n\
         SELECT a.id, (SELECT count(*) FROM (\
            SELECT 1 FROM awaited w WHERE w.account = a.id AND w.settled_at < ?1 LIMIT ?2)) AS n \
         FROM account a WHERE n > 0 ORDER BY a.id",
    )?;
    let counts = counts
        .query_map(params![before, number(at_most)], |row| {
            Ok((
                AccountId(row.get(0)?),
                row.get::<_, i64>(1)?.cast_unsigned(),
            ))
        })?
        .collect::<Result<_, _>>()?;
    Ok(counts)
}

/// Forgets receipts that came too early to be of use, and messages whose receipts
/// never came, looking only at the oldest of each.
pub(super) fn forget(db: &Connection, before: i64, too_early: i64, limit: i64) -> Outcome<()> {
    db.prepare_cached(
        "-- receipt.forget_early\n\
         DELETE FROM early_receipt WHERE received_at < ?1 \
         AND seq IN (SELECT seq FROM early_receipt ORDER BY seq LIMIT ?2)",
    )?
    .execute([too_early, limit])?;
    db.prepare_cached(
        "-- receipt.forget_awaited\n\
         DELETE FROM awaited WHERE settled_at < ?1 \
         AND seq IN (SELECT seq FROM awaited ORDER BY seq LIMIT ?2)",
    )?
    .execute([before, limit])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    /// The number stands in the statement above.
    #[test]
    fn receipts_are_for_what_was_accepted() {
        assert_eq!(codes::state(1), Ok(State::Accepted));
        assert!(State::Accepted.may_become(State::Delivered));
    }
}
