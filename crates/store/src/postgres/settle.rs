//! Writing down what became of claimed messages: many with a few statements.
//!
//! What nearly every settlement needs is done for all at once: those that end
//! leave the queue, those that wait go back into it, each with its last attempt.
//! What is left are settlements that come late or a second time, one by one.

use std::collections::{BTreeMap, BTreeSet};

use hongyan_domain::MessageId;
use hongyan_domain::delivery::{Attempt, Decision, Settlement};
use hongyan_domain::message::State;
use hongyan_domain::port::Settled;
use hongyan_wechat::MsgId;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::ledger::Entry;
use super::link::Db;
use super::reroute::Reroutes;
use super::row::{message_uuid, millis, number, optional_millis, small, text};
use super::{intake, ledger, news, receipt, tally};
use crate::webhook::News;

/// Settlements in the order in which they are written.
pub(super) struct Plan<'a> {
    settlements: &'a [Settlement],
    /// Indexes, ordered by message id so that two who settle the same messages
    /// do not wait for each other. A message stands in each round once.
    rounds: Vec<Vec<usize>>,
}

impl<'a> Plan<'a> {
    /// Refuses what is no end of a message's sending.
    pub(super) fn of(settlements: &'a [Settlement]) -> Outcome<Self> {
        let mut rounds: Vec<(BTreeSet<MessageId>, Vec<usize>)> = Vec::new();
        for (i, settlement) in settlements.iter().enumerate() {
            if let Decision::Settle { state, .. } = settlement.decision
                && !State::Open.may_become(state)
            {
                let reason = format!("an open message cannot become {state:?}");
                return Err(Fault::corrupt(reason));
            }
            let id = settlement.message;
            match rounds.iter_mut().find(|(ids, _)| !ids.contains(&id)) {
                Some((ids, round)) => {
                    ids.insert(id);
                    round.push(i);
                }
                None => rounds.push((BTreeSet::from([id]), vec![i])),
            }
        }
        let rounds = rounds
            .into_iter()
            .map(|(_, mut round)| {
                round.sort_by_key(|&i| settlements[i].message);
                round
            })
            .collect();
        Ok(Self {
            settlements,
            rounds,
        })
    }
}

impl Plan<'_> {
    /// The accounts messages go on to.
    pub(super) fn new_accounts(&self) -> BTreeSet<i64> {
        self.settlements.iter().filter_map(new_account).collect()
    }
}

fn new_account(settlement: &Settlement) -> Option<i64> {
    match &settlement.decision {
        Decision::Reroute(way) => Some(way.account.0),
        Decision::Settle { .. } | Decision::RetryAt { .. } | Decision::Park { .. } => None,
    }
}

/// One answer for each, in order. A message whose new account is gone has failed.
pub(super) async fn settle(
    db: &Db,
    plan: &Plan<'_>,
    again: bool,
    by_hand: Option<i64>,
) -> Outcome<Vec<Settled>> {
    let wanted: Vec<i64> = plan.new_accounts().into_iter().collect();
    if wanted.is_empty() {
        return write(db, plan, false, again, by_hand).await;
    }
    // They stay while messages enter their queues.
    let found = intake::begin(db, &wanted).await?;
    if found.len() == wanted.len() {
        return write(db, plan, true, again, by_hand).await;
    }
    let mut settlements = plan.settlements.to_vec();
    for settlement in &mut settlements {
        if new_account(settlement).is_some_and(|account| !found.contains(&account)) {
            settlement.decision = Decision::Settle {
                state: State::Failed,
                msgid: None,
            };
        }
    }
    write(db, &Plan::of(&settlements)?, true, again, by_hand).await
}

/// Whether it is certain that the message did not go out (this way), so that it
/// does not count against a cap.
fn is_uncounted(settlement: &Settlement) -> bool {
    settlement.tallied
        && match &settlement.decision {
            Decision::Settle { state, .. } => {
                matches!(state, State::Failed | State::Expired | State::Canceled)
            }
            Decision::Reroute(_) => true,
            Decision::RetryAt { .. } | Decision::Park { .. } => false,
        }
}

