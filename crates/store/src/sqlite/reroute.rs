//! A message that goes on another way, to another account.

use hongyan_domain::delivery::{Reroute, Settlement};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Outcome;
use super::row::{millis, number};
use super::settle::expect_one;
use super::term::{self, Field};
use crate::codes;

/// Moves a message, whose attempts and ledger are settled, to its next account;
/// `false` = that account is gone, and nothing was done.
pub(super) fn go_on(
    db: &Connection,
    seq: i64,
    way: &Reroute,
    settlement: &Settlement,
) -> Outcome<bool> {
    let is_there = db
        .prepare_cached("-- reroute.account\nSELECT 1 FROM account WHERE id = ?1")?
        .query_one([way.account.0], |_| Ok(()))
        .optional()?
        .is_some();
    if !is_there {
        return Ok(false);
    }
    let before: String = db
        .prepare_cached("-- reroute.before\nSELECT openid FROM message WHERE seq = ?1")?
        .query_one([seq], |row| row.get(0))?;
    let moved = db
        .prepare_cached(
            "-- reroute.message\n\
             UPDATE message SET account = ?2, kind = ?3, openid = ?4, content = ?5, handling = ?6 \
             WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            way.account.0,
            codes::kind_code(way.content.kind()),
            way.to.as_str(),
            serde_json::to_string(&way.content)?,
            serde_json::to_string(&way.handling)?,
        ])?;
    expect_one("reroute.message", moved)?;
    term::forget(db, seq, Field::OpenId, &before)?;
    // Into a span that is not full yet, too: it is entered there once more later on,
    // which does no harm.
    term::enter(db, seq, Field::OpenId, way.to.as_str())?;
    let queued = db
        .prepare_cached(
            "-- reroute.work\n\
             UPDATE work SET account = ?2, due_at = min(?3, coalesce(expires_at, ?3)), \
                claimed_at = NULL, interrupted_at = NULL, attempts = 0, \
                first_uncertain_at = NULL, attempt_count = attempt_count + ?4, \
                last_errcode = iif(?4 > 0, ?5, last_errcode) \
             WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            way.account.0,
            millis(settlement.at),
            number(settlement.attempts.len()),
            settlement
                .attempts
                .last()
                .and_then(|attempt| attempt.errcode),
        ])?;
    expect_one("reroute.work", queued)?;
    Ok(true)
}
