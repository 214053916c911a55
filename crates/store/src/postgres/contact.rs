//! Contacts: what is learned about people, many with one statement.

use std::collections::BTreeMap;

use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::contact::{Contact, Follow, Sighting};
use hongyan_domain::port::{ContactFilter, Page};
use hongyan_wechat::{OpenId, UnionId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::Outcome;
use super::link::Db;
use super::row::{millis, number, optional_time, text};
use crate::codes;

/// The columns [`contact`] expects, in a query over `contact c`.
macro_rules! contact_columns {
    () => {
        "c.account, c.openid, c.unionid, c.follow, c.followed_at, c.unfollowed_at, c.scene, \
         c.seen_at, c.created_at, c.details"
    };
}

/// How many columns that are.
pub(super) const CONTACT_COLUMNS: usize = 10;

pub(super) fn contact(row: &Row) -> Outcome<Contact> {
    let follow: i16 = row.try_get(3)?;
    Ok(Contact {
        account: AccountId(row.try_get(0)?),
        openid: OpenId::parse(row.try_get::<_, String>(1)?)?,
        unionid: row
            .try_get::<_, Option<String>>(2)?
            .map(UnionId::parse)
            .transpose()?,
        follow: codes::follow(follow)?,
        followed_at: optional_time(row.try_get(4)?),
        unfollowed_at: optional_time(row.try_get(5)?),
        scene: row.try_get(6)?,
        seen_at: from_millisecond(row.try_get(7)?),
        created_at: from_millisecond(row.try_get(8)?),
        details: row
            .try_get::<_, Option<&str>>(9)?
            .map(serde_json::from_str)
            .transpose()?,
    })
}

/// What was learned about one person.
struct Seen {
    unionid: Option<String>,
    follow: Follow,
    followed_at: Option<i64>,
    unfollowed_at: Option<i64>,
    scene: Option<String>,
    seen_at: i64,
    created_at: i64,
}

impl Seen {
    fn first(at: i64) -> Self {
        Self {
            unionid: None,
            follow: Follow::Unknown,
            followed_at: None,
            unfollowed_at: None,
            scene: None,
            seen_at: at,
            created_at: at,
        }
    }

    /// As the statement below does with what is stored.
    fn add(&mut self, sighting: &Sighting) {
        let at = millis(sighting.at);
        let follow = sighting.follow.unwrap_or_default();
        let goes_on = sighting.follow_is_implied && self.follow != Follow::Unfollowed;
        if follow != Follow::Unknown && Some(at) >= self.followed_at.max(self.unfollowed_at) {
            self.follow = follow;
        }
        match follow {
            Follow::Unknown => {}
            Follow::Following if goes_on => {}
            Follow::Following => self.followed_at = self.followed_at.max(Some(at)),
            Follow::Unfollowed => self.unfollowed_at = self.unfollowed_at.max(Some(at)),
        }
        if let Some(unionid) = &sighting.unionid {
            self.unionid = Some(text(unionid.as_str()).into_owned());
        }
        if let Some(scene) = &sighting.scene {
            self.scene = Some(text(scene).into_owned());
        }
        self.seen_at = self.seen_at.max(at);
    }
}

/// What was learned about people: by account and openid.
#[derive(Default)]
pub(super) struct Sightings(BTreeMap<(i64, String), Seen>);

impl Sightings {
    pub(super) fn add(&mut self, account: i64, sighting: &Sighting) {
        let key = (account, text(sighting.openid.as_str()).into_owned());
        let first = || Seen::first(millis(sighting.at));
        self.0.entry(key).or_insert_with(first).add(sighting);
    }

    /// Writes it down; the contacts as they are then, and whether each is new.
    pub(super) async fn write(&self, db: &Db) -> Outcome<Vec<Row>> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let accounts: Vec<i64> = self.0.keys().map(|key| key.0).collect();
        let openids: Vec<&str> = self.0.keys().map(|key| key.1.as_str()).collect();
        let seen = || self.0.values();
        let unionids: Vec<Option<&str>> = seen().map(|s| s.unionid.as_deref()).collect();
        let follows: Vec<i16> = seen().map(|s| s.follow.code().into()).collect();
        let followed: Vec<Option<i64>> = seen().map(|s| s.followed_at).collect();
        let unfollowed: Vec<Option<i64>> = seen().map(|s| s.unfollowed_at).collect();
        let scenes: Vec<Option<&str>> = seen().map(|s| s.scene.as_deref()).collect();
        let seen_at: Vec<i64> = seen().map(|s| s.seen_at).collect();
        let created_at: Vec<i64> = seen().map(|s| s.created_at).collect();
        let see = db
            .prepare_cached(concat!(
                "-- people.see\n\
                 INSERT INTO contact AS c (account, openid, unionid, follow, followed_at, \
                    unfollowed_at, scene, seen_at, created_at) \
                 SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::smallint[], \
                    $5::bigint[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[]) \
                 ON CONFLICT (account, openid) DO UPDATE SET \
                    unionid = coalesce(excluded.unionid, c.unionid), \
                    follow = CASE WHEN excluded.follow <> 0 \
                        AND coalesce(coalesce(greatest(excluded.followed_at, \
                                excluded.unfollowed_at), excluded.seen_at) \
                            >= greatest(c.followed_at, c.unfollowed_at), true) \
                        THEN excluded.follow ELSE c.follow END, \
                    followed_at = CASE WHEN excluded.follow = 1 \
                            AND excluded.followed_at IS NULL AND c.follow = 2 \
                            AND excluded.seen_at >= c.unfollowed_at \
                        THEN excluded.seen_at \
                        ELSE greatest(c.followed_at, excluded.followed_at) END, \
                    unfollowed_at = greatest(c.unfollowed_at, excluded.unfollowed_at), \
                    scene = coalesce(excluded.scene, c.scene), \
                    seen_at = greatest(c.seen_at, excluded.seen_at) \
                 RETURNING ",
                contact_columns!(),
                ", c.xmax = 0"
            ))
            .await?;
        let parameters: [&(dyn ToSql + Sync); 9] = [
            &accounts,
            &openids,
            &unionids,
            &follows,
            &followed,
            &unfollowed,
            &scenes,
            &seen_at,
            &created_at,
        ];
        Ok(db.query(&see, &parameters).await?)
    }
}