async fn write(
    db: &Db,
    plan: &Plan<'_>,
    mut begun: bool,
    again: bool,
    by_hand: Option<i64>,
) -> Outcome<Vec<Settled>> {
    let mut settled = vec![Settled::LeaseLost; plan.settlements.len()];
    let (mut entries, mut accepted, mut uncounted) = (Vec::new(), Vec::new(), Vec::new());
    let mut news = Vec::new();
    for round in &plan.rounds {
        let round: Vec<(usize, &Settlement)> =
            round.iter().map(|&i| (i, &plan.settlements[i])).collect();
        let held = write_held(db, &round, &mut begun).await?;
        for (i, settlement) in round {
            settled[i] = match held.get(&message_uuid(settlement.message)) {
                Some(held) => {
                    note_earlier(db, settlement, held.goes_on_at, held.attempts_before).await?;
                    if is_uncounted(settlement) {
                        uncounted.push(message_uuid(settlement.message));
                    }
                    if held.holds_consent || settlement.ledger.is_some() {
                        entries.push(Entry {
                            account: held.account,
                            settlement,
                            holds_consent: held.holds_consent,
                        });
                    }
                    if let Decision::Settle { state, .. } = settlement.decision {
                        let at = millis(settlement.at);
                        news.extend(News::of_message(
                            held.account,
                            settlement.message,
                            state,
                            at,
                        ));
                    }
                    if settlement.awaits_receipt
                        && let Decision::Settle {
                            state: State::Accepted,
                            msgid,
                        } = settlement.decision
                    {
                        accepted.push((held.account, settlement, msgid));
                    }
                    Settled::Written
                }
                None => write_late(db, settlement, again).await?,
            };
        }
    }
    // One journey for both.
    tokio::try_join!(
        receipt::await_receipts(db, &accepted),
        news::tell(db, &news, by_hand)
    )?;
    if !entries.is_empty() {
        ledger::settle(db, &entries).await?;
    }
    tally::take_back(db, &uncounted).await?;
    db.commit().await?;
    Ok(settled)
}

/// A message that was still held under its settlement's token.
struct Held {
    account: i64,
    /// The account it is under from now on.
    goes_on_at: i64,
    attempts_before: i32,
    holds_consent: bool,
}

/// Writes down the settlements whose messages are still held under their tokens.
async fn write_held(
    db: &Db,
    round: &[(usize, &Settlement)],
    begun: &mut bool,
) -> Outcome<BTreeMap<Uuid, Held>> {
    let (mut ends, mut waits) = (Columns::default(), Columns::default());
    let mut reroutes = Reroutes::default();
    for &(_, settlement) in round {
        match &settlement.decision {
            Decision::Settle { state, msgid } => {
                ends.push(settlement);
                ends.end(*state, *msgid, settlement);
            }
            Decision::RetryAt { at } => {
                waits.push(settlement);
                waits.until.push(millis(*at));
            }
            Decision::Park { .. } => {
                waits.push(settlement);
                waits.until.push(millis(settlement.at));
            }
            Decision::Reroute(way) => reroutes.add(settlement, way)?,
        }
    }
    let begin = async {
        if std::mem::replace(begun, true) {
            Ok(())
        } else {
            db.begin().await
        }
    };
    let finish = async {
        if ends.ids.is_empty() {
            return Ok(Vec::new());
        }
        db.query(&db.prepare_cached(FINISH).await?, &ends.for_finish())
            .await
    };
    let wait = async {
        if waits.ids.is_empty() {
            return Ok(Vec::new());
        }
        db.query(&db.prepare_cached(WAIT).await?, &waits.for_wait())
            .await
    };
    // One journey for all of them, once the statements are prepared.
    let ((), finished, waiting, rerouted) =
        tokio::try_join!(begin, finish, wait, reroutes.write(db))?;
    finished
        .iter()
        .chain(&waiting)
        .chain(&rerouted)
        .map(|row| {
            let held = Held {
                account: row.try_get(1)?,
                goes_on_at: row.try_get(4)?,
                attempts_before: row.try_get(2)?,
                holds_consent: row.try_get(3)?,
            };
            Ok((row.try_get(0)?, held))
        })
        .collect()
}

