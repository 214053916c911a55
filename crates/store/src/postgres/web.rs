//! What pages, logins and the JS-SDK remember for a while.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{EarlierLogin, StoreError, TicketHolder, Walk, WebStore};
use hongyan_wechat::{JsTicket, OpenId, UnionId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::PostgresStore;
use super::fault::{Fault, Outcome, refers_to_nothing};
use super::link::Db;
use super::row::{millis, now, text};
use crate::secret;

/// Ended rows cleared away with each new one: more than come, so that none stay.
macro_rules! forget_ended {
    ($table:literal, $key:literal, $columns:literal) => {
        concat!(
            "-- web.forget_",
            $table,
            "\nDELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE ends_at <= ",
            now!("$1"),
            " ORDER BY ends_at LIMIT 4 FOR UPDATE SKIP LOCKED)"
        )
    };
}

/// Marks a row that can be used once, by the number of who uses it.
macro_rules! use_once {
    ($table:literal, $columns:literal) => {
        concat!(
            "-- web.use_",
            $table,
            "\nUPDATE ",
            $table,
            " SET used_by = $2 WHERE digest = $1 AND (used_by IS NULL OR used_by = $2) AND ends_at > ",
            now!("$3"),
            " RETURNING ",
            $columns
        )
    };
}

#[async_trait]
impl WebStore for PostgresStore {
    async fn begin_walk(&self, digest: &[u8; 32], walk: &Walk) -> Result<(), StoreError> {
        let purpose = text(&walk.purpose);
        self.insert_once(
            forget_ended!("walk", "digest", "digest"),
            "-- web.begin_walk\n\
             INSERT INTO walk (digest, account, purpose, ends_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            &[
                &digest.as_slice(),
                &walk.account.0,
                &purpose,
                &millis(walk.ends_at),
            ],
            "the secret of the walk",
        )
        .await
    }

    async fn end_walk(&self, digest: &[u8; 32]) -> Result<Option<Walk>, StoreError> {
        let row = self
            .take_once(use_once!("walk", "account, purpose, ends_at"), digest)
            .await?;
        let read = |row: Row| -> Outcome<Walk> {
            Ok(Walk {
                account: AccountId(row.try_get(0)?),
                purpose: row.try_get(1)?,
                ends_at: from_millisecond(row.try_get(2)?),
            })
        };
        Ok(row.map(read).transpose()?)
    }

    async fn issue_ticket(
        &self,
        digest: &[u8; 32],
        holder: &TicketHolder,
    ) -> Result<(), StoreError> {
        let unionid = holder.unionid.as_ref().map(|id| text(id.as_str()));
        self.insert_once(
            forget_ended!("ticket", "digest", "digest"),
            "-- web.issue\n\
             INSERT INTO ticket (digest, account, openid, unionid, ends_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            &[
                &digest.as_slice(),
                &holder.account.0,
                &text(holder.openid.as_str()),
                &unionid,
                &millis(holder.ends_at),
            ],
            "the ticket",
        )
        .await
    }

    async fn redeem_ticket(&self, digest: &[u8; 32]) -> Result<Option<TicketHolder>, StoreError> {
        let columns = use_once!("ticket", "account, openid, unionid, ends_at");
        let row = self.take_once(columns, digest).await?;
        let read = |row: Row| -> Outcome<TicketHolder> {
            Ok(TicketHolder {
                account: AccountId(row.try_get(0)?),
                openid: OpenId::parse(row.try_get::<_, String>(1)?)?,
                unionid: unionid(row.try_get(2)?)?,
                ends_at: from_millisecond(row.try_get(3)?),
            })
        };
        Ok(row.map(read).transpose()?)
    }

    async fn keep_login(
        &self,
        account: AccountId,
        code_digest: &[u8; 32],
        login: &EarlierLogin,
        ends_at: Timestamp,
    ) -> Result<(), StoreError> {
        let unionid = login.unionid.as_ref().map(|id| text(id.as_str()));
        self.insert(
            forget_ended!("login", "(account, digest)", "account, digest"),
            "-- web.keep_login\n\
             INSERT INTO login (account, digest, openid, unionid, is_new, at, ends_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (account, digest) DO UPDATE SET openid = excluded.openid, \
                unionid = excluded.unionid, is_new = excluded.is_new, at = excluded.at, \
                ends_at = excluded.ends_at",
            &[
                &account.0,
                &code_digest.as_slice(),
                &text(login.openid.as_str()),
                &unionid,
                &login.is_new,
                &millis(login.at),
                &millis(ends_at),
            ],
        )
        .await
        .map(drop)
    }

    async fn earlier_login(
        &self,
        account: AccountId,
        code_digest: &[u8; 32],
    ) -> Result<Option<EarlierLogin>, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached(concat!(
                        "-- web.login\n\
                         SELECT openid, unionid, is_new, at FROM login \
                         WHERE account = $1 AND digest = $2 AND ends_at > ",
                        now!("$3")
                    ))
                    .await?;
                let digest = code_digest.as_slice();
                let Some(row) = db
                    .query_opt(&find, &[&account.0, &digest, &self.by_hand()])
                    .await?
                else {
                    return Ok(None);
                };
                Ok(Some(EarlierLogin {
                    openid: OpenId::parse(row.try_get::<_, String>(0)?)?,
                    unionid: unionid(row.try_get(1)?)?,
                    is_new: row.try_get(2)?,
                    at: from_millisecond(row.try_get(3)?),
                }))
            })
            .await
    }

    async fn keep_js_ticket(
        &self,
        account: AccountId,
        ticket: &JsTicket,
        ends_at: Timestamp,
    ) -> Result<(), StoreError> {
        let place = account.0.to_be_bytes();
        let sealed = &self
            .seal
            .seal(secret::js_ticket(&place), ticket.expose().as_bytes())
            .map_err(Fault::from)?;
        self.link
            .run(|db, _| async move {
                let keep = db
                    .prepare_cached(
                        "-- web.keep_js_ticket\n\
                         INSERT INTO js_ticket (account, ticket, ends_at) VALUES ($1, $2, $3) \
                         ON CONFLICT (account) DO UPDATE SET ticket = excluded.ticket, \
                            ends_at = excluded.ends_at",
                    )
                    .await?;
                db.execute(&keep, &[&account.0, sealed, &millis(ends_at)])
                    .await
                    .map_err(missing)?;
                Ok(())
            })
            .await
    }

    async fn js_ticket(
        &self,
        account: AccountId,
    ) -> Result<Option<(JsTicket, Timestamp)>, StoreError> {
        let row = self
            .link
            .look(|db| async move {
                let find = db
                    .prepare_cached(
                        "-- web.js_ticket\n\
                         SELECT ticket, ends_at FROM js_ticket WHERE account = $1",
                    )
                    .await?;
                Ok(db.query_opt(&find, &[&account.0]).await?)
            })
            .await?;
        let read = |row: Row| -> Outcome<(JsTicket, Timestamp)> {
            let place = account.0.to_be_bytes();
            let ticket = self.seal.open(secret::js_ticket(&place), row.try_get(0)?)?;
            let ticket = String::from_utf8(ticket)
                .map_err(|_| Fault::corrupt(format!("the ticket of {account:?} is not text")))?;
            Ok((JsTicket::new(ticket), from_millisecond(row.try_get(1)?)))
        };
        Ok(row.map(read).transpose()?)
    }
}

