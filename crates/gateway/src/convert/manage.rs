//! Followers' syncs, tags, codes, files, and lists of people.

use hongyan_api as api;
use hongyan_domain::contact::{FollowerSync, SyncPhase};
use hongyan_domain::media::{Media, MediaKind};
use hongyan_domain::qrcode::QrCode;
use hongyan_wechat::OpenId;
use hongyan_wechat::api::tags::Tag;

use super::limits::bad_id;
use crate::extract::invalid;
use crate::problem::Problem;

/// People in one request at most.
const MOST_PEOPLE: usize = 10_000;

/// Tags up to this number are WeChat's own (获取公众号已创建的标签).
const LAST_BUILT_IN: i64 = 2;

/// How far a sync has come.
pub(crate) fn sync(sync: FollowerSync) -> api::FollowerSync {
    api::FollowerSync {
        run: sync.run,
        phase: match sync.phase {
            SyncPhase::Listing => api::SyncPhase::Listing,
            SyncPhase::Describing => api::SyncPhase::Describing,
            SyncPhase::Over => api::SyncPhase::Over,
        },
        total: sync.total,
        listed: sync.listed,
        gone: sync.gone,
        detailed: sync.detailed,
        started_at: sync.started_at,
        finished_at: sync.finished_at,
        problem: sync.problem,
    }
}

/// A tag.
pub(crate) fn tag(tag: Tag) -> api::Tag {
    api::Tag {
        built_in: tag.id <= LAST_BUILT_IN,
        id: tag.id,
        name: tag.name,
        count: tag.count,
    }
}

/// The people of a request, each once.
pub(crate) fn people(openids: &[String]) -> Result<Vec<OpenId>, Problem> {
    let count = openids.len();
    if !(1..=MOST_PEOPLE).contains(&count) {
        return Err(Problem::invalid(vec![invalid(
            "/openids",
            "count",
            format!("openids has 1 to {MOST_PEOPLE} people, here are {count}"),
            format!("openids 为 1 到 {MOST_PEOPLE} 个，现为 {count} 个"),
        )]));
    }
    let (mut read, mut wrong) = (Vec::with_capacity(count), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for (n, text) in openids.iter().enumerate() {
        match text.parse::<OpenId>() {
            Ok(openid) if seen.insert(text.as_str()) => read.push(openid),
            Ok(_) => {}
            Err(error) => wrong.push(bad_id(&format!("/openids/{n}"), &error)),
        }
    }
    if wrong.is_empty() {
        Ok(read)
    } else {
        Err(Problem::invalid(wrong))
    }
}

/// A code; `picture_url` is where its picture is.
pub(crate) fn qrcode(code: QrCode, picture_url: String) -> api::QrCode {
    api::QrCode {
        scene: code.scene,
        name: code.name,
        ticket: code.ticket,
        url: code.url,
        picture_url,
        expires_at: code.expires_at,
        created_at: code.created_at,
        scans: code.scans,
        follows: code.follows,
    }
}

/// A file.
pub(crate) fn media(media: Media) -> api::Media {
    let (wechat_media_id, handed_over_at) = media.at_wechat.unzip();
    api::Media {
        id: media.id.to_string(),
        type_: match media.kind {
            MediaKind::Image => api::MediaKind::Image,
            MediaKind::Voice => api::MediaKind::Voice,
            MediaKind::Video => api::MediaKind::Video,
            MediaKind::Thumb => api::MediaKind::Thumb,
        },
        file_name: media.file_name,
        content_type: media.content_type,
        size: media.size,
        sha256: media
            .digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        created_at: media.created_at,
        wechat_media_id,
        handed_over_at,
    }
}
