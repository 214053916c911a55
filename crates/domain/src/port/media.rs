use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{Page, StoreError};
use crate::ids::{AccountId, MediaId};
use crate::media::Media;

/// The files shown in messages.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Keeps a file. Where the account has the same bytes of the same type already,
    /// that one is returned and nothing is kept. `Missing`.
    async fn add_media(&self, media: &Media, bytes: &Bytes) -> Result<Media, StoreError>;

    /// One file, without its bytes.
    async fn media(&self, account: AccountId, id: MediaId) -> Result<Option<Media>, StoreError>;

    /// A file's bytes.
    async fn media_bytes(
        &self,
        account: AccountId,
        id: MediaId,
    ) -> Result<Option<Bytes>, StoreError>;

    /// An account's files, the newest first.
    async fn medias(
        &self,
        account: AccountId,
        page: &Page<MediaId>,
    ) -> Result<Vec<Media>, StoreError>;

    /// Notes what WeChat calls a file and since when, or that WeChat has it no more.
    async fn note_at_wechat(
        &self,
        account: AccountId,
        id: MediaId,
        at_wechat: Option<(&str, Timestamp)>,
    ) -> Result<(), StoreError>;

    /// Removes a file. Whether there was one.
    async fn remove_media(&self, account: AccountId, id: MediaId) -> Result<bool, StoreError>;
}
