//! `GET /cgi-bin/user/get` and `/cgi-bin/user/info` (page "用户管理").

use serde_json::json;

use super::Call;
use super::admin::render;
use crate::ids::{bulk, other_unionid};
use crate::refusal::{self, Outcome};
use crate::state::World;
use crate::state::account::{Account, Recipient};

/// Openids a page.
const PAGE: usize = 10_000;

/// Members come first in the order of their making, then bulk people by number.
pub(super) fn list(call: &Call<'_>, account: &Account) -> Outcome {
    let after = call.query.get("next_openid").unwrap_or_default();
    let book = account.book.lock();
    let (first_member, first_bulk) = if after.is_empty() {
        (0, 0)
    } else if let Some(position) = book.member_position(&after) {
        (position + 1, 0)
    } else {
        match account.recipient(&book, &after) {
            Some(Recipient::Bulk(index)) => (book.members.len(), index + 1),
            Some(Recipient::Member(_)) | None => return Err(refusal::INVALID_OPENID),
        }
    };
    let members = book.members[first_member..]
        .iter()
        .filter(|member| member.following)
        .map(|member| member.openid.to_string());
    let bulk_people = (first_bulk..book.bulk.count)
        .map(|index| bulk::openid(&account.appid, index))
        .filter(|openid| !book.is_member(openid));
    let openids: Vec<String> = members.chain(bulk_people).take(PAGE).collect();
    let total = book.followers();
    drop(book);
    let next = openids.last().cloned().unwrap_or_default();
    if openids.is_empty() {
        return render(&json!({ "total": total, "count": 0, "next_openid": "" }));
    }
    render(&json!({
        "total": total,
        "count": openids.len(),
        "data": { "openid": openids },
        "next_openid": next,
    }))
}

pub(super) fn info(call: &Call<'_>, account: &Account) -> Outcome {
    let openid = call.query.get("openid").unwrap_or_default();
    let book = account.book.lock();
    let recipient = account
        .recipient(&book, &openid)
        .ok_or(refusal::INVALID_OPENID)?;
    let (following, followed_at, person) = match recipient {
        Recipient::Member(index) => book
            .members
            .get(index)
            .map(|one| (one.following, one.followed_at, one.person_id.clone()))
            .ok_or(refusal::INVALID_OPENID)?,
        Recipient::Bulk(_) => (true, 0, None),
    };
    drop(book);
    let unionid = person.and_then(|id| unionid(call.world, account, &id));
    let mut answer = json!({ "subscribe": u8::from(following), "openid": openid });
    if following {
        answer = json!({
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
            "remark": "",
            "groupid": 0,
            "tagid_list": [],
            "subscribe_scene": "ADD_SCENE_SEARCH",
            "qr_scene": 0,
            "qr_scene_str": "",
        });
    }
    if let Some(unionid) = unionid {
        answer["unionid"] = unionid.into();
    }
    render(&answer)
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
