//! People: contacts, and the users of the caller's own system.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::broadcast::RecipientId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::contact::{
    Contact, Described, Follow, FollowerSync, Sighting, SyncStep, User, UserId,
};
use hongyan_domain::port::{Binding, ContactFilter, Page, PeopleStore, StoreError};
use hongyan_wechat::{OpenId, SessionKey, UnionId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::credentials::refuse_missing;
use super::fault::{Fault, Outcome};
use super::followers::Step;
use super::row::{millis, number, optional_time};
use super::{SqliteStore, followers, ledger, users};
use crate::codes;
use crate::secret;

#[async_trait]
impl PeopleStore for SqliteStore {
    async fn saw(
        &self,
        account: AccountId,
        sighting: &Sighting,
        session_key: Option<&SessionKey>,
    ) -> Result<(Contact, bool), StoreError> {
        let row = secret::person_row(account, &sighting.openid);
        let sealed = session_key
            .map(|key| {
                self.seal
                    .seal(secret::session_key(&row), key.expose().as_bytes())
            })
            .transpose()
            .map_err(Fault::from)?;
        let sighting = sighting.clone();
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            let is_new = find(db, account, &sighting.openid)?.is_none();
            see(db, account, &sighting)?;
            if let Some(sealed) = &sealed {
                db.prepare_cached(
                    "-- people.keep_session\n\
                     UPDATE contact SET session_key = ?3, session_at = ?4 \
                     WHERE account = ?1 AND openid = ?2",
                )?
                .execute(params![
                    account.0,
                    sighting.openid.as_str(),
                    sealed,
                    millis(sighting.at)
                ])?;
            }
            let contact = find(db, account, &sighting.openid)?
                .ok_or_else(|| Fault::corrupt("a contact that was just written is not there"))?;
            Ok((contact, is_new))
        })
        .await
    }

    async fn contact(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<Contact>, StoreError> {
        let openid = openid.clone();
        self.read(move |db| find(db, account, &openid)).await
    }

    async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        page: &Page<OpenId>,
    ) -> Result<Vec<Contact>, StoreError> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read(move |db| search(db, account, &filter, &page))
            .await
    }

    async fn contacts_of(&self, unionid: &UnionId) -> Result<Vec<Contact>, StoreError> {
        let unionid = unionid.clone();
        self.read(move |db| {
            collect(
                db,
                concat!(
                    "-- people.of\nSELECT ",
                    contact_columns!(),
                    " FROM contact c JOIN account a ON a.id = c.account \
                     WHERE c.unionid = ?1 ORDER BY c.account, c.openid"
                ),
                params![unionid.as_str()],
            )
        })
        .await
    }

    async fn session_key(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<(SessionKey, Timestamp)>, StoreError> {
        let row = secret::person_row(account, openid);
        let openid = openid.clone();
        let kept: Option<(Vec<u8>, i64)> = self
            .read(move |db| {
                Ok(db
                    .prepare_cached(
                        "-- people.session\n\
                         SELECT session_key, session_at FROM contact \
                         WHERE account = ?1 AND openid = ?2 AND session_key IS NOT NULL",
                    )?
                    .query_one(params![account.0, openid.as_str()], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()?)
            })
            .await?;
        let Some((sealed, at)) = kept else {
            return Ok(None);
        };
        let key = self
            .seal
            .open(secret::session_key(&row), &sealed)
            .map_err(Fault::from)?;
        let key =
            String::from_utf8(key).map_err(|_| Fault::corrupt("a session key is not text"))?;
        Ok(Some((SessionKey::new(key), from_millisecond(at))))
    }

    async fn forget_contact(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<bool, StoreError> {
        let openid = openid.clone();
        self.write(1, move |db| forget(db, account, &openid)).await
    }

    async fn bind_user(
        &self,
        id: &UserId,
        unionid: Option<&UnionId>,
        openids: &[(AccountId, OpenId)],
        takes_over: bool,
    ) -> Result<Binding, StoreError> {
        let (id, unionid, openids) = (id.clone(), unionid.cloned(), openids.to_vec());
        let now = millis(self.clock.now());
        self.write(1 + openids.len(), move |db| {
            users::bind(db, &id, unionid.as_ref(), &openids, takes_over, now)
        })
        .await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let id = id.clone();
        self.read(move |db| users::find(db, &id)).await
    }

    async fn users(&self, page: &Page<UserId>) -> Result<Vec<User>, StoreError> {
        let page = page.clone();
        self.read(move |db| users::list(db, &page)).await
    }

    async fn user_of(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<UserId>, StoreError> {
        let openid = openid.clone();
        self.read(move |db| users::of(db, account, &openid)).await
    }

    async fn remove_user(&self, id: &UserId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(1, move |db| users::remove(db, &id)).await
    }

    async fn accounts_of(&self, openids: &[OpenId]) -> Result<Vec<Vec<AccountId>>, StoreError> {
        let openids = openids.to_vec();
        self.read(move |db| users::accounts_of(db, &openids)).await
    }

    async fn openids_of(
        &self,
        account: AccountId,
        who: &[RecipientId],
    ) -> Result<Vec<Option<OpenId>>, StoreError> {
        let who = who.to_vec();
        self.read(move |db| users::openids_of(db, account, &who))
            .await
    }

    async fn follower_sync(&self, account: AccountId) -> Result<Option<FollowerSync>, StoreError> {
        self.read(move |db| followers::find(db, account)).await
    }

    async fn step_follower_sync(
        &self,
        account: AccountId,
        from: Option<&FollowerSync>,
        step: &SyncStep,
        to: &FollowerSync,
    ) -> Result<bool, StoreError> {
        let gone = if *step == SyncStep::ListEnded {
            let to = to.clone();
            self.read(move |db| followers::unlisted(db, account, &to))
                .await?
        } else {
            Vec::new()
        };
        let step = Step {
            account,
            from: from.cloned(),
            step: step.clone(),
            to: to.clone(),
            gone,
        };
        let now = millis(self.clock.now());
        self.write(step.rows(), move |db| step.take(db, now)).await
    }

    async fn describe(&self, account: AccountId, people: &[Described]) -> Result<(), StoreError> {
        let people = people.to_vec();
        let now = millis(self.clock.now());
        self.write(people.len(), move |db| {
            refuse_missing(db, account)?;
            followers::describe(db, account, &people, now, now)
        })
        .await
    }

    async fn undescribed(
        &self,
        account: AccountId,
        after: Option<&OpenId>,
        limit: usize,
    ) -> Result<Vec<OpenId>, StoreError> {
        let after = after.cloned();
        self.read(move |db| followers::undescribed(db, account, after.as_ref(), limit))
            .await
    }

    async fn count_contacts(&self, account: AccountId) -> Result<(u64, u64), StoreError> {
        self.read(move |db| followers::count(db, account)).await
    }
}

/// The columns [`contact`] expects, in a query over `contact c`.
macro_rules! contact_columns {
    () => {
        "c.account, c.openid, c.unionid, c.follow, c.followed_at, c.unfollowed_at, c.scene, \
         c.seen_at, c.created_at, c.details"
    };
}
use contact_columns;

fn contact(row: &Row<'_>) -> Outcome<Contact> {
    Ok(Contact {
        account: AccountId(row.get(0)?),
        openid: OpenId::parse(row.get::<_, String>(1)?)?,
        unionid: row
            .get::<_, Option<String>>(2)?
            .map(UnionId::parse)
            .transpose()?,
        follow: codes::follow(row.get::<_, i64>(3)?)?,
        followed_at: optional_time(row.get(4)?),
        unfollowed_at: optional_time(row.get(5)?),
        scene: row.get(6)?,
        seen_at: from_millisecond(row.get(7)?),
        created_at: from_millisecond(row.get(8)?),
        details: row
            .get::<_, Option<String>>(9)?
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?,
    })
}

fn collect(db: &Connection, sql: &str, parameters: &[&dyn ToSql]) -> Outcome<Vec<Contact>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(contact(row)?);
    }
    Ok(found)
}

fn find(db: &Connection, account: AccountId, openid: &OpenId) -> Outcome<Option<Contact>> {
    let found = collect(
        db,
        concat!(
            "-- people.one\nSELECT ",
            contact_columns!(),
            " FROM contact c WHERE c.account = ?1 AND c.openid = ?2"
        ),
        params![account.0, openid.as_str()],
    )?;
    Ok(found.into_iter().next())
}

fn search(
    db: &Connection,
    account: AccountId,
    filter: &ContactFilter,
    page: &Page<OpenId>,
) -> Outcome<Vec<Contact>> {
    let after = page.after.as_ref().map_or("", OpenId::as_str);
    let limit = number(page.limit);
    let follow = filter.follow.map(Follow::code);
    if let Some(unionid) = &filter.unionid {
        return collect(
            db,
            concat!(
                "-- people.linked\nSELECT ",
                contact_columns!(),
                " FROM contact c WHERE c.unionid = ?5 AND c.account = ?1 AND c.openid > ?2 \
                 AND (?4 IS NULL OR c.follow = ?4) ORDER BY c.openid LIMIT ?3"
            ),
            params![account.0, after, limit, follow, unionid.as_str()],
        );
    }
    if filter.follow == Some(Follow::Unfollowed) {
        return collect(
            db,
            concat!(
                "-- people.unfollowed\nSELECT ",
                contact_columns!(),
                " FROM contact c INDEXED BY contact_unfollowed \
                 WHERE c.account = ?1 AND c.openid > ?2 AND c.follow = 2 \
                 ORDER BY c.openid LIMIT ?3"
            ),
            params![account.0, after, limit],
        );
    }
    collect(
        db,
        concat!(
            "-- people.all\nSELECT ",
            contact_columns!(),
            " FROM contact c WHERE c.account = ?1 AND c.openid > ?2 \
             AND (?4 IS NULL OR c.follow = ?4) ORDER BY c.openid LIMIT ?3"
        ),
        params![account.0, after, limit, follow],
    )
}

/// Notes what was learned about a person.
pub(super) fn see(db: &Connection, account: AccountId, sighting: &Sighting) -> Outcome<()> {
    let at = millis(sighting.at);
    let follow = sighting.follow.unwrap_or_default();
    let when = |wanted: Follow| (follow == wanted).then_some(at);
    // That they follow without a word since when: only seen from what they did.
    let began = when(Follow::Following).filter(|_| !sighting.follow_is_implied);
    db.prepare_cached(
        "-- people.see\n\
         INSERT INTO contact AS c (account, openid, unionid, follow, followed_at, unfollowed_at, \
            scene, seen_at, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) \
         ON CONFLICT (account, openid) DO UPDATE SET \
            unionid = coalesce(excluded.unionid, c.unionid), \
            follow = iif(excluded.follow <> 0 \
                AND excluded.seen_at >= max(coalesce(c.followed_at, excluded.seen_at), \
                    coalesce(c.unfollowed_at, excluded.seen_at)), excluded.follow, c.follow), \
            followed_at = iif(excluded.follow = 1 AND excluded.followed_at IS NULL AND c.follow = 2 \
                    AND excluded.seen_at >= c.unfollowed_at, \
                excluded.seen_at, \
                max(coalesce(excluded.followed_at, c.followed_at), \
                    coalesce(c.followed_at, excluded.followed_at))), \
            unfollowed_at = max(coalesce(excluded.unfollowed_at, c.unfollowed_at), \
                coalesce(c.unfollowed_at, excluded.unfollowed_at)), \
            scene = coalesce(excluded.scene, c.scene), \
            seen_at = max(excluded.seen_at, c.seen_at)",
    )?
    .execute(params![
        account.0,
        sighting.openid.as_str(),
        sighting.unionid.as_ref().map(UnionId::as_str),
        follow.code(),
        began,
        when(Follow::Unfollowed),
        sighting.scene,
        at,
    ])?;
    Ok(())
}

/// Removes a person; whether there was one.
pub(super) fn forget(db: &Connection, account: AccountId, openid: &OpenId) -> Outcome<bool> {
    ledger::forget(db, account, openid)?;
    db.prepare_cached(
        "-- people.unbind\nDELETE FROM app_user_openid WHERE account = ?1 AND openid = ?2",
    )?
    .execute(params![account.0, openid.as_str()])?;
    let gone = db
        .prepare_cached("-- people.forget\nDELETE FROM contact WHERE account = ?1 AND openid = ?2")?
        .execute(params![account.0, openid.as_str()])?;
    Ok(gone > 0)
}
