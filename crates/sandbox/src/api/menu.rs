//! `/cgi-bin/menu/*` and `/cgi-bin/get_current_selfmenu_info` (pages
//! "自定义菜单", "个性化菜单", "查询自定义菜单信息").

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::admin::render;
use super::menu_rules::{Surroundings, buttons, host};
use super::{Call, payload};
use crate::event::Event;
use crate::model::{AccountKind, Platform};
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::World;
use crate::state::account::{Account, Book, Recipient};
use crate::state::menu::{Button, Conditional, Live, MatchRule, MenuChange, leaves};

/// Hosts that all conditional menus together may lead to.
const DOMAINS: usize = 3;
/// Rules about what people once told of themselves.
const PRIVATE: [&str; 5] = ["sex", "country", "province", "city", "language"];

struct Around<'a> {
    world: &'a World,
    book: &'a Book,
    now: i64,
}

impl Surroundings for Around<'_> {
    fn is_material(&self, media_id: &str) -> bool {
        let medium = self.book.media.get(media_id, self.now);
        medium.is_some_and(|medium| medium.permanent)
    }

    /// The sandbox knows no links between accounts: any mini program will do,
    /// also one it has never heard of.
    fn may_open(&self, appid: &str) -> bool {
        let account = self.world.account(appid);
        account.is_none_or(|account| account.kind == AccountKind::MiniProgram)
    }
}

pub(super) fn create(call: &Call<'_>, account: &Account) -> Outcome {
    let body = read(call, account)?;
    let mut book = account.book.lock();
    let button = checked(call, &book, &body)?;
    let menuid = book.menus.next_id();
    change(
        call,
        account,
        &mut book,
        MenuChange::Created { menuid, button },
    )?;
    ok()
}

/// Menus made through the API only; a parent has no type, a leaf an empty list.
pub(super) fn get(_: &Call<'_>, account: &Account) -> Outcome {
    let book = account.book.lock();
    let Some(Live::Api { menuid, button }) = &book.menus.live else {
        return Err(refusal::NO_MENU);
    };
    let mut answer = json!({ "menu": { "button": button, "menuid": menuid } });
    if !book.menus.conditional.is_empty() {
        let conditional = book.menus.conditional.iter();
        let shown = conditional.map(|menu| {
            json!({
                "button": menu.button,
                "matchrule": shown_rule(&menu.rule),
                "menuid": menu.menuid,
            })
        });
        answer["conditionalmenu"] = shown.collect::<Vec<_>>().into();
    }
    render(&answer)
}

fn shown_rule(rule: &MatchRule) -> Value {
    let mut shown = Map::new();
    if let Some(tag) = rule.tag_id {
        shown.insert("tag_id".to_owned(), tag.to_string().into());
    }
    if let Some(platform) = rule.platform {
        let number = platform.number().to_string();
        shown.insert("client_platform_type".to_owned(), number.into());
    }
    Value::Object(shown)
}

/// The default menu and all conditional ones.
pub(super) fn delete(call: &Call<'_>, account: &Account) -> Outcome {
    let mut book = account.book.lock();
    change(call, account, &mut book, MenuChange::Deleted)?;
    ok()
}

pub(super) fn add_conditional(call: &Call<'_>, account: &Account) -> Outcome {
    let body = read(call, account)?;
    let mut book = account.book.lock();
    if !matches!(book.menus.live, Some(Live::Api { .. })) {
        return Err(refusal::NO_DEFAULT_MENU);
    }
    let empty = body.get("button").and_then(Value::as_array);
    if empty.is_none_or(Vec::is_empty) {
        return Err(refusal::CONDITIONAL_EMPTY);
    }
    let rule = rule(&book, body.get("matchrule"))?;
    let button = checked(call, &book, &body)?;
    let others = book
        .menus
        .conditional
        .iter()
        .flat_map(|menu| leaves(&menu.button));
    let hosts: BTreeSet<&str> = others
        .chain(leaves(&button))
        .filter_map(|button| host(button.text("url")))
        .collect();
    if hosts.len() > DOMAINS {
        return Err(refusal::MENU_DOMAINS);
    }
    let menu = Conditional {
        menuid: book.menus.next_id(),
        button,
        rule,
    };
    let menuid = menu.menuid.to_string();
    change(call, account, &mut book, MenuChange::Added(menu))?;
    render(&json!({ "menuid": menuid }))
}

