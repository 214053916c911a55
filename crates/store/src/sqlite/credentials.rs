//! Access tokens, sealed, and how often they were asked for.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{CredentialStore, RefreshCount, StoreError, StoredCredential};
use hongyan_wechat::AccessToken;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::fault::{Fault, Outcome};
use super::row::millis;
use crate::seal::Place;

/// Counts older than this many days are deleted.
const DAYS_KEPT: i64 = 30;

#[async_trait]
impl CredentialStore for SqliteStore {
    async fn credential(&self, account: AccountId) -> Result<Option<StoredCredential>, StoreError> {
        let seal = self.seal.clone();
        self.read(move |db| {
            let found = db
                .prepare_cached(
                    "-- credentials.find\n\
                     SELECT token, obtained_at, expires_at, generation FROM credential \
                     WHERE account = ?1 AND token IS NOT NULL",
                )?
                .query_one([account.0], |row| {
                    Ok((
                        row.get::<_, Vec<u8>>(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                    ))
                })
                .optional()?;
            let Some((sealed, obtained_at, expires_at, generation)) = found else {
                return Ok(None);
            };
            let token = seal.open(place(&account.0.to_be_bytes()), &sealed)?;
            let token = String::from_utf8(token)
                .map_err(|_| Fault::corrupt(format!("the token of {account:?} is not text")))?;
            Ok(Some(StoredCredential {
                token: AccessToken::new(token),
                expires_at: from_millisecond(expires_at),
                obtained_at: from_millisecond(obtained_at),
                generation,
            }))
        })
        .await
    }

    async fn keep_credential(
        &self,
        account: AccountId,
        token: &AccessToken,
        obtained_at: Timestamp,
        expires_at: Timestamp,
        after_generation: i64,
    ) -> Result<Option<i64>, StoreError> {
        let sealed = self
            .seal
            .seal(place(&account.0.to_be_bytes()), token.expose().as_bytes())
            .map_err(Fault::from)?;
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            let kept = db
                .prepare_cached(
                    "-- credentials.keep\n\
                     INSERT INTO credential AS c (account, token, obtained_at, expires_at, generation) \
                     VALUES (?1, ?2, ?3, ?4, ?5 + 1) \
                     ON CONFLICT (account) DO UPDATE SET token = excluded.token, \
                        obtained_at = excluded.obtained_at, expires_at = excluded.expires_at, \
                        generation = max(c.generation + 1, excluded.generation) \
                     WHERE c.generation < excluded.generation OR c.token IS NULL \
                     RETURNING generation",
                )?
                .query_one(
                    params![
                        account.0,
                        sealed,
                        millis(obtained_at),
                        millis(expires_at),
                        after_generation
                    ],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(kept)
        })
        .await
    }

    async fn drop_credential(&self, account: AccountId) -> Result<(), StoreError> {
        self.write(1, move |db| {
            // The row stays for its generation.
            db.prepare_cached(
                "-- credentials.drop\nUPDATE credential SET token = NULL WHERE account = ?1",
            )?
            .execute([account.0])?;
            Ok(())
        })
        .await
    }

    async fn count_refresh(
        &self,
        account: AccountId,
        day: i64,
    ) -> Result<RefreshCount, StoreError> {
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            db.prepare_cached(
                "-- credentials.forget_counts\n\
                 DELETE FROM refresh_count WHERE account = ?1 AND day < ?2",
            )?
            .execute([account.0, day.saturating_sub(DAYS_KEPT)])?;
            let used = db
                .prepare_cached(
                    "-- credentials.count\n\
                     INSERT INTO refresh_count (account, day, used) VALUES (?1, ?2, 1) \
                     ON CONFLICT (account, day) DO UPDATE SET used = used + 1 \
                     RETURNING used",
                )?
                .query_one([account.0, day], |row| row.get(0))?;
            Ok(RefreshCount { used })
        })
        .await
    }
}

/// Where an account's token is kept.
fn place(row: &[u8; 8]) -> Place<'_> {
    Place {
        table: "credential",
        column: "token",
        row,
    }
}

pub(super) fn refuse_missing(db: &Connection, account: AccountId) -> Outcome<()> {
    db.prepare_cached("-- credentials.account\nSELECT 1 FROM account WHERE id = ?1")?
        .query_one([account.0], |_| Ok(()))
        .optional()?
        .ok_or_else(|| Fault::missing("the account"))
}
