//! What a person finds in the menu, and what a tap on it does.

use serde_json::{Value, json};

use super::ControlError;
use crate::Sandbox;
use crate::event::Event;
use crate::model::{AccountKind, Action, MenuSource, MenuView, Platform};
use crate::state::account::{Account, Book, Recipient};
use crate::state::menu::{Button, Live, MenuChange, Seen, leaves};

/// `MenuId` where the account has no menu, or none of the API.
const MENU_ID: u64 = 461_376_933;
/// Buttons on top and below, as in the API.
const TOP_BUTTONS: usize = 3;
const SUB_BUTTONS: usize = 5;

/// A tap on a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tap {
    /// The button's type.
    pub(super) kind: String,
    /// What the event has as its key.
    pub(super) key: String,
    pub(super) menuid: u64,
    /// What the person scanned.
    pub(super) scanned: String,
    /// What the phone shows by itself, in the notation of `custom/send`.
    pub(super) shows: Option<Value>,
}

impl Tap {
    fn bare(kind: &str, key: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            key: key.to_owned(),
            menuid: MENU_ID,
            scanned: String::new(),
            shows: None,
        }
    }

    fn on(button: &Button, menuid: Option<u64>) -> Self {
        let kind = button.kind.as_deref().unwrap_or_default();
        let key = match kind {
            "view" => button.text("url"),
            "miniprogram" => button.text("pagepath"),
            _ => button.text("key"),
        };
        Self {
            menuid: menuid.unwrap_or(MENU_ID),
            shows: shown(kind, button),
            ..Self::bare(kind, key)
        }
    }

    /// Whether it opens a window for customer-service messages.
    pub(super) fn opens_window(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "click" | "scancode_push" | "scancode_waitmsg"
        )
    }
}

/// What a button without an event puts on the phone.
fn shown(kind: &str, button: &Button) -> Option<Value> {
    let value = button.text("value");
    Some(match kind {
        "text" => json!({ "msgtype": "text", "text": { "content": value } }),
        "img" => json!({ "msgtype": "image", "image": { "media_id": value } }),
        "voice" => json!({ "msgtype": "voice", "voice": { "media_id": value } }),
        "video" => json!({ "msgtype": "video", "video": { "media_id": value } }),
        "news" => {
            let list = &button.fields.get("news_info").unwrap_or(&Value::Null)["list"];
            let articles = list.as_array().map_or(&[][..], Vec::as_slice).iter();
            let articles = articles.map(|one| {
                json!({
                    "title": one["title"],
                    "description": one["digest"],
                    "url": one["content_url"],
                    "picurl": one["cover_url"],
                })
            });
            let articles: Vec<Value> = articles.collect();
            json!({ "msgtype": "news", "news": { "articles": articles } })
        }
        "article_id" | "article_view_limited" => {
            let id = button.text("article_id");
            json!({ "msgtype": "mpnewsarticle", "mpnewsarticle": { "article_id": id } })
        }
        _ => return None,
    })
}

/// What an action on the menu taps. An account without a menu has whatever the
/// action names; with one, the person's own menu must have it.
pub(super) fn tap(
    book: &Book,
    recipient: Option<Recipient>,
    platform: Platform,
    action: &Action,
) -> Result<Option<Tap>, ControlError> {
    let seen = seen(book, recipient, platform);
    let wanted = |kind: &str, key: &str| {
        let Some(seen) = seen else {
            return Ok(Tap::bare(kind, key));
        };
        let tapped = leaves(seen.button)
            .map(|button| Tap::on(button, seen.menuid))
            .find(|tap| tap.kind == kind && tap.key == key);
        tapped.ok_or_else(|| missing(seen, &format!("{kind} button for {key:?}")))
    };
    Ok(Some(match action {
        Action::MenuClick { key } => wanted("click", key)?,
        Action::MenuView { url } => wanted("view", url)?,
        Action::MenuTap { name, scanned } => {
            let seen = seen.ok_or_else(|| {
                ControlError::Invalid("the account has no menu; menu/create makes one".into())
            })?;
            let button = leaves(seen.button).find(|button| button.name == *name);
            let button = button.ok_or_else(|| missing(seen, &format!("button named {name:?}")))?;
            let mut tap = Tap {
                scanned: scanned.clone(),
                ..Tap::on(button, seen.menuid)
            };
            let media_id = button.text("media_id");
            if let Some(kind) = book.media.kind_in_library(media_id) {
                let kind = kind.name();
                tap.shows = Some(json!({ "msgtype": kind, kind: { "media_id": media_id } }));
            }
            tap
        }
        _ => return Ok(None),
    }))
}

/// Says what the menu has instead.
fn missing(seen: Seen<'_>, what: &str) -> ControlError {
    let has: Vec<String> = leaves(seen.button)
        .map(|button| {
            let tap = Tap::on(button, None);
            let key = if tap.key.is_empty() {
                String::new()
            } else {
                format!(" {:?}", tap.key)
            };
            format!("{:?} ({}{key})", button.name, tap.kind)
        })
        .collect();
    ControlError::Invalid(format!(
        "the person's menu has no {what}; it has {}",
        has.join(", ")
    ))
}