/// Numbers come as such or as strings; empty ones are none.
fn rule(book: &Book, value: Option<&Value>) -> Result<MatchRule, Refusal> {
    let text = |name: &str| match value.and_then(|rule| rule.get(name)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => String::new(),
    };
    if PRIVATE.iter().any(|name| !text(name).is_empty()) {
        return Err(refusal::RULE_PRIVACY);
    }
    let tag = match (text("tag_id"), text("group_id")) {
        (tag, _) if !tag.is_empty() => tag,
        (_, group) => group,
    };
    let tag_id = match tag.as_str() {
        "" => None,
        tag => Some(
            tag.parse()
                .ok()
                .filter(|tag| book.tags.list.contains_key(tag))
                .ok_or(refusal::INVALID_TAG)?,
        ),
    };
    let platform = match text("client_platform_type").as_str() {
        "" => None,
        number => Some(Platform::numbered(number).ok_or(refusal::ARGS_SIZE)?),
    };
    if tag_id.is_none() && platform.is_none() {
        return Err(refusal::RULE_EMPTY);
    }
    Ok(MatchRule { tag_id, platform })
}

pub(super) fn delete_conditional(call: &Call<'_>, account: &Account) -> Outcome {
    let body = read(call, account)?;
    let menuid = match body.get("menuid") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
        None => None,
    };
    let mut book = account.book.lock();
    let known = |menuid: &u64| {
        book.menus
            .conditional
            .iter()
            .any(|one| one.menuid == *menuid)
    };
    let menuid = menuid.filter(known).ok_or(refusal::NOT_CONDITIONAL)?;
    change(call, account, &mut book, MenuChange::Removed { menuid })?;
    ok()
}

#[derive(Deserialize)]
struct TryBody {
    #[serde(default)]
    user_id: String,
}

/// What a person sees. WeChat ids do not exist here, openids do.
pub(super) fn try_match(call: &Call<'_>, account: &Account) -> Outcome {
    let body: TryBody = call.json(Some(account))?;
    let platform = call.world.platform_of(account, &body.user_id);
    let book = account.book.lock();
    let recipient = account
        .recipient(&book, &body.user_id)
        .ok_or(refusal::NO_SUCH_USER)?;
    if !book.follows(recipient) {
        return Err(refusal::NOT_A_FAN);
    }
    let tags: &[u32] = match recipient {
        Recipient::Member(position) => &book.profile(position).tags,
        Recipient::Bulk(_) => &[],
    };
    let seen = book.menus.seen_by(tags, platform).ok_or(refusal::NO_MENU)?;
    render(&json!({ "button": seen.button }))
}

/// The menu whoever made it. Lists stand under `sub_button.list`.
pub(super) fn current(_: &Call<'_>, account: &Account) -> Outcome {
    let book = account.book.lock();
    let shown = |button: &[Button]| button.iter().map(self_menu).collect::<Vec<_>>();
    let button = match &book.menus.live {
        None => return render(&json!({ "is_menu_open": 0, "selfmenu_info": { "button": [] } })),
        Some(Live::Api { button, .. } | Live::Console { button }) => shown(button),
    };
    render(&json!({ "is_menu_open": 1, "selfmenu_info": { "button": button } }))
}

fn self_menu(button: &Button) -> Value {
    let mut shown = Map::new();
    if let Some(kind) = &button.kind {
        shown.insert("type".to_owned(), kind.as_str().into());
    }
    shown.insert("name".to_owned(), button.name.as_str().into());
    shown.extend(button.fields.clone());
    if !button.sub_button.is_empty() {
        let list: Vec<Value> = button.sub_button.iter().map(self_menu).collect();
        shown.insert("sub_button".to_owned(), json!({ "list": list }));
    }
    Value::Object(shown)
}

/// Menus have a code of their own for `\u` escapes.
fn read(call: &Call<'_>, account: &Account) -> Result<Map<String, Value>, Refusal> {
    let strict = account.settings.read().reject_unicode_escapes;
    if strict && payload::has_unicode_escape(call.body) {
        return Err(refusal::INVALID_CHARSET);
    }
    call.json(Some(account))
}

fn checked(
    call: &Call<'_>,
    book: &Book,
    body: &Map<String, Value>,
) -> Result<Vec<Button>, Refusal> {
    let around = Around {
        world: call.world,
        book,
        now: call.now,
    };
    buttons(body.get("button"), &around)
}

fn change(
    call: &Call<'_>,
    account: &Account,
    book: &mut Book,
    change: MenuChange,
) -> Result<(), Refusal> {
    let event = Event::Menu {
        appid: account.appid.to_string(),
        change,
    };
    Ok(call.world.commit_in(account, book, &event)?)
}
