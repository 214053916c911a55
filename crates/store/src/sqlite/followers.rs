//! Syncs of followers, step by step.

use hongyan_domain::AccountId;
use hongyan_domain::contact::{Described, Follow, FollowerSync, SyncPhase, SyncStep};
use hongyan_wechat::{OpenId, UnionId};
use rusqlite::{Connection, OptionalExtension, params};

use super::credentials::refuse_missing;
use super::fault::Outcome;
use super::row::{self, millis, number, optional_millis};

/// Contacts that were said to follow before a run (?2) that began at ?3 and are not in
/// its list.
macro_rules! is_unlisted {
    () => {
        "follow = 1 AND coalesce(listed_run, 0) < ?2 AND coalesce(followed_at, created_at) < ?3"
    };
}

/// How far an account's newest sync has come.
pub(super) fn find(db: &Connection, account: AccountId) -> Outcome<Option<FollowerSync>> {
    let text: Option<String> = db
        .prepare_cached("-- followers.sync\nSELECT sync FROM follower_sync WHERE account = ?1")?
        .query_one([account.0], |row| row.get(0))
        .optional()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}

/// One step of a sync.
pub(super) struct Step {
    pub(super) account: AccountId,
    pub(super) from: Option<FollowerSync>,
    pub(super) step: SyncStep,
    pub(super) to: FollowerSync,
    /// With [`SyncStep::ListEnded`]: those who seem to be gone.
    pub(super) gone: Vec<String>,
}

impl Step {
    /// How many people it is about.
    pub(super) fn rows(&self) -> usize {
        let people = match &self.step {
            SyncStep::Begin | SyncStep::Noted => 0,
            SyncStep::Listed(openids) => openids.len(),
            SyncStep::ListEnded => self.gone.len(),
            SyncStep::Described(described) => described.len(),
        };
        people + 1
    }

    /// Takes the step, if the sync still is where it begins.
    pub(super) fn take(&self, db: &Connection, now: i64) -> Outcome<bool> {
        refuse_missing(db, self.account)?;
        let stored = find(db, self.account)?;
        let follows = match (&stored, &self.from) {
            (None, None) => true,
            (Some(stored), None) => stored.phase == SyncPhase::Over && stored.run < self.to.run,
            (stored, from) => stored == from,
        };
        if !follows {
            return Ok(false);
        }
        let mut to = self.to.clone();
        match &self.step {
            SyncStep::Begin | SyncStep::Noted => {}
            SyncStep::Listed(openids) => self.list(db, openids, now)?,
            SyncStep::ListEnded => to.gone = self.end_list(db, now)?,
            SyncStep::Described(described) => {
                describe(db, self.account, described, millis(self.to.started_at), now)?;
            }
        }
        db.prepare_cached(
            "-- followers.keep\n\
             INSERT OR REPLACE INTO follower_sync (account, sync) VALUES (?1, ?2)",
        )?
        .execute(params![self.account.0, serde_json::to_string(&to)?])?;
        Ok(true)
    }

    fn list(&self, db: &Connection, openids: &[OpenId], now: i64) -> Outcome<()> {
        let mut openids: Vec<&str> = openids.iter().map(OpenId::as_str).collect();
        // In the order in which they are stored, so that neighbours are met together.
        openids.sort_unstable();
        let mut list = db.prepare_cached(
            "-- followers.list\n\
             INSERT INTO contact AS c (account, openid, follow, seen_at, created_at, listed_run) \
             VALUES (?1, ?2, 1, ?3, ?3, ?4) \
             ON CONFLICT (account, openid) DO UPDATE SET listed_run = excluded.listed_run, \
                follow = iif(c.unfollowed_at > ?5, c.follow, 1)",
        )?;
        let began = millis(self.to.started_at);
        for openid in openids {
            list.execute(params![self.account.0, openid, now, self.to.run, began])?;
        }
        Ok(())
    }

