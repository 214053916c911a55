//! Followers as WeChat lists them, ten thousand at a time.

use std::collections::BTreeSet;

use hongyan_domain::AccountId;
use hongyan_domain::contact::{Described, FollowerSync, SyncPhase, SyncStep};
use hongyan_wechat::OpenId;

use super::fault::{Fault, Outcome};
use super::intake;
use super::link::Db;
use super::row::{millis, number, optional_millis, text};

/// Held during a step of an account's sync ("foll"); the other half of the key is
/// the account's number, or what is left of it in 32 bits.
const SYNC_LOCK: i32 = 0x666f_6c6c;

pub(super) async fn find(db: &Db, account: AccountId) -> Outcome<Option<FollowerSync>> {
    let find = db
        .prepare_cached("-- followers.sync\nSELECT state FROM follower_sync WHERE account = $1")
        .await?;
    let row = db.query_opt(&find, &[&account.0]).await?;
    row.map(|row| Ok(serde_json::from_str(row.try_get(0)?)?))
        .transpose()
}

/// Takes a step, if the sync is where the caller believes it to be.
pub(super) async fn step(
    db: &Db,
    account: AccountId,
    (from, to): (Option<&FollowerSync>, &FollowerSync),
    step: &SyncStep,
    now: i64,
    again: bool,
) -> Outcome<bool> {
    if intake::begin(db, &[account.0]).await?.is_empty() {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "two accounts may share a lock"
    )]
    let half = account.0 as i32;
    let lock = db
        .prepare_cached("-- followers.lock\nSELECT pg_advisory_xact_lock($1, $2)")
        .await?;
    db.query_one(&lock, &[&SYNC_LOCK, &half]).await?;
    let stands = find(db, account).await?;
    let fits = match (&stands, from) {
        (None, None) => true,
        (Some(stands), None) => stands.phase == SyncPhase::Over && stands.run < to.run,
        (stands, Some(from)) => stands.as_ref() == Some(from),
    };
    if !fits {
        db.roll_back().await?;
        // Where the step is taken the second time, the first one did it.
        let is_there = stands.is_some_and(|stands| {
            let counted = *step == SyncStep::ListEnded;
            let gone = if counted { stands.gone } else { to.gone };
            stands == FollowerSync { gone, ..to.clone() }
        });
        return Ok(again && is_there);
    }
    let mut to = to.clone();
    match step {
        SyncStep::Begin | SyncStep::Noted => {}
        SyncStep::Listed(openids) => list(db, account.0, openids, &to, now).await?,
        SyncStep::ListEnded => to.gone = end_list(db, account.0, &to, now).await?,
        SyncStep::Described(people) => {
            describe(db, account.0, people, millis(to.started_at), now).await?;
        }
    }
    let keep = db
        .prepare_cached(
            "-- followers.keep\n\
             INSERT INTO follower_sync (account, state) VALUES ($1, $2) \
             ON CONFLICT (account) DO UPDATE SET state = excluded.state",
        )
        .await?;
    // JSON escapes the one character that a text cannot hold.
    let state = serde_json::to_string(&to)?;
    tokio::try_join!(
        async { db.execute(&keep, &[&account.0, &state]).await },
        db.commit()
    )?;
    Ok(true)
}

/// Everybody in the list follows, but for who stopped since the sync began. Rows are
/// locked in the order of their keys, as by those who write sightings.
async fn list(
    db: &Db,
    account: i64,
    openids: &[OpenId],
    sync: &FollowerSync,
    now: i64,
) -> Outcome<()> {
    let openids: BTreeSet<_> = openids.iter().map(|id| text(id.as_str())).collect();
    let openids: Vec<_> = openids.into_iter().collect();
    let list = db
        .prepare_cached(
            "-- followers.list\n\
             INSERT INTO contact AS c (account, openid, follow, seen_at, created_at, listed_run) \
             SELECT $1, o.openid, 1, $3, $3, $4 FROM unnest($2::text[]) o(openid) \
             ON CONFLICT (account, openid) DO UPDATE SET listed_run = excluded.listed_run, \
                follow = CASE WHEN c.follow = 2 AND c.unfollowed_at > $5 THEN c.follow \
                    ELSE excluded.follow END",
        )
        .await?;
    let began = millis(sync.started_at);
    db.execute(&list, &[&account, &openids, &now, &sync.run, &began])
        .await?;
    Ok(())
}

/// How many do not follow any more.
async fn end_list(db: &Db, account: i64, sync: &FollowerSync, now: i64) -> Outcome<u64> {
    let end = db
        .prepare_cached(
            "-- followers.end_list\n\
             UPDATE contact SET follow = 2, unfollowed_at = $4 \
             WHERE account = $1 AND follow = 1 AND coalesce(listed_run, 0) < $2 \
                AND coalesce(followed_at < $3, true)",
        )
        .await?;
    let began = millis(sync.started_at);
    Ok(db
        .execute(&end, &[&account, &sync.run, &began, &now])
        .await?)
}

