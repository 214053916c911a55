//! The API keys.

use async_trait::async_trait;
use hongyan_domain::KeyId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::key::ApiKey;
use hongyan_domain::port::{Idempotency, KeyStore, StoreError};
use tokio_postgres::Row;

use super::fault::{Fault, Outcome, clash};
use super::idempotency::Answer;
use super::link::Db;
use super::row::{key_id, key_uuid, millis, optional_millis, optional_time, text};
use super::{PostgresStore, idempotency};

macro_rules! key_columns {
    () => {
        "id, name, digest, scopes, accounts, created_at, expires_at"
    };
}

#[async_trait]
impl KeyStore for PostgresStore {
    async fn add_key(
        &self,
        key: &ApiKey,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError> {
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        let answer = answer.as_ref();
        self.link
            .run(|db, again| async move { add(&db, key, answer, self.by_hand(), again).await })
            .await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.link
            .look(|db| async move {
                let all = db
                    .prepare_cached(concat!(
                        "-- keys.all\nSELECT ",
                        key_columns!(),
                        " FROM api_key ORDER BY created_at, id"
                    ))
                    .await?;
                db.query(&all, &[]).await?.iter().map(api_key).collect()
            })
            .await
    }

    async fn key_by_digest(&self, digest: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        self.link
            .look(|db| async move {
                let one = db
                    .prepare_cached(concat!(
                        "-- keys.by_digest\nSELECT ",
                        key_columns!(),
                        " FROM api_key WHERE digest = $1"
                    ))
                    .await?;
                let found = db.query_opt(&one, &[&digest.as_slice()]).await?;
                found.as_ref().map(api_key).transpose()
            })
            .await
    }

    async fn remove_key(&self, id: KeyId) -> Result<(), StoreError> {
        self.link
            .run(|db, again| async move {
                let remove = db
                    .prepare_cached("-- keys.remove\nDELETE FROM api_key WHERE id = $1")
                    .await?;
                let removed = db.execute(&remove, &[&key_uuid(id)]).await?;
                // Where it is gone the second time, the first one did it.
                if removed == 0 && !again {
                    Err(Fault::missing("the key"))
                } else {
                    Ok(())
                }
            })
            .await
    }
}

async fn add(
    db: &Db,
    key: &ApiKey,
    answer: Option<&Answer>,
    by_hand: Option<i64>,
    again: bool,
) -> Outcome<()> {
    if again {
        let find = db
            .prepare_cached("-- keys.added\nSELECT 1 FROM api_key WHERE id = $1")
            .await?;
        if db.query_opt(&find, &[&key_uuid(key.id)]).await?.is_some() {
            return Ok(());
        }
    }
    let add = db
        .prepare_cached(concat!(
            "-- keys.add\nINSERT INTO api_key (",
            key_columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ))
        .await?;
    let name = text(&key.name);
    db.begin().await?;
    let added = async {
        idempotency::keep_new(db, answer, by_hand).await?;
        db.execute(
            &add,
            &[
                &key_uuid(key.id),
                &name,
                &key.digest.as_slice(),
                &serde_json::to_string(&key.scopes)?,
                &serde_json::to_string(&key.accounts)?,
                &millis(key.created_at),
                &optional_millis(key.expires_at),
            ],
        )
        .await
        .map_err(|error| match clash(&error) {
            Some("api_key_name") => Fault::taken(format!("the name {:?}", key.name)),
            Some(_) => Fault::taken("the key"),
            None => error.into(),
        })
    };
    match added.await {
        Ok(_) => Ok(db.commit().await?),
        Err(fault @ Fault::Told(_)) => {
            db.roll_back().await?;
            Err(fault)
        }
        Err(fault) => Err(fault),
    }
}

/// A row of `key_columns`.
fn api_key(row: &Row) -> Outcome<ApiKey> {
    let digest: &[u8] = row.try_get(2)?;
    Ok(ApiKey {
        id: key_id(row.try_get(0)?),
        name: row.try_get(1)?,
        digest: digest
            .try_into()
            .map_err(|_| Fault::corrupt("a key's digest does not have 32 bytes"))?,
        scopes: serde_json::from_str(row.try_get(3)?)?,
        accounts: serde_json::from_str(row.try_get(4)?)?,
        created_at: from_millisecond(row.try_get(5)?),
        expires_at: optional_time(row.try_get(6)?),
    })
}
