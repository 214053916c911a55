//! Files shown in messages: kept here, handed to WeChat when a message needs them.
//!
//! WeChat forgets a temporary file after three days; a message names ours (`med_…`)
//! and always shows it.

use std::time::Duration;

use bytes::Bytes;
use hongyan_domain::MediaId;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Outcome, Refusal};
use hongyan_domain::media::{Media, MediaKind, WECHAT_KEEPS_FOR};
use hongyan_domain::message::{Content, Message};
use hongyan_domain::port::{Page, StoreError};
use hongyan_domain::template::Violation;
use hongyan_wechat::api::media as wire;
use hongyan_wechat::api::message::custom::{BusinessTyping, Typing, TypingCommand};
use hongyan_wechat::{ErrClass, ErrCode, OpenId};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::Engine;
use crate::ask::ManageError;
use crate::people::digest;
use crate::templates::WechatFailure;

/// How long before its end WeChat's copy is not relied on any more.
const RENEWED_BEFORE: Duration = Duration::from_secs(10 * 60);

/// The longest name of a file, in characters.
const LONGEST_NAME: usize = 128;

/// WeChat has no such file, or not any more.
pub(crate) const NO_SUCH_MEDIA: ErrCode = ErrCode(40007);

/// The formats WeChat takes (新增临时素材): what a file begins with, its media type, the
/// ending WeChat wants its name to have, and what it may be shown as.
const FORMATS: [Format; 6] = [
    format(
        0,
        b"\x89PNG\r\n\x1a\n",
        "image/png",
        "png",
        &[MediaKind::Image],
    ),
    format(
        0,
        b"\xff\xd8\xff",
        "image/jpeg",
        "jpg",
        &[MediaKind::Image, MediaKind::Thumb],
    ),
    format(0, b"GIF8", "image/gif", "gif", &[MediaKind::Image]),
    format(0, b"#!AMR", "audio/amr", "amr", &[MediaKind::Voice]),
    format(0, b"ID3", "audio/mpeg", "mp3", &[MediaKind::Voice]),
    format(4, b"ftyp", "video/mp4", "mp4", &[MediaKind::Video]),
];

struct Format {
    at: usize,
    begins: &'static [u8],
    content_type: &'static str,
    ending: &'static str,
    kinds: &'static [MediaKind],
}

const fn format(
    at: usize,
    begins: &'static [u8],
    content_type: &'static str,
    ending: &'static str,
    kinds: &'static [MediaKind],
) -> Format {
    Format {
        at,
        begins,
        content_type,
        ending,
        kinds,
    }
}

/// An MP3 without tags begins with a frame: eleven bits set, then MPEG version and
/// layer III.
const MP3: Format = format(0, b"\xff", "audio/mpeg", "mp3", &[MediaKind::Voice]);

fn format_of(bytes: &[u8]) -> Option<&'static Format> {
    let known = FORMATS.iter().find(|format| {
        bytes
            .get(format.at..)
            .is_some_and(|rest| rest.starts_with(format.begins))
    });
    known.or_else(|| match bytes {
        [0xff, second, ..] if second & 0xe6 == 0xe2 => Some(&MP3),
        _ => None,
    })
}

/// A file as its caller hands it over.
#[derive(Debug, Clone)]
pub struct NewMedia {
    /// What it is to be shown as; absent = what its format is for.
    pub kind: Option<MediaKind>,
    /// Its name; absent = `file` with the ending of its format.
    pub file_name: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Engine {
    /// Keeps a file to be shown in messages. Nothing is told to WeChat yet.
    ///
    /// # Errors
    /// What WeChat would not take of it; storage's.
    pub async fn add_media(&self, account: &Account, new: NewMedia) -> Result<Media, ManageError> {
        let now = self.clock.now();
        let id = MediaId::new(now, self.chance.ten_bytes());
        let (kind, format) = judge(account.settings.kind, &new).map_err(ManageError::Invalid)?;
        let media = Media {
            id,
            account: account.id,
            kind,
            file_name: name_of(new.file_name.as_deref(), format.ending),
            content_type: format.content_type.to_owned(),
            size: new.bytes.len() as u64,
            digest: Sha256::digest(&new.bytes).into(),
            created_at: now,
            at_wechat: None,
        };
        Ok(self.store.add_media(&media, &new.bytes).await?)
    }

    /// An account's files, the newest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn medias(
        &self,
        account: &Account,
        page: &Page<MediaId>,
    ) -> Result<Vec<Media>, StoreError> {
        self.store.medias(account.id, page).await
    }

