//! Housekeeping calls: quotas, rids, addresses (pages "查询API调用额度",
//! "查询rid信息", "重置API调用次数", "获取微信推送服务器IP").

use serde::Deserialize;
use serde_json::json;

use super::Call;
use super::admin::render;
use super::endpoints::{self, Audience, ENDPOINTS};
use super::query::Query;
use super::tokens::authorize;
use crate::clock::{DAY_MS, beijing_month};
use crate::event::Event;
use crate::model::AccountKind;
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::Account;

/// Clearings a month, both calls together.
const CLEARS_PER_MONTH: u32 = 10;
/// How long a rid can be looked up.
const RID_DAYS: i64 = 7;

#[derive(Deserialize)]
struct QuotaBody {
    #[serde(default)]
    cgi_path: String,
}

pub(super) fn quota(call: &Call<'_>, account: &Account) -> Outcome {
    let body: QuotaBody = call.json(Some(account))?;
    if !body.cgi_path.starts_with('/') {
        return Err(refusal::RID_FOREIGN);
    }
    if body.cgi_path.starts_with("/sns/") {
        return Err(refusal::CGI_PATH_FORBIDDEN);
    }
    let index = endpoints::find(&body.cgi_path).ok_or(refusal::CGI_PATH_UNKNOWN)?;
    let endpoint = &ENDPOINTS[index];
    let default = endpoint.daily.ok_or(refusal::CGI_PATH_UNKNOWN)?;
    match (endpoint.audience, account.kind) {
        (Audience::Everybody, _)
        | (Audience::OfficialAccounts, AccountKind::OfficialAccount)
        | (Audience::MiniPrograms, AccountKind::MiniProgram) => {}
        (Audience::OfficialAccounts, AccountKind::MiniProgram)
        | (Audience::MiniPrograms, AccountKind::OfficialAccount) => {
            return Err(refusal::CGI_PATH_FORBIDDEN);
        }
    }
    let mut book = account.book.lock();
    let default = endpoints::daily_limit(endpoint, default, &book);
    let cell = *book.daily(index);
    let per_minute = book.minute(index).limit.or(endpoint.per_minute());
    drop(book);
    let limit = cell.limit.unwrap_or(default);
    let used = cell.used_at(call.now);
    let remain = limit.saturating_sub(used);
    let mut answer = json!({
        "errcode": 0,
        "errmsg": "ok",
        "quota": { "daily_limit": limit, "used": used, "remain": remain },
    });
    if let Some(count) = per_minute {
        answer["rate_limit"] = json!({ "call_count": count, "refresh_second": 60 });
    }
    render(&answer)
}

#[derive(Deserialize)]
struct RidBody {
    #[serde(default)]
    rid: String,
}

pub(super) fn rid(call: &Call<'_>, account: &Account) -> Outcome {
    let body: RidBody = call.json(Some(account))?;
    let issued = rid_seconds(&body.rid).ok_or(refusal::RID_MALFORMED)?;
    if call.now / 1000 - issued > RID_DAYS * DAY_MS / 1000 {
        return Err(refusal::RID_TOO_OLD);
    }
    let traced = call
        .world
        .requests
        .trace(&body.rid)
        .ok_or(refusal::RID_NOT_FOUND)?;
    if traced.account.is_some_and(|index| index != account.index) {
        return Err(refusal::RID_FOREIGN);
    }
    render(&json!({
        "errcode": 0,
        "errmsg": "ok",
        "request": {
            "invoke_time": traced.at.div_euclid(1000),
            "cost_in_ms": traced.elapsed_us / 1000,
            "request_url": traced.url,
            "request_body": traced.body,
            "response_body": traced.answer,
            "client_ip": traced.peer.to_string(),
        },
    }))
}

/// The time in a rid of the right shape.
fn rid_seconds(rid: &str) -> Option<i64> {
    let groups: Vec<&str> = rid.split('-').collect();
    let hex = |group: &&str| group.len() == 8 && group.bytes().all(|b| b.is_ascii_hexdigit());
    if groups.len() != 3 || !groups.iter().all(hex) {
        return None;
    }
    i64::from_str_radix(groups[0], 16).ok()
}

#[derive(Deserialize)]
struct ClearBody {
    #[serde(default)]
    appid: String,
}

pub(super) fn clear_quota(call: &Call<'_>, account: &Account) -> Outcome {
    call.account.set(Some(account.index));
    let body: ClearBody = call.json(Some(account))?;
    if body.appid != *account.appid {
        return Err(refusal::INVALID_APPID);
    }
    clear(call, account)
}

/// The page's table puts appid and appsecret in the body, its sample in the
/// query: the body counts where there is one, be it JSON or a form.
pub(super) fn clear_quota_v2(call: &Call<'_>) -> Outcome {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        appid: String,
        #[serde(default)]
        appsecret: String,
    }
    let text = std::str::from_utf8(call.body)
        .map_err(|_| refusal::DATA_FORMAT)?
        .trim();
    let body = if text.starts_with('{') {
        call.json(None)?
    } else {
        let source = if text.is_empty() {
            call.query
        } else {
            Query(text)
        };
        let field = |name| source.get(name).unwrap_or_default().into_owned();
        Body {
            appid: field("appid"),
            appsecret: field("appsecret"),
        }
    };
    let account = authorize(call, &body.appid, &body.appsecret)?;
    clear(call, &account)
}

fn clear(call: &Call<'_>, account: &Account) -> Result<Vec<u8>, Refusal> {
    let mut book = account.book.lock();
    let month = beijing_month(call.now);
    let (last, count) = book.cleared;
    let times = if last == month { count + 1 } else { 1 };
    if times > CLEARS_PER_MONTH {
        return Err(refusal::CLEAR_QUOTA_USED_UP);
    }
    let event = Event::QuotaCleared {
        appid: account.appid.to_string(),
        month,
        times,
    };
    call.world.commit_in(account, &mut book, &event)?;
    ok()
}

/// The sandbox's own address and a block, as both list calls mix them.
pub(super) fn addresses(_: &Call<'_>, _: &Account) -> Outcome {
    render(&json!({ "ip_list": ["127.0.0.1", "127.0.0.0/8"] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_rid() {
        assert_eq!(
            rid_seconds("617682e0-09059ac5-34a8e2ea"),
            Some(1_635_156_704)
        );
        for wrong in [
            "",
            "617682e0",
            "617682e0-09059ac5-34a8e2eg",
            "617682e0-09059ac5-34a8e2ea-1",
        ] {
            assert_eq!(rid_seconds(wrong), None, "{wrong}");
        }
    }
}