    /// How many are gone indeed: some may have shown themselves meanwhile.
    fn end_list(&self, db: &Connection, now: i64) -> Outcome<u64> {
        let mut end = db.prepare_cached(concat!(
            "-- followers.gone\n\
             UPDATE contact SET follow = 2, unfollowed_at = ?4 WHERE account = ?1 AND ",
            is_unlisted!(),
            " AND openid = ?5"
        ))?;
        let began = millis(self.to.started_at);
        let mut gone = 0;
        for openid in &self.gone {
            let ended = end.execute(params![self.account.0, self.to.run, began, now, openid])?;
            gone += u64::from(ended > 0);
        }
        Ok(gone)
    }
}

/// Writes what WeChat tells of people, asked since `began`: what an event told later is
/// newer.
pub(super) fn describe(
    db: &Connection,
    account: AccountId,
    described: &[Described],
    began: i64,
    now: i64,
) -> Outcome<()> {
    let mut follows = db.prepare_cached(
        "-- followers.describe\n\
         UPDATE contact SET unionid = coalesce(?4, unionid), \
            follow = iif(unfollowed_at > ?3, follow, 1), \
            followed_at = max(coalesce(?5, followed_at), coalesce(followed_at, ?5)), \
            scene = coalesce(?6, scene), details = coalesce(?7, details) \
         WHERE account = ?1 AND openid = ?2",
    )?;
    let mut is_gone = db.prepare_cached(
        "-- followers.is_gone\n\
         UPDATE contact SET follow = 2, unfollowed_at = ?4 \
         WHERE account = ?1 AND openid = ?2 AND follow <> 2 \
         AND coalesce(followed_at, ?3) <= ?3",
    )?;
    // Who is not there any more was forgotten, and stays so.
    for one in described {
        let openid = one.openid.as_str();
        match one.follow {
            Follow::Following => {
                let details = one
                    .details
                    .as_ref()
                    .map(serde_json::to_string)
                    .transpose()?;
                let scene = one.details.as_ref().and_then(|d| d.qr_scene.as_deref());
                follows.execute(params![
                    account.0,
                    openid,
                    began,
                    one.unionid.as_ref().map(UnionId::as_str),
                    optional_millis(one.followed_at),
                    scene,
                    details,
                ])?;
            }
            Follow::Unfollowed => {
                is_gone.execute(params![account.0, openid, began, now])?;
            }
            Follow::Unknown => {}
        }
    }
    Ok(())
}

/// Those whom a list that has ended does not name. A reader looks for them: all
/// contacts are walked by, in whose way nobody is meanwhile.
pub(super) fn unlisted(
    db: &Connection,
    account: AccountId,
    sync: &FollowerSync,
) -> Outcome<Vec<String>> {
    let mut gone = db.prepare_cached(concat!(
        "-- followers.unlisted\nSELECT openid FROM contact WHERE account = ?1 AND ",
        is_unlisted!()
    ))?;
    let gone = gone
        .query_map(
            params![account.0, sync.run, millis(sync.started_at)],
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    Ok(gone)
}

pub(super) fn undescribed(
    db: &Connection,
    account: AccountId,
    after: Option<&OpenId>,
    limit: usize,
) -> Outcome<Vec<OpenId>> {
    let mut all = db.prepare_cached(
        "-- followers.undescribed\n\
         SELECT openid FROM contact INDEXED BY contact_undescribed \
         WHERE account = ?1 AND openid > ?2 AND follow = 1 AND details IS NULL \
         ORDER BY openid LIMIT ?3",
    )?;
    let after = after.map_or("", OpenId::as_str);
    let mut rows = all.query(params![account.0, after, number(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(OpenId::parse(row.get::<_, String>(0)?)?);
    }
    Ok(found)
}

/// How many contacts follow, and how many there are.
pub(super) fn count(db: &Connection, account: AccountId) -> Outcome<(u64, u64)> {
    Ok(db
        .prepare_cached(
            "-- followers.count\n\
             SELECT count(*) FILTER (WHERE follow = 1), count(*) FROM contact WHERE account = ?1",
        )?
        .query_one([account.0], |row| {
            Ok((row::count(row, 0)?, row::count(row, 1)?))
        })?)
}
