//! The files shown in messages.

use async_trait::async_trait;
use bytes::Bytes;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::media::Media;
use hongyan_domain::port::{MediaStore, Page, StoreError};
use hongyan_domain::{AccountId, MediaId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::link::Db;
use super::row::{millis, number, text};
use super::{PostgresStore, intake};
use crate::codes;

macro_rules! media_columns {
    () => {
        "id, account, kind, file_name, content_type, size, digest, created_at, wechat_id, wechat_at"
    };
}

fn uuid(id: MediaId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

#[async_trait]
impl MediaStore for PostgresStore {
    async fn add_media(&self, media: &Media, bytes: &Bytes) -> Result<Media, StoreError> {
        self.link
            .run(|db, _| async move { add(&db, media, bytes).await })
            .await
    }

    async fn media(&self, account: AccountId, id: MediaId) -> Result<Option<Media>, StoreError> {
        self.link
            .look(|db| async move {
                let one = db
                    .prepare_cached(concat!(
                        "-- media.one\nSELECT ",
                        media_columns!(),
                        " FROM media WHERE id = $1 AND account = $2"
                    ))
                    .await?;
                let found = db.query_opt(&one, &[&uuid(id), &account.0]).await?;
                found.as_ref().map(read).transpose()
            })
            .await
    }

    async fn media_bytes(
        &self,
        account: AccountId,
        id: MediaId,
    ) -> Result<Option<Bytes>, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached(
                        "-- media.bytes\n\
                         SELECT b.bytes FROM media m JOIN media_bytes b ON b.id = m.id \
                         WHERE m.id = $1 AND m.account = $2",
                    )
                    .await?;
                let found = db.query_opt(&find, &[&uuid(id), &account.0]).await?;
                Ok(found
                    .map(|row| row.try_get::<_, Vec<u8>>(0))
                    .transpose()?
                    .map(Bytes::from))
            })
            .await
    }

    async fn medias(
        &self,
        account: AccountId,
        page: &Page<MediaId>,
    ) -> Result<Vec<Media>, StoreError> {
        self.link
            .look(|db| async move {
                let list = db
                    .prepare_cached(concat!(
                        "-- media.list\nSELECT ",
                        media_columns!(),
                        " FROM media WHERE account = $1 AND ($2::uuid IS NULL OR id < $2) \
                         ORDER BY id DESC LIMIT $3"
                    ))
                    .await?;
                let before = page.after.map(uuid);
                let rows = db
                    .query(&list, &[&account.0, &before, &number(page.limit)])
                    .await?;
                rows.iter().map(read).collect()
            })
            .await
    }

    async fn note_at_wechat(
        &self,
        account: AccountId,
        id: MediaId,
        at_wechat: Option<(&str, Timestamp)>,
    ) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move {
                let note = db
                    .prepare_cached(
                        "-- media.at_wechat\n\
                         UPDATE media SET wechat_id = $3, wechat_at = $4 \
                         WHERE id = $1 AND account = $2",
                    )
                    .await?;
                let name = at_wechat.map(|(name, _)| text(name));
                let at = at_wechat.map(|(_, at)| millis(at));
                db.execute(&note, &[&uuid(id), &account.0, &name, &at])
                    .await?;
                Ok(())
            })
            .await
    }

    async fn remove_media(&self, account: AccountId, id: MediaId) -> Result<bool, StoreError> {
        self.link
            .run(|db, again| async move {
                // Its bytes go with it.
                let remove = db
                    .prepare_cached(
                        "-- media.remove\nDELETE FROM media WHERE id = $1 AND account = $2",
                    )
                    .await?;
                let removed = db.execute(&remove, &[&uuid(id), &account.0]).await?;
                // Where the first try did it there is none any more.
                Ok(removed > 0 || again)
            })
            .await
    }
}

/// Keeps a file, unless the same is there; a second try finds what the first kept.
async fn add(db: &Db, media: &Media, bytes: &Bytes) -> Outcome<Media> {
    if intake::begin(db, &[media.account.0]).await?.is_empty() {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    let insert = db
        .prepare_cached(concat!(
            "-- media.insert\nINSERT INTO media (",
            media_columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (account, kind, digest) DO NOTHING"
        ))
        .await?;
    let (kind, digest) = (i16::from(media.kind.code()), media.digest.as_slice());
    let (name, at) = match &media.at_wechat {
        Some((name, at)) => (Some(text(name)), Some(millis(*at))),
        None => (None, None),
    };
    let inserted = db
        .execute(
            &insert,
            &[
                &uuid(media.id),
                &media.account.0,
                &kind,
                &text(&media.file_name),
                &text(&media.content_type),
                &media.size.cast_signed(),
                &digest,
                &millis(media.created_at),
                &name,
                &at,
            ],
        )
        .await?;
    if inserted > 0 {
        let keep = db
            .prepare_cached("-- media.keep\nINSERT INTO media_bytes (id, bytes) VALUES ($1, $2)")
            .await?;
        db.execute(&keep, &[&uuid(media.id), &&bytes[..]]).await?;
    }
    let find = db
        .prepare_cached(concat!(
            "-- media.same\nSELECT ",
            media_columns!(),
            " FROM media WHERE account = $1 AND kind = $2 AND digest = $3"
        ))
        .await?;
    let found = db
        .query_opt(&find, &[&media.account.0, &kind, &digest])
        .await?;
    db.commit().await?;
    match found {
        Some(row) => read(&row),
        None => Err(Fault::unavailable(
            "the same file was removed at that moment",
        )),
    }
}

/// A row of `media_columns`.
fn read(row: &Row) -> Outcome<Media> {
    let id: Uuid = row.try_get(0)?;
    let kind: i16 = row.try_get(2)?;
    let size: i64 = row.try_get(5)?;
    let digest: &[u8] = row.try_get(6)?;
    let name: Option<String> = row.try_get(8)?;
    let at: Option<i64> = row.try_get(9)?;
    Ok(Media {
        id: MediaId::from_bytes(id.into_bytes()),
        account: AccountId(row.try_get(1)?),
        kind: codes::media_kind(kind)?,
        file_name: row.try_get(3)?,
        content_type: row.try_get(4)?,
        size: size.cast_unsigned(),
        digest: digest
            .try_into()
            .map_err(|_| Fault::corrupt("the digest of a file does not have 32 bytes"))?,
        created_at: from_millisecond(row.try_get(7)?),
        at_wechat: name.zip(at.map(from_millisecond)),
    })
}