    /// One file, without its bytes.
    ///
    /// # Errors
    /// Storage's.
    pub async fn media(&self, account: &Account, id: MediaId) -> Result<Option<Media>, StoreError> {
        self.store.media(account.id, id).await
    }

    /// Removes a file. Messages that still name it fail. Whether there was one.
    ///
    /// # Errors
    /// Storage's.
    pub async fn remove_media(&self, account: &Account, id: MediaId) -> Result<bool, StoreError> {
        self.store.remove_media(account.id, id).await
    }

    /// Shows a person that an answer is being written, or no longer (客服输入状态).
    ///
    /// # Errors
    /// WeChat's refusals: 45080 where they have not written lately.
    pub async fn show_typing(
        &self,
        account: &Account,
        touser: &OpenId,
        typing: bool,
    ) -> Result<(), WechatFailure> {
        let command = if typing {
            TypingCommand::Typing
        } else {
            TypingCommand::CancelTyping
        };
        match account.settings.kind {
            AccountKind::OfficialAccount => {
                self.ask_wechat(account, &Typing { touser, command })
                    .await?;
            }
            AccountKind::MiniProgram => {
                self.ask_wechat(account, &BusinessTyping { touser, command })
                    .await?;
            }
        }
        Ok(())
    }

    /// What is wrong with the files that a customer-service message names.
    pub(crate) async fn check_files(
        &self,
        account: &Account,
        content: &Content,
    ) -> Result<Vec<Violation>, StoreError> {
        let mut wrong = Vec::new();
        for file in files_of(content) {
            let known = match file.id() {
                Some(id) => self.store.media(account.id, id).await?,
                None => None,
            };
            wrong.extend(file.violation(account, known.as_ref()));
        }
        Ok(wrong)
    }

    /// The message with WeChat's ids in place of ours; `None` = it names none of ours.
    ///
    /// # Errors
    /// What a send that cannot show its file comes to.
    pub(crate) async fn show_files(
        &self,
        account: &Account,
        message: &Message,
    ) -> Result<Option<Box<Message>>, Outcome> {
        let files = files_of(&message.content);
        if files.is_empty() {
            return Ok(None);
        }
        let mut shown = Box::new(message.clone());
        for file in files {
            let at_wechat = match file.id() {
                Some(id) => self.hand_over(account, id).await,
                None => Ok(None),
            };
            let media_id = match at_wechat {
                Ok(Some(media_id)) => media_id,
                Ok(None) => return Err(removed(&file.text)),
                Err(failure) => return Err(outcome_of(&failure)),
            };
            file.replace(&mut shown.content, media_id);
        }
        Ok(Some(shown))
    }

    /// Forgets WeChat's ids of the files a message names: WeChat has them no more.
    pub(crate) async fn forget_handed_over(&self, account: &Account, message: &Message) {
        for id in files_of(&message.content).iter().filter_map(File::id) {
            if let Err(error) = self.store.note_at_wechat(account.id, id, None).await {
                tracing::warn!(account = %account.name(), media = %id, %error, "that WeChat lost a file could not be noted");
            }
        }
    }