pub(super) async fn find(db: &Db, account: AccountId, openid: &OpenId) -> Outcome<Option<Contact>> {
    let find = db
        .prepare_cached(concat!(
            "-- people.one\nSELECT ",
            contact_columns!(),
            " FROM contact c WHERE c.account = $1 AND c.openid = $2"
        ))
        .await?;
    let found = db
        .query_opt(&find, &[&account.0, &text(openid.as_str())])
        .await?;
    found.as_ref().map(contact).transpose()
}

pub(super) async fn of_unionid(db: &Db, unionid: &UnionId) -> Outcome<Vec<Contact>> {
    let find = db
        .prepare_cached(concat!(
            "-- people.of\nSELECT ",
            contact_columns!(),
            " FROM contact c JOIN account a ON a.id = c.account \
             WHERE c.unionid = $1 ORDER BY c.account, c.openid"
        ))
        .await?;
    let rows = db.query(&find, &[&text(unionid.as_str())]).await?;
    rows.iter().map(contact).collect()
}

/// The contacts of an account behind `$2`, of which `$condition` holds.
macro_rules! contacts {
    ($name:literal, $condition:literal) => {
        concat!(
            "-- people.",
            $name,
            "\nSELECT ",
            contact_columns!(),
            " FROM contact c WHERE c.account = $1 AND c.openid > $2 AND ",
            $condition,
            " ORDER BY c.openid LIMIT $3"
        )
    };
}

pub(super) async fn search(
    db: &Db,
    account: AccountId,
    filter: &ContactFilter,
    page: &Page<OpenId>,
) -> Outcome<Vec<Contact>> {
    let after = page.after.as_ref().map_or("", OpenId::as_str);
    let limit = number(page.limit);
    let follow: Option<i16> = filter.follow.map(|follow| follow.code().into());
    let unionid = filter.unionid.as_ref().map(|id| text(id.as_str()));
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&account.0, &after, &limit];
    let statement = if unionid.is_some() {
        parameters.extend([&follow as &(dyn ToSql + Sync), &unionid]);
        contacts!(
            "linked",
            "c.unionid = $5::text AND ($4::smallint IS NULL OR c.follow = $4)"
        )
    } else if filter.follow == Some(Follow::Unfollowed) {
        contacts!("unfollowed", "c.follow = 2")
    } else {
        parameters.push(&follow);
        contacts!("all", "($4::smallint IS NULL OR c.follow = $4)")
    };
    let find = db.prepare_cached(statement).await?;
    let rows = db.query(&find, &parameters).await?;
    rows.iter().map(contact).collect()
}

/// Accounts are few: a look into each costs less than an index over all people.
pub(super) async fn accounts_of(db: &Db, openids: &[OpenId]) -> Outcome<Vec<Vec<AccountId>>> {
    let find = db
        .prepare_cached(
            "-- people.accounts_of\n\
             SELECT w.n, a.id FROM unnest($1::text[]) WITH ORDINALITY w(openid, n), account a \
             WHERE (\
                SELECT true FROM contact c WHERE c.account = a.id AND c.openid = w.openid) \
             OR (\
                SELECT true FROM app_user_openid o WHERE o.account = a.id AND o.openid = w.openid) \
             ORDER BY w.n, a.id",
        )
        .await?;
    let asked: Vec<_> = openids.iter().map(|openid| text(openid.as_str())).collect();
    let mut found = vec![Vec::new(); openids.len()];
    for row in db.query(&find, &[&asked]).await? {
        let n: i64 = row.try_get(0)?;
        // Counted from 1.
        let place = usize::try_from(n - 1).ok();
        if let Some(accounts) = place.and_then(|place| found.get_mut(place)) {
            accounts.push(AccountId(row.try_get(1)?));
        }
    }
    Ok(found)
}

/// Removes a person at an account; whether there was one.
pub(super) async fn forget(db: &Db, account: i64, openid: &str) -> Outcome<bool> {
    let forget = db
        .prepare_cached(
            "-- people.forget\n\
             WITH consents AS (DELETE FROM consent WHERE account = $1 AND openid = $2), \
             windows AS (DELETE FROM service_window WHERE account = $1 AND openid = $2), \
             bindings AS (DELETE FROM app_user_openid WHERE account = $1 AND openid = $2) \
             DELETE FROM contact WHERE account = $1 AND openid = $2",
        )
        .await?;
    Ok(db.execute(&forget, &[&account, &text(openid)]).await? > 0)
}
