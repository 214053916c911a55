//! `/cgi-bin/template/*`: industries and templates of official accounts (page "模板消息").

use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::library::{INDUSTRIES, Title};
use crate::clock::beijing_month;
use crate::event::Event;
use crate::model::MessageKind;
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::{Account, Industry, TEMPLATE_LIMIT};
use crate::state::template::TemplateSource;

/// Longest page of intercepted messages.
const BLOCKED_PAGE: usize = 100;

#[derive(Deserialize)]
struct IndustryBody {
    #[serde(default)]
    industry_id1: Code,
    #[serde(default)]
    industry_id2: Code,
}

/// Documented as a string; SDKs send numbers as well.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Code {
    Text(String),
    Number(u8),
    #[default]
    Absent,
}

impl Code {
    fn industry(&self) -> Result<u8, Refusal> {
        let code = match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(*number),
            Self::Absent => None,
        };
        code.filter(|code| (1..=INDUSTRIES.len()).contains(&usize::from(*code)))
            .ok_or(refusal::INVALID_INDUSTRY)
    }
}

/// One change a month; templates of the former industries go with them.
pub(super) fn set_industry(call: &Call<'_>, account: &Account) -> Outcome {
    let body: IndustryBody = call.json(Some(account))?;
    let (primary, secondary) = (body.industry_id1.industry()?, body.industry_id2.industry()?);
    let mut guard = account.book.lock();
    let book = &mut *guard;
    let month = beijing_month(call.now);
    if book.industry.is_some_and(|set| set.month == month) {
        return Err(refusal::INDUSTRY_TOO_OFTEN);
    }
    let lost: Vec<String> = book
        .living_templates()
        .filter(|template| {
            template
                .source
                .industries
                .is_some_and(|set| set != (primary, secondary))
        })
        .map(|template| template.source.template_id.clone())
        .collect();
    let appid = account.appid.to_string();
    let event = Event::Industry {
        appid: appid.clone(),
        primary,
        secondary,
        month,
    };
    call.world.commit_in(account, book, &event)?;
    for template_id in lost {
        let event = Event::TemplateGone {
            appid: appid.clone(),
            template_id,
        };
        call.world.commit_in(account, book, &event)?;
    }
    ok()
}

/// An account that never set an industry shows the empty object of each.
pub(super) fn get_industry(_: &Call<'_>, account: &Account) -> Outcome {
    let industry = account.book.lock().industry;
    let show = |code: Option<u8>| match code.and_then(names) {
        Some((first, second)) => json!({ "first_class": first, "second_class": second }),
        None => json!({}),
    };
    render(&json!({
        "primary_industry": show(industry.map(|set| set.primary)),
        "secondary_industry": show(industry.map(|set| set.secondary)),
    }))
}

fn names(code: u8) -> Option<(&'static str, &'static str)> {
    INDUSTRIES.get(usize::from(code).checked_sub(1)?).copied()
}

#[derive(Deserialize)]
struct AddBody {
    #[serde(default)]
    template_id_short: String,
    #[serde(default)]
    keyword_name_list: Vec<String>,
}