    /// WeChat's id of a file: the one it has, or a new one where that is about to end.
    /// `None` = there is no such file.
    async fn hand_over(
        &self,
        account: &Account,
        id: MediaId,
    ) -> Result<Option<String>, WechatFailure> {
        let Some(media) = self.store.media(account.id, id).await? else {
            return Ok(None);
        };
        if let Some(held) = held_at_wechat(&media, self.clock.now()) {
            return Ok(Some(held));
        }
        // One hands it over, the others wait for what that brings.
        let _alone = self.alone(&digest(&id.to_string())).await;
        let Some(media) = self.store.media(account.id, id).await? else {
            return Ok(None);
        };
        if let Some(held) = held_at_wechat(&media, self.clock.now()) {
            return Ok(Some(held));
        }
        let Some(bytes) = self.store.media_bytes(account.id, id).await? else {
            return Ok(None);
        };
        let call = wire::UploadMedia::new(
            wire_kind(media.kind),
            &media.file_name,
            &media.content_type,
            &bytes,
        );
        let uploaded = self.ask_wechat(account, &call).await?;
        let at = self.clock.now();
        self.store
            .note_at_wechat(account.id, id, Some((&uploaded.media_id, at)))
            .await?;
        tracing::info!(account = %account.name(), media = %id, "a file was handed to WeChat");
        Ok(Some(uploaded.media_id))
    }
}

/// WeChat's id of a file, if it has it for some time to come.
fn held_at_wechat(media: &Media, now: Timestamp) -> Option<String> {
    let (media_id, since) = media.at_wechat.as_ref()?;
    let good_until = after(*since, WECHAT_KEEPS_FOR - RENEWED_BEFORE);
    (now < good_until).then(|| media_id.clone())
}

fn wire_kind(kind: MediaKind) -> wire::MediaKind {
    match kind {
        MediaKind::Image => wire::MediaKind::Image,
        MediaKind::Voice => wire::MediaKind::Voice,
        MediaKind::Video => wire::MediaKind::Video,
        MediaKind::Thumb => wire::MediaKind::Thumb,
    }
}

/// What a message comes to whose file was removed here meanwhile.
fn removed(id: &str) -> Outcome {
    Outcome::Refused(Refusal {
        errcode: NO_SUCH_MEDIA,
        errmsg: format!("the file {id} was removed from this gateway; nothing was sent"),
        rid: None,
    })
}

/// What a message comes to whose file could not be handed over: a refusal that a later
/// try cannot change stands for the message too.
fn outcome_of(failure: &WechatFailure) -> Outcome {
    match failure {
        WechatFailure::Refused(refusal)
            if matches!(
                refusal.errcode.class(),
                ErrClass::BadInput | ErrClass::Permanent | ErrClass::AccountBlocked
            ) =>
        {
            Outcome::Refused(refusal.clone())
        }
        other => Outcome::NotSent {
            reason: format!("a file of the message could not be handed to WeChat: {other}"),
        },
    }
}

/// What a file may be shown as, and its format.
fn judge(
    account: AccountKind,
    new: &NewMedia,
) -> Result<(MediaKind, &'static Format), Vec<Violation>> {
    let wrong = |pointer: &str, rule, message: String, message_zh: String| {
        vec![Violation {
            pointer: pointer.to_owned(),
            rule,
            message,
            message_zh,
        }]
    };
    let Some(format) = format_of(&new.bytes) else {
        return Err(wrong(
            "/file",
            "format",
            "WeChat takes PNG, JPEG and GIF pictures, AMR and MP3 sound, and MP4 videos; this file begins like none of them".to_owned(),
            "微信只接受 PNG、JPEG、GIF 图片，AMR、MP3 语音和 MP4 视频；该文件不属于其中任何一种".to_owned(),
        ));
    };
    let kind = new.kind.unwrap_or(format.kinds[0]);
    if !format.kinds.contains(&kind) {
        let (is, wanted) = (format.content_type, kind.as_str());
        return Err(wrong(
            "/type",
            "format",
            format!("WeChat takes no {is} as {wanted}"),
            format!("微信不接受 {is} 作为 {wanted}"),
        ));
    }
    if account == AccountKind::MiniProgram && kind != MediaKind::Image {
        return Err(wrong(
            "/type",
            "not_for_kind",
            "mini programs show pictures alone (type image)".to_owned(),
            "小程序客服消息只能使用图片（type 为 image）".to_owned(),
        ));
    }
    let (size, most) = (new.bytes.len() as u64, kind.most_bytes());
    if size > most {
        return Err(wrong(
            "/file",
            "too_long",
            format!(
                "the file has {size} bytes; WeChat takes {most} for type {kind}",
                kind = kind.as_str()
            ),
            format!(
                "文件为 {size} 字节；类型 {kind} 最多 {most} 字节",
                kind = kind.as_str()
            ),
        ));
    }
    Ok((kind, format))
}

