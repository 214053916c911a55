//! People: contacts, and the users of the caller's own system.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::broadcast::RecipientId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::contact::{Contact, Described, FollowerSync, Sighting, SyncStep, User, UserId};
use hongyan_domain::port::{Binding, ContactFilter, Page, PeopleStore, StoreError};
use hongyan_wechat::{OpenId, SessionKey, UnionId};
use jiff::Timestamp;

use super::contact::{self, CONTACT_COLUMNS, Sightings};
use super::fault::{Fault, Outcome};
use super::link::Db;
use super::row::{millis, text};
use super::{PostgresStore, followers, intake, users};
use crate::secret;

#[async_trait]
impl PeopleStore for PostgresStore {
    async fn saw(
        &self,
        account: AccountId,
        sighting: &Sighting,
        session_key: Option<&SessionKey>,
    ) -> Result<(Contact, bool), StoreError> {
        let row = secret::person_row(account, &sighting.openid);
        let sealed = &session_key
            .map(|key| {
                self.seal
                    .seal(secret::session_key(&row), key.expose().as_bytes())
            })
            .transpose()
            .map_err(Fault::from)?;
        // A second try no longer sees that the first one made the contact.
        let was_new = &AtomicBool::new(false);
        self.link
            .run(|db, _| async move { saw(&db, account, sighting, sealed, was_new).await })
            .await
    }

    async fn contact(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<Contact>, StoreError> {
        self.link
            .look(|db| async move { contact::find(&db, account, openid).await })
            .await
    }

    async fn contacts(
        &self,
        account: AccountId,
        filter: &ContactFilter,
        page: &Page<OpenId>,
    ) -> Result<Vec<Contact>, StoreError> {
        self.link
            .look(|db| async move { contact::search(&db, account, filter, page).await })
            .await
    }

    async fn contacts_of(&self, unionid: &UnionId) -> Result<Vec<Contact>, StoreError> {
        self.link
            .look(|db| async move { contact::of_unionid(&db, unionid).await })
            .await
    }

    async fn session_key(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<(SessionKey, Timestamp)>, StoreError> {
        let row = self
            .link
            .look(|db| async move {
                let find = db
                    .prepare_cached(
                        "-- people.session\n\
                         SELECT session_key, session_at FROM contact \
                         WHERE account = $1 AND openid = $2 AND session_key IS NOT NULL",
                    )
                    .await?;
                Ok(db
                    .query_opt(&find, &[&account.0, &text(openid.as_str())])
                    .await?)
            })
            .await?;
        let Some(row) = row else { return Ok(None) };
        let name = secret::person_row(account, openid);
        let open = || -> Outcome<(SessionKey, Timestamp)> {
            let key = self
                .seal
                .open(secret::session_key(&name), row.try_get(0)?)?;
            let key =
                String::from_utf8(key).map_err(|_| Fault::corrupt("a session key is not text"))?;
            Ok((SessionKey::new(key), from_millisecond(row.try_get(1)?)))
        };
        Ok(Some(open()?))
    }

    async fn forget_contact(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<bool, StoreError> {
        self.link
            .run(|db, again| async move {
                let was_there = contact::forget(&db, account.0, openid.as_str()).await?;
                // Where the first try did it there is nobody any more.
                Ok(was_there || again)
            })
            .await
    }

    async fn bind_user(
        &self,
        id: &UserId,
        unionid: Option<&UnionId>,
        openids: &[(AccountId, OpenId)],
        takes_over: bool,
    ) -> Result<Binding, StoreError> {
        let now = millis(self.clock.now());
        self.link
            .run(|db, _| async move {
                users::bind(&db, id, unionid, openids, takes_over, now).await
            })
            .await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.link
            .look(|db| async move { users::find(&db, id).await })
            .await
    }

    async fn users(&self, page: &Page<UserId>) -> Result<Vec<User>, StoreError> {
        self.link
            .look(|db| async move { users::list(&db, page).await })
            .await
    }

    async fn user_of(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Option<UserId>, StoreError> {
        self.link
            .look(|db| async move { users::of(&db, account, openid).await })
            .await
    }

    async fn remove_user(&self, id: &UserId) -> Result<(), StoreError> {
        self.link
            .run(|db, again| async move { users::remove(&db, id, again).await })
            .await
    }

    async fn accounts_of(&self, openids: &[OpenId]) -> Result<Vec<Vec<AccountId>>, StoreError> {
        self.link
            .look(|db| async move { contact::accounts_of(&db, openids).await })
            .await
    }

    async fn openids_of(
        &self,
        account: AccountId,
        who: &[RecipientId],
    ) -> Result<Vec<Option<OpenId>>, StoreError> {
        self.link
            .look(|db| async move { users::openids_of(&db, account, who).await })
            .await
    }

    async fn follower_sync(&self, account: AccountId) -> Result<Option<FollowerSync>, StoreError> {
        self.link
            .look(|db| async move { followers::find(&db, account).await })
            .await
    }

    async fn step_follower_sync(
        &self,
        account: AccountId,
        from: Option<&FollowerSync>,
        step: &SyncStep,
        to: &FollowerSync,
    ) -> Result<bool, StoreError> {
        let now = millis(self.clock.now());
        self.link
            .run(|db, again| async move {
                followers::step(&db, account, (from, to), step, now, again).await
            })
            .await
    }

    async fn describe(&self, account: AccountId, people: &[Described]) -> Result<(), StoreError> {
        let now = millis(self.clock.now());
        self.link
            .run(|db, _| async move {
                if intake::begin(&db, &[account.0]).await?.is_empty() {
                    db.roll_back().await?;
                    return Err(Fault::missing("the account"));
                }
                followers::describe(&db, account.0, people, now, now).await?;
                Ok(db.commit().await?)
            })
            .await
    }

    async fn undescribed(
        &self,
        account: AccountId,
        after: Option<&OpenId>,
        limit: usize,
    ) -> Result<Vec<OpenId>, StoreError> {
        self.link
            .look(|db| async move { followers::undescribed(&db, account, after, limit).await })
            .await
    }

    async fn count_contacts(&self, account: AccountId) -> Result<(u64, u64), StoreError> {
        self.link
            .look(|db| async move { followers::count(&db, account).await })
            .await
    }
}

async fn saw(
    db: &Db,
    account: AccountId,
    sighting: &Sighting,
    sealed: &Option<Vec<u8>>,
    was_new: &AtomicBool,
) -> Outcome<(Contact, bool)> {
    if intake::begin(db, &[account.0]).await?.is_empty() {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    let mut sightings = Sightings::default();
    sightings.add(account.0, sighting);
    let rows = sightings.write(db).await?;
    let row = rows
        .first()
        .ok_or_else(|| Fault::corrupt("a contact was not written"))?;
    if let Some(sealed) = sealed {
        let keep = db
            .prepare_cached(
                "-- people.keep_session\n\
                 UPDATE contact SET session_key = $3, session_at = $4 \
                 WHERE account = $1 AND openid = $2",
            )
            .await?;
        let openid = text(sighting.openid.as_str());
        db.execute(&keep, &[&account.0, &openid, sealed, &millis(sighting.at)])
            .await?;
    }
    if row.try_get(CONTACT_COLUMNS)? {
        was_new.store(true, Ordering::Relaxed);
    }
    db.commit().await?;
    Ok((contact::contact(row)?, was_new.load(Ordering::Relaxed)))
}
