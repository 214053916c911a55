//! The users of the caller's own system and what is bound to them.

use std::collections::BTreeMap;

use hongyan_domain::AccountId;
use hongyan_domain::broadcast::RecipientId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::contact::{User, UserId};
use hongyan_domain::port::{Binding, Page};
use hongyan_wechat::{OpenId, UnionId};
use tokio_postgres::Row;

use super::fault::{Fault, Outcome};
use super::intake;
use super::link::Db;
use super::row::{number, text};

/// Bindings made one after the other: two that want the same openids would wait
/// for each other otherwise ("hongyan users").
const BINDING_LOCK: i64 = 0x68_7975_7365_7273;

pub(super) async fn bind(
    db: &Db,
    id: &UserId,
    unionid: Option<&UnionId>,
    openids: &[(AccountId, OpenId)],
    takes_over: bool,
    now: i64,
) -> Outcome<Binding> {
    // One openid at each account: the last one that is given.
    let openids: BTreeMap<i64, &OpenId> = openids.iter().map(|(a, o)| (a.0, o)).collect();
    let accounts: Vec<i64> = openids.keys().copied().collect();
    let names: Vec<_> = openids.values().map(|o| text(o.as_str())).collect();
    if intake::begin(db, &accounts).await?.len() < accounts.len() {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    let alone = db
        .prepare_cached("-- users.lock\nSELECT pg_advisory_xact_lock($1)")
        .await?;
    db.query_one(&alone, &[&BINDING_LOCK]).await?;
    let other = db
        .prepare_cached(
            "-- users.other\n\
             SELECT o.user_id, o.account FROM unnest($1::bigint[], $2::text[]) n(account, openid) \
             JOIN app_user_openid o ON o.account = n.account AND o.openid = n.openid \
             WHERE o.user_id <> $3 ORDER BY o.account LIMIT 1",
        )
        .await?;
    if !takes_over
        && let Some(row) = db
            .query_opt(&other, &[&accounts, &names, &id.as_str()])
            .await?
    {
        let (user, account): (&str, i64) = (row.try_get(0)?, row.try_get(1)?);
        let taken = Binding::TakenBy {
            user: user_id(user)?,
            account: AccountId(account),
        };
        db.roll_back().await?;
        return Ok(taken);
    }
    let keep = db
        .prepare_cached(
            "-- users.bind\n\
             INSERT INTO app_user AS u (id, unionid, created_at, updated_at) \
             VALUES ($1, $2, $3, $3) \
             ON CONFLICT (id) DO UPDATE SET \
                unionid = coalesce(excluded.unionid, u.unionid), updated_at = excluded.updated_at",
        )
        .await?;
    let unionid = unionid.map(|id| text(id.as_str()));
    db.execute(&keep, &[&id.as_str(), &unionid, &now]).await?;
    let take_over = db
        .prepare_cached(
            "-- users.take_over\n\
             DELETE FROM app_user_openid o USING unnest($1::bigint[], $2::text[]) n(account, openid) \
             WHERE o.account = n.account AND (o.openid = n.openid OR o.user_id = $3)",
        )
        .await?;
    db.execute(&take_over, &[&accounts, &names, &id.as_str()])
        .await?;
    let bind = db
        .prepare_cached(
            "-- users.bind_openids\n\
             INSERT INTO app_user_openid (user_id, account, openid) \
             SELECT $3, n.account, n.openid FROM unnest($1::bigint[], $2::text[]) \
                n(account, openid)",
        )
        .await?;
    db.execute(&bind, &[&accounts, &names, &id.as_str()])
        .await?;
    let user = find(db, id).await?;
    db.commit().await?;
    user.map(Binding::Bound)
        .ok_or_else(|| Fault::corrupt("a user that was just bound is not there"))
}

fn user_id(text: &str) -> Outcome<UserId> {
    text.parse()
        .map_err(|_| Fault::corrupt(format!("{text:?} is no user's id")))
}

/// A row: id, unionid, created_at, updated_at.
fn user(row: &Row, openids: Vec<(AccountId, OpenId)>) -> Outcome<User> {
    Ok(User {
        id: user_id(row.try_get(0)?)?,
        unionid: row
            .try_get::<_, Option<String>>(1)?
            .map(UnionId::parse)
            .transpose()?,
        openids,
        created_at: from_millisecond(row.try_get(2)?),
        updated_at: from_millisecond(row.try_get(3)?),
    })
}

pub(super) async fn find(db: &Db, id: &UserId) -> Outcome<Option<User>> {
    let find = db
        .prepare_cached(
            "-- users.one\n\
             SELECT id, unionid, created_at, updated_at FROM app_user WHERE id = $1",
        )
        .await?;
    let Some(row) = db.query_opt(&find, &[&id.as_str()]).await? else {
        return Ok(None);
    };
    let mut openids = openids(db, &[id.as_str()]).await?;
    let own = openids.remove(id.as_str()).unwrap_or_default();
    user(&row, own).map(Some)
}

type Bound = BTreeMap<String, Vec<(AccountId, OpenId)>>;

async fn openids(db: &Db, ids: &[&str]) -> Outcome<Bound> {
    let find = db
        .prepare_cached(
            "-- users.openids\n\
             SELECT o.user_id, o.account, o.openid FROM app_user_openid o \
             JOIN account a ON a.id = o.account \
             WHERE o.user_id = ANY($1::text[]) ORDER BY o.user_id, o.account",
        )
        .await?;
    let mut found = Bound::new();
    for row in db.query(&find, &[&ids]).await? {
        let openid = OpenId::parse(row.try_get::<_, String>(2)?)?;
        found
            .entry(row.try_get(0)?)
            .or_default()
            .push((AccountId(row.try_get(1)?), openid));
    }
    Ok(found)
}

pub(super) async fn list(db: &Db, page: &Page<UserId>) -> Outcome<Vec<User>> {
    let list = db
        .prepare_cached(
            "-- users.list\n\
             SELECT id, unionid, created_at, updated_at FROM app_user WHERE id > $1 \
             ORDER BY id LIMIT $2",
        )
        .await?;
    let after = page.after.as_ref().map_or("", UserId::as_str);
    let rows = db.query(&list, &[&after, &number(page.limit)]).await?;
    let ids = rows
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Outcome<Vec<&str>>>()?;
    let mut openids = openids(db, &ids).await?;
    rows.iter()
        .zip(&ids)
        .map(|(row, id)| user(row, openids.remove(*id).unwrap_or_default()))
        .collect()
}

pub(super) async fn of(db: &Db, account: AccountId, openid: &OpenId) -> Outcome<Option<UserId>> {
    let openid = text(openid.as_str());
    for find in [
        "-- users.of\nSELECT user_id FROM app_user_openid WHERE account = $1 AND openid = $2",
        "-- users.of_unionid\n\
         SELECT u.id FROM contact c JOIN app_user u ON u.unionid = c.unionid \
         WHERE c.account = $1 AND c.openid = $2 ORDER BY u.created_at, u.id LIMIT 1",
    ] {
        let find = db.prepare_cached(find).await?;
        if let Some(row) = db.query_opt(&find, &[&account.0, &openid]).await? {
            return user_id(row.try_get(0)?).map(Some);
        }
    }
    Ok(None)
}

/// The openids of people at one account, in the order asked for. Where a unionid has
/// more than one openid there, one that did not stop following is taken first.
pub(super) async fn openids_of(
    db: &Db,
    account: AccountId,
    who: &[RecipientId],
) -> Outcome<Vec<Option<OpenId>>> {
    let mut found: Vec<Option<OpenId>> = who
        .iter()
        .map(|one| match one {
            RecipientId::Openid(openid) => Some(openid.clone()),
            RecipientId::Unionid(_) | RecipientId::UserId(_) => None,
        })
        .collect();
    let (mut places, mut users, mut unionids) = (Vec::new(), Vec::new(), Vec::new());
    for (n, one) in (0_i64..).zip(who) {
        match one {
            RecipientId::Openid(_) => continue,
            RecipientId::Unionid(id) => {
                users.push(None);
                unionids.push(Some(text(id.as_str())));
            }
            RecipientId::UserId(id) => {
                users.push(Some(id.as_str()));
                unionids.push(None);
            }
        }
        places.push(n);
    }
    if places.is_empty() {
        return Ok(found);
    }
    // By the unionid, not by the account: no index knows `account + 0`.
    let find = db
        .prepare_cached(
            "-- users.openids_of\n\
             SELECT w.n, coalesce(\
                (SELECT o.openid FROM app_user_openid o \
                    WHERE o.user_id = w.user_id AND o.account = $1), \
                (SELECT c.openid FROM contact c \
                    WHERE c.unionid = coalesce(w.unionid, \
                        (SELECT u.unionid FROM app_user u WHERE u.id = w.user_id)) \
                    AND c.account + 0 = $1 ORDER BY c.follow = 2, c.openid LIMIT 1)) \
             FROM unnest($2::bigint[], $3::text[], $4::text[]) w(n, user_id, unionid)",
        )
        .await?;
    let rows = db
        .query(&find, &[&account.0, &places, &users, &unionids])
        .await?;
    for row in &rows {
        let n: i64 = row.try_get(0)?;
        let openid = row
            .try_get::<_, Option<String>>(1)?
            .map(OpenId::parse)
            .transpose()?;
        if let Some(place) = usize::try_from(n).ok().and_then(|n| found.get_mut(n)) {
            *place = openid;
        }
    }
    Ok(found)
}

pub(super) async fn remove(db: &Db, id: &UserId, again: bool) -> Outcome<()> {
    let remove = db
        .prepare_cached("-- users.remove\nDELETE FROM app_user WHERE id = $1")
        .await?;
    // Where it is gone the second time, the first one did it.
    if db.execute(&remove, &[&id.as_str()]).await? == 0 && !again {
        return Err(Fault::missing("the user"));
    }
    Ok(())
}
