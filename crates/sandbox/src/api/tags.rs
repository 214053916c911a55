//! `/cgi-bin/tags/*` and `/cgi-bin/user/tag/get`: tags and the blacklist (pages
//! "用户标签管理", "黑名单管理").

use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::admin::render;
use super::users::{Page, member};
use crate::event::Event;
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::{Account, Book, Recipient};
use crate::state::followers::STARRED;

/// Tags an account may make.
const TAGS: usize = 100;
/// Longest name; the page says characters, older lists bytes.
const NAME_CHARS: usize = 30;
/// Followers of a tag that may be deleted.
const DELETABLE: usize = 100_000;
/// People in one call.
const TAGGED_AT_ONCE: usize = 50;
const BLACKLISTED_AT_ONCE: usize = 20;
/// Tags of one person.
const TAGS_OF_ONE: usize = 20;
/// Openids a page.
const TAG_PAGE: usize = 10_000;
const BLACKLIST_PAGE: usize = 1000;

#[derive(Deserialize)]
struct TagBody {
    #[serde(default)]
    tag: TagFields,
}

#[derive(Deserialize, Default)]
struct TagFields {
    #[serde(default)]
    id: Option<u32>,
    #[serde(default)]
    name: String,
}

pub(super) fn create(call: &Call<'_>, account: &Account) -> Outcome {
    let TagBody { tag } = call.json(Some(account))?;
    let mut book = account.book.lock();
    check_name(&book, None, &tag.name)?;
    let own = book.tags.list.keys().filter(|id| !is_built_in(**id));
    if own.count() >= TAGS {
        return Err(refusal::TOO_MANY_TAGS);
    }
    let id = book.tags.next;
    commit_tag(call, account, &mut book, id, Some(&tag.name))?;
    render(&json!({ "tag": { "id": id, "name": tag.name } }))
}

pub(super) fn list(_: &Call<'_>, account: &Account) -> Outcome {
    let book = account.book.lock();
    let tags: Vec<Value> = book
        .tags
        .list
        .iter()
        .map(|(id, tag)| json!({ "id": id, "name": tag.name, "count": tag.members.len() }))
        .collect();
    render(&json!({ "tags": tags }))
}

pub(super) fn update(call: &Call<'_>, account: &Account) -> Outcome {
    let TagBody { tag } = call.json(Some(account))?;
    let mut book = account.book.lock();
    let id = own_tag(&book, tag.id)?;
    check_name(&book, Some(id), &tag.name)?;
    commit_tag(call, account, &mut book, id, Some(&tag.name))?;
    ok()
}

pub(super) fn delete(call: &Call<'_>, account: &Account) -> Outcome {
    let TagBody { tag } = call.json(Some(account))?;
    let mut book = account.book.lock();
    let id = own_tag(&book, tag.id)?;
    let members = book.tags.list.get(&id).map_or(0, |tag| tag.members.len());
    if members > DELETABLE {
        return Err(refusal::TAG_TOO_LARGE);
    }
    commit_tag(call, account, &mut book, id, None)?;
    ok()
}

fn commit_tag(
    call: &Call<'_>,
    account: &Account,
    book: &mut Book,
    id: u32,
    name: Option<&str>,
) -> Result<(), Refusal> {
    let event = Event::Tag {
        appid: account.appid.to_string(),
        id,
        name: name.map(str::to_owned),
    };
    Ok(call.world.commit_in(account, book, &event)?)
}

fn is_built_in(id: u32) -> bool {
    id <= STARRED
}

/// The id of a tag that the account may change.
fn own_tag(book: &Book, id: Option<u32>) -> Result<u32, Refusal> {
    let id = id.ok_or(refusal::INVALID_TAG)?;
    if is_built_in(id) {
        return Err(refusal::BUILT_IN_TAG);
    }
    if book.tags.list.contains_key(&id) {
        Ok(id)
    } else {
        Err(refusal::INVALID_TAG)
    }
}

fn check_name(book: &Book, own: Option<u32>, name: &str) -> Result<(), Refusal> {
    if name.chars().count() > NAME_CHARS {
        return Err(refusal::TAG_NAME_TOO_LONG);
    }
    let mut others = book.tags.list.iter().filter(|(id, _)| Some(**id) != own);
    if name.trim().is_empty() || others.any(|(_, tag)| tag.name == name) {
        return Err(refusal::INVALID_TAG_NAME);
    }
    Ok(())
}

#[derive(Deserialize)]
struct TaggingBody {
    #[serde(default)]
    openid_list: Vec<String>,
    #[serde(default)]
    tagid: Option<u32>,
}

