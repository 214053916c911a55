use async_trait::async_trait;

use super::{Idempotency, StoreError};
use crate::ids::KeyId;
use crate::key::ApiKey;

/// The API keys. There are few.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Adds a key. `Taken` when its name is in use.
    async fn add_key(
        &self,
        key: &ApiKey,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError>;

    /// All keys, oldest first.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// The key whose text has this SHA-256 digest.
    async fn key_by_digest(&self, digest: &[u8; 32]) -> Result<Option<ApiKey>, StoreError>;

    /// Removes a key; it stops working at once. `Missing`.
    async fn remove_key(&self, id: KeyId) -> Result<(), StoreError>;
}
