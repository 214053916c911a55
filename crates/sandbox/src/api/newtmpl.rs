//! `/wxaapi/newtmpl/*`: templates of the subscription family (page "订阅消息").
//!
//! Mini programs own templates of the kind `subscribe` through it, official
//! accounts of the kind `notification`. SDKs post JSON or forms; both are read.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Call;
use super::admin::render;
use super::library::{CATEGORIES, TITLES, Title};
use super::query::Query;
use crate::event::Event;
use crate::model::{AccountKind, MessageKind, Subscription};
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::Account;
use crate::state::template::TemplateSource;

/// Private templates an account may have.
const PRIVATE_LIMIT: usize = 50;
/// Longest page of public titles.
const PAGE_LIMIT: usize = 30;
/// Longest description of the use, in characters.
const SCENE_CHARS: usize = 15;

pub(super) fn categories(_: &Call<'_>, _: &Account) -> Outcome {
    let data: Vec<Value> = CATEGORIES
        .iter()
        .map(|category| json!({ "id": category.id, "name": category.name }))
        .collect();
    render(&json!({ "errcode": 0, "errmsg": "ok", "data": data }))
}

pub(super) fn public_titles(call: &Call<'_>, _: &Account) -> Outcome {
    let ids = call.query.get("ids").unwrap_or_default();
    // The vendor's own example quotes the list.
    let ids = ids.trim_matches('"');
    if ids.is_empty() {
        return Err(refusal::NEWTMPL_IDS_MISSING);
    }
    let ids: Vec<u32> = ids
        .split(',')
        .map(|id| id.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| refusal::NEWTMPL_IDS)?;
    if ids
        .iter()
        .any(|id| CATEGORIES.iter().all(|category| category.id != *id))
    {
        return Err(refusal::NEWTMPL_IDS);
    }
    let number = |name| {
        call.query
            .get(name)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let start = number("start").ok_or(refusal::NEWTMPL_START)?;
    let limit = number("limit")
        .filter(|limit| (1..=PAGE_LIMIT).contains(limit))
        .ok_or(refusal::NEWTMPL_LIMIT)?;
    let found: Vec<&Title> = TITLES
        .iter()
        .filter(|title| ids.contains(&title.category))
        .collect();
    let data: Vec<Value> = found
        .iter()
        .skip(start)
        .take(limit)
        .map(|title| {
            json!({
                "tid": title.tid,
                "title": title.title,
                "type": type_number(title.subscription),
                "categoryId": title.category.to_string(),
            })
        })
        .collect();
    render(&json!({ "errcode": 0, "errmsg": "ok", "count": found.len(), "data": data }))
}

pub(super) fn public_keywords(call: &Call<'_>, _: &Account) -> Outcome {
    let tid = call.query.get("tid").unwrap_or_default();
    let title = Title::find(&tid).ok_or(refusal::NEWTMPL_TID)?;
    let data: Vec<Value> = title
        .keywords
        .iter()
        .zip(1..)
        .map(|(keyword, kid)| {
            json!({
                "kid": kid,
                "name": keyword.name,
                "example": keyword.example,
                "rule": keyword.rule,
            })
        })
        .collect();
    render(&json!({ "errcode": 0, "errmsg": "ok", "count": data.len(), "data": data }))
}

pub(super) fn list_templates(_: &Call<'_>, account: &Account) -> Outcome {
    let kind = own_kind(account);
    let book = account.book.lock();
    let data: Vec<Value> = book
        .living_templates()
        .filter(|template| template.source.kind == kind)
        .map(|template| {
            let source = &template.source;
            let mut shown = json!({
                "priTmplId": source.template_id,
                "title": source.title,
                "content": source.content,
                "example": source.example,
                "type": type_number(template.subscription()),
            });
            if !source.enum_values.is_empty() {
                let lists: Vec<Value> = source
                    .enum_values
                    .iter()
                    .map(|(key, values)| {
                        json!({ "keywordCode": format!("{key}.DATA"), "enumValueList": values })
                    })
                    .collect();
                shown["keywordEnumValueList"] = Value::Array(lists);
            }
            shown
        })
        .collect();
    render(&json!({ "errcode": 0, "errmsg": "ok", "data": data }))
}

#[derive(Deserialize)]
struct AddBody {
    #[serde(default)]
    tid: Value,
    #[serde(default, rename = "kidList")]
    kid_list: Vec<Value>,
    #[serde(default, rename = "sceneDesc")]
    scene_desc: String,
}

pub(super) fn add_template(call: &Call<'_>, account: &Account) -> Outcome {
    let body: AddBody = read(call, account)?;
    let title = Title::find(&plain(&body.tid)).ok_or(refusal::NEWTMPL_TID)?;
    let kids: Option<Vec<u32>> = body
        .kid_list
        .iter()
        .map(|kid| plain(kid).parse().ok())
        .collect();
    let kids = kids.filter(|kids| {
        (2..=5).contains(&kids.len()) && kids.iter().all(|kid| count(kids, *kid) == 1)
    });
    let kids = kids.ok_or(refusal::NEWTMPL_KEYWORDS)?;
    let (content, example) = title.compose(&kids, ":").ok_or(refusal::NEWTMPL_KEYWORDS)?;
    if body.scene_desc.chars().count() > SCENE_CHARS {
        return Err(refusal::NEWTMPL_SCENE);
    }
    let kind = own_kind(account);
    let mut book = account.book.lock();
    let own = || {
        book.living_templates()
            .filter(|template| template.source.kind == kind)
    };
    if own().any(|one| one.source.title == title.title && one.source.content == content) {
        return Err(refusal::NEWTMPL_EXISTS);
    }
    if own().count() >= PRIVATE_LIMIT {
        return Err(refusal::NEWTMPL_FULL);
    }
    let template_id = call.world.ids.template_id();
    let template = TemplateSource {
        template_id: template_id.clone(),
        kind,
        title: title.title.to_owned(),
        content,
        example,
        subscription: Some(title.subscription),
        enum_values: title.enum_values(&kids),
        industries: None,
        deleted: false,
    };
    let event = Event::Template {
        appid: account.appid.to_string(),
        template,
    };
    call.world.commit_in(account, &mut book, &event)?;
    render(&json!({ "errmsg": "ok", "errcode": 0, "priTmplId": template_id }))
}

#[derive(Deserialize)]
struct DeleteBody {
    #[serde(default, rename = "priTmplId")]
    template_id: String,
}

pub(super) fn delete_template(call: &Call<'_>, account: &Account) -> Outcome {
    let body: DeleteBody = read(call, account)?;
    let kind = own_kind(account);
    let mut book = account.book.lock();
    let known = book
        .template(&body.template_id)
        .is_some_and(|template| template.source.kind == kind);
    if !known {
        return Err(refusal::NEWTMPL_PARAMETER);
    }
    let template_id = body.template_id;
    let event = Event::TemplateGone {
        appid: account.appid.to_string(),
        template_id,
    };
    call.world.commit_in(account, &mut book, &event)?;
    ok()
}

fn count(kids: &[u32], kid: u32) -> usize {
    kids.iter().filter(|one| **one == kid).count()
}

fn own_kind(account: &Account) -> MessageKind {
    match account.kind {
        AccountKind::OfficialAccount => MessageKind::Notification,
        AccountKind::MiniProgram => MessageKind::Subscribe,
    }
}

/// WeChat's number of a subscription.
fn type_number(subscription: Subscription) -> u8 {
    match subscription {
        Subscription::OneTime => 2,
        Subscription::LongTerm => 3,
    }
}

/// A string or number as text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// Reads JSON, or a form with lists as `kidList[0]=1`, `kidList[]=1`.
fn read<T: for<'de> Deserialize<'de>>(call: &Call<'_>, account: &Account) -> Result<T, Refusal> {
    let text = std::str::from_utf8(call.body).unwrap_or_default();
    if text.is_empty() || text.trim_start().starts_with('{') {
        return call.json(Some(account));
    }
    let mut fields = Map::new();
    for (name, value) in Query(text.trim()).pairs() {
        match name.split_once('[') {
            Some((list, _)) => {
                let entry = fields
                    .entry(list)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = entry {
                    values.push(Value::String(value.into_owned()));
                }
            }
            None => {
                fields.insert(name.into_owned(), Value::String(value.into_owned()));
            }
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|_| refusal::BAD_REQUEST)
}
