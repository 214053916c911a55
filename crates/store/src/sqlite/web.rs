//! What pages, logins and the JS-SDK remember for a while.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{EarlierLogin, StoreError, TicketHolder, Walk, WebStore};
use hongyan_wechat::{JsTicket, OpenId, UnionId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::credentials::refuse_missing;
use super::fault::{Fault, Outcome};
use super::row::millis;
use crate::secret;

/// Ended rows cleared away with each new one: more than come, so that none stay.
macro_rules! forget_ended {
    ($name:literal, $table:literal, $key:literal, $columns:literal) => {
        concat!(
            "-- web.forget_",
            $name,
            "\nDELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE ends_at <= ?1 ORDER BY ends_at LIMIT 4)"
        )
    };
}

#[async_trait]
impl WebStore for SqliteStore {
    async fn begin_walk(&self, digest: &[u8; 32], walk: &Walk) -> Result<(), StoreError> {
        let (digest, walk, now) = (*digest, walk.clone(), millis(self.clock.now()));
        self.write(1, move |db| {
            refuse_missing(db, walk.account)?;
            forget(db, forget_ended!("walks", "walk", "digest", "digest"), now)?;
            let added = db
                .prepare_cached(
                    "-- web.begin_walk\n\
                     INSERT INTO walk (digest, account, purpose, ends_at) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    digest,
                    walk.account.0,
                    walk.purpose,
                    millis(walk.ends_at)
                ])?;
            expect_new(added, "the secret of the walk")
        })
        .await
    }

    async fn end_walk(&self, digest: &[u8; 32]) -> Result<Option<Walk>, StoreError> {
        let (digest, now) = (*digest, millis(self.clock.now()));
        self.write(1, move |db| {
            let walk = db
                .prepare_cached(
                    "-- web.end_walk\n\
                     DELETE FROM walk WHERE digest = ?1 AND ends_at > ?2 \
                     RETURNING account, purpose, ends_at",
                )?
                .query_one(params![digest, now], |row| {
                    Ok(Walk {
                        account: AccountId(row.get(0)?),
                        purpose: row.get(1)?,
                        ends_at: from_millisecond(row.get(2)?),
                    })
                })
                .optional()?;
            Ok(walk)
        })
        .await
    }

    async fn issue_ticket(
        &self,
        digest: &[u8; 32],
        holder: &TicketHolder,
    ) -> Result<(), StoreError> {
        let (digest, holder, now) = (*digest, holder.clone(), millis(self.clock.now()));
        self.write(1, move |db| {
            refuse_missing(db, holder.account)?;
            forget(
                db,
                forget_ended!("tickets", "ticket", "digest", "digest"),
                now,
            )?;
            let added = db
                .prepare_cached(
                    "-- web.issue\n\
                     INSERT INTO ticket (digest, account, openid, unionid, ends_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    digest,
                    holder.account.0,
                    holder.openid.as_str(),
                    holder.unionid.as_ref().map(UnionId::as_str),
                    millis(holder.ends_at)
                ])?;
            expect_new(added, "the ticket")
        })
        .await
    }

    async fn redeem_ticket(&self, digest: &[u8; 32]) -> Result<Option<TicketHolder>, StoreError> {
        let (digest, now) = (*digest, millis(self.clock.now()));
        self.write(1, move |db| {
            let mut redeem = db.prepare_cached(
                "-- web.redeem\n\
                 DELETE FROM ticket WHERE digest = ?1 AND ends_at > ?2 \
                 RETURNING account, openid, unionid, ends_at",
            )?;
            let mut rows = redeem.query(params![digest, now])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(TicketHolder {
                account: AccountId(row.get(0)?),
                openid: OpenId::parse(row.get::<_, String>(1)?)?,
                unionid: unionid(row.get(2)?)?,
                ends_at: from_millisecond(row.get(3)?),
            }))
        })
        .await
    }

    async fn keep_login(
        &self,
        account: AccountId,
        code_digest: &[u8; 32],
        login: &EarlierLogin,
        ends_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (digest, login, now) = (*code_digest, login.clone(), millis(self.clock.now()));
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            forget(
                db,
                forget_ended!("logins", "login", "(digest, account)", "digest, account"),
                now,
            )?;
            db.prepare_cached(
                "-- web.keep_login\n\
                 INSERT OR REPLACE INTO login \
                    (account, digest, openid, unionid, is_new, at, ends_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                account.0,
                digest,
                login.openid.as_str(),
                login.unionid.as_ref().map(UnionId::as_str),
                login.is_new,
                millis(login.at),
                millis(ends_at)
            ])?;
            Ok(())
        })
        .await
    }

    async fn earlier_login(
        &self,
        account: AccountId,
        code_digest: &[u8; 32],
    ) -> Result<Option<EarlierLogin>, StoreError> {
        let (digest, now) = (*code_digest, millis(self.clock.now()));
        self.read(move |db| {
            let mut find = db.prepare_cached(
                "-- web.login\n\
                 SELECT openid, unionid, is_new, at FROM login \
                 WHERE account = ?1 AND digest = ?2 AND ends_at > ?3",
            )?;
            let mut rows = find.query(params![account.0, digest, now])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(EarlierLogin {
                openid: OpenId::parse(row.get::<_, String>(0)?)?,
                unionid: unionid(row.get(1)?)?,
                is_new: row.get(2)?,
                at: from_millisecond(row.get(3)?),
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
        let sealed = self
            .seal
            .seal(secret::js_ticket(&place), ticket.expose().as_bytes())
            .map_err(Fault::from)?;
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            db.prepare_cached(
                "-- web.keep_js_ticket\n\
                 INSERT OR REPLACE INTO js_ticket (account, ticket, ends_at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![account.0, sealed, millis(ends_at)])?;
            Ok(())
        })
        .await
    }

    async fn js_ticket(
        &self,
        account: AccountId,
    ) -> Result<Option<(JsTicket, Timestamp)>, StoreError> {
        let kept: Option<(Vec<u8>, i64)> = self
            .read(move |db| {
                Ok(db
                    .prepare_cached(
                        "-- web.js_ticket\n\
                         SELECT ticket, ends_at FROM js_ticket WHERE account = ?1",
                    )?
                    .query_one([account.0], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?)
            })
            .await?;
        let Some((sealed, ends_at)) = kept else {
            return Ok(None);
        };
        let place = account.0.to_be_bytes();
        let ticket = self
            .seal
            .open(secret::js_ticket(&place), &sealed)
            .map_err(Fault::from)?;
        let ticket = String::from_utf8(ticket)
            .map_err(|_| Fault::corrupt(format!("the ticket of {account:?} is not text")))?;
        Ok(Some((JsTicket::new(ticket), from_millisecond(ends_at))))
    }
}

fn forget(db: &Connection, ended: &str, now: i64) -> Outcome<()> {
    db.prepare_cached(ended)?.execute([now])?;
    Ok(())
}

fn expect_new(added: usize, what: &str) -> Outcome<()> {
    if added == 0 {
        return Err(Fault::taken(what));
    }
    Ok(())
}

fn unionid(text: Option<String>) -> Outcome<Option<UnionId>> {
    Ok(text.map(UnionId::parse).transpose()?)
}
