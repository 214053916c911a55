//! The accounts, their secrets sealed.

use std::sync::OnceLock;

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::account::{
    Account, AccountSettings, AccountState, Breaker, CallbackSettings, Illness, Parked,
};
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{AccountStore, Idempotency, Revision, StoreError};
use hongyan_wechat::{AppId, AppSecret, OriginalId};
use serde::Serialize;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::fault::{Fault, Outcome, clash};
use super::hints::Topic;
use super::idempotency::Answer;
use super::link::Db;
use super::row::now;
use super::{PostgresStore, idempotency};
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
impl AccountStore for PostgresStore {
    async fn add_account(
        &self,
        settings: &AccountSettings,
        idempotency: Option<&Idempotency>,
    ) -> Result<Account, StoreError> {
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        // The secrets are sealed for the account's number, so that comes first;
        // and by it a second try finds what the first one did.
        let (answer, number) = (answer.as_ref(), &OnceLock::new());
        let row = self
            .link
            .run(|db, again| async move {
                let id = match number.get() {
                    Some(id) => *id,
                    None => {
                        let id = new_number(&db).await?;
                        *number.get_or_init(|| id)
                    }
                };
                let columns = Columns::of(id, settings, &self.seal)?;
                add(&db, id, &columns, answer, self.by_hand(), again).await
            })
            .await?;
        let account = account(&row, &self.seal)?;
        self.tell(Topic::Changed, account.id.0);
        Ok(account)
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = self
            .link
            .look(|db| async move {
                let all = db
                    .prepare_cached(concat!(
                        "-- accounts.all\nSELECT ",
                        account_columns!(),
                        " FROM account ORDER BY name"
                    ))
                    .await?;
                Ok(db.query(&all, &[]).await?)
            })
            .await?;
        let accounts = rows.iter().map(|row| account(row, &self.seal));
        Ok(accounts.collect::<Outcome<_>>()?)
    }

    async fn change_account(
        &self,
        id: AccountId,
        settings: &AccountSettings,
    ) -> Result<Account, StoreError> {
        let columns = &Columns::of(id.0, settings, &self.seal)?;
        let row = self
            .link
            .run(|db, _| async move { change(&db, id.0, columns, self.by_hand()).await })
            .await?;
        self.tell(Topic::Changed, id.0);
        Ok(account(&row, &self.seal)?)
    }

    async fn remove_account(&self, id: AccountId) -> Result<(), StoreError> {
        self.link
            .run(|db, again| async move { remove(&db, id.0, again).await })
            .await?;
        self.housekeeping.purge();
        self.tell(Topic::Changed, id.0);
        Ok(())
    }

    async fn set_parked(&self, id: AccountId, parked: Option<&Parked>) -> Result<(), StoreError> {
        let parked = &json(parked)?;
        self.link
            .run(|db, _| async move {
                note(
                    &db,
                    "-- accounts.park\n\
                     UPDATE account SET parked = $2, revision = revision + 1 WHERE id = $1",
                    &[&id.0, parked],
                )
                .await
            })
            .await?;
        self.tell(Topic::Changed, id.0);
        Ok(())
    }

    async fn set_illness(
        &self,
        id: AccountId,
        illness: Option<&Illness>,
    ) -> Result<(), StoreError> {
        let illness = &json(illness)?;
        self.link
            .run(|db, _| async move {
                note(
                    &db,
                    "-- accounts.illness\n\
                     UPDATE account SET illness = $2, revision = revision + 1 WHERE id = $1",
                    &[&id.0, illness],
                )
                .await
            })
            .await?;
        self.tell(Topic::Changed, id.0);
        Ok(())
    }

