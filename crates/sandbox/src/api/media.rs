//! `/cgi-bin/media/*`: uploads that are kept for three days (pages
//! "新增临时素材", "获取临时素材", "上传图文消息内的图片获取URL").

use serde_json::json;

use super::admin::render;
use super::multipart::{Part, parts};
use super::{Call, Download, field};
use crate::event::Event;
use crate::model::AccountKind;
use crate::refusal::{self, Outcome, Refusal};
use crate::state::account::Account;
use crate::state::media::{FileType, MediaKind, Medium};

const MIB: usize = 1024 * 1024;
/// Longest picture inside an article.
const ARTICLE_IMAGE: usize = MIB;
/// Longest voice message, in frames of 20 ms.
const VOICE_FRAMES: usize = 60 * 50;

/// Mini programs upload pictures alone.
pub(super) fn upload(call: &Call<'_>, account: &Account) -> Outcome {
    let kind = MediaKind::named(&field(call, "type")).ok_or(refusal::INVALID_MEDIA_TYPE)?;
    if account.kind == AccountKind::MiniProgram && kind != MediaKind::Image {
        return Err(refusal::INVALID_MEDIA_TYPE);
    }
    let form = form(call)?;
    let file = file(&form)?;
    let file_type = check(kind, file.bytes, false)?;
    let medium = keep(call, account, kind, file_type, file, false, "", "")?;
    let id_key = match kind {
        MediaKind::Thumb => "thumb_media_id",
        MediaKind::Image | MediaKind::Voice | MediaKind::Video => "media_id",
    };
    render(&json!({
        "type": kind.name(),
        id_key: medium.media_id,
        "created_at": call.now.div_euclid(1000),
    }))
}

/// The file; of a video where it can be fetched.
pub(super) fn get(call: &Call<'_>, account: &Account) -> Result<Download, Refusal> {
    let media_id = field(call, "media_id");
    if media_id.is_empty() {
        return Err(refusal::MEDIA_ID_MISSING);
    }
    let book = account.book.lock();
    let medium = book.media.get(&media_id, call.now).cloned();
    drop(book);
    let medium = medium
        .filter(|medium| !medium.permanent)
        .ok_or(refusal::INVALID_MEDIA)?;
    if medium.kind == MediaKind::Video {
        let url = url(call, &medium.media_id);
        return Ok(Download::json(&json!({ "video_url": url })));
    }
    download(call, &medium)
}

/// A picture for the body of an article: an address and no media id.
pub(super) fn upload_image(call: &Call<'_>, account: &Account) -> Outcome {
    let form = form(call)?;
    let file = file(&form)?;
    match FileType::of(file.bytes) {
        Some(FileType::Png | FileType::Jpeg) => {}
        Some(_) | None => return Err(refusal::INVALID_FILE_TYPE),
    }
    if file.bytes.len() >= ARTICLE_IMAGE {
        return Err(refusal::INVALID_IMAGE_SIZE);
    }
    let (id, account) = (call.world.ids.media_id(), account.index);
    let id = format!("article-{account}-{}", &id[..32]);
    call.world.blobs.put(&id, file.bytes)?;
    render(&json!({ "url": url(call, &id) }))
}

/// The fields of an upload; 41005 where there is no form.
pub(super) fn form<'a>(call: &Call<'a>) -> Result<Vec<Part<'a>>, Refusal> {
    parts(call.content_type, call.body).ok_or(refusal::MEDIA_DATA_MISSING)
}

/// The file among the fields: the one called `media`.
pub(super) fn file<'a, 'b>(form: &'b [Part<'a>]) -> Result<&'b Part<'a>, Refusal> {
    let file = form.iter().find(|part| part.name == "media");
    let file = file.ok_or(refusal::MEDIA_DATA_MISSING)?;
    if file.bytes.is_empty() {
        return Err(refusal::EMPTY_MEDIA);
    }
    Ok(file)
}

/// Format first, then size; the library takes a few formats more.
pub(super) fn check(kind: MediaKind, bytes: &[u8], permanent: bool) -> Result<FileType, Refusal> {
    use FileType::{Amr, Bmp, Gif, Jpeg, Mp3, Mp4, Png, Wav, Wma};
    let file_type = FileType::of(bytes).ok_or(refusal::INVALID_FILE_TYPE)?;
    let (fits, limit, too_large) = match kind {
        MediaKind::Image => (
            matches!(file_type, Png | Jpeg | Gif) || (permanent && file_type == Bmp),
            10 * MIB,
            refusal::INVALID_IMAGE_SIZE,
        ),
        MediaKind::Voice => (
            matches!(file_type, Amr | Mp3) || (permanent && matches!(file_type, Wma | Wav)),
            2 * MIB,
            refusal::INVALID_VOICE_SIZE,
        ),
        MediaKind::Video => (file_type == Mp4, 10 * MIB, refusal::INVALID_VIDEO_SIZE),
        MediaKind::Thumb => (file_type == Jpeg, 64 * 1024, refusal::INVALID_THUMB_SIZE),
    };
    if !fits {
        return Err(refusal::INVALID_FILE_TYPE);
    }
    if bytes.len() > limit {
        return Err(too_large);
    }
    if file_type == Amr && amr_frames(bytes) > VOICE_FRAMES {
        return Err(refusal::PLAYTIME);
    }
    Ok(file_type)
}

