//! API keys: made, looked up, remembered for a moment.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hongyan_domain::clock::after;
use hongyan_domain::key::{ApiKey, Scope};
use hongyan_domain::port::{Idempotency, StoreError};
use hongyan_domain::{KeyId, clock::Clock};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::Engine;
use crate::chance::{Chance, secret_bytes};

/// How long a key that was found is believed without asking storage again.
/// Another process (the command line) may remove one meanwhile.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// A key's text: shown once, when it is made.
pub struct KeyText(SecretString);

impl KeyText {
    /// The text to hand to the caller.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Makes a key: `hy_` and 43 letters that carry 256 random bits. Storage is
/// given the digest alone; a plain SHA-256 does, because there is nothing to
/// guess.
#[must_use]
pub fn make_key(
    clock: &dyn Clock,
    chance: &Chance,
    name: String,
    scopes: Vec<Scope>,
    accounts: Vec<String>,
    expires_at: Option<Timestamp>,
) -> (ApiKey, KeyText) {
    let text = format!("hy_{}", URL_SAFE_NO_PAD.encode(secret_bytes()));
    let now = clock.now();
    let key = ApiKey {
        id: KeyId::new(now, chance.ten_bytes()),
        name,
        digest: digest(&text),
        scopes,
        accounts,
        created_at: now,
        expires_at,
    };
    (key, KeyText(SecretString::from(text)))
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Keys seen lately.
#[derive(Debug, Default)]
pub(crate) struct KeyCache(RwLock<HashMap<[u8; 32], Believed>>);

/// A key that was found, and until when it is believed.
type Believed = (Arc<ApiKey>, Timestamp);

impl KeyCache {
    fn get(&self, digest: &[u8; 32], now: Timestamp) -> Option<Arc<ApiKey>> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.get(digest)
            .filter(|(_, until)| *until > now)
            .map(|(key, _)| Arc::clone(key))
    }

    fn put(&self, key: Arc<ApiKey>, now: Timestamp) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Only keys that exist are remembered, so the map is as small as they
        // are few.
        map.retain(|_, (_, until)| *until > now);
        map.insert(key.digest, (key, after(now, BELIEVED_FOR)));
    }

    fn forget(&self, id: KeyId) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, (key, _)| key.id != id);
    }
}

impl Engine {
    /// Makes a key; nothing is stored yet (see [`Engine::add_key`]).
    #[must_use]
    pub fn new_key(
        &self,
        name: String,
        scopes: Vec<Scope>,
        accounts: Vec<String>,
        expires_at: Option<Timestamp>,
    ) -> (ApiKey, KeyText) {
        make_key(
            &*self.clock,
            &self.chance,
            name,
            scopes,
            accounts,
            expires_at,
        )
    }

    /// Stores a key.
    ///
    /// # Errors
    /// `Taken` when its name is in use; storage's errors.
    pub async fn add_key(
        &self,
        key: &ApiKey,
        idempotency: Option<Idempotency>,
    ) -> Result<(), StoreError> {
        self.store.add_key(key, idempotency.as_ref()).await
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.store.keys().await
    }

    /// Removes a key; it stops working at once.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn remove_key(&self, id: KeyId) -> Result<(), StoreError> {
        self.store.remove_key(id).await?;
        self.key_cache.forget(id);
        Ok(())
    }

    /// The key of this text, if there is one and it has not ended.
    ///
    /// # Errors
    /// Storage's.
    pub async fn authenticate(&self, text: &str) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let digest = digest(text);
        let now = self.clock.now();
        let key = match self.key_cache.get(&digest, now) {
            Some(key) => Some(key),
            None => {
                let found = self.store.key_by_digest(&digest).await?.map(Arc::new);
                if let Some(key) = &found {
                    self.key_cache.put(Arc::clone(key), now);
                }
                found
            }
        };
        Ok(key.filter(|key| !key.has_expired(now)))
    }
}
