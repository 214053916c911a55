//! `POST /cgi-bin/message/custom/send` (page "发送客服消息").
//!
//! Order of checks: recipient, message type and body, refusal of messages,
//! window. Ids of articles and cards are taken as they come: the sandbox keeps
//! neither.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::Call;
use crate::callback::reply::TEXT_LIMIT;
use crate::model::{AccountKind, MessageKind, Subscription};
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::{Account, Recipient};
use crate::state::deliver::Parcel;
use crate::state::media::MediaKind;
use crate::state::talk::Closed;

pub(super) fn send(call: &Call<'_>, account: &Account) -> Outcome {
    let mut body: Map<String, Value> = call.json(Some(account))?;
    let openid = body.shift_remove("touser");
    let openid = openid.as_ref().and_then(Value::as_str).unwrap_or_default();
    let mut guard = account.book.lock();
    let book = &mut *guard;
    let recipient = account
        .recipient(book, openid)
        .ok_or(refusal::INVALID_OPENID)?;
    check(&body, account.kind, |media_id, kinds| {
        let medium = book.media.get(media_id, call.now);
        medium.is_some_and(|medium| kinds.contains(&medium.kind))
    })?;
    let content = content(body)?;
    if book.blocks(recipient) {
        return Err(refusal::USER_BLOCKS);
    }
    if account.kind == AccountKind::OfficialAccount && !book.follows(recipient) {
        return Err(refusal::OUT_OF_TIME);
    }
    let allowance = match recipient {
        Recipient::Member(index) => book
            .members
            .get(index)
            .map_or(Err(Closed::NoWindow), |one| one.talk.allowance(call.now)),
        Recipient::Bulk(_) => Err(Closed::NoWindow),
    };
    allowance.map_err(|closed| match closed {
        Closed::NoWindow => refusal::OUT_OF_TIME,
        Closed::UsedUp => refusal::OUT_OF_COUNT,
    })?;
    let parcel = Parcel {
        openid,
        kind: MessageKind::CustomerService,
        template_id: "",
        subscription: Subscription::OneTime,
        client_msg_id: None,
        data: &content,
        url: None,
        miniprogram: None,
        scene: None,
        title: None,
        at: call.now,
        used: call.used.get(),
    };
    call.world.deliver(account, book, recipient, &parcel)?;
    call.used_written.set(true);
    ok()
}

/// The body without its recipient, as it is kept.
fn content(body: Map<String, Value>) -> Result<Box<RawValue>, Refusal> {
    to_raw_value(&Value::Object(body)).map_err(|_| refusal::SYSTEM)
}

/// What a picture beside a video or a page may be.
const COVER: &[MediaKind] = &[MediaKind::Thumb, MediaKind::Image];

