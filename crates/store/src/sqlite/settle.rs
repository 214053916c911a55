//! Writing down what became of claimed messages.

use hongyan_domain::delivery::{Attempt, Decision, Settlement};
use hongyan_domain::message::State;
use hongyan_domain::port::Settled;
use hongyan_wechat::MsgId;
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::fault::{Fault, Outcome};
use super::news::Teller;
use super::row::{millis, number, optional_millis};
use super::{ledger, receipt, reroute, tally};
use crate::ledger::takes_tally_back;
use crate::webhook::News;

/// The end of a message's sending.
#[derive(Debug)]
pub(super) struct Over<'a> {
    pub(super) state: State,
    pub(super) msgid: Option<MsgId>,
    pub(super) at: i64,
    /// Those that led to it and are not counted yet.
    pub(super) attempts: &'a [Attempt],
}

/// One answer for each, in order.
pub(super) fn settle(
    db: &Connection,
    settlements: &[Settlement],
    now: i64,
) -> Outcome<Vec<Settled>> {
    let mut settler = Settler {
        db,
        find: db.prepare_cached(
            "-- settle.find\n\
             SELECT m.seq, coalesce(w.attempt_count, o.attempt_count), \
                coalesce(w.lease_token, o.lease_token) = ?2, w.claimed_at IS NOT NULL, \
                h.seq IS NOT NULL, m.account \
             FROM message m \
             LEFT JOIN work w ON w.seq = m.seq LEFT JOIN outcome o ON o.seq = m.seq \
             LEFT JOIN hold h ON h.seq = m.seq \
             WHERE m.id = ?1",
        )?,
        attempt: db.prepare_cached(
            "-- settle.attempt\n\
             INSERT INTO attempt (seq, n, at, outcome, elapsed_ms, errcode, errmsg, rid) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?,
        finisher: Finisher::prepare(db)?,
        teller: Teller::prepare(db, now)?,
    };
    settlements
        .iter()
        .map(|settlement| settler.settle(settlement))
        .collect()
}

/// A message as a settlement finds it.
struct Found {
    seq: i64,
    attempts_before: i64,
    /// Whether the settlement's lease is the message's last one.
    is_last_lease: bool,
    is_held: bool,
    holds_consent: bool,
    account: i64,
}

/// The statements nearly every settlement needs, looked up once for many.
struct Settler<'db> {
    db: &'db Connection,
    find: CachedStatement<'db>,
    attempt: CachedStatement<'db>,
    finisher: Finisher<'db>,
    teller: Teller<'db>,
}

impl Settler<'_> {
    fn settle(&mut self, settlement: &Settlement) -> Outcome<Settled> {
        let found = self
            .find
            .query_one(
                params![settlement.message.as_bytes(), settlement.lease_token],
                |row| {
                    Ok(Found {
                        seq: row.get(0)?,
                        attempts_before: row.get(1)?,
                        is_last_lease: row.get(2)?,
                        is_held: row.get(3)?,
                        holds_consent: row.get(4)?,
                        account: row.get(5)?,
                    })
                },
            )
            .optional()?;
        let Some(found) = found else {
            // Gone with its account.
            return Ok(Settled::LeaseLost);
        };
        let seq = found.seq;
        if found.is_last_lease && !found.is_held {
            // Nobody but its holder ends a lease under its own token: this very
            // settlement was written before.
            return Ok(Settled::Written);
        }
        self.note_attempts(seq, found.attempts_before, &settlement.attempts)?;
        if !found.is_last_lease {
            count_late_attempts(self.db, seq, &settlement.attempts)?;
            return Ok(Settled::LeaseLost);
        }
        // Before the message moves on: the ledger is that of the way it was on.
        if found.holds_consent || settlement.ledger.is_some() {
            ledger::settle(self.db, seq, settlement)?;
        }
        if takes_tally_back(settlement) {
            tally::take_back(self.db, settlement.message)?;
        }
        match &settlement.decision {
            Decision::Settle { state, msgid } => self.finish(&found, *state, *msgid, settlement)?,
            Decision::RetryAt { at: until } => wait(self.db, seq, *until, settlement)?,
            Decision::Park { .. } => wait(self.db, seq, settlement.at, settlement)?,
            Decision::Reroute(way) => {
                if !reroute::go_on(self.db, seq, way, settlement)? {
                    self.finish(&found, State::Failed, None, settlement)?;
                }
            }
        }
        if settlement.awaits_receipt
            && let Decision::Settle {
                state: State::Accepted,
                msgid,
            } = settlement.decision
        {
            receipt::await_receipt(self.db, seq, msgid, millis(settlement.at))?;
        }
        Ok(Settled::Written)
    }

    fn finish(
        &mut self,
        found: &Found,
        state: State,
        msgid: Option<MsgId>,
        settlement: &Settlement,
    ) -> Outcome<()> {
        let over = Over {
            state,
            msgid,
            at: millis(settlement.at),
            attempts: &settlement.attempts,
        };
        self.finisher.finish(found.seq, &over)?;
        self.teller
            .tell(|| News::of_message(found.account, settlement.message, state, over.at))
    }

    fn note_attempts(&mut self, seq: i64, before: i64, attempts: &[Attempt]) -> Outcome<()> {
        for (n, attempt) in (before + 1..).zip(attempts) {
            self.attempt.execute(params![
                seq,
                n,
                millis(attempt.at),
                attempt.outcome.code(),
                attempt.elapsed_ms,
                attempt.errcode,
                attempt.errmsg,
                attempt.rid
            ])?;
        }
        Ok(())
    }
}

