//! Menus as they were applied, and codes people scan.

use async_trait::async_trait;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::menu::MenuVersion;
use hongyan_domain::port::{MenuStore, Page, StoreError};
use hongyan_domain::qrcode::QrCode;
use hongyan_domain::{AccountId, KeyId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::credentials::refuse_missing;
use super::fault::Outcome;
use super::row::{count, millis, number, optional_millis, optional_time};

#[async_trait]
impl MenuStore for SqliteStore {
    async fn keep_menu(
        &self,
        account: AccountId,
        document: Option<&str>,
        note: Option<&str>,
        applied_by: Option<KeyId>,
        at: Timestamp,
    ) -> Result<MenuVersion, StoreError> {
        let (document, note) = (document.map(str::to_owned), note.map(str::to_owned));
        self.write(1, move |db| {
            refuse_missing(db, account)?;
            let version = db
                .prepare_cached(
                    "-- menus.keep\n\
                     INSERT INTO menu_version (account, version, document, note, applied_by, \
                        applied_at) \
                     SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5 \
                     FROM menu_version WHERE account = ?1 RETURNING version",
                )?
                .query_one(
                    params![
                        account.0,
                        document,
                        note,
                        applied_by.as_ref().map(KeyId::as_bytes),
                        millis(at)
                    ],
                    |row| row.get(0),
                )?;
            Ok(MenuVersion {
                account,
                version,
                document: document.clone(),
                note: note.clone(),
                applied_by,
                applied_at: at,
            })
        })
        .await
    }

    async fn menu_versions(
        &self,
        account: AccountId,
        page: &Page<u32>,
    ) -> Result<Vec<MenuVersion>, StoreError> {
        let page = *page;
        self.read(move |db| {
            let mut all = db.prepare_cached(
                "-- menus.all\n\
                 SELECT version, document, note, applied_by, applied_at FROM menu_version \
                 WHERE account = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3",
            )?;
            let before = page.after.map_or(i64::MAX, i64::from);
            let versions = all
                .query_map(params![account.0, before, number(page.limit)], |row| {
                    version(account, row)
                })?
                .collect::<Result<_, _>>()?;
            Ok(versions)
        })
        .await
    }

    async fn menu_version(
        &self,
        account: AccountId,
        version: u32,
    ) -> Result<Option<MenuVersion>, StoreError> {
        self.read(move |db| {
            Ok(db
                .prepare_cached(
                    "-- menus.one\n\
                     SELECT version, document, note, applied_by, applied_at FROM menu_version \
                     WHERE account = ?1 AND version = ?2",
                )?
                .query_one(params![account.0, version], |row| {
                    self::version(account, row)
                })
                .optional()?)
        })
        .await
    }

    async fn keep_qrcode(&self, code: &QrCode) -> Result<QrCode, StoreError> {
        let code = code.clone();
        self.write(1, move |db| {
            refuse_missing(db, code.account)?;
            Ok(db
                .prepare_cached(
                    "-- menus.keep_code\n\
                     INSERT INTO qrcode (account, scene, name, ticket, url, expires_at, \
                        created_at, scans, follows) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0) \
                     ON CONFLICT (account, scene) DO UPDATE SET name = excluded.name, \
                        ticket = excluded.ticket, url = excluded.url, \
                        expires_at = excluded.expires_at, created_at = excluded.created_at \
                     RETURNING scene, name, ticket, url, expires_at, created_at, scans, follows",
                )?
                .query_one(
                    params![
                        code.account.0,
                        code.scene,
                        code.name,
                        code.ticket,
                        code.url,
                        optional_millis(code.expires_at),
                        millis(code.created_at)
                    ],
                    |row| qrcode(code.account, row),
                )?)
        })
        .await
    }

    async fn qrcodes(
        &self,
        account: AccountId,
        page: &Page<String>,
    ) -> Result<Vec<QrCode>, StoreError> {
        let page = page.clone();
        self.read(move |db| {
            let mut all = db.prepare_cached(
                "-- menus.codes\n\
                 SELECT scene, name, ticket, url, expires_at, created_at, scans, follows \
                 FROM qrcode WHERE account = ?1 AND scene > ?2 ORDER BY scene LIMIT ?3",
            )?;
            let after = page.after.as_deref().unwrap_or_default();
            let codes = all
                .query_map(params![account.0, after, number(page.limit)], |row| {
                    qrcode(account, row)
                })?
                .collect::<Result<_, _>>()?;
            Ok(codes)
        })
        .await
    }

    async fn forget_qrcode(&self, account: AccountId, scene: &str) -> Result<bool, StoreError> {
        let scene = scene.to_owned();
        self.write(1, move |db| {
            let gone = db
                .prepare_cached(
                    "-- menus.forget_code\nDELETE FROM qrcode WHERE account = ?1 AND scene = ?2",
                )?
                .execute(params![account.0, scene])?;
            Ok(gone > 0)
        })
        .await
    }
}

/// Counts that somebody scanned a code, if it is one that is kept.
pub(super) fn scanned(
    db: &Connection,
    account: AccountId,
    scene: &str,
    followed: bool,
) -> Outcome<()> {
    db.prepare_cached(
        "-- menus.scanned\n\
         UPDATE qrcode SET scans = scans + 1, follows = follows + ?3 \
         WHERE account = ?1 AND scene = ?2",
    )?
    .execute(params![account.0, scene, followed])?;
    Ok(())
}

/// A row: version, document, note, applied_by, applied_at.
fn version(account: AccountId, row: &Row<'_>) -> rusqlite::Result<MenuVersion> {
    Ok(MenuVersion {
        account,
        version: row.get(0)?,
        document: row.get(1)?,
        note: row.get(2)?,
        applied_by: row.get::<_, Option<[u8; 16]>>(3)?.map(KeyId::from_bytes),
        applied_at: from_millisecond(row.get(4)?),
    })
}

/// A row: scene, name, ticket, url, expires_at, created_at, scans, follows.
fn qrcode(account: AccountId, row: &Row<'_>) -> rusqlite::Result<QrCode> {
    Ok(QrCode {
        account,
        scene: row.get(0)?,
        name: row.get(1)?,
        ticket: row.get(2)?,
        url: row.get(3)?,
        expires_at: optional_time(row.get(4)?),
        created_at: from_millisecond(row.get(5)?),
        scans: count(row, 6)?,
        follows: count(row, 7)?,
    })
}