/// Frames of a narrow-band AMR file (RFC 4867, section 5): each has a byte that
/// tells its mode, and the mode its length.
fn amr_frames(bytes: &[u8]) -> usize {
    const LENGTHS: [usize; 9] = [12, 13, 15, 17, 19, 20, 26, 31, 5];
    let mut rest = bytes.get(AMR.len()..).unwrap_or_default();
    let mut frames = 0;
    while let Some((head, _)) = rest.split_first() {
        let mode = usize::from(head >> 3 & 0xf);
        let length = 1 + LENGTHS.get(mode).copied().unwrap_or(0);
        rest = rest.get(length..).unwrap_or_default();
        frames += 1;
    }
    frames
}

const AMR: &[u8] = b"#!AMR\n";

impl FileType {
    /// The type by the first bytes, whatever the name says.
    fn of(bytes: &[u8]) -> Option<Self> {
        let at = |from: usize, wanted: &[u8]| {
            bytes
                .get(from..)
                .is_some_and(|rest| rest.starts_with(wanted))
        };
        Some(if at(0, b"\x89PNG\r\n\x1a\n") {
            Self::Png
        } else if at(0, b"\xff\xd8\xff") {
            Self::Jpeg
        } else if at(0, b"GIF8") {
            Self::Gif
        } else if at(0, b"BM") {
            Self::Bmp
        } else if at(0, AMR) {
            Self::Amr
        } else if at(0, b"ID3") || (at(0, b"\xff") && bytes.get(1).is_some_and(|b| b >> 5 == 7)) {
            Self::Mp3
        } else if at(0, b"\x30\x26\xb2\x75") {
            Self::Wma
        } else if at(0, b"RIFF") && at(8, b"WAVE") {
            Self::Wav
        } else if at(4, b"ftyp") {
            Self::Mp4
        } else {
            return None;
        })
    }
}

/// Keeps a file of the account.
#[expect(clippy::too_many_arguments, reason = "the fields of a medium")]
pub(super) fn keep(
    call: &Call<'_>,
    account: &Account,
    kind: MediaKind,
    file_type: FileType,
    file: &Part<'_>,
    permanent: bool,
    title: &str,
    introduction: &str,
) -> Result<Medium, Refusal> {
    let medium = Medium {
        media_id: call.world.ids.media_id(),
        kind,
        file_type,
        permanent,
        name: file.filename.clone().unwrap_or_default(),
        at: call.now,
        title: title.to_owned(),
        introduction: introduction.to_owned(),
    };
    call.world.blobs.put(&medium.media_id, file.bytes)?;
    let mut book = account.book.lock();
    let gone = book.media.clear_expired(call.now);
    let event = Event::Media {
        appid: account.appid.to_string(),
        medium: medium.clone(),
    };
    call.world.commit_in(account, &mut book, &event)?;
    drop(book);
    call.world.blobs.drop_all(&gone);
    Ok(medium)
}

/// Where anybody can fetch a medium.
pub(super) fn url(call: &Call<'_>, media_id: &str) -> String {
    format!("{}/sandbox/v1/media/{media_id}", call.base())
}

pub(super) fn download(call: &Call<'_>, medium: &Medium) -> Result<Download, Refusal> {
    let (mime, ending) = medium.file_type.words();
    Ok(Download {
        mime,
        filename: Some(format!("{}.{ending}", medium.media_id)),
        bytes: call.world.blobs.get(&medium.media_id)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(kind: MediaKind, bytes: &[u8], permanent: bool) -> i32 {
        check(kind, bytes, permanent).map_or_else(|refusal| refusal.code, |_| 0)
    }

    fn padded(head: &[u8], length: usize) -> Vec<u8> {
        let mut bytes = head.to_vec();
        bytes.resize(length, 0);
        bytes
    }

    #[test]
    fn formats_and_sizes_of_each_kind() {
        use MediaKind::{Image, Thumb, Video, Voice};
        let jpeg = |length| padded(b"\xff\xd8\xff\xe0", length);
        assert_eq!(code(Image, &jpeg(10 * MIB), false), 0);
        assert_eq!(code(Image, &jpeg(10 * MIB + 1), false), 40009);
        assert_eq!(code(Image, b"plain text", false), 40005);
        assert_eq!(code(Image, b"BM..", false), 40005);
        assert_eq!(code(Image, b"BM..", true), 0);
        assert_eq!(code(Thumb, &jpeg(64 * 1024 + 1), false), 40012);
        assert_eq!(code(Thumb, b"GIF89a", false), 40005);
        assert_eq!(code(Voice, &padded(b"ID3", 2 * MIB + 1), false), 40010);
        assert_eq!(code(Voice, b"\xff\xfb\x90", false), 0);
        assert_eq!(code(Voice, b"RIFF0000WAVE", false), 40005);
        assert_eq!(code(Voice, b"RIFF0000WAVE", true), 0);
        assert_eq!(code(Video, b"\0\0\0\x18ftypmp42", false), 0);
        assert_eq!(
            code(Video, &padded(b"\0\0\0\x18ftyp", 10 * MIB + 1), false),
            40011
        );
    }

    #[test]
    fn a_voice_message_lasts_a_minute_at_most() {
        let frames = |count: usize| {
            let mut bytes = AMR.to_vec();
            for _ in 0..count {
                bytes.extend(padded(&[0x04], 13));
            }
            bytes
        };
        assert_eq!(amr_frames(&frames(7)), 7);
        assert_eq!(code(MediaKind::Voice, &frames(3000), false), 0);
        assert_eq!(code(MediaKind::Voice, &frames(3001), false), 45007);
    }
}