    async fn set_breaker(
        &self,
        id: AccountId,
        breaker: Option<&Breaker>,
    ) -> Result<(), StoreError> {
        let breaker = &json(breaker)?;
        self.link
            .run(|db, _| async move {
                note(
                    &db,
                    "-- accounts.breaker\n\
                     UPDATE account SET breaker = $2, revision = revision + 1 WHERE id = $1",
                    &[&id.0, breaker],
                )
                .await
            })
            .await?;
        self.tell(Topic::Changed, id.0);
        Ok(())
    }

    async fn revisions(&self) -> Result<Vec<Revision>, StoreError> {
        self.link
            .look(|db| async move {
                let all = db
                    .prepare_cached(
                        "-- accounts.revisions\n\
                         SELECT a.id, a.revision, coalesce(c.generation, 0) FROM account a \
                         LEFT JOIN credential c ON c.account = a.id ORDER BY a.id",
                    )
                    .await?;
                let rows = db.query(&all, &[]).await?;
                rows.iter()
                    .map(|row| {
                        Ok(Revision {
                            account: AccountId(row.try_get(0)?),
                            account_revision: row.try_get(1)?,
                            credential: row.try_get(2)?,
                        })
                    })
                    .collect()
            })
            .await
    }
}

fn missing() -> Fault {
    Fault::missing("the account")
}

/// JSON escapes the one character that a text cannot hold.
fn json(state: Option<&impl Serialize>) -> Outcome<Option<String>> {
    Ok(state.map(serde_json::to_string).transpose()?)
}

/// Where a secret of an account is kept.
fn place<'a>(column: &'static str, row: &'a [u8; 8]) -> Place<'a> {
    Place {
        table: "account",
        column,
        row,
    }
}

/// Settings as columns hold them.
struct Columns<'a> {
    settings: &'a AccountSettings,
    name: &'a str,
    appid: &'a str,
    original_id: Option<&'a str>,
    kind: i16,
    secret: Vec<u8>,
    token_mode: i16,
    callback_token: Option<Vec<u8>>,
    callback_aes_key: Option<Vec<u8>>,
    callback_previous: Option<Vec<u8>>,
    rate_per_second: Option<i64>,
    max_in_flight: i64,
    options: String,
}

impl<'a> Columns<'a> {
    fn of(id: i64, settings: &'a AccountSettings, seal: &Seal) -> Outcome<Self> {
        let row = id.to_be_bytes();
        let sealed =
            |column, secret: &AppSecret| seal.seal(place(column, &row), secret.expose().as_bytes());
        let callback = settings.callback.as_ref();
        Ok(Self {
            name: settings.name.as_str(),
            appid: settings.appid.as_str(),
            original_id: settings.original_id.as_ref().map(OriginalId::as_str),
            kind: codes::account_kind_code(settings.kind),
            secret: sealed("secret", &settings.secret)?,
            token_mode: codes::token_mode_code(settings.token_mode),
            callback_token: callback
                .map(|callback| sealed("callback_token", &callback.token))
                .transpose()?,
            callback_aes_key: callback
                .and_then(|callback| callback.encoding_aes_key.as_ref())
                .map(|key| sealed("callback_aes_key", key))
                .transpose()?,
            rate_per_second: settings.rate_per_second.map(i64::from),
            max_in_flight: settings.max_in_flight.into(),
            callback_previous: callback
                .and_then(|callback| callback.previous.as_ref())
                .map(|keys| -> Outcome<Vec<u8>> {
                    let text = secret::callback_keys_text(keys)?;
                    Ok(seal.seal(place("callback_previous", &row), text.as_bytes())?)
                })
                .transpose()?,
            // JSON escapes the one character that a text cannot hold.
            options: serde_json::to_string(&settings.options)?,
            settings,
        })
    }

    fn clash(&self, error: Error) -> Fault {
        match clash(&error) {
            Some("account_name") => Fault::taken(format!("the name {:?}", self.name)),
            Some("account_appid") => Fault::taken(format!("the appid {:?}", self.appid)),
            _ => error.into(),
        }
    }
}

