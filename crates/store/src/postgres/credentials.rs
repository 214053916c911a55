//! Access tokens, sealed, who may ask for them, and how often that was done.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{
    CredentialLease, CredentialStore, RefreshCount, StoreError, StoredCredential,
};
use hongyan_domain::{AccountId, NodeId};
use hongyan_wechat::AccessToken;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::fault::{Fault, Outcome, refers_to_nothing};
use super::hints::Topic;
use super::link::Db;
use super::row::{millis, now};
use crate::seal::{Place, Seal};

/// Counts older than this many days are deleted.
const DAYS_KEPT: i64 = 30;

#[async_trait]
impl CredentialStore for PostgresStore {
    async fn credential(&self, account: AccountId) -> Result<Option<StoredCredential>, StoreError> {
        let found = self
            .link
            .look(|db| async move { find(&db, account).await })
            .await?;
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
        let leased = self
            .link
            .run(|db, _| async move { take_lease(&db, account, node, lease, self.by_hand()).await })
            .await?;
        Ok(match leased {
            Leased::Taken(fence, sealed) => CredentialLease::Taken {
                fence,
                stored: sealed
                    .map(|sealed| sealed.open(account, &self.seal))
                    .transpose()?,
            },
            Leased::Held(until) => CredentialLease::Held {
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
        let sealed = &self
            .seal
            .seal(place(&account.0.to_be_bytes()), token.expose().as_bytes())
            .map_err(Fault::from)?;
        let times = (millis(obtained_at), millis(expires_at));
        let kept = self
            .link
            .run(|db, again| async move { keep(&db, account, fence, sealed, times, again).await })
            .await?;
        if kept.is_some() {
            self.tell(Topic::Changed, account.0);
        }
        Ok(kept)
    }

    async fn return_credential_lease(
        &self,
        account: AccountId,
        fence: i64,
    ) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move {
                let end = db
                    .prepare_cached(
                        "-- credentials.end_lease\n\
                         UPDATE credential_lease SET node = NULL \
                         WHERE account = $1 AND fence = $2 AND node IS NOT NULL",
                    )
                    .await?;
                db.execute(&end, &[&account.0, &fence]).await?;
                Ok(())
            })
            .await?;
        // Who waits for it need not wait for its end.
        self.tell(Topic::Changed, account.0);
        Ok(())
    }

    async fn drop_credential(&self, account: AccountId) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move {
                // The row stays for its generation.
                let drop = db
                    .prepare_cached(
                        "-- credentials.drop\n\
                         WITH ended AS (\
                            UPDATE credential_lease SET node = NULL, fence = fence + 1 \
                            WHERE account = $1) \
                         UPDATE credential SET token = NULL, generation = generation + 1 \
                         WHERE account = $1 AND token IS NOT NULL",
                    )
                    .await?;
                db.execute(&drop, &[&account.0]).await?;
                Ok(())
            })
            .await?;
        self.tell(Topic::Changed, account.0);
        Ok(())
    }

    async fn count_refresh(
        &self,
        account: AccountId,
        day: i64,
    ) -> Result<RefreshCount, StoreError> {
        self.link
            .run(|db, _| async move { count(&db, account, day, (1, 0)).await })
            .await
    }

    async fn count_foreign_refresh(
        &self,
        account: AccountId,
        day: i64,
    ) -> Result<RefreshCount, StoreError> {
        self.link
            .run(|db, _| async move { count(&db, account, day, (0, 1)).await })
            .await
    }

    async fn refreshes(&self, account: AccountId, day: i64) -> Result<RefreshCount, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached(
                        "-- credentials.counts\n\
                         SELECT used, foreign_used FROM refresh_count \
                         WHERE account = $1 AND day = $2",
                    )
                    .await?;
                match db.query_opt(&find, &[&account.0, &day]).await? {
                    Some(row) => read_count(&row),
                    None => Ok(RefreshCount::default()),
                }
            })
            .await
    }
}

enum Leased {
    Taken(i64, Option<Sealed>),
    Held(i64),
}