/// The rules of each message type, and which account may send it. `has` tells
/// whether a medium is there and of one of the kinds.
fn check(
    body: &Map<String, Value>,
    kind: AccountKind,
    has: impl Fn(&str, &[MediaKind]) -> bool,
) -> Result<(), Refusal> {
    let msgtype = body
        .get("msgtype")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let object = body.get(msgtype).unwrap_or(&Value::Null);
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let needs = |name: &str, refusal: Refusal| {
        if text(name).is_empty() {
            Err(refusal)
        } else {
            Ok(())
        }
    };
    let medium = |name: &str, kinds: &[MediaKind]| {
        if has(text(name), kinds) {
            Ok(())
        } else {
            Err(refusal::INVALID_MEDIA)
        }
    };
    let official = match kind {
        AccountKind::OfficialAccount => Ok(()),
        AccountKind::MiniProgram => Err(refusal::INVALID_MESSAGE_TYPE),
    };
    match msgtype {
        "text" => {
            needs("content", refusal::EMPTY_CONTENT)?;
            if text("content").len() > TEXT_LIMIT {
                return Err(refusal::TOO_LARGE);
            }
            Ok(())
        }
        "image" => medium("media_id", &[MediaKind::Image]),
        "voice" => official.and_then(|()| medium("media_id", &[MediaKind::Voice])),
        "mpnews" => official.and(needs("media_id", refusal::INVALID_MEDIA)),
        "video" => {
            official?;
            medium("media_id", &[MediaKind::Video])?;
            medium("thumb_media_id", COVER)
        }
        "music" => {
            official?;
            needs("musicurl", refusal::INVALID_ARGS)?;
            medium("thumb_media_id", COVER)
        }
        "news" => {
            official?;
            match object["articles"].as_array().map_or(0, Vec::len) {
                0 => Err(refusal::EMPTY_NEWS),
                1 => Ok(()),
                2.. => Err(refusal::TOO_MANY_ARTICLES),
            }
        }
        "mpnewsarticle" => official.and(needs("article_id", refusal::INVALID_ARGS)),
        "wxcard" => official.and(needs("card_id", refusal::INVALID_ARGS)),
        "msgmenu" => {
            official?;
            let list = object["list"].as_array().map_or(&[][..], Vec::as_slice);
            let has_words = |line: &Value| {
                let content = line["content"].as_str();
                !line["id"].is_null() && content.is_some_and(|text| !text.is_empty())
            };
            if list.is_empty() || !list.iter().all(has_words) {
                return Err(refusal::INVALID_ARGS);
            }
            Ok(())
        }
        "link" if official.is_ok() => Err(refusal::INVALID_MESSAGE_TYPE),
        "link" => {
            needs("title", refusal::INVALID_ARGS)?;
            needs("url", refusal::INVALID_ARGS)
        }
        "miniprogrampage" => {
            if official.is_ok() {
                needs("appid", refusal::INVALID_APPID)?;
            }
            needs("pagepath", refusal::INVALID_ARGS)?;
            medium("thumb_media_id", COVER)
        }
        _ => Err(refusal::INVALID_MESSAGE_TYPE),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(kind: AccountKind, body: Value) -> i32 {
        let body = serde_json::from_value(body).unwrap();
        let has = |id: &str, kinds: &[MediaKind]| kinds.iter().any(|kind| kind.name() == id);
        check(&body, kind, has).map_or_else(|refusal| refusal.code, |()| 0)
    }

    #[test]
    fn every_type_has_its_rules() {
        use AccountKind::{MiniProgram, OfficialAccount};
        let one = |kind, msgtype: &str, object: Value| {
            code(kind, json!({ "msgtype": msgtype, msgtype: object }))
        };
        assert_eq!(
            one(OfficialAccount, "text", json!({ "content": "" })),
            44004
        );
        let long = "字".repeat(700);
        assert_eq!(one(MiniProgram, "text", json!({ "content": long })), 45002);
        assert_eq!(one(OfficialAccount, "image", json!({})), 40007);
        assert_eq!(one(MiniProgram, "image", json!({ "media_id": "image" })), 0);
        assert_eq!(
            one(MiniProgram, "image", json!({ "media_id": "voice" })),
            40007
        );
        assert_eq!(
            one(MiniProgram, "voice", json!({ "media_id": "voice" })),
            40008
        );
        assert_eq!(
            one(OfficialAccount, "voice", json!({ "media_id": "voice" })),
            0
        );
        let video = |id: &str, cover: &str| json!({ "media_id": id, "thumb_media_id": cover });
        assert_eq!(one(OfficialAccount, "video", video("video", "thumb")), 0);
        assert_eq!(one(OfficialAccount, "video", video("video", "image")), 0);
        assert_eq!(
            one(OfficialAccount, "video", video("video", "voice")),
            40007
        );
        assert_eq!(
            one(OfficialAccount, "video", video("image", "thumb")),
            40007
        );
        let music = |url: &str| json!({ "musicurl": url, "thumb_media_id": "thumb" });
        assert_eq!(one(OfficialAccount, "music", music("https://a")), 0);
        assert_eq!(one(OfficialAccount, "music", music("")), 40097);
        let menu = |line: Value| json!({ "list": [line] });
        assert_eq!(
            one(
                OfficialAccount,
                "msgmenu",
                menu(json!({ "id": "1", "content": "a" }))
            ),
            0
        );
        assert_eq!(
            one(OfficialAccount, "msgmenu", menu(json!({ "id": "1" }))),
            40097
        );
        assert_eq!(
            one(OfficialAccount, "msgmenu", json!({ "list": [] })),
            40097
        );
        for (msgtype, field) in [
            ("mpnews", "media_id"),
            ("mpnewsarticle", "article_id"),
            ("wxcard", "card_id"),
        ] {
            assert_eq!(one(OfficialAccount, msgtype, json!({ field: "x" })), 0);
            assert_ne!(one(OfficialAccount, msgtype, json!({})), 0);
            assert_eq!(one(MiniProgram, msgtype, json!({ field: "x" })), 40008);
        }
        assert_eq!(
            one(OfficialAccount, "news", json!({ "articles": [] })),
            44003
        );
        assert_eq!(one(OfficialAccount, "news", json!({ "articles": [1] })), 0);
        assert_eq!(
            one(OfficialAccount, "news", json!({ "articles": [1, 2] })),
            45008
        );
        let link = json!({ "title": "t", "url": "https://a" });
        assert_eq!(one(OfficialAccount, "link", link.clone()), 40008);
        assert_eq!(one(MiniProgram, "link", link), 0);
        let page = json!({ "title": "t", "pagepath": "p", "thumb_media_id": "image" });
        assert_eq!(one(MiniProgram, "miniprogrampage", page.clone()), 0);
        assert_eq!(one(OfficialAccount, "miniprogrampage", page), 40013);
        assert_eq!(code(OfficialAccount, json!({ "msgtype": "dance" })), 40008);
        assert_eq!(code(OfficialAccount, json!({})), 40008);
    }
}