async fn new_number(db: &Db) -> Outcome<i64> {
    let next = db
        .prepare_cached("-- accounts.number\nSELECT nextval('account_id')")
        .await?;
    Ok(db.query_one(&next, &[]).await?.try_get(0)?)
}

async fn add(
    db: &Db,
    id: i64,
    columns: &Columns<'_>,
    answer: Option<&Answer>,
    by_hand: Option<i64>,
    again: bool,
) -> Outcome<Row> {
    if again {
        let one = db
            .prepare_cached(concat!(
                "-- accounts.one\nSELECT ",
                account_columns!(),
                " FROM account WHERE id = $1"
            ))
            .await?;
        if let Some(row) = db.query_opt(&one, &[&id]).await? {
            return Ok(row);
        }
    }
    let add = db
        .prepare_cached(concat!(
            "-- accounts.add\n\
             WITH a AS (\
                INSERT INTO account (id, name, kind, appid, secret, original_id, token_mode, \
                    callback_token, callback_aes_key, rate_per_second, max_in_flight, disabled, \
                    options, callback_previous, created_at, updated_at) \
                SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, t.now, t.now \
                FROM (SELECT ",
            now!("$15"),
            " AS now) t RETURNING *), \
             l AS (INSERT INTO lane (account) SELECT id FROM a) \
             SELECT ",
            account_columns!(),
            " FROM a"
        ))
        .await?;
    db.begin().await?;
    let added = async {
        idempotency::keep_new(db, answer, by_hand).await?;
        let mut parameters = parameters(&id, columns);
        parameters.push(&by_hand);
        db.query_one(&add, &parameters)
            .await
            .map_err(|error| columns.clash(error))
    };
    match added.await {
        Ok(row) => {
            db.commit().await?;
            Ok(row)
        }
        Err(fault @ Fault::Told(_)) => {
            db.roll_back().await?;
            Err(fault)
        }
        Err(fault) => Err(fault),
    }
}

/// $1 to $14 of the statements that write settings.
fn parameters<'a>(id: &'a i64, columns: &'a Columns<'_>) -> Vec<&'a (dyn ToSql + Sync)> {
    vec![
        id,
        &columns.name,
        &columns.kind,
        &columns.appid,
        &columns.secret,
        &columns.original_id,
        &columns.token_mode,
        &columns.callback_token,
        &columns.callback_aes_key,
        &columns.rate_per_second,
        &columns.max_in_flight,
        &columns.settings.disabled,
        &columns.options,
        &columns.callback_previous,
    ]
}

async fn change(db: &Db, id: i64, columns: &Columns<'_>, by_hand: Option<i64>) -> Outcome<Row> {
    let change = db
        .prepare_cached(concat!(
            "-- accounts.change\n\
             UPDATE account SET name = $2, kind = $3, appid = $4, secret = $5, original_id = $6, \
                token_mode = $7, callback_token = $8, callback_aes_key = $9, \
                rate_per_second = $10, max_in_flight = $11, disabled = $12, options = $13, \
                callback_previous = $14, \
                revision = revision + 1, updated_at = ",
            now!("$15"),
            " WHERE id = $1 RETURNING ",
            account_columns!()
        ))
        .await?;
    let mut parameters = parameters(&id, columns);
    parameters.push(&by_hand);
    db.query_opt(&change, &parameters)
        .await
        .map_err(|error| columns.clash(error))?
        .ok_or_else(missing)
}

