//! Access tokens, sealed, and how often they were asked for.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::clock::{after, from_millisecond};
use hongyan_domain::port::{
    CredentialLease, CredentialStore, RefreshCount, StoreError, StoredCredential,
};
use hongyan_domain::{AccountId, NodeId};
use hongyan_wechat::AccessToken;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::fault::{Fault, Outcome};
use super::row::millis;
use crate::seal::{Place, Seal};

/// Counts older than this many days are deleted.
const DAYS_KEPT: i64 = 30;

#[async_trait]
impl CredentialStore for SqliteStore {
    async fn credential(&self, account: AccountId) -> Result<Option<StoredCredential>, StoreError> {
        let found = self.read(move |db| find(db, account)).await?;
        Ok(found
            .map(|sealed| sealed.open(account, &self.seal))
            .transpose()?)
    }

    async fn lease_credential(
        &self,
        account: AccountId,
        node: NodeId,
        lease: Duration,
    ) -> Result<CredentialLease, StoreError> {
        let now = self.clock.now();
        let until = millis(after(now, lease));
        let taken = self
            .write(1, move |db| {
                refuse_missing(db, account)?;
                let fence: Option<i64> = db
                    .prepare_cached(
                        "-- credentials.lease\n\
                         INSERT INTO credential_lease AS l (account, node, fence, until) \
                         VALUES (?1, ?2, 1, ?3) \
                         ON CONFLICT (account) DO UPDATE SET \
                            node = excluded.node, fence = l.fence + 1, until = excluded.until \
                         WHERE l.node IS NULL OR l.node = excluded.node OR l.until <= ?4 \
                         RETURNING fence",
                    )?
                    .query_one(
                        params![account.0, node.as_bytes(), until, millis(now)],
                        |row| row.get(0),
                    )
                    .optional()?;
                match fence {
                    Some(fence) => Ok(Ok((fence, find(db, account)?))),
                    None => db
                        .prepare_cached(
                            "-- credentials.holder\n\
                             SELECT until FROM credential_lease WHERE account = ?1",
                        )?
                        .query_one([account.0], |row| row.get(0))
                        .map(Err)
                        .map_err(Fault::from),
                }
            })
            .await?;
        Ok(match taken {
            Ok((fence, sealed)) => CredentialLease::Taken {
                fence,
                stored: sealed
                    .map(|sealed| sealed.open(account, &self.seal))
                    .transpose()?,
            },
            Err(until) => CredentialLease::Held {
                until: from_millisecond(until),
            },
        })
    }

    async fn keep_credential(
        &self,
        account: AccountId,
        fence: i64,
        token: &AccessToken,
        obtained_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let sealed = self
            .seal
            .seal(place(&account.0.to_be_bytes()), token.expose().as_bytes())
            .map_err(Fault::from)?;
        self.write(1, move |db| {
            if !end_lease(db, account, fence)? {
                return Ok(None);
            }
            let generation = db
                .prepare_cached(
                    "-- credentials.keep\n\
                     INSERT INTO credential AS c (account, token, obtained_at, expires_at, generation) \
                     VALUES (?1, ?2, ?3, ?4, 1) \
                     ON CONFLICT (account) DO UPDATE SET token = excluded.token, \
                        obtained_at = excluded.obtained_at, expires_at = excluded.expires_at, \
                        generation = c.generation + 1 \
                     RETURNING generation",
                )?
                .query_one(
                    params![account.0, sealed, millis(obtained_at), millis(expires_at)],
                    |row| row.get(0),
                )?;
            Ok(Some(generation))
        })
        .await
    }

    async fn return_credential_lease(
        &self,
        account: AccountId,
        fence: i64,
    ) -> Result<(), StoreError> {
        self.write(1, move |db| end_lease(db, account, fence).map(drop))
            .await
    }

