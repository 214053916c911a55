//! `/cgi-bin/user/*`: followers and what is known about them (page "用户管理").

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Call;
use super::admin::render;
use crate::event::Event;
use crate::ids::{bulk, other_unionid};
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::World;
use crate::state::account::{Account, Book, Recipient};
use crate::state::followers::Profile;

/// Openids a page.
const PAGE: usize = 10_000;
/// People in one call for details.
const BATCH: usize = 100;
/// A remark is shorter than so many bytes.
const REMARK_BYTES: usize = 30;

/// A page of openids. `next_openid` is the last one, empty where there is none.
#[derive(Serialize)]
pub(super) struct Page {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Openids>,
    next_openid: String,
}

#[derive(Serialize)]
struct Openids {
    openid: Vec<String>,
}

impl Page {
    pub(super) fn of(total: Option<u64>, openids: Vec<String>) -> Self {
        Self {
            total,
            count: openids.len(),
            next_openid: openids.last().cloned().unwrap_or_default(),
            data: (!openids.is_empty()).then_some(Openids { openid: openids }),
        }
    }

    pub(super) fn render(&self) -> Outcome {
        serde_json::to_vec(self).map_err(|_| refusal::SYSTEM)
    }
}

pub(super) fn list(call: &Call<'_>, account: &Account) -> Outcome {
    let after = call.query.get("next_openid").unwrap_or_default();
    let book = account.book.lock();
    let cursor = book
        .cursor_behind(&account.appid, &after)
        .ok_or(refusal::INVALID_OPENID)?;
    let openids = book.followers_from(&account.appid, cursor, PAGE);
    let total = book.followers();
    drop(book);
    Page::of(Some(total), openids).render()
}

/// `lang` chooses nothing any more: what it translated is empty.
pub(super) fn info(call: &Call<'_>, account: &Account) -> Outcome {
    let openid = call.query.get("openid").unwrap_or_default();
    render(&describe(call.world, account, &openid)?)
}

#[derive(Deserialize)]
struct BatchBody<'a> {
    #[serde(borrow, default)]
    user_list: Vec<Wanted<'a>>,
}

#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow, default)]
    openid: Cow<'a, str>,
}

/// Followers and others mixed; an openid of another account spoils the call.
pub(super) fn batch_info(call: &Call<'_>, account: &Account) -> Outcome {
    let body: BatchBody<'_> = call.json(Some(account))?;
    if !(1..=BATCH).contains(&body.user_list.len()) {
        return Err(refusal::OPENID_LIST_SIZE);
    }
    let people: Vec<Value> = body
        .user_list
        .iter()
        .map(|one| describe(call.world, account, &one.openid))
        .collect::<Result<_, _>>()?;
    render(&json!({ "user_info_list": people }))
}

#[derive(Deserialize)]
struct RemarkBody {
    #[serde(default)]
    openid: String,
    #[serde(default)]
    remark: String,
}

pub(super) fn update_remark(call: &Call<'_>, account: &Account) -> Outcome {
    let RemarkBody { openid, remark } = call.json(Some(account))?;
    if remark.len() >= REMARK_BYTES {
        return Err(refusal::INVALID_REMARK);
    }
    let mut book = account.book.lock();
    let position = member(call, account, &mut book, &openid)?;
    if !book.follows(Recipient::Member(position)) {
        return Err(refusal::REQUIRE_SUBSCRIBE);
    }
    let event = Event::Remark {
        appid: account.appid.to_string(),
        openid,
        remark,
    };
    call.world.commit_in(account, &mut book, &event)?;
    ok()
}

/// The position of the person among the members; a bulk person becomes one.
pub(super) fn member(
    call: &Call<'_>,
    account: &Account,
    book: &mut Book,
    openid: &str,
) -> Result<usize, Refusal> {
    let recipient = account
        .recipient(book, openid)
        .ok_or(refusal::INVALID_OPENID)?;
    match recipient {
        Recipient::Member(position) => Ok(position),
        Recipient::Bulk(_) => {
            let event = Event::Member {
                appid: account.appid.to_string(),
                openid: openid.to_owned(),
                person_id: None,
            };
            call.world.commit_in(account, book, &event)?;
            book.member_position(openid).ok_or(refusal::SYSTEM)
        }
    }
}

/// What the account is told about a person: little about those who do not follow.
fn describe(world: &World, account: &Account, openid: &str) -> Result<Value, Refusal> {
    let book = account.book.lock();
    let recipient = account
        .recipient(&book, openid)
        .ok_or(refusal::INVALID_OPENID)?;
    let following = book.follows(recipient);
    let blank = Profile::BLANK;
    let (followed_at, profile) = match recipient {
        Recipient::Member(position) => (
            book.members.get(position).map_or(0, |one| one.followed_at),
            book.profile(position),
        ),
        Recipient::Bulk(number) => (book.bulk.since(number), &blank),
    };
    let mut answer = if following {
        let scene = profile.scene.as_deref();
        let number = scene.and_then(|scene| scene.parse::<u32>().ok());
        json!({
            "subscribe": 1,
            "openid": openid,
            "nickname": "",
            "sex": 0,
            "language": "",
            "city": "",
            "province": "",
            "country": "",
            "headimgurl": "",
            "subscribe_time": followed_at.div_euclid(1000),
            "remark": profile.remark,
            "groupid": profile.tags.last().copied().unwrap_or(0),
            "tagid_list": profile.tags,
            "subscribe_scene": scene.map_or("ADD_SCENE_SEARCH", |_| "ADD_SCENE_QR_CODE"),
            "qr_scene": number.unwrap_or(0),
            "qr_scene_str": scene.filter(|_| number.is_none()).unwrap_or_default(),
        })
    } else {
        json!({ "subscribe": 0, "openid": openid })
    };
    drop(book);
    if let Some(unionid) = unionid_of(world, account, openid) {
        answer["unionid"] = unionid.into();
    }
    Ok(answer)
}

/// The id of whoever has that openid over all accounts of the account's
/// open-platform account; `None` where it is bound to none. Bulk people of the
/// same number are the same person at every account.
pub(crate) fn unionid_of(world: &World, account: &Account, openid: &str) -> Option<String> {
    let (person, count) = {
        let book = account.book.lock();
        let person: Option<Arc<str>> = book.member(openid).and_then(|one| one.person_id.clone());
        (person, book.bulk.count())
    };
    if let Some(person) = person {
        return unionid(world, account, &person);
    }
    let number = bulk::index(&account.appid, openid).filter(|number| *number < count)?;
    let platform = account.settings.read().open_platform.clone()?;
    Some(bulk::unionid(&platform, number))
}

/// The id of a person over all accounts of the account's open-platform account;
/// `None` where it is bound to none.
pub(crate) fn unionid(world: &World, account: &Account, person_id: &str) -> Option<String> {
    let platform = account.settings.read().open_platform.clone()?;
    let main = world.accounts.read().main_platform();
    let people = world.people.lock();
    let unionid = &people.get(person_id)?.unionid;
    Some(if main.as_ref() == Some(&platform) {
        unionid.to_string()
    } else {
        other_unionid(unionid, &platform)
    })
}