/// Takes open messages out of the queue, with their last attempts. The rows of
/// `work` come in the order of the array.
///
/// That a message is claimed is asked in a way no partial index answers, here
/// and below: `work` is to be looked up by id and nothing else.
const FINISH: &str = "-- settle.finish\n\
    WITH s AS MATERIALIZED (\
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[], $5::smallint[], \
            $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::smallint[], $11::bigint[], \
            $12::bigint[]) \
        s(id, token, made, at, outcome, elapsed_ms, errcode, errmsg, rid, state, settled_at, msgid)), \
    gone AS (\
        DELETE FROM work w USING s \
        WHERE w.id = s.id AND w.lease_token = s.token AND coalesce(w.claimed_at, -1) >= 0 \
        RETURNING w.id, w.account, w.lease_token, w.attempt_count, w.last_errcode AS former, \
            s.made, s.at, s.outcome, s.elapsed_ms, s.errcode, s.errmsg, s.rid, s.state, \
            s.settled_at, s.msgid), \
    ended AS (\
        INSERT INTO outcome (id, account, state, settled_at, lease_token, attempt_count, \
            last_errcode, wechat_msgid) \
        SELECT id, account, state, settled_at, lease_token, attempt_count + made, \
            CASE WHEN made > 0 THEN errcode ELSE former END, msgid FROM gone), \
    noted AS (\
        INSERT INTO attempt (id, account, n, at, outcome, elapsed_ms, errcode, errmsg, rid) \
        SELECT id, account, attempt_count + made, at, outcome, elapsed_ms, errcode, errmsg, rid \
        FROM gone WHERE made > 0) \
    SELECT id, account, attempt_count, \
        coalesce((SELECT true FROM hold h WHERE h.id = gone.id), false), account FROM gone";

/// Puts messages back until their next attempts or their ends, whichever is
/// first.
const WAIT: &str = "-- settle.wait\n\
    WITH s AS MATERIALIZED (\
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[], $5::smallint[], \
            $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::int[], \
            $12::bigint[], $13::bool[]) \
        s(id, token, made, at, outcome, elapsed_ms, errcode, errmsg, rid, until, attempts, \
            first_uncertain_at, doubted)), \
    kept AS (\
        UPDATE work w SET due_at = least(s.until, w.expires_at), claimed_at = NULL, claim = NULL, \
            interrupted_at = NULL, attempts = s.attempts, \
            first_uncertain_at = s.first_uncertain_at, doubted = s.doubted, \
            attempt_count = w.attempt_count + s.made, \
            last_errcode = CASE WHEN s.made > 0 THEN s.errcode ELSE w.last_errcode END \
        FROM s \
        WHERE w.id = s.id AND w.lease_token = s.token AND coalesce(w.claimed_at, -1) >= 0 \
        RETURNING w.id, w.account, w.attempt_count, s.made, s.at, s.outcome, s.elapsed_ms, \
            s.errcode, s.errmsg, s.rid), \
    noted AS (\
        INSERT INTO attempt (id, account, n, at, outcome, elapsed_ms, errcode, errmsg, rid) \
        SELECT id, account, attempt_count, at, outcome, elapsed_ms, errcode, errmsg, rid \
        FROM kept WHERE made > 0) \
    SELECT id, account, attempt_count - made, \
        coalesce((SELECT true FROM hold h WHERE h.id = kept.id), false), account FROM kept";