async fn take_lease(
    db: &Db,
    account: AccountId,
    node: NodeId,
    lease: Duration,
    by_hand: Option<i64>,
) -> Outcome<Leased> {
    let take = db
        .prepare_cached(concat!(
            "-- credentials.lease\n\
             WITH t AS MATERIALIZED (SELECT ",
            now!("$4"),
            " AS now) \
             INSERT INTO credential_lease AS l (account, node, fence, until) \
             SELECT $1, $2, 1, t.now + $3 FROM t \
             ON CONFLICT (account) DO UPDATE SET \
                node = excluded.node, fence = l.fence + 1, until = excluded.until \
             WHERE l.node IS NULL OR l.node = excluded.node OR l.until <= excluded.until - $3 \
             RETURNING fence"
        ))
        .await?;
    let node = Uuid::from_bytes(*node.as_bytes());
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX >> 1);
    let fence = db
        .query_opt(&take, &[&account.0, &node, &lease, &by_hand])
        .await
        .map_err(no_account)?;
    if let Some(fence) = fence {
        return Ok(Leased::Taken(fence.try_get(0)?, find(db, account).await?));
    }
    let holder = db
        .prepare_cached(
            "-- credentials.holder\nSELECT until FROM credential_lease WHERE account = $1",
        )
        .await?;
    match db.query_opt(&holder, &[&account.0]).await? {
        Some(row) => Ok(Leased::Held(row.try_get(0)?)),
        None => Err(Fault::missing("the account")),
    }
}

/// A sealed token is like no other: where it is kept already, an earlier try
/// did it.
async fn keep(
    db: &Db,
    account: AccountId,
    fence: i64,
    sealed: &Vec<u8>,
    (obtained_at, expires_at): (i64, i64),
    again: bool,
) -> Outcome<Option<i64>> {
    if again {
        let find = db
            .prepare_cached(
                "-- credentials.kept\n\
                 SELECT generation FROM credential WHERE account = $1 AND token = $2",
            )
            .await?;
        if let Some(row) = db.query_opt(&find, &[&account.0, sealed]).await? {
            return Ok(Some(row.try_get(0)?));
        }
    }
    let keep = db
        .prepare_cached(
            "-- credentials.keep\n\
             WITH ended AS (\
                UPDATE credential_lease SET node = NULL \
                WHERE account = $1 AND fence = $2 AND node IS NOT NULL RETURNING account) \
             INSERT INTO credential AS c (account, token, obtained_at, expires_at, generation) \
             SELECT account, $3, $4, $5, 1 FROM ended \
             ON CONFLICT (account) DO UPDATE SET token = excluded.token, \
                obtained_at = excluded.obtained_at, expires_at = excluded.expires_at, \
                generation = c.generation + 1 \
             RETURNING generation",
        )
        .await?;
    let kept = db
        .query_opt(
            &keep,
            &[&account.0, &fence, sealed, &obtained_at, &expires_at],
        )
        .await?;
    Ok(kept.map(|row| row.try_get(0)).transpose()?)
}

/// Adds to a day's counts: calls of ours, and tokens lost to others. Where a
/// connection breaks one may be counted twice, which errs on the safe side of a
/// budget.
async fn count(
    db: &Db,
    account: AccountId,
    day: i64,
    (used, foreign): (i64, i64),
) -> Outcome<RefreshCount> {
    let count = db
        .prepare_cached(
            "-- credentials.count\n\
             WITH old AS (DELETE FROM refresh_count WHERE account = $1 AND day < $2::bigint - $5::bigint) \
             INSERT INTO refresh_count AS c (account, day, used, foreign_used) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account, day) DO UPDATE SET used = c.used + excluded.used, \
                foreign_used = c.foreign_used + excluded.foreign_used \
             RETURNING used, foreign_used",
        )
        .await?;
    let row = db
        .query_one(&count, &[&account.0, &day, &used, &foreign, &DAYS_KEPT])
        .await
        .map_err(no_account)?;
    read_count(&row)
}

fn read_count(row: &Row) -> Outcome<RefreshCount> {
    let (used, foreign): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(RefreshCount {
        used: u32::try_from(used).unwrap_or(u32::MAX),
        foreign: u32::try_from(foreign).unwrap_or(u32::MAX),
    })
}

fn no_account(error: tokio_postgres::Error) -> Fault {
    if refers_to_nothing(&error) {
        Fault::missing("the account")
    } else {
        error.into()
    }
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

async fn find(db: &Db, account: AccountId) -> Outcome<Option<Sealed>> {
    let find = db
        .prepare_cached(
            "-- credentials.find\n\
             SELECT token, obtained_at, expires_at, generation FROM credential \
             WHERE account = $1 AND token IS NOT NULL",
        )
        .await?;
    let Some(row) = db.query_opt(&find, &[&account.0]).await? else {
        return Ok(None);
    };
    Ok(Some(Sealed {
        token: row.try_get(0)?,
        obtained_at: row.try_get(1)?,
        expires_at: row.try_get(2)?,
        generation: row.try_get(3)?,
    }))
}

/// Where an account's token is kept.
fn place(row: &[u8; 8]) -> Place<'_> {
    Place {
        table: "credential",
        column: "token",
        row,
    }
}
