//! The API keys.

use async_trait::async_trait;
use hongyan_domain::KeyId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::key::ApiKey;
use hongyan_domain::port::{Idempotency, KeyStore, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{Fault, Outcome};
use super::row::{millis, optional_millis};
use super::{SqliteStore, idempotency};

#[async_trait]
impl KeyStore for SqliteStore {
    async fn add_key(
        &self,
        key: &ApiKey,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError> {
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        let (key, now) = (key.clone(), millis(self.clock.now()));
        self.write(1, move |db| {
            idempotency::keep_new(db, answer.as_ref(), now)?;
            add(db, &key)
        })
        .await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.read(|db| {
            let mut all = db.prepare_cached(
                "-- keys.all\n\
                 SELECT id, name, digest, scopes, accounts, created_at, expires_at FROM api_key \
                 ORDER BY created_at, id",
            )?;
            let mut rows = all.query([])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(api_key(row)?);
            }
            Ok(keys)
        })
        .await
    }

    async fn key_by_digest(&self, digest: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let digest = *digest;
        self.read(move |db| {
            let mut one = db.prepare_cached(
                "-- keys.by_digest\n\
                 SELECT id, name, digest, scopes, accounts, created_at, expires_at FROM api_key \
                 WHERE digest = ?1",
            )?;
            let mut rows = one.query([digest])?;
            rows.next()?.map(api_key).transpose()
        })
        .await
    }

    async fn remove_key(&self, id: KeyId) -> Result<(), StoreError> {
        self.write(1, move |db| {
            let removed = db
                .prepare_cached("-- keys.remove\nDELETE FROM api_key WHERE id = ?1")?
                .execute([id.as_bytes()])?;
            if removed == 0 {
                Err(Fault::missing("the key"))
            } else {
                Ok(())
            }
        })
        .await
    }
}

fn add(db: &Connection, key: &ApiKey) -> Outcome<()> {
    let taken = db
        .prepare_cached("-- keys.clash\nSELECT 1 FROM api_key WHERE name = ?1")?
        .query_one([&key.name], |_| Ok(()))
        .optional()?;
    if taken.is_some() {
        return Err(Fault::taken(format!("the name {:?}", key.name)));
    }
    db.prepare_cached(
        "-- keys.add\n\
         INSERT INTO api_key (id, name, digest, scopes, accounts, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        key.id.as_bytes(),
        key.name,
        key.digest,
        serde_json::to_string(&key.scopes)?,
        serde_json::to_string(&key.accounts)?,
        millis(key.created_at),
        optional_millis(key.expires_at)
    ])?;
    Ok(())
}

/// A row: id, name, digest, scopes, accounts, created_at, expires_at.
fn api_key(row: &Row<'_>) -> Outcome<ApiKey> {
    Ok(ApiKey {
        id: KeyId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        digest: row.get(2)?,
        scopes: serde_json::from_str(&row.get::<_, String>(3)?)?,
        accounts: serde_json::from_str(&row.get::<_, String>(4)?)?,
        created_at: from_millisecond(row.get(5)?),
        expires_at: row.get::<_, Option<i64>>(6)?.map(from_millisecond),
    })
}