/// Settlements as columns, each with the last of its attempts: mostly there is
/// just one.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    tokens: Vec<i64>,
    made: Vec<i32>,
    last: Attempts<'a>,
    states: Vec<i16>,
    settled_at: Vec<i64>,
    msgids: Vec<Option<i64>>,
    until: Vec<i64>,
    attempts: Vec<i32>,
    first_uncertain_at: Vec<Option<i64>>,
    doubted: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, settlement: &'a Settlement) {
        self.ids.push(message_uuid(settlement.message));
        self.tokens.push(settlement.lease_token);
        self.made.push(made(settlement));
        self.last.push(settlement.attempts.last());
        let history = &settlement.history;
        self.attempts.push(small(history.attempts));
        self.first_uncertain_at
            .push(optional_millis(history.first_uncertain_at));
        self.doubted.push(history.doubted);
    }

    fn end(&mut self, state: State, msgid: Option<MsgId>, settlement: &Settlement) {
        self.states.push(state.code().into());
        self.settled_at.push(millis(settlement.at));
        self.msgids.push(msgid.map(|id| id.0.cast_signed()));
    }

    fn for_finish(&self) -> [&(dyn ToSql + Sync); 12] {
        let Attempts {
            at,
            outcome,
            elapsed_ms,
            errcode,
            errmsg,
            rid,
        } = &self.last;
        [
            &self.ids,
            &self.tokens,
            &self.made,
            at,
            outcome,
            elapsed_ms,
            errcode,
            errmsg,
            rid,
            &self.states,
            &self.settled_at,
            &self.msgids,
        ]
    }

    fn for_wait(&self) -> [&(dyn ToSql + Sync); 13] {
        let Attempts {
            at,
            outcome,
            elapsed_ms,
            errcode,
            errmsg,
            rid,
        } = &self.last;
        [
            &self.ids,
            &self.tokens,
            &self.made,
            at,
            outcome,
            elapsed_ms,
            errcode,
            errmsg,
            rid,
            &self.until,
            &self.attempts,
            &self.first_uncertain_at,
            &self.doubted,
        ]
    }
}

/// Attempts as columns; those that are missing are empty.
#[derive(Default)]
pub(super) struct Attempts<'a> {
    pub(super) at: Vec<Option<i64>>,
    pub(super) outcome: Vec<Option<i16>>,
    pub(super) elapsed_ms: Vec<Option<i64>>,
    pub(super) errcode: Vec<Option<i64>>,
    pub(super) errmsg: Vec<Option<std::borrow::Cow<'a, str>>>,
    pub(super) rid: Vec<Option<std::borrow::Cow<'a, str>>>,
}

impl<'a> Attempts<'a> {
    pub(super) fn push(&mut self, attempt: Option<&'a Attempt>) {
        self.at.push(attempt.map(|a| millis(a.at)));
        self.outcome.push(attempt.map(|a| a.outcome.code().into()));
        self.elapsed_ms
            .push(attempt.map(|a| i64::from(a.elapsed_ms)));
        self.errcode.push(attempt.and_then(|a| a.errcode));
        self.errmsg
            .push(attempt.and_then(|a| a.errmsg.as_deref()).map(text));
        self.rid
            .push(attempt.and_then(|a| a.rid.as_deref()).map(text));
    }
}

pub(super) fn made(settlement: &Settlement) -> i32 {
    i32::try_from(settlement.attempts.len()).unwrap_or(i32::MAX)
}

/// Writes the attempts before the last one.
async fn note_earlier(db: &Db, settlement: &Settlement, account: i64, before: i32) -> Outcome<()> {
    let earlier = settlement.attempts.split_last().map_or(&[][..], |(_, e)| e);
    note(db, settlement.message, account, before, earlier).await
}