/// Counts attempts whose lease was lost: what is known of the message since
/// then, its last code included, is newer than they are.
fn count_late_attempts(db: &Connection, seq: i64, attempts: &[Attempt]) -> Outcome<()> {
    if attempts.is_empty() {
        return Ok(());
    }
    let more = number(attempts.len());
    let mut counted = 0;
    for table in [
        "-- settle.late_open\nUPDATE work SET attempt_count = attempt_count + ?2 WHERE seq = ?1",
        "-- settle.late_over\nUPDATE outcome SET attempt_count = attempt_count + ?2 WHERE seq = ?1",
    ] {
        counted += db.prepare_cached(table)?.execute([seq, more])?;
    }
    expect_one("settle.late", counted)
}

/// Puts a message back until its next attempt or its end, whichever is first.
fn wait(db: &Connection, seq: i64, until: Timestamp, settlement: &Settlement) -> Outcome<()> {
    let waiting = db
        .prepare_cached(
            "-- settle.wait\n\
             UPDATE work SET \
                due_at = min(?2, coalesce(expires_at, ?2)), \
                claimed_at = NULL, interrupted_at = NULL, attempts = ?3, first_uncertain_at = ?4, \
                attempt_count = attempt_count + ?5, last_errcode = iif(?5 > 0, ?6, last_errcode), \
                doubted = ?7 \
             WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            millis(until),
            settlement.history.attempts,
            optional_millis(settlement.history.first_uncertain_at),
            number(settlement.attempts.len()),
            settlement
                .attempts
                .last()
                .and_then(|attempt| attempt.errcode),
            settlement.history.doubted,
        ])?;
    expect_one("settle.wait", waiting)
}

/// Takes open messages out of the queue.
pub(super) struct Finisher<'db> {
    write: CachedStatement<'db>,
    delete: CachedStatement<'db>,
}

impl<'db> Finisher<'db> {
    pub(super) fn prepare(db: &'db Connection) -> Outcome<Self> {
        let write = db.prepare_cached(
            "-- settle.finish\n\
             INSERT INTO outcome (seq, account, state, settled_at, lease_token, attempt_count, \
                last_errcode, wechat_msgid) \
             SELECT seq, account, ?2, ?3, lease_token, attempt_count + ?4, \
                iif(?4 > 0, ?5, last_errcode), ?6 FROM work WHERE seq = ?1",
        )?;
        let delete = db.prepare_cached("-- settle.done\nDELETE FROM work WHERE seq = ?1")?;
        Ok(Self { write, delete })
    }

    pub(super) fn finish(&mut self, seq: i64, over: &Over<'_>) -> Outcome<()> {
        if !State::Open.may_become(over.state) {
            let reason = format!("an open message cannot become {:?}", over.state);
            return Err(Fault::corrupt(reason));
        }
        let written = self.write.execute(params![
            seq,
            over.state.code(),
            over.at,
            number(over.attempts.len()),
            over.attempts.last().and_then(|attempt| attempt.errcode),
            over.msgid.map(|id| id.0.cast_signed()),
        ])?;
        expect_one("settle.finish", written)?;
        expect_one("settle.done", self.delete.execute([seq])?)
    }
}

/// Refuses a statement that touched another number of rows than the one it is
/// about.
pub(super) fn expect_one(statement: &str, rows: usize) -> Outcome<()> {
    if rows == 1 {
        Ok(())
    } else {
        Err(Fault::corrupt(format!(
            "{statement} touched {rows} rows instead of 1"
        )))
    }
}