/// All of the list or nobody.
pub(super) fn give(call: &Call<'_>, account: &Account) -> Outcome {
    tag_people(call, account, true)
}

pub(super) fn take(call: &Call<'_>, account: &Account) -> Outcome {
    tag_people(call, account, false)
}

fn tag_people(call: &Call<'_>, account: &Account, on: bool) -> Outcome {
    let body: TaggingBody = call.json(Some(account))?;
    if !(1..=TAGGED_AT_ONCE).contains(&body.openid_list.len()) {
        return Err(refusal::OPENID_LIST_SIZE);
    }
    let mut book = account.book.lock();
    let tag = body.tagid.filter(|id| book.tags.list.contains_key(id));
    let tag = tag.ok_or(refusal::INVALID_TAG)?;
    known(account, &book, &body.openid_list)?;
    for openid in &body.openid_list {
        let position = member(call, account, &mut book, openid)?;
        let tags = &book.profile(position).tags;
        if on && !tags.contains(&tag) && tags.len() >= TAGS_OF_ONE {
            return Err(refusal::TOO_MANY_TAGS_OF_ONE);
        }
    }
    let event = Event::Tagged {
        appid: account.appid.to_string(),
        tag,
        openids: body.openid_list,
        on,
    };
    call.world.commit_in(account, &mut book, &event)?;
    ok()
}

/// Refuses a list with a stranger in it before anybody on it is touched.
fn known(account: &Account, book: &Book, openids: &[String]) -> Result<(), Refusal> {
    let stranger = |openid: &String| account.recipient(book, openid).is_none();
    if openids.iter().any(stranger) {
        return Err(refusal::INVALID_OPENID);
    }
    Ok(())
}

#[derive(Deserialize)]
struct PersonBody {
    #[serde(default)]
    openid: String,
}

pub(super) fn of_person(call: &Call<'_>, account: &Account) -> Outcome {
    let body: PersonBody = call.json(Some(account))?;
    let book = account.book.lock();
    let recipient = account
        .recipient(&book, &body.openid)
        .ok_or(refusal::INVALID_OPENID)?;
    let tags: &[u32] = match recipient {
        Recipient::Member(position) => &book.profile(position).tags,
        Recipient::Bulk(_) => &[],
    };
    render(&json!({ "tagid_list": tags }))
}

#[derive(Deserialize)]
struct MembersBody {
    #[serde(default, alias = "tag_id")]
    tagid: Option<u32>,
    #[serde(default)]
    next_openid: String,
}

/// Samples send the body with GET, SDKs with POST.
pub(super) fn members(call: &Call<'_>, account: &Account) -> Outcome {
    let body: MembersBody = call.json(Some(account))?;
    let book = account.book.lock();
    let tag = body.tagid.and_then(|id| book.tags.list.get(&id));
    let tag = tag.ok_or(refusal::INVALID_TAG)?;
    let page = book
        .listed_behind(&tag.members, &body.next_openid, TAG_PAGE)
        .ok_or(refusal::INVALID_OPENID)?;
    Page::of(None, page).render()
}

#[derive(Deserialize)]
struct BlacklistBody {
    #[serde(default)]
    begin_openid: String,
}

pub(super) fn blacklist(call: &Call<'_>, account: &Account) -> Outcome {
    let body: BlacklistBody = call.json(Some(account))?;
    let book = account.book.lock();
    let page = book
        .listed_behind(&book.blacklist, &body.begin_openid, BLACKLIST_PAGE)
        .ok_or(refusal::INVALID_OPENID)?;
    Page::of(Some(book.blacklist.len() as u64), page).render()
}

pub(super) fn blacklist_people(call: &Call<'_>, account: &Account) -> Outcome {
    set_blacklisted(call, account, true)
}

pub(super) fn unblacklist_people(call: &Call<'_>, account: &Account) -> Outcome {
    set_blacklisted(call, account, false)
}

fn set_blacklisted(call: &Call<'_>, account: &Account, on: bool) -> Outcome {
    let body: TaggingBody = call.json(Some(account))?;
    if !(1..=BLACKLISTED_AT_ONCE).contains(&body.openid_list.len()) {
        return Err(refusal::OPENID_LIST_SIZE);
    }
    let mut book = account.book.lock();
    known(account, &book, &body.openid_list)?;
    for openid in &body.openid_list {
        member(call, account, &mut book, openid)?;
    }
    let event = Event::Blacklist {
        appid: account.appid.to_string(),
        openids: body.openid_list,
        on,
    };
    call.world.commit_in(account, &mut book, &event)?;
    ok()
}