/// Writes what WeChat tells of people, asked since `began`: what an event told later is
/// newer.
pub(super) async fn describe(
    db: &Db,
    account: i64,
    people: &[Described],
    began: i64,
    now: i64,
) -> Outcome<()> {
    let mut people: Vec<&Described> = people.iter().collect();
    people.sort_by(|one, other| one.openid.as_str().cmp(other.openid.as_str()));
    people.dedup_by(|one, other| one.openid == other.openid);
    let each = || people.iter();
    let openids: Vec<_> = each().map(|p| text(p.openid.as_str())).collect();
    let follows: Vec<i16> = each().map(|p| p.follow.code().into()).collect();
    let followed: Vec<Option<i64>> = each().map(|p| optional_millis(p.followed_at)).collect();
    let unionids: Vec<_> = each()
        .map(|p| p.unionid.as_ref().map(|id| text(id.as_str())))
        .collect();
    let details = each()
        .map(|p| Ok(p.details.as_ref().map(serde_json::to_string).transpose()?))
        .collect::<Outcome<Vec<_>>>()?;
    let scenes: Vec<_> = each()
        .map(|p| {
            let details = p.details.as_ref()?;
            details.qr_scene.as_deref().map(text)
        })
        .collect();
    // One by one, whatever the planner believes of the account: once they are locked
    // they stay where they are.
    let lock = db
        .prepare_cached(
            "-- followers.lock_people\n\
             SELECT 1 FROM unnest($2::text[]) d(openid) CROSS JOIN LATERAL (\
                SELECT 1 FROM contact f WHERE f.account = $1 AND f.openid = d.openid FOR UPDATE) f",
        )
        .await?;
    let describe = db
        .prepare_cached(
            "-- followers.describe\n\
             UPDATE contact c SET unionid = coalesce(p.unionid, c.unionid), \
                details = coalesce(p.details, c.details), scene = coalesce(p.scene, c.scene), \
                followed_at = greatest(c.followed_at, p.followed_at), \
                follow = CASE WHEN p.is_newer THEN p.follow ELSE c.follow END, \
                unfollowed_at = CASE WHEN p.is_newer AND p.follow = 2 AND c.follow <> 2 THEN $9 \
                    ELSE c.unfollowed_at END \
             FROM (SELECT d.*, f.place, f.follow <> d.follow AND d.follow <> 0 \
                    AND coalesce(CASE f.follow WHEN 1 THEN f.followed_at \
                        WHEN 2 THEN f.unfollowed_at END <= $8, true) AS is_newer \
                FROM unnest($2::text[], $3::smallint[], $4::bigint[], $5::text[], $6::text[], \
                    $7::text[]) d(openid, follow, followed_at, unionid, details, scene) \
                CROSS JOIN LATERAL (\
                    SELECT f.ctid AS place, f.follow, f.followed_at, f.unfollowed_at \
                    FROM contact f WHERE f.account = $1 AND f.openid = d.openid OFFSET 0) f) p \
             WHERE c.ctid = p.place",
        )
        .await?;
    tokio::try_join!(
        async { db.query(&lock, &[&account, &openids]).await },
        async {
            db.execute(
                &describe,
                &[
                    &account, &openids, &follows, &followed, &unionids, &details, &scenes, &began,
                    &now,
                ],
            )
            .await
        }
    )?;
    Ok(())
}

pub(super) async fn undescribed(
    db: &Db,
    account: AccountId,
    after: Option<&OpenId>,
    limit: usize,
) -> Outcome<Vec<OpenId>> {
    let find = db
        .prepare_cached(
            "-- followers.undescribed\n\
             SELECT openid FROM contact WHERE account = $1 AND follow = 1 AND details IS NULL \
                AND openid > $2 ORDER BY openid LIMIT $3",
        )
        .await?;
    let after = after.map_or("".into(), |id| text(id.as_str()));
    let rows = db
        .query(&find, &[&account.0, &after, &number(limit)])
        .await?;
    rows.iter()
        .map(|row| Ok(OpenId::parse(row.try_get::<_, String>(0)?)?))
        .collect()
}

/// Followers, and all contacts.
pub(super) async fn count(db: &Db, account: AccountId) -> Outcome<(u64, u64)> {
    let count = db
        .prepare_cached(
            "-- followers.count\n\
             SELECT count(*) FILTER (WHERE follow = 1), count(*) FROM contact WHERE account = $1",
        )
        .await?;
    let row = db.query_one(&count, &[&account.0]).await?;
    let (following, all): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok((following.cast_unsigned(), all.cast_unsigned()))
}