/// A file's name without folders and control characters, ending as WeChat wants it.
fn name_of(given: Option<&str>, ending: &str) -> String {
    let name: String = given
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_NAME)
        .collect();
    let name = if name.trim().is_empty() {
        "file".to_owned()
    } else {
        name
    };
    let has_ending = name.rsplit_once('.').is_some_and(|(_, end)| {
        end.eq_ignore_ascii_case(ending) || (ending == "jpg" && end.eq_ignore_ascii_case("jpeg"))
    });
    if has_ending {
        name
    } else {
        format!("{name}.{ending}")
    }
}

/// A place in a customer-service message that names a file of ours.
struct File {
    /// The keys on the way to it.
    way: Vec<String>,
    text: String,
}

/// The places whose key ends in `media_id` and whose text is an id of ours.
fn files_of(content: &Content) -> Vec<File> {
    let mut found = Vec::new();
    if let Content::CustomerService(content) = content {
        look_through(&content.body, &mut Vec::new(), &mut found);
    }
    found
}

fn look_through(map: &Map<String, Value>, way: &mut Vec<String>, found: &mut Vec<File>) {
    for (key, value) in map {
        way.push(key.clone());
        match value {
            Value::String(text) if key.ends_with("media_id") && text.starts_with("med_") => {
                found.push(File {
                    way: way.clone(),
                    text: text.clone(),
                });
            }
            Value::Object(inner) => look_through(inner, way, found),
            _ => {}
        }
        way.pop();
    }
}

impl File {
    fn id(&self) -> Option<MediaId> {
        self.text.parse().ok()
    }

    fn replace(&self, content: &mut Content, media_id: String) {
        let Content::CustomerService(content) = content else {
            return;
        };
        let Some((first, rest)) = self.way.split_first() else {
            return;
        };
        let mut place = content.body.get_mut(first);
        for key in rest {
            place = place.and_then(|value| value.get_mut(key));
        }
        if let Some(place) = place {
            *place = Value::String(media_id);
        }
    }