fn seen(book: &Book, recipient: Option<Recipient>, platform: Platform) -> Option<Seen<'_>> {
    let tags: &[u32] = match recipient {
        Some(Recipient::Member(position)) => &book.profile(position).tags,
        Some(Recipient::Bulk(_)) | None => &[],
    };
    book.menus.seen_by(tags, platform)
}

impl Sandbox {
    /// The menu a person sees. `person` is a person's id or an openid of the
    /// account; nobody needs to follow.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown person or account,
    /// [`ControlError::Invalid`] for a mini program.
    pub fn menu(&self, person: &str, appid: &str) -> Result<MenuView, ControlError> {
        let account = self.official(appid)?;
        let known = self.world.people.lock().get(person).map(|person| {
            let openid = person.openids.get(appid);
            (openid.map(ToString::to_string), person.platform)
        });
        let book = account.book.lock();
        let (openid, platform) = match known {
            Some(known) => known,
            None if account.recipient(&book, person).is_some() => {
                (Some(person.to_owned()), Platform::default())
            }
            None => return Err(ControlError::no_person(person)),
        };
        let recipient = openid.as_ref();
        let recipient = recipient.and_then(|openid| account.recipient(&book, openid));
        let seen = seen(&book, recipient, platform);
        let source = match (seen, &book.menus.live) {
            (None, _) => MenuSource::None,
            (Some(seen), _) if seen.is_conditional => MenuSource::Conditional,
            (Some(_), Some(Live::Console { .. })) => MenuSource::Console,
            (Some(_), _) => MenuSource::Default,
        };
        let button = seen.map_or(&[][..], |seen| seen.button);
        Ok(MenuView {
            appid: appid.to_owned(),
            menuid: seen.and_then(|seen| seen.menuid),
            source,
            button: json!(button),
            openid,
        })
    }

    /// Sets the menu as somebody does in WeChat's own console, in the notation
    /// of `get_current_selfmenu_info`: a list of buttons with `name` and either
    /// `sub_button` (`{"list": […]}` or a list) or `type` with its fields
    /// (`text`, `img`, `voice`, `video` with `value`; `news` with `news_info`;
    /// `view` with `url`; `click` with `key`). An empty list takes the menu away.
    /// Menus made through the API are gone then.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Invalid`] for a mini program
    /// or a menu that is none.
    pub fn set_console_menu(&self, appid: &str, button: &Value) -> Result<(), ControlError> {
        let _guard = self.world.control.lock();
        let account = self.official(appid)?;
        let button = console_buttons(button, TOP_BUTTONS)?;
        let change = if button.is_empty() {
            MenuChange::Deleted
        } else {
            MenuChange::Console { button }
        };
        let event = Event::Menu {
            appid: appid.to_owned(),
            change,
        };
        self.world
            .commit_in(&account, &mut account.book.lock(), &event)?;
        Ok(())
    }

    fn official(&self, appid: &str) -> Result<std::sync::Arc<Account>, ControlError> {
        let account = self.account(appid)?;
        match account.kind {
            AccountKind::OfficialAccount => Ok(account),
            AccountKind::MiniProgram => Err(ControlError::Invalid(
                "menus belong to official accounts".into(),
            )),
        }
    }
}

fn console_buttons(value: &Value, most: usize) -> Result<Vec<Button>, ControlError> {
    let invalid = |text: String| Err(ControlError::Invalid(text));
    let Some(list) = value.as_array().filter(|list| list.len() <= most) else {
        return invalid(format!("button must be a list of at most {most}"));
    };
    let mut buttons = Vec::new();
    for one in list {
        let Some(object) = one.as_object() else {
            return invalid("a button is an object with name and type or sub_button".into());
        };
        let mut fields = object.clone();
        let name = fields.shift_remove("name");
        let kind = fields.shift_remove("type");
        let below = match fields.shift_remove("sub_button") {
            Some(Value::Object(wrapper)) => wrapper.get("list").cloned(),
            other => other,
        };
        let below = below.filter(|below| !below.is_null());
        let below = console_buttons(&below.unwrap_or_else(|| json!([])), SUB_BUTTONS)?;
        let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
        let kind = kind.as_ref().and_then(Value::as_str).map(str::to_owned);
        if name.is_empty() || kind.is_some() != below.is_empty() {
            return invalid("a button needs a name, and a type or a sub_button".into());
        }
        if below.iter().any(|button| !button.sub_button.is_empty()) {
            return invalid("a menu has two levels".into());
        }
        buttons.push(Button {
            kind,
            name: name.to_owned(),
            fields: if below.is_empty() {
                fields
            } else {
                serde_json::Map::new()
            },
            sub_button: below,
        });
    }
    Ok(buttons)
}