/// Adds a category template of the public library; ids of the former industry
/// library (`TM…`, `OPENTM…`) are refused with 40247.
pub(super) fn add_template(call: &Call<'_>, account: &Account) -> Outcome {
    let body: AddBody = call.json(Some(account))?;
    if body.template_id_short.starts_with("TM") || body.template_id_short.starts_with("OPENTM") {
        return Err(refusal::NEED_CATEGORY_TEMPLATE);
    }
    let title = Title::find(&body.template_id_short).ok_or(refusal::INVALID_TEMPLATE)?;
    let kids: Option<Vec<u32>> = body
        .keyword_name_list
        .iter()
        .map(|name| title.keywords.iter().position(|known| known.name == name))
        .map(|place| place.map(|place| place as u32 + 1))
        .collect();
    let kids = kids
        .filter(|kids| !kids.is_empty())
        .ok_or(refusal::INVALID_KEYWORDS)?;
    let (content, example) = title
        .compose(&kids, "：")
        .ok_or(refusal::INVALID_KEYWORDS)?;
    let mut book = account.book.lock();
    let has = book
        .living_templates()
        .filter(|one| one.source.kind == MessageKind::Template)
        .count();
    if has >= TEMPLATE_LIMIT {
        return Err(refusal::TOO_MANY_TEMPLATES);
    }
    let template_id = call.world.ids.template_id();
    let template = TemplateSource {
        template_id: template_id.clone(),
        kind: MessageKind::Template,
        title: title.title.to_owned(),
        content,
        example,
        subscription: None,
        enum_values: title.enum_values(&kids),
        industries: None,
        deleted: false,
    };
    let event = Event::Template {
        appid: account.appid.to_string(),
        template,
    };
    call.world.commit_in(account, &mut book, &event)?;
    render(&json!({ "errcode": 0, "errmsg": "ok", "template_id": template_id }))
}

/// The template of one-time subscription messages is listed under its fixed
/// heading among the others, as developers report.
pub(super) fn list_templates(_: &Call<'_>, account: &Account) -> Outcome {
    let book = account.book.lock();
    let industry = |code: fn(Industry) -> u8, bound: bool| {
        let names = book
            .industry
            .filter(|_| bound)
            .and_then(|set| names(code(set)));
        names.map_or("", |(first, _)| first)
    };
    let list: Vec<Value> = book
        .living_templates()
        .filter_map(|template| {
            let source = &template.source;
            let bound = source.industries.is_some();
            match source.kind {
                MessageKind::Template => Some(json!({
                    "template_id": source.template_id,
                    "title": source.title,
                    "primary_industry": industry(|set| set.primary, bound),
                    "deputy_industry": industry(|set| set.secondary, bound),
                    "content": source.content,
                    "example": source.example,
                })),
                MessageKind::OneTime => Some(json!({
                    "template_id": source.template_id,
                    "title": "订阅模板消息",
                    "primary_industry": "",
                    "deputy_industry": "",
                    "content": "{{content.DATA}}",
                    "example": "",
                })),
                MessageKind::Subscribe
                | MessageKind::Notification
                | MessageKind::CustomerService => None,
            }
        })
        .collect();
    render(&json!({ "template_list": list }))
}

#[derive(Deserialize)]
struct DeleteBody {
    #[serde(default)]
    template_id: String,
}

pub(super) fn delete_template(call: &Call<'_>, account: &Account) -> Outcome {
    let body: DeleteBody = call.json(Some(account))?;
    let mut book = account.book.lock();
    let known = book
        .template(&body.template_id)
        .is_some_and(|template| template.source.kind == MessageKind::Template);
    if !known {
        return Err(refusal::INVALID_TEMPLATE);
    }
    let template_id = body.template_id;
    let event = Event::TemplateGone {
        appid: account.appid.to_string(),
        template_id,
    };
    call.world.commit_in(account, &mut book, &event)?;
    ok()
}

#[derive(Deserialize)]
struct BlockedBody {
    #[serde(default)]
    tmpl_msg_id: String,
    #[serde(default)]
    limit: usize,
}

/// Messages of a template that WeChat intercepted: the sandbox intercepts none.
pub(super) fn blocked(call: &Call<'_>, account: &Account) -> Outcome {
    let body: BlockedBody = call.json(Some(account))?;
    if !(1..=BLOCKED_PAGE).contains(&body.limit) {
        return Err(refusal::INVALID_ARGS);
    }
    let book = account.book.lock();
    book.template(&body.tmpl_msg_id)
        .filter(|template| template.source.kind == MessageKind::Template)
        .ok_or(refusal::INVALID_TEMPLATE)?;
    render(&json!({ "errcode": 0, "errmsg": "ok", "msginfo": [] }))
}

/// A success as JSON.
pub(super) fn render(value: &Value) -> Outcome {
    serde_json::to_vec(value).map_err(|_| refusal::SYSTEM)
}