    async fn drop_credential(&self, account: AccountId) -> Result<(), StoreError> {
        self.write(1, move |db| {
            // The row stays for its generation.
            db.prepare_cached(
                "-- credentials.drop\n\
                 UPDATE credential SET token = NULL, generation = generation + 1 \
                 WHERE account = ?1 AND token IS NOT NULL",
            )?
            .execute([account.0])?;
            db.prepare_cached(
                "-- credentials.end_leases\n\
                 UPDATE credential_lease SET node = NULL, fence = fence + 1 WHERE account = ?1",
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
        self.write(1, move |db| count(db, account, day, (1, 0)))
            .await
    }

    async fn count_foreign_refresh(
        &self,
        account: AccountId,
        day: i64,
    ) -> Result<RefreshCount, StoreError> {
        self.write(1, move |db| count(db, account, day, (0, 1)))
            .await
    }

    async fn refreshes(&self, account: AccountId, day: i64) -> Result<RefreshCount, StoreError> {
        self.read(move |db| {
            let found = db
                .prepare_cached(
                    "-- credentials.counts\n\
                     SELECT used, foreign_used FROM refresh_count WHERE account = ?1 AND day = ?2",
                )?
                .query_one([account.0, day], read_count)
                .optional()?;
            Ok(found.unwrap_or_default())
        })
        .await
    }
}

fn read_count(row: &Row<'_>) -> rusqlite::Result<RefreshCount> {
    Ok(RefreshCount {
        used: row.get(0)?,
        foreign: row.get(1)?,
    })
}

/// Adds to a day's counts: calls of ours, and tokens lost to others.
fn count(
    db: &Connection,
    account: AccountId,
    day: i64,
    (used, foreign): (u32, u32),
) -> Outcome<RefreshCount> {
    refuse_missing(db, account)?;
    db.prepare_cached(
        "-- credentials.forget_counts\n\
         DELETE FROM refresh_count WHERE account = ?1 AND day < ?2",
    )?
    .execute([account.0, day.saturating_sub(DAYS_KEPT)])?;
    let counted = db
        .prepare_cached(
            "-- credentials.count\n\
             INSERT INTO refresh_count (account, day, used, foreign_used) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (account, day) DO UPDATE SET \
                used = used + excluded.used, foreign_used = foreign_used + excluded.foreign_used \
             RETURNING used, foreign_used",
        )?
        .query_one(params![account.0, day, used, foreign], read_count)?;
    Ok(counted)
}

/// Ends the lease with this fence; whether it was still held.
fn end_lease(db: &Connection, account: AccountId, fence: i64) -> Outcome<bool> {
    let ended = db
        .prepare_cached(
            "-- credentials.end_lease\n\
             UPDATE credential_lease SET node = NULL \
             WHERE account = ?1 AND fence = ?2 AND node IS NOT NULL",
        )?
        .execute(params![account.0, fence])?;
    Ok(ended == 1)
}

/// A row of `credential`, its token sealed.
struct Sealed {
    token: Vec<u8>,
    obtained_at: i64,
    expires_at: i64,
    generation: i64,
}

impl Sealed {
    fn open(self, account: AccountId, seal: &Seal) -> Outcome<StoredCredential> {
        let token = seal.open(place(&account.0.to_be_bytes()), &self.token)?;
        let token = String::from_utf8(token)
            .map_err(|_| Fault::corrupt(format!("the token of {account:?} is not text")))?;
        Ok(StoredCredential {
            token: AccessToken::new(token),
            expires_at: from_millisecond(self.expires_at),
            obtained_at: from_millisecond(self.obtained_at),
            generation: self.generation,
        })
    }
}

fn find(db: &Connection, account: AccountId) -> Outcome<Option<Sealed>> {
    let found = db
        .prepare_cached(
            "-- credentials.find\n\
             SELECT token, obtained_at, expires_at, generation FROM credential \
             WHERE account = ?1 AND token IS NOT NULL",
        )?
        .query_one([account.0], |row| {
            Ok(Sealed {
                token: row.get(0)?,
                obtained_at: row.get(1)?,
                expires_at: row.get(2)?,
                generation: row.get(3)?,
            })
        })
        .optional()?;
    Ok(found)
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
