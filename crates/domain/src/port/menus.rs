use async_trait::async_trait;
use jiff::Timestamp;

use super::{Page, StoreError};
use crate::ids::{AccountId, KeyId};
use crate::menu::MenuVersion;
use crate::qrcode::QrCode;

/// Menus as they were applied, and codes people scan.
#[async_trait]
pub trait MenuStore: Send + Sync {
    /// Keeps a menu under the account's next number. `Missing`.
    async fn keep_menu(
        &self,
        account: AccountId,
        document: Option<&str>,
        note: Option<&str>,
        applied_by: Option<KeyId>,
        at: Timestamp,
    ) -> Result<MenuVersion, StoreError>;

    /// The menus an account had, the newest first.
    async fn menu_versions(
        &self,
        account: AccountId,
        page: &Page<u32>,
    ) -> Result<Vec<MenuVersion>, StoreError>;

    /// One of them.
    async fn menu_version(
        &self,
        account: AccountId,
        version: u32,
    ) -> Result<Option<MenuVersion>, StoreError>;

    /// Keeps a code; one of the same scene is replaced, its counts stay. `Missing`.
    async fn keep_qrcode(&self, code: &QrCode) -> Result<QrCode, StoreError>;

    /// An account's codes, by scene.
    async fn qrcodes(
        &self,
        account: AccountId,
        page: &Page<String>,
    ) -> Result<Vec<QrCode>, StoreError>;

    /// Forgets a code; people can go on scanning it. Whether there was one.
    async fn forget_qrcode(&self, account: AccountId, scene: &str) -> Result<bool, StoreError>;
}
