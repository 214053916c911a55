//! The accounts, their secrets sealed.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::account::{
    Account, AccountSettings, AccountState, Breaker, CallbackSettings, Illness, Parked,
};
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{AccountStore, Idempotency, Revision, StoreError};
use hongyan_wechat::{AppId, AppSecret, OriginalId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{Fault, Outcome};
use super::row::millis;
use super::{SqliteStore, broadcast, idempotency};
use crate::codes;
use crate::seal::{Place, Seal};
use crate::secret;

/// The columns [`account`] expects.
macro_rules! account_columns {
    () => {
        "id, name, kind, appid, secret, original_id, token_mode, callback_token, \
         callback_aes_key, rate_per_second, max_in_flight, disabled, parked, illness, \
         created_at, updated_at, options, callback_previous, breaker"
    };
}
#[async_trait]
impl AccountStore for SqliteStore {
    async fn add_account(
        &self,
        settings: &AccountSettings,
        idempotency: Option<&Idempotency>,
    ) -> Result<Account, StoreError> {
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        let (settings, seal, now) = (settings.clone(), self.seal.clone(), self.clock.now());
        self.write(1, move |db| {
            idempotency::keep_new(db, answer.as_ref(), millis(now))?;
            add(db, &settings, &seal, now)
        })
        .await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let seal = self.seal.clone();
        self.read(move |db| {
            let mut all = db.prepare_cached(concat!(
                "-- accounts.all\nSELECT ",
                account_columns!(),
                " FROM account ORDER BY name"
            ))?;
            let mut rows = all.query([])?;
            let mut accounts = Vec::new();
            while let Some(row) = rows.next()? {
                accounts.push(account(row, &seal)?);
            }
            Ok(accounts)
        })
        .await
    }

    async fn change_account(
        &self,
        id: AccountId,
        settings: &AccountSettings,
    ) -> Result<Account, StoreError> {
        let (settings, seal, now) = (settings.clone(), self.seal.clone(), self.clock.now());
        self.write(1, move |db| change(db, id, &settings, &seal, now))
            .await
    }

    async fn remove_account(&self, id: AccountId) -> Result<(), StoreError> {
        let purge = self.purge.clone();
        self.write(1, move |db| {
            remove(db, id)?;
            purge.order();
            Ok(())
        })
        .await
    }

    async fn set_parked(&self, id: AccountId, parked: Option<&Parked>) -> Result<(), StoreError> {
        let parked = json(parked)?;
        self.write(1, move |db| {
            let note = "-- accounts.park\n\
                UPDATE account SET parked = ?2, revision = revision + 1 WHERE id = ?1";
            let noted = db.prepare_cached(note)?.execute(params![id.0, parked])?;
            if noted == 0 { Err(missing()) } else { Ok(()) }
        })
        .await
    }

    async fn set_illness(
        &self,
        id: AccountId,
        illness: Option<&Illness>,
    ) -> Result<(), StoreError> {
        let illness = json(illness)?;
        self.write(1, move |db| {
            let note = "-- accounts.fall_ill\n\
                UPDATE account SET illness = ?2, revision = revision + 1 WHERE id = ?1";
            let noted = db.prepare_cached(note)?.execute(params![id.0, illness])?;
            if noted == 0 { Err(missing()) } else { Ok(()) }
        })
        .await
    }

    async fn set_breaker(
        &self,
        id: AccountId,
        breaker: Option<&Breaker>,
    ) -> Result<(), StoreError> {
        let breaker = json(breaker)?;
        self.write(1, move |db| {
            let note = "-- accounts.break\n\
                UPDATE account SET breaker = ?2, revision = revision + 1 WHERE id = ?1";
            let noted = db.prepare_cached(note)?.execute(params![id.0, breaker])?;
            if noted == 0 { Err(missing()) } else { Ok(()) }
        })
        .await
    }

    async fn revisions(&self) -> Result<Vec<Revision>, StoreError> {
        self.read(|db| {
            let mut all = db.prepare_cached(
                "-- accounts.revisions\n\
                 SELECT a.id, a.revision, coalesce(c.generation, 0) \
                 FROM account a LEFT JOIN credential c ON c.account = a.id ORDER BY a.id",
            )?;
            let revisions = all
                .query_map([], |row| {
                    Ok(Revision {
                        account: AccountId(row.get(0)?),
                        account_revision: row.get(1)?,
                        credential: row.get(2)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(revisions)
        })
        .await
    }
}

fn json(value: Option<&impl serde::Serialize>) -> Outcome<Option<String>> {
    Ok(value.map(serde_json::to_string).transpose()?)
}

fn missing() -> Fault {
    Fault::missing("the account")
}

/// Where a secret of an account is kept.
fn place<'a>(column: &'static str, row: &'a [u8; 8]) -> Place<'a> {
    Place {
        table: "account",
        column,
        row,
    }
}

fn add(
    db: &Connection,
    settings: &AccountSettings,
    seal: &Seal,
    now: Timestamp,
) -> Outcome<Account> {
    refuse_taken(db, AccountId(0), settings)?;
    // The secrets are sealed for the account's number, which is only known once
    // there is a row.
    db.prepare_cached(
        "-- accounts.add\n\
         INSERT INTO account (name, kind, appid, secret, token_mode, max_in_flight, disabled, \
            created_at, updated_at) \
         VALUES (?1, 0, ?2, x'', 0, 0, 0, ?3, ?3)",
    )?
    .execute(params![
        settings.name.as_str(),
        settings.appid.as_str(),
        millis(now)
    ])?;
    let id = AccountId(db.last_insert_rowid());
    write_settings(db, id, settings, seal, now)?;
    Ok(Account {
        id,
        settings: settings.clone(),
        state: AccountState::default(),
        created_at: now,
        updated_at: now,
    })
}

fn change(
    db: &Connection,
    id: AccountId,
    settings: &AccountSettings,
    seal: &Seal,
    now: Timestamp,
) -> Outcome<Account> {
    refuse_taken(db, id, settings)?;
    write_settings(db, id, settings, seal, now)?;
    let mut one = db.prepare_cached(concat!(
        "-- accounts.one\nSELECT ",
        account_columns!(),
        " FROM account WHERE id = ?1"
    ))?;
    let mut rows = one.query([id.0])?;
    account(rows.next()?.ok_or_else(missing)?, seal)
}

fn refuse_taken(db: &Connection, id: AccountId, settings: &AccountSettings) -> Outcome<()> {
    let clash: Option<bool> = db
        .prepare_cached(
            "-- accounts.clash\n\
             SELECT name = ?2 FROM account WHERE (name = ?2 OR appid = ?3) AND id <> ?1 LIMIT 1",
        )?
        .query_one(
            params![id.0, settings.name.as_str(), settings.appid.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    match clash {
        None => Ok(()),
        Some(true) => Err(Fault::taken(format!(
            "the name {:?}",
            settings.name.as_str()
        ))),
        Some(false) => Err(Fault::taken(format!(
            "the appid {:?}",
            settings.appid.as_str()
        ))),
    }
}

fn write_settings(
    db: &Connection,
    id: AccountId,
    settings: &AccountSettings,
    seal: &Seal,
    now: Timestamp,
) -> Outcome<()> {
    let row = id.0.to_be_bytes();
    let sealed = |column, secret: Option<&AppSecret>| {
        secret
            .map(|s| seal.seal(place(column, &row), s.expose().as_bytes()))
            .transpose()
    };
    let callback = settings.callback.as_ref();
    let aes_key = callback.and_then(|callback| callback.encoding_aes_key.as_ref());
    let previous = callback
        .and_then(|callback| callback.previous.as_ref())
        .map(|keys| -> Outcome<Vec<u8>> {
            let text = secret::callback_keys_text(keys)?;
            Ok(seal.seal(place("callback_previous", &row), text.as_bytes())?)
        })
        .transpose()?;
    let written = db
        .prepare_cached(
            "-- accounts.write\n\
             UPDATE account SET name = ?2, kind = ?3, appid = ?4, secret = ?5, original_id = ?6, \
                token_mode = ?7, callback_token = ?8, callback_aes_key = ?9, \
                rate_per_second = ?10, max_in_flight = ?11, disabled = ?12, updated_at = ?13, \
                options = ?14, callback_previous = ?15, \
                revision = revision + 1 \
             WHERE id = ?1",
        )?
        .execute(params![
            id.0,
            settings.name.as_str(),
            codes::account_kind_code(settings.kind),
            settings.appid.as_str(),
            sealed("secret", Some(&settings.secret))?,
            settings.original_id.as_ref().map(OriginalId::as_str),
            codes::token_mode_code(settings.token_mode),
            sealed("callback_token", callback.map(|callback| &callback.token))?,
            sealed("callback_aes_key", aes_key)?,
            settings.rate_per_second,
            settings.max_in_flight,
            settings.disabled,
            millis(now),
            serde_json::to_string(&settings.options)?,
            previous,
        ])?;
    if written == 0 { Err(missing()) } else { Ok(()) }
}

fn remove(db: &Connection, id: AccountId) -> Outcome<()> {
    let open: bool = db
        .prepare_cached("-- accounts.open\nSELECT EXISTS (SELECT 1 FROM work WHERE account = ?1)")?
        .query_one([id.0], |row| row.get(0))?;
    if open {
        return Err(Fault::in_use(
            "the account has messages that are not sent yet; wait for them or cancel them",
        ));
    }
    // Its credential, templates and counts go with it; its messages follow.
    broadcast::remove_of_account(db, id)?;
    let removed = db
        .prepare_cached("-- accounts.remove\nDELETE FROM account WHERE id = ?1")?
        .execute([id.0])?;
    if removed == 0 {
        return Err(missing());
    }
    db.prepare_cached("-- accounts.purge\nINSERT INTO removed_account (id) VALUES (?1)")?
        .execute([id.0])?;
    Ok(())
}

/// A row of `account_columns`.
fn account(row: &Row<'_>, seal: &Seal) -> Outcome<Account> {
    let id: i64 = row.get(0)?;
    let name = id.to_be_bytes();
    let open = |column, sealed: Option<Vec<u8>>| -> Outcome<Option<AppSecret>> {
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let secret = String::from_utf8(seal.open(place(column, &name), &sealed)?)
            .map_err(|_| Fault::corrupt(format!("{column} of account {id} is not text")))?;
        Ok(Some(AppSecret::new(secret)))
    };
    let json = |index: usize| row.get::<_, Option<String>>(index);
    let callback_token = open("callback_token", row.get(7)?)?;
    let encoding_aes_key = open("callback_aes_key", row.get(8)?)?;
    let previous = open("callback_previous", row.get(17)?)?
        .map(|text| secret::callback_keys(text.expose()))
        .transpose()?;
    let account_name: String = row.get(1)?;
    Ok(Account {
        id: AccountId(id),
        settings: AccountSettings {
            name: account_name
                .parse()
                .map_err(|_| Fault::corrupt(format!("{account_name:?} is no account's name")))?,
            kind: codes::account_kind(row.get::<_, i64>(2)?)?,
            appid: AppId::parse(row.get::<_, String>(3)?)?,
            secret: open("secret", row.get(4)?)?
                .ok_or_else(|| Fault::corrupt(format!("account {id} has no secret")))?,
            original_id: row
                .get::<_, Option<String>>(5)?
                .map(OriginalId::parse)
                .transpose()?,
            token_mode: codes::token_mode(row.get::<_, i64>(6)?)?,
            callback: callback_token.map(|token| CallbackSettings {
                token,
                encoding_aes_key,
                previous,
            }),
            rate_per_second: row.get(9)?,
            max_in_flight: row.get(10)?,
            disabled: row.get(11)?,
            options: serde_json::from_str(&row.get::<_, String>(16)?)?,
        },
        state: AccountState {
            parked: json(12)?
                .map(|text| serde_json::from_str(&text))
                .transpose()?,
            illness: json(13)?
                .map(|text| serde_json::from_str(&text))
                .transpose()?,
            breaker: json(18)?
                .map(|text| serde_json::from_str(&text))
                .transpose()?,
        },
        created_at: from_millisecond(row.get(14)?),
        updated_at: from_millisecond(row.get(15)?),
    })
}
