//! Messages that go on another way: from one account's queue into another's.

use hongyan_domain::delivery::{Reroute, Settlement};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::fault::Outcome;
use super::link::Db;
use super::row::{message_uuid, millis, text};
use super::settle::{Attempts, made};
use crate::codes;

/// Moves messages that are still held under their settlements' tokens, with all
/// that is kept under their accounts. The number of a message among all and the
/// words it is searched by change with it.
const REROUTE: &str = "-- settle.reroute\n\
    WITH s AS MATERIALIZED (\
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[], $5::smallint[], \
            $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::smallint[], \
            $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bool[]) \
        s(id, token, made, at, outcome, elapsed_ms, errcode, errmsg, rid, account, kind, openid, \
            content, handling, due_at, doubted)), \
    held AS MATERIALIZED (\
        SELECT w.account AS former, w.attempt_count, s.* FROM s JOIN work w ON w.id = s.id \
        WHERE w.lease_token = s.token AND coalesce(w.claimed_at, -1) >= 0 FOR UPDATE OF w), \
    queued AS (\
        UPDATE work w SET account = h.account, due_at = least(h.due_at, w.expires_at), \
            claimed_at = NULL, claim = NULL, interrupted_at = NULL, first_uncertain_at = NULL, \
            attempts = 0, doubted = h.doubted, attempt_count = w.attempt_count + h.made, \
            last_errcode = CASE WHEN h.made > 0 THEN h.errcode ELSE w.last_errcode END \
        FROM held h WHERE w.id = h.id AND w.account = h.former), \
    told AS (\
        UPDATE message m SET account = h.account, kind = h.kind, openid = h.openid, \
            content = h.content, handling = h.handling \
        FROM held h WHERE m.id = h.id AND m.account = h.former), \
    moved AS (\
        UPDATE attempt t SET account = h.account \
        FROM held h WHERE t.id = h.id AND t.account = h.former AND h.former <> h.account), \
    noted AS (\
        INSERT INTO attempt (id, account, n, at, outcome, elapsed_ms, errcode, errmsg, rid) \
        SELECT id, account, attempt_count + made, at, outcome, elapsed_ms, errcode, errmsg, rid \
        FROM held WHERE made > 0) \
    SELECT id, former, attempt_count, \
        coalesce((SELECT true FROM hold o WHERE o.id = held.id), false), account FROM held";

/// Reroutings as columns.
#[derive(Default)]
pub(super) struct Reroutes<'a> {
    ids: Vec<Uuid>,
    tokens: Vec<i64>,
    made: Vec<i32>,
    last: Attempts<'a>,
    accounts: Vec<i64>,
    kinds: Vec<i16>,
    openids: Vec<std::borrow::Cow<'a, str>>,
    contents: Vec<String>,
    handlings: Vec<String>,
    due_at: Vec<i64>,
    doubted: Vec<bool>,
}

impl<'a> Reroutes<'a> {
    pub(super) fn add(&mut self, settlement: &'a Settlement, way: &'a Reroute) -> Outcome<()> {
        self.ids.push(message_uuid(settlement.message));
        self.tokens.push(settlement.lease_token);
        self.made.push(made(settlement));
        self.last.push(settlement.attempts.last());
        self.accounts.push(way.account.0);
        self.kinds.push(codes::kind_code(way.content.kind()));
        self.openids.push(text(way.to.as_str()));
        // JSON escapes the one character that a text cannot hold.
        self.contents.push(serde_json::to_string(&way.content)?);
        self.handlings.push(serde_json::to_string(&way.handling)?);
        self.due_at.push(millis(settlement.at));
        self.doubted.push(settlement.history.doubted);
        Ok(())
    }

    /// Rows: id, the account it had, attempts before, whether it holds a consent,
    /// the account it has.
    pub(super) async fn write(&self, db: &Db) -> Result<Vec<Row>, Error> {
        if self.ids.is_empty() {
            return Ok(Vec::new());
        }
        let last = &self.last;
        let columns: [&(dyn ToSql + Sync); 16] = [
            &self.ids,
            &self.tokens,
            &self.made,
            &last.at,
            &last.outcome,
            &last.elapsed_ms,
            &last.errcode,
            &last.errmsg,
            &last.rid,
            &self.accounts,
            &self.kinds,
            &self.openids,
            &self.contents,
            &self.handlings,
            &self.due_at,
            &self.doubted,
        ];
        db.query(&db.prepare_cached(REROUTE).await?, &columns).await
    }
}