    /// What this place takes; empty = anything.
    fn takes(&self) -> &'static [MediaKind] {
        match (
            self.way.first().map(String::as_str),
            self.way.last().map(String::as_str),
        ) {
            (_, Some("thumb_media_id")) => &[MediaKind::Thumb, MediaKind::Image],
            (Some("image"), _) => &[MediaKind::Image],
            (Some("voice"), _) => &[MediaKind::Voice],
            (Some("video"), _) => &[MediaKind::Video],
            _ => &[],
        }
    }

    fn violation(&self, account: &Account, known: Option<&Media>) -> Option<Violation> {
        let pointer = format!("/content/{}", self.way.join("/"));
        let (name, id) = (account.name(), &self.text);
        let Some(media) = known else {
            return Some(Violation {
                pointer,
                rule: "unknown_media",
                message: format!(
                    "{name} has no file {id}; upload it to /v1/accounts/{name}/media first"
                ),
                message_zh: format!("{name} 没有文件 {id}；请先上传到 /v1/accounts/{name}/media"),
            });
        };
        let takes = self.takes();
        if takes.is_empty() || takes.contains(&media.kind) {
            return None;
        }
        let (is, wanted) = (media.kind.as_str(), takes[0].as_str());
        Some(Violation {
            pointer,
            rule: "wrong_media_type",
            message: format!("the file is of the type {is}; here WeChat wants {wanted}"),
            message_zh: format!("该文件类型为 {is}；此处需要 {wanted}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::message::CustomerServiceContent;
    use serde_json::json;

    use super::*;

    fn new(kind: Option<MediaKind>, bytes: &[u8]) -> NewMedia {
        NewMedia {
            kind,
            file_name: None,
            bytes: Bytes::copy_from_slice(bytes),
        }
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0....";

    #[test]
    fn files_are_known_by_how_they_begin() {
        let official = |file: &NewMedia| {
            judge(AccountKind::OfficialAccount, file).map(|(kind, format)| (kind, format.ending))
        };
        for (bytes, kind, ending) in [
            (PNG, MediaKind::Image, "png"),
            (JPEG, MediaKind::Image, "jpg"),
            (b"GIF89a", MediaKind::Image, "gif"),
            (b"#!AMR\n", MediaKind::Voice, "amr"),
            (b"ID3\x03", MediaKind::Voice, "mp3"),
            (b"\xff\xfb\x90", MediaKind::Voice, "mp3"),
            (b"\0\0\0\x20ftypisom", MediaKind::Video, "mp4"),
        ] {
            assert_eq!(official(&new(None, bytes)), Ok((kind, ending)));
        }
        assert_eq!(
            official(&new(Some(MediaKind::Thumb), JPEG)),
            Ok((MediaKind::Thumb, "jpg"))
        );
        let rule = |file: &NewMedia| official(file).unwrap_err()[0].rule;
        assert_eq!(rule(&new(None, b"<svg/>")), "format");
        assert_eq!(rule(&new(None, b"")), "format");
        assert_eq!(rule(&new(Some(MediaKind::Thumb), PNG)), "format");
        let mut large = JPEG.to_vec();
        large.resize(64 * 1024 + 1, 0);
        assert_eq!(rule(&new(Some(MediaKind::Thumb), &large)), "too_long");
        assert!(judge(AccountKind::MiniProgram, &new(None, b"GIF89a")).is_ok());
        assert!(judge(AccountKind::MiniProgram, &new(None, b"#!AMR")).is_err());
    }

    #[test]
    fn names_are_safe_and_end_right() {
        assert_eq!(name_of(Some("a/b\\c.PNG"), "png"), "c.PNG");
        assert_eq!(name_of(Some("photo.jpeg"), "jpg"), "photo.jpeg");
        assert_eq!(name_of(Some("x\r\n.txt"), "mp3"), "x.txt.mp3");
        assert_eq!(name_of(None, "amr"), "file.amr");
        assert_eq!(name_of(Some(&"长".repeat(200)), "mp4").chars().count(), 132);
    }

    #[test]
    fn ids_of_ours_are_found_and_replaced_wherever_wechat_has_ids() {
        let id = MediaId::new(Timestamp::UNIX_EPOCH, [7; 10]).to_string();
        let Value::Object(body) = json!({"msgtype": "video", "video": {
            "media_id": id, "thumb_media_id": "8T-wechats-own", "title": "med_x"}})
        else {
            unreachable!()
        };
        let mut content = Content::CustomerService(CustomerServiceContent { body });
        let files = files_of(&content);
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].way, ["video", "media_id"]);
        assert_eq!(files[0].takes(), [MediaKind::Video]);
        files[0].replace(&mut content, "W-1".to_owned());
        let Content::CustomerService(content) = content else {
            unreachable!()
        };
        assert_eq!(content.body["video"]["media_id"], "W-1");
        assert_eq!(content.body["video"]["thumb_media_id"], "8T-wechats-own");
    }

    #[test]
    fn a_copy_about_to_end_is_not_relied_on() {
        let since = Timestamp::UNIX_EPOCH;
        let media = Media {
            id: MediaId::new(since, [0; 10]),
            account: hongyan_domain::AccountId(1),
            kind: MediaKind::Image,
            file_name: String::new(),
            content_type: String::new(),
            size: 0,
            digest: [0; 32],
            created_at: since,
            at_wechat: Some(("W".to_owned(), since)),
        };
        let end = after(since, WECHAT_KEEPS_FOR - RENEWED_BEFORE);
        assert!(held_at_wechat(&media, after(since, Duration::from_secs(1))).is_some());
        assert!(held_at_wechat(&media, end).is_none());
    }
}