/// Taking messages in holds the account's row, so what was taken in before the
/// row is ours is seen by the look into the queue.
async fn remove(db: &Db, id: i64, again: bool) -> Outcome<()> {
    let hold = db
        .prepare_cached("-- accounts.hold\nSELECT 1 FROM account WHERE id = $1 FOR UPDATE")
        .await?;
    let open = db
        .prepare_cached(
            "-- accounts.open\nSELECT EXISTS (SELECT 1 FROM work WHERE account = $1 AND band >= 0)",
        )
        .await?;
    // Its credential, templates and counts go with it; its messages follow.
    let remove = db
        .prepare_cached(
            "-- accounts.remove\n\
             WITH gone AS (DELETE FROM account WHERE id = $1 RETURNING id) \
             INSERT INTO removed_account (id) SELECT id FROM gone",
        )
        .await?;
    let ((), held, open) = tokio::try_join!(
        db.begin(),
        async { db.query_opt(&hold, &[&id]).await },
        async { db.query_one(&open, &[&id]).await }
    )?;
    let refusal = if held.is_none() {
        // Where it is gone the second time, the first one did it.
        if again {
            db.roll_back().await?;
            return Ok(());
        }
        missing()
    } else if open.try_get(0)? {
        Fault::in_use(
            "the account has messages that are not sent yet; wait for them or cancel them",
        )
    } else {
        tokio::try_join!(async { db.execute(&remove, &[&id]).await }, db.commit())?;
        return Ok(());
    };
    db.roll_back().await?;
    Err(refusal)
}

async fn note(db: &Db, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Outcome<()> {
    let statement = db.prepare_cached(statement).await?;
    match db.execute(&statement, parameters).await? {
        0 => Err(missing()),
        _ => Ok(()),
    }
}

/// A row of `account_columns`.
fn account(row: &Row, seal: &Seal) -> Outcome<Account> {
    let id: i64 = row.try_get(0)?;
    let name = id.to_be_bytes();
    let open = |column, sealed: Option<&[u8]>| -> Outcome<Option<AppSecret>> {
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let secret = String::from_utf8(seal.open(place(column, &name), sealed)?)
            .map_err(|_| Fault::corrupt(format!("{column} of account {id} is not text")))?;
        Ok(Some(AppSecret::new(secret)))
    };
    let number = |stored: i64| u32::try_from(stored).unwrap_or(u32::MAX);
    let callback_token = open("callback_token", row.try_get(7)?)?;
    let encoding_aes_key = open("callback_aes_key", row.try_get(8)?)?;
    let previous = open("callback_previous", row.try_get(17)?)?
        .map(|text| secret::callback_keys(text.expose()))
        .transpose()?;
    let account_name: &str = row.try_get(1)?;
    let (kind, token_mode): (i16, i16) = (row.try_get(2)?, row.try_get(6)?);
    let (parked, illness): (Option<&str>, Option<&str>) = (row.try_get(12)?, row.try_get(13)?);
    let breaker: Option<&str> = row.try_get(18)?;
    Ok(Account {
        id: AccountId(id),
        settings: AccountSettings {
            name: account_name
                .parse()
                .map_err(|_| Fault::corrupt(format!("{account_name:?} is no account's name")))?,
            kind: codes::account_kind(kind)?,
            appid: AppId::parse(row.try_get::<_, String>(3)?)?,
            secret: open("secret", row.try_get(4)?)?
                .ok_or_else(|| Fault::corrupt(format!("account {id} has no secret")))?,
            original_id: row
                .try_get::<_, Option<String>>(5)?
                .map(OriginalId::parse)
                .transpose()?,
            token_mode: codes::token_mode(token_mode)?,
            callback: callback_token.map(|token| CallbackSettings {
                token,
                encoding_aes_key,
                previous,
            }),
            rate_per_second: row.try_get::<_, Option<i64>>(9)?.map(number),
            max_in_flight: number(row.try_get(10)?),
            disabled: row.try_get(11)?,
            options: serde_json::from_str(row.try_get(16)?)?,
        },
        state: AccountState {
            parked: parked.map(serde_json::from_str).transpose()?,
            illness: illness.map(serde_json::from_str).transpose()?,
            breaker: breaker.map(serde_json::from_str).transpose()?,
        },
        created_at: from_millisecond(row.try_get(14)?),
        updated_at: from_millisecond(row.try_get(15)?),
    })
}