async fn note(
    db: &Db,
    message: MessageId,
    account: i64,
    before: i32,
    attempts: &[Attempt],
) -> Outcome<()> {
    if attempts.is_empty() {
        return Ok(());
    }
    let mut columns = Attempts::default();
    for attempt in attempts {
        columns.push(Some(attempt));
    }
    let insert = db
        .prepare_cached(
            "-- settle.note\n\
             INSERT INTO attempt (id, account, n, at, outcome, elapsed_ms, errcode, errmsg, rid) \
             SELECT $1, $2, $3 + a.n::int, a.at, a.outcome, a.elapsed_ms, a.errcode, a.errmsg, a.rid \
             FROM unnest($4::bigint[], $5::smallint[], $6::bigint[], $7::bigint[], $8::text[], \
                $9::text[]) WITH ORDINALITY a(at, outcome, elapsed_ms, errcode, errmsg, rid, n)",
        )
        .await?;
    let written = db
        .execute(
            &insert,
            &[
                &message_uuid(message),
                &account,
                &before,
                &columns.at,
                &columns.outcome,
                &columns.elapsed_ms,
                &columns.errcode,
                &columns.errmsg,
                &columns.rid,
            ],
        )
        .await?;
    if i64::try_from(written) == Ok(number(attempts.len())) {
        Ok(())
    } else {
        Err(Fault::corrupt(format!(
            "settle.note touched {written} rows instead of {}",
            attempts.len()
        )))
    }
}

/// A settlement whose message is no longer held under its token. One that was
/// written before changes nothing; else its attempts are noted. What is known of
/// the message since then, its last code included, is newer than they are.
async fn write_late(db: &Db, settlement: &Settlement, again: bool) -> Outcome<Settled> {
    let (id, token) = (message_uuid(settlement.message), settlement.lease_token);
    let made = made(settlement);
    // It may be on its way from one table to the other: then the second look
    // finds it.
    for _ in 0..2 {
        let find = db
            .prepare_cached(
                "-- settle.written\n\
                 SELECT 1 FROM work WHERE id = $1 AND lease_token = $2 \
                    AND coalesce(claimed_at, -1) < 0 \
                 UNION ALL SELECT 1 FROM outcome WHERE id = $1 AND lease_token = $2",
            )
            .await?;
        if !db.query(&find, &[&id, &token]).await?.is_empty() {
            return Ok(Settled::Written);
        }
        if made > 0 && again && is_noted(db, settlement).await? {
            return Ok(Settled::LeaseLost);
        }
        for count in [
            "-- settle.late_open\n\
             UPDATE work SET attempt_count = attempt_count + $3 WHERE id = $1 \
             AND lease_token <> $2 RETURNING account, attempt_count - $3",
            "-- settle.late_over\n\
             UPDATE outcome SET attempt_count = attempt_count + $3 WHERE id = $1 \
             AND lease_token <> $2 RETURNING account, attempt_count - $3",
        ] {
            let count = db.prepare_cached(count).await?;
            if let Some(row) = db.query_opt(&count, &[&id, &token, &made]).await? {
                let (account, before) = (row.try_get(0)?, row.try_get(1)?);
                let attempts = &settlement.attempts;
                note(db, settlement.message, account, before, attempts).await?;
                return Ok(Settled::LeaseLost);
            }
        }
    }
    // Gone with its account.
    Ok(Settled::LeaseLost)
}

/// Whether an earlier try of this very call, of which nobody knows whether it
/// took effect, has noted the last attempt.
async fn is_noted(db: &Db, settlement: &Settlement) -> Outcome<bool> {
    let Some(last) = settlement.attempts.last() else {
        return Ok(false);
    };
    let find = db
        .prepare_cached(
            "-- settle.noted\n\
             SELECT 1 FROM attempt WHERE id = $1 AND at = $2 AND outcome = $3 \
             AND elapsed_ms = $4 AND errcode IS NOT DISTINCT FROM $5 LIMIT 1",
        )
        .await?;
    let found = db
        .query_opt(
            &find,
            &[
                &message_uuid(settlement.message),
                &millis(last.at),
                &i16::from(last.outcome.code()),
                &i64::from(last.elapsed_ms),
                &last.errcode,
            ],
        )
        .await?;
    Ok(found.is_some())
}
