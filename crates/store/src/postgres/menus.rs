//! Menus as they were applied, and codes people scan.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::menu::MenuVersion;
use hongyan_domain::port::{MenuStore, Page, StoreError};
use hongyan_domain::qrcode::QrCode;
use hongyan_domain::{AccountId, KeyId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::fault::{Fault, Outcome, refers_to_nothing};
use super::link::Db;
use super::row::{key_id, key_uuid, millis, number, optional_millis, optional_time, text};
use super::tried::Tried;

macro_rules! menu_columns {
    () => {
        "account, version, document, note, applied_by, applied_at"
    };
}

macro_rules! qrcode_columns {
    () => {
        "account, scene, name, ticket, url, expires_at, created_at, scans, follows"
    };
}

#[async_trait]
impl MenuStore for PostgresStore {
    async fn keep_menu(
        &self,
        account: AccountId,
        document: Option<&str>,
        note: Option<&str>,
        applied_by: Option<KeyId>,
        at: Timestamp,
    ) -> Result<MenuVersion, StoreError> {
        let menu = &MenuVersion {
            account,
            version: 0,
            document: document.map(|document| text(document).into_owned()),
            note: note.map(|note| text(note).into_owned()),
            applied_by,
            applied_at: at,
        };
        let tried = &Tried::default();
        let version = self
            .link
            .run(|db, _| async move { keep(&db, menu, tried).await })
            .await?;
        Ok(MenuVersion {
            version,
            ..menu.clone()
        })
    }

    async fn menu_versions(
        &self,
        account: AccountId,
        page: &Page<u32>,
    ) -> Result<Vec<MenuVersion>, StoreError> {
        self.link
            .look(|db| async move {
                let list = db
                    .prepare_cached(concat!(
                        "-- menus.list\nSELECT ",
                        menu_columns!(),
                        " FROM menu_version WHERE account = $1 AND version < $2 \
                         ORDER BY version DESC LIMIT $3"
                    ))
                    .await?;
                let before = page.after.map_or(i64::MAX, i64::from);
                let rows = db
                    .query(&list, &[&account.0, &before, &number(page.limit)])
                    .await?;
                rows.iter().map(menu).collect()
            })
            .await
    }

    async fn menu_version(
        &self,
        account: AccountId,
        version: u32,
    ) -> Result<Option<MenuVersion>, StoreError> {
        self.link
            .look(|db| async move {
                let one = db
                    .prepare_cached(concat!(
                        "-- menus.one\nSELECT ",
                        menu_columns!(),
                        " FROM menu_version WHERE account = $1 AND version = $2"
                    ))
                    .await?;
                let found = db
                    .query_opt(&one, &[&account.0, &i64::from(version)])
                    .await?;
                found.as_ref().map(menu).transpose()
            })
            .await
    }

    async fn keep_qrcode(&self, code: &QrCode) -> Result<QrCode, StoreError> {
        let row = self
            .link
            .run(|db, _| async move {
                let keep = db
                    .prepare_cached(concat!(
                        "-- qrcodes.keep\nINSERT INTO qrcode (",
                        qrcode_columns!(),
                        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                         ON CONFLICT (account, scene) DO UPDATE SET name = excluded.name, \
                            ticket = excluded.ticket, url = excluded.url, \
                            expires_at = excluded.expires_at, created_at = excluded.created_at \
                         RETURNING ",
                        qrcode_columns!()
                    ))
                    .await?;
                db.query_one(
                    &keep,
                    &[
                        &code.account.0,
                        &text(&code.scene),
                        &code.name.as_deref().map(text),
                        &text(&code.ticket),
                        &text(&code.url),
                        &optional_millis(code.expires_at),
                        &millis(code.created_at),
                        &code.scans.cast_signed(),
                        &code.follows.cast_signed(),
                    ],
                )
                .await
                .map_err(|error| {
                    if refers_to_nothing(&error) {
                        Fault::missing("the account")
                    } else {
                        error.into()
                    }
                })
            })
            .await?;
        Ok(qrcode(&row)?)
    }

    async fn qrcodes(
        &self,
        account: AccountId,
        page: &Page<String>,
    ) -> Result<Vec<QrCode>, StoreError> {
        self.link
            .look(|db| async move {
                let list = db
                    .prepare_cached(concat!(
                        "-- qrcodes.list\nSELECT ",
                        qrcode_columns!(),
                        " FROM qrcode WHERE account = $1 AND scene > $2 ORDER BY scene LIMIT $3"
                    ))
                    .await?;
                let after = text(page.after.as_deref().unwrap_or_default());
                let rows = db
                    .query(&list, &[&account.0, &after, &number(page.limit)])
                    .await?;
                rows.iter().map(qrcode).collect()
            })
            .await
    }

    async fn forget_qrcode(&self, account: AccountId, scene: &str) -> Result<bool, StoreError> {
        self.link
            .run(|db, again| async move {
                let forget = db
                    .prepare_cached(
                        "-- qrcodes.forget\nDELETE FROM qrcode WHERE account = $1 AND scene = $2",
                    )
                    .await?;
                let deleted = db.execute(&forget, &[&account.0, &text(scene)]).await?;
                // Where the first try did it there is none any more.
                Ok(deleted > 0 || again)
            })
            .await
    }
}

/// Keeps a menu; its number.
async fn keep(db: &Db, menu: &MenuVersion, tried: &Tried<u32>) -> Outcome<u32> {
    if let Some(version) = tried.earlier(db).await? {
        return Ok(version);
    }
    // Two that come at the same time get different numbers.
    let hold = db
        .prepare_cached("-- menus.hold\nSELECT 1 FROM account WHERE id = $1 FOR NO KEY UPDATE")
        .await?;
    let account = menu.account.0;
    let ((), held) =
        tokio::try_join!(db.begin(), async { db.query_opt(&hold, &[&account]).await })?;
    if held.is_none() {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    let keep = db
        .prepare_cached(
            "-- menus.keep\n\
             INSERT INTO menu_version (account, version, document, note, applied_by, applied_at) \
             SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5 \
             FROM menu_version WHERE account = $1 RETURNING version",
        )
        .await?;
    let row = db
        .query_one(
            &keep,
            &[
                &account,
                &menu.document,
                &menu.note,
                &menu.applied_by.map(key_uuid),
                &millis(menu.applied_at),
            ],
        )
        .await?;
    let version = version(row.try_get(0)?);
    tried.note(db, &version).await?;
    db.commit().await?;
    Ok(version)
}

fn version(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}

/// A row of `menu_columns`.
fn menu(row: &Row) -> Outcome<MenuVersion> {
    Ok(MenuVersion {
        account: AccountId(row.try_get(0)?),
        version: version(row.try_get(1)?),
        document: row.try_get(2)?,
        note: row.try_get(3)?,
        applied_by: row.try_get::<_, Option<Uuid>>(4)?.map(key_id),
        applied_at: from_millisecond(row.try_get(5)?),
    })
}

/// A row of `qrcode_columns`.
fn qrcode(row: &Row) -> Outcome<QrCode> {
    let count = |column: usize| -> Outcome<u64> {
        let stored: i64 = row.try_get(column)?;
        Ok(stored.cast_unsigned())
    };
    Ok(QrCode {
        account: AccountId(row.try_get(0)?),
        scene: row.try_get(1)?,
        name: row.try_get(2)?,
        ticket: row.try_get(3)?,
        url: row.try_get(4)?,
        expires_at: optional_time(row.try_get(5)?),
        created_at: from_millisecond(row.try_get(6)?),
        scans: count(7)?,
        follows: count(8)?,
    })
}

/// Scans of codes: by account and scene, how many and how many of them followed.
#[derive(Default)]
pub(super) struct Scans(BTreeMap<(i64, String), (i64, i64)>);

impl Scans {
    pub(super) fn add(&mut self, account: i64, scene: &str, followed: bool) {
        let key = (account, text(scene).into_owned());
        let (scans, follows) = self.0.entry(key).or_default();
        *scans += 1;
        *follows += i64::from(followed);
    }

    /// Counts them where the code is kept, in a transaction.
    pub(super) async fn write(&self, db: &Db) -> Outcome<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let accounts: Vec<i64> = self.0.keys().map(|key| key.0).collect();
        let scenes: Vec<&str> = self.0.keys().map(|key| key.1.as_str()).collect();
        let (scans, follows): (Vec<i64>, Vec<i64>) = self.0.values().copied().unzip();
        let count = db
            .prepare_cached(
                "-- qrcodes.scanned\n\
                 WITH s AS MATERIALIZED (\
                    SELECT q.account, q.scene, n.scans, n.follows \
                    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) \
                        WITH ORDINALITY n(account, scene, scans, follows, place) \
                    JOIN qrcode q ON q.account = n.account AND q.scene = n.scene \
                    ORDER BY n.place FOR UPDATE OF q) \
                 UPDATE qrcode q SET scans = q.scans + s.scans, follows = q.follows + s.follows \
                 FROM s WHERE q.account = s.account AND q.scene = s.scene",
            )
            .await?;
        db.execute(&count, &[&accounts, &scenes, &scans, &follows])
            .await?;
        Ok(())
    }
}
