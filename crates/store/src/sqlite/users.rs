//! The users of the caller's own system and what is bound to them.

use hongyan_domain::AccountId;
use hongyan_domain::broadcast::RecipientId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::contact::{User, UserId};
use hongyan_domain::port::{Binding, Page};
use hongyan_wechat::{OpenId, UnionId};
use rusqlite::{Connection, OptionalExtension, params};

use super::credentials::refuse_missing;
use super::fault::{Fault, Outcome};
use super::row::number;

pub(super) fn bind(
    db: &Connection,
    id: &UserId,
    unionid: Option<&UnionId>,
    openids: &[(AccountId, OpenId)],
    takes_over: bool,
    now: i64,
) -> Outcome<Binding> {
    for (account, openid) in openids {
        refuse_missing(db, *account)?;
        let other: Option<String> = db
            .prepare_cached(
                "-- users.other\n\
                 SELECT user_id FROM app_user_openid \
                 WHERE account = ?1 AND openid = ?2 AND user_id <> ?3",
            )?
            .query_one(params![account.0, openid.as_str(), id.as_str()], |row| {
                row.get(0)
            })
            .optional()?;
        if let Some(other) = other
            && !takes_over
        {
            return Ok(Binding::TakenBy {
                user: user_id(&other)?,
                account: *account,
            });
        }
    }
    db.prepare_cached(
        "-- users.bind\n\
         INSERT INTO app_user AS u (id, unionid, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) \
         ON CONFLICT (id) DO UPDATE SET \
            unionid = coalesce(excluded.unionid, u.unionid), updated_at = excluded.updated_at",
    )?
    .execute(params![id.as_str(), unionid.map(UnionId::as_str), now])?;
    for (account, openid) in openids {
        db.prepare_cached(
            "-- users.take_over\n\
             DELETE FROM app_user_openid WHERE account = ?1 AND (openid = ?2 OR user_id = ?3)",
        )?
        .execute(params![account.0, openid.as_str(), id.as_str()])?;
        db.prepare_cached(
            "-- users.bind_openid\n\
             INSERT INTO app_user_openid (user_id, account, openid) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![id.as_str(), account.0, openid.as_str()])?;
    }
    find(db, id)?
        .map(Binding::Bound)
        .ok_or_else(|| Fault::corrupt("a user that was just bound is not there"))
}

fn user_id(text: &str) -> Outcome<UserId> {
    text.parse()
        .map_err(|_| Fault::corrupt(format!("{text:?} is no user's id")))
}

pub(super) fn find(db: &Connection, id: &UserId) -> Outcome<Option<User>> {
    let found: Option<(Option<String>, i64, i64)> = db
        .prepare_cached(
            "-- users.one\nSELECT unionid, created_at, updated_at FROM app_user WHERE id = ?1",
        )?
        .query_one([id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((unionid, created_at, updated_at)) = found else {
        return Ok(None);
    };
    Ok(Some(User {
        id: id.clone(),
        unionid: unionid.map(UnionId::parse).transpose()?,
        openids: openids(db, id)?,
        created_at: from_millisecond(created_at),
        updated_at: from_millisecond(updated_at),
    }))
}

fn openids(db: &Connection, id: &UserId) -> Outcome<Vec<(AccountId, OpenId)>> {
    let mut all = db.prepare_cached(
        "-- users.openids\n\
         SELECT o.account, o.openid FROM app_user_openid o JOIN account a ON a.id = o.account \
         WHERE o.user_id = ?1 ORDER BY o.account",
    )?;
    let mut rows = all.query([id.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let openid = OpenId::parse(row.get::<_, String>(1)?)?;
        found.push((AccountId(row.get(0)?), openid));
    }
    Ok(found)
}

pub(super) fn list(db: &Connection, page: &Page<UserId>) -> Outcome<Vec<User>> {
    let mut ids = db.prepare_cached(
        "-- users.list\nSELECT id FROM app_user WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let after = page.after.as_ref().map_or("", UserId::as_str);
    let ids = ids
        .query_map(params![after, number(page.limit)], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let mut users = Vec::new();
    for id in ids {
        users.extend(find(db, &user_id(&id)?)?);
    }
    Ok(users)
}

pub(super) fn of(db: &Connection, account: AccountId, openid: &OpenId) -> Outcome<Option<UserId>> {
    let found: Option<String> = db
        .prepare_cached(
            "-- users.of\n\
             SELECT user_id FROM app_user_openid WHERE account = ?1 AND openid = ?2",
        )?
        .query_one(params![account.0, openid.as_str()], |row| row.get(0))
        .optional()?;
    let found = match found {
        Some(found) => Some(found),
        None => db
            .prepare_cached(
                "-- users.of_unionid\n\
                 SELECT u.id FROM contact c JOIN app_user u ON u.unionid = c.unionid \
                 WHERE c.account = ?1 AND c.openid = ?2 ORDER BY u.created_at, u.id LIMIT 1",
            )?
            .query_one(params![account.0, openid.as_str()], |row| row.get(0))
            .optional()?,
    };
    found.as_deref().map(user_id).transpose()
}

pub(super) fn remove(db: &Connection, id: &UserId) -> Outcome<()> {
    let removed = db
        .prepare_cached("-- users.remove\nDELETE FROM app_user WHERE id = ?1")?
        .execute([id.as_str()])?;
    if removed == 0 {
        return Err(Fault::missing("the user"));
    }
    Ok(())
}

/// The accounts that know each of these openids. There are few accounts: each is asked.
pub(super) fn accounts_of(db: &Connection, openids: &[OpenId]) -> Outcome<Vec<Vec<AccountId>>> {
    let mut all = db.prepare_cached(
        "-- users.accounts_of\n\
         SELECT a.id FROM account a WHERE \
            EXISTS (SELECT 1 FROM contact c WHERE c.account = a.id AND c.openid = ?1) \
            OR EXISTS (SELECT 1 FROM app_user_openid o WHERE o.account = a.id AND o.openid = ?1) \
         ORDER BY a.id",
    )?;
    openids
        .iter()
        .map(|openid| {
            let accounts = all
                .query_map([openid.as_str()], |row| row.get(0).map(AccountId))?
                .collect::<Result<_, _>>()?;
            Ok(accounts)
        })
        .collect()
}

/// The openids of people at an account, in order.
pub(super) fn openids_of(
    db: &Connection,
    account: AccountId,
    who: &[RecipientId],
) -> Outcome<Vec<Option<OpenId>>> {
    let mut of_unionid = db.prepare_cached(
        "-- users.openid_of_unionid\n\
         SELECT openid FROM contact WHERE unionid = ?2 AND account = ?1 ORDER BY openid LIMIT 1",
    )?;
    let mut of_user = db.prepare_cached(
        "-- users.openid_of_user\n\
         SELECT coalesce(\
            (SELECT openid FROM app_user_openid WHERE user_id = ?2 AND account = ?1), \
            (SELECT c.openid FROM app_user u JOIN contact c ON c.unionid = u.unionid \
                WHERE u.id = ?2 AND c.account = ?1 ORDER BY c.openid LIMIT 1))",
    )?;
    who.iter()
        .map(|one| {
            let found: Option<String> = match one {
                RecipientId::Openid(openid) => return Ok(Some(openid.clone())),
                RecipientId::Unionid(unionid) => of_unionid
                    .query_one(params![account.0, unionid.as_str()], |row| row.get(0))
                    .optional()?,
                RecipientId::UserId(id) => {
                    of_user.query_one(params![account.0, id.as_str()], |row| row.get(0))?
                }
            };
            Ok(found.map(OpenId::parse).transpose()?)
        })
        .collect()
}
