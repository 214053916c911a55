//! The files shown in messages.

use async_trait::async_trait;
use bytes::Bytes;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::media::Media;
use hongyan_domain::port::{MediaStore, Page, StoreError};
use hongyan_domain::{AccountId, MediaId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::SqliteStore;
use super::credentials::refuse_missing;
use super::fault::Outcome;
use super::row::{count, large, millis, number};
use crate::codes;

/// The columns [`read`] expects, in a query over `media m`.
macro_rules! media_columns {
    () => {
        "m.id, m.account, m.kind, m.file_name, m.content_type, m.size, m.digest, \
         m.created_at, m.wechat_id, m.handed_at"
    };
}
/// Files of an account that is gone are not there any more.
macro_rules! find_media {
    ($name:literal, $condition:literal) => {
        concat!(
            "-- media.",
            $name,
            "\nSELECT ",
            media_columns!(),
            " FROM media m JOIN account a ON a.id = m.account WHERE m.account = ?1 AND ",
            $condition
        )
    };
}

#[async_trait]
impl MediaStore for SqliteStore {
    async fn add_media(&self, media: &Media, bytes: &Bytes) -> Result<Media, StoreError> {
        let (media, bytes) = (media.clone(), bytes.clone());
        self.write(1, move |db| add(db, &media, &bytes)).await
    }

    async fn media(&self, account: AccountId, id: MediaId) -> Result<Option<Media>, StoreError> {
        self.read(move |db| {
            let found = collect(
                db,
                find_media!("one", "m.id = ?2"),
                params![account.0, id.as_bytes()],
            )?;
            Ok(found.into_iter().next())
        })
        .await
    }

    async fn media_bytes(
        &self,
        account: AccountId,
        id: MediaId,
    ) -> Result<Option<Bytes>, StoreError> {
        self.read(move |db| {
            let bytes: Option<Vec<u8>> = db
                .prepare_cached(
                    "-- media.bytes\n\
                     SELECT b.bytes FROM media m JOIN account a ON a.id = m.account \
                     JOIN media_bytes b ON b.seq = m.seq WHERE m.account = ?1 AND m.id = ?2",
                )?
                .query_one(params![account.0, id.as_bytes()], |row| row.get(0))
                .optional()?;
            Ok(bytes.map(Bytes::from))
        })
        .await
    }

    async fn medias(
        &self,
        account: AccountId,
        page: &Page<MediaId>,
    ) -> Result<Vec<Media>, StoreError> {
        /// An id no file has.
        const LAST: [u8; 16] = [0xff; 16];
        let page = *page;
        self.read(move |db| {
            let after = page.after.map_or(LAST, |id| *id.as_bytes());
            collect(
                db,
                find_media!("all", "m.id < ?2 ORDER BY m.id DESC LIMIT ?3"),
                params![account.0, after, number(page.limit)],
            )
        })
        .await
    }

    async fn note_at_wechat(
        &self,
        account: AccountId,
        id: MediaId,
        at_wechat: Option<(&str, Timestamp)>,
    ) -> Result<(), StoreError> {
        let at_wechat = at_wechat.map(|(name, at)| (name.to_owned(), millis(at)));
        self.write(1, move |db| {
            let (name, at) = at_wechat.clone().unzip();
            db.prepare_cached(
                "-- media.at_wechat\n\
                 UPDATE media SET wechat_id = ?3, handed_at = ?4 WHERE account = ?1 AND id = ?2",
            )?
            .execute(params![account.0, id.as_bytes(), name, at])?;
            Ok(())
        })
        .await
    }

    async fn remove_media(&self, account: AccountId, id: MediaId) -> Result<bool, StoreError> {
        self.write(1, move |db| {
            let gone = db
                .prepare_cached(
                    "-- media.remove\nDELETE FROM media WHERE account = ?1 AND id = ?2",
                )?
                .execute(params![account.0, id.as_bytes()])?;
            Ok(gone > 0)
        })
        .await
    }
}

fn add(db: &Connection, media: &Media, bytes: &[u8]) -> Outcome<Media> {
    refuse_missing(db, media.account)?;
    let same = collect(
        db,
        find_media!("same", "m.kind = ?2 AND m.digest = ?3"),
        params![media.account.0, media.kind.code(), media.digest],
    )?;
    if let Some(same) = same.into_iter().next() {
        return Ok(same);
    }
    let at_wechat = media.at_wechat.as_ref();
    db.prepare_cached(
        "-- media.add\n\
         INSERT INTO media (id, account, kind, digest, file_name, content_type, size, created_at, \
            wechat_id, handed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        media.id.as_bytes(),
        media.account.0,
        media.kind.code(),
        media.digest,
        media.file_name,
        media.content_type,
        large(media.size),
        millis(media.created_at),
        at_wechat.map(|(name, _)| name),
        at_wechat.map(|(_, at)| millis(*at)),
    ])?;
    db.prepare_cached("-- media.add_bytes\nINSERT INTO media_bytes (seq, bytes) VALUES (?1, ?2)")?
        .execute(params![db.last_insert_rowid(), bytes])?;
    Ok(media.clone())
}

fn collect(db: &Connection, sql: &str, parameters: impl Params) -> Outcome<Vec<Media>> {
    let mut found = db.prepare_cached(sql)?;
    let mut rows = found.query(parameters)?;
    let mut media = Vec::new();
    while let Some(row) = rows.next()? {
        media.push(read(row)?);
    }
    Ok(media)
}

fn read(row: &Row<'_>) -> Outcome<Media> {
    let name: Option<String> = row.get(8)?;
    let at: Option<i64> = row.get(9)?;
    Ok(Media {
        id: MediaId::from_bytes(row.get(0)?),
        account: AccountId(row.get(1)?),
        kind: codes::media_kind(row.get::<_, i64>(2)?)?,
        file_name: row.get(3)?,
        content_type: row.get(4)?,
        size: count(row, 5)?,
        digest: row.get(6)?,
        created_at: from_millisecond(row.get(7)?),
        at_wechat: name.zip(at.map(from_millisecond)),
    })
}