impl PostgresStore {
    /// Writes a row and clears away some that have ended; how many rows were
    /// written, and whether an earlier try may have written them.
    async fn insert(
        &self,
        forget: &str,
        insert: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(u64, bool), StoreError> {
        self.link
            .run(|db, again| async move {
                clear(&db, forget, self.by_hand()).await?;
                let insert = db.prepare_cached(insert).await?;
                let written = db.execute(&insert, parameters).await.map_err(missing)?;
                Ok((written, again))
            })
            .await
    }

    /// The same for a row that must be new.
    async fn insert_once(
        &self,
        forget: &str,
        insert: &str,
        parameters: &[&(dyn ToSql + Sync)],
        what: &str,
    ) -> Result<(), StoreError> {
        match self.insert(forget, insert, parameters).await? {
            // Digests are of secrets nobody else has: the first try wrote it.
            (0, true) => Ok(()),
            (0, false) => Err(Fault::taken(what).into()),
            _ => Ok(()),
        }
    }

    /// Takes out what can be used once. A second try finds it used by itself.
    async fn take_once(
        &self,
        statement: &str,
        digest: &[u8; 32],
    ) -> Result<Option<Row>, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable {
            reason: error.to_string(),
        })?;
        let number = i64::from_ne_bytes(random);
        let digest = digest.as_slice();
        self.link
            .run(|db, _| async move {
                let take = db.prepare_cached(statement).await?;
                Ok(db
                    .query_opt(&take, &[&digest, &number, &self.by_hand()])
                    .await?)
            })
            .await
    }
}

async fn clear(db: &Db, forget: &str, by_hand: Option<i64>) -> Outcome<()> {
    let forget = db.prepare_cached(forget).await?;
    db.execute(&forget, &[&by_hand]).await?;
    Ok(())
}

fn missing(error: Error) -> Fault {
    if refers_to_nothing(&error) {
        Fault::missing("the account")
    } else {
        error.into()
    }
}

fn unionid(text: Option<String>) -> Outcome<Option<UnionId>> {
    Ok(text.map(UnionId::parse).transpose()?)
}
