//! `/cgi-bin/material/*`: the library of permanent media (pages "新增永久素材",
//! "获取永久素材", "获取永久素材列表"). Articles are not kept here.

use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::render;
use super::media::{check, download, file, form, keep, url};
use super::{Call, Download, field};
use crate::event::Event;
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::Account;
use crate::state::media::{MediaKind, Medium};

/// Pictures in the library, and media of each other kind.
const IMAGES: usize = 100_000;
const OTHERS: usize = 1000;
/// Longest page.
const PAGE: usize = 20;

#[derive(Deserialize, Default)]
struct Description {
    #[serde(default)]
    title: String,
    #[serde(default)]
    introduction: String,
}

/// A video needs a field `description`; a picture gets an address.
pub(super) fn add(call: &Call<'_>, account: &Account) -> Outcome {
    let kind = MediaKind::named(&field(call, "type")).ok_or(refusal::INVALID_MEDIA_TYPE)?;
    let form = form(call)?;
    let file = file(&form)?;
    let file_type = check(kind, file.bytes, true)?;
    let about = match kind {
        MediaKind::Video => {
            let field = form.iter().find(|part| part.name == "description");
            let about = field.ok_or(refusal::INVALID_ARGS)?;
            serde_json::from_slice(about.bytes).map_err(|_| refusal::DATA_FORMAT)?
        }
        MediaKind::Image | MediaKind::Voice | MediaKind::Thumb => Description::default(),
    };
    let limit = match kind {
        MediaKind::Image => IMAGES,
        MediaKind::Voice | MediaKind::Video | MediaKind::Thumb => OTHERS,
    };
    if count(account, kind) >= limit {
        return Err(refusal::LIBRARY_FULL);
    }
    let Description {
        title,
        introduction,
    } = about;
    let medium = keep(
        call,
        account,
        kind,
        file_type,
        file,
        true,
        &title,
        &introduction,
    )?;
    let mut answer = json!({ "media_id": medium.media_id });
    if matches!(kind, MediaKind::Image | MediaKind::Thumb) {
        answer["url"] = url(call, &medium.media_id).into();
    }
    render(&answer)
}

#[derive(Deserialize)]
struct IdBody {
    #[serde(default)]
    media_id: String,
}

/// The file; of a video its words and where it can be fetched.
pub(super) fn get(call: &Call<'_>, account: &Account) -> Result<Download, Refusal> {
    let medium = find(call, account)?;
    if medium.kind == MediaKind::Video {
        return Ok(Download::json(&json!({
            "title": medium.title,
            "description": medium.introduction,
            "down_url": url(call, &medium.media_id),
        })));
    }
    download(call, &medium)
}

/// What a menu shows cannot be deleted.
pub(super) fn delete(call: &Call<'_>, account: &Account) -> Outcome {
    let medium = find(call, account)?;
    let mut book = account.book.lock();
    if book.menus.shows(&medium.media_id) {
        return Err(refusal::MATERIAL_IN_USE);
    }
    let event = Event::MediaGone {
        appid: account.appid.to_string(),
        media_id: medium.media_id.clone(),
    };
    call.world.commit_in(account, &mut book, &event)?;
    drop(book);
    call.world.blobs.drop_all(&[medium.media_id]);
    ok()
}

fn find(call: &Call<'_>, account: &Account) -> Result<Medium, Refusal> {
    let body: IdBody = call.json(Some(account))?;
    let book = account.book.lock();
    let medium = book.media.get(&body.media_id, call.now);
    medium
        .filter(|medium| medium.permanent)
        .cloned()
        .ok_or(refusal::INVALID_MEDIA)
}

/// Covers are counted as pictures by nobody: the page lists four numbers.
pub(super) fn counts(_: &Call<'_>, account: &Account) -> Outcome {
    render(&json!({
        "voice_count": count(account, MediaKind::Voice),
        "video_count": count(account, MediaKind::Video),
        "image_count": count(account, MediaKind::Image),
        "news_count": 0,
    }))
}

fn count(account: &Account, kind: MediaKind) -> usize {
    let book = account.book.lock();
    book.media
        .library()
        .filter(|medium| medium.kind == kind)
        .count()
}

#[derive(Deserialize)]
struct ListBody {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    count: usize,
}

/// Newest first.
pub(super) fn list(call: &Call<'_>, account: &Account) -> Outcome {
    let body: ListBody = call.json(Some(account))?;
    if !(1..=PAGE).contains(&body.count) {
        return Err(refusal::INVALID_ARGS);
    }
    let kind = match body.kind.as_str() {
        "news" => None,
        "image" | "voice" | "video" => MediaKind::named(&body.kind),
        _ => return Err(refusal::INVALID_MEDIA_TYPE),
    };
    let book = account.book.lock();
    let found = book.media.library().rev();
    let found: Vec<&Medium> = found.filter(|one| Some(one.kind) == kind).collect();
    let items: Vec<Value> = found
        .iter()
        .skip(body.offset)
        .take(body.count)
        .map(|medium| {
            let mut item = json!({
                "media_id": medium.media_id,
                "name": medium.name,
                "update_time": medium.at.div_euclid(1000),
            });
            if medium.kind == MediaKind::Image {
                item["url"] = url(call, &medium.media_id).into();
            }
            item
        })
        .collect();
    render(&json!({
        "item": items,
        "total_count": found.len(),
        "item_count": items.len(),
    }))
}
