//! What a menu must look like: sizes, names, and what each type needs (page
//! "自定义菜单创建接口").

use serde_json::{Map, Value};

use crate::refusal::{self, Refusal};
use crate::state::menu::Button;

const TOP_BUTTONS: usize = 3;
const SUB_BUTTONS: usize = 5;
/// Longest name on top and below, in bytes.
const TOP_NAME: usize = 16;
const SUB_NAME: usize = 60;
/// Longest key and address, in bytes.
const KEY: usize = 128;
const URL: usize = 1024;

/// What the rules ask the world.
pub(super) trait Surroundings {
    /// Whether that is a picture, voice message or video of the library.
    fn is_material(&self, media_id: &str) -> bool;
    /// Whether a menu may open that mini program.
    fn may_open(&self, appid: &str) -> bool;
}

/// On which of the two levels a button stands. Each has codes of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    Sub,
}

impl Level {
    fn pick(self, top: Refusal, sub: Refusal) -> Refusal {
        match self {
            Self::Top => top,
            Self::Sub => sub,
        }
    }
}

/// Reads the buttons of a menu.
pub(super) fn buttons(
    value: Option<&Value>,
    around: &impl Surroundings,
) -> Result<Vec<Button>, Refusal> {
    let buttons = value
        .and_then(Value::as_array)
        .filter(|buttons| (1..=TOP_BUTTONS).contains(&buttons.len()))
        .ok_or(refusal::BUTTON_COUNT)?;
    buttons
        .iter()
        .map(|value| button(value, Level::Top, around))
        .collect()
}

fn button(value: &Value, level: Level, around: &impl Surroundings) -> Result<Button, Refusal> {
    let (name_bytes, wrong_name) = match level {
        Level::Top => (TOP_NAME, refusal::BUTTON_NAME),
        Level::Sub => (SUB_NAME, refusal::SUB_BUTTON_NAME),
    };
    let name = value["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.len() > name_bytes {
        return Err(wrong_name);
    }
    let below = value["sub_button"]
        .as_array()
        .filter(|list| !list.is_empty());
    if let Some(below) = below {
        if level == Level::Sub {
            return Err(refusal::MENU_DEPTH);
        }
        if below.len() > SUB_BUTTONS {
            return Err(refusal::SUB_BUTTON_COUNT);
        }
        let below = below.iter().map(|value| button(value, Level::Sub, around));
        return Ok(Button {
            kind: None,
            name: name.to_owned(),
            fields: Map::new(),
            sub_button: below.collect::<Result<_, _>>()?,
        });
    }
    let kind = value["type"].as_str().unwrap_or_default();
    Ok(Button {
        kind: Some(kind.to_owned()),
        name: name.to_owned(),
        fields: fields(value, kind, level, around)?,
        sub_button: Vec::new(),
    })
}

/// The fields a type needs; others are dropped.
fn fields(
    value: &Value,
    kind: &str,
    level: Level,
    around: &impl Surroundings,
) -> Result<Map<String, Value>, Refusal> {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let needs = |name: &str, most: usize, wrong: Refusal| {
        if (1..=most).contains(&text(name).len()) {
            Ok(())
        } else {
            Err(wrong)
        }
    };
    let needs_url = || {
        let size = level.pick(refusal::BUTTON_URL, refusal::SUB_BUTTON_URL);
        needs("url", URL, size)?;
        if is_page(text("url")) {
            Ok(())
        } else {
            Err(level.pick(refusal::BUTTON_DOMAIN, refusal::SUB_BUTTON_DOMAIN))
        }
    };
    let names: &[&str] = match kind {
        "click" | "scancode_push" | "scancode_waitmsg" | "pic_sysphoto" | "pic_photo_or_album"
        | "pic_weixin" | "location_select" => {
            let wrong = level.pick(refusal::BUTTON_KEY, refusal::SUB_BUTTON_KEY);
            needs("key", KEY, wrong)?;
            &["key"]
        }
        "view" => {
            needs_url()?;
            &["url"]
        }
        "miniprogram" => {
            needs_url()?;
            needs("appid", 64, refusal::INVALID_WEAPP)?;
            needs("pagepath", URL, refusal::INVALID_PAGEPATH)?;
            if !around.may_open(text("appid")) {
                return Err(refusal::WEAPP_IN_MENU);
            }
            &["url", "appid", "pagepath"]
        }
        "media_id" | "view_limited" => {
            let wrong = level.pick(refusal::BUTTON_MEDIA, refusal::SUB_BUTTON_MEDIA);
            needs("media_id", 512, wrong)?;
            // The library holds no articles.
            if kind == "view_limited" {
                return Err(refusal::NOT_AN_ARTICLE);
            }
            if !around.is_material(text("media_id")) {
                return Err(refusal::NOT_MATERIAL);
            }
            &["media_id"]
        }
        "article_id" | "article_view_limited" => {
            needs("article_id", 512, refusal::INVALID_ARTICLE)?;
            &["article_id"]
        }
        _ => return Err(level.pick(refusal::BUTTON_TYPE, refusal::SUB_BUTTON_TYPE)),
    };
    let taken = names
        .iter()
        .map(|name| ((*name).to_owned(), value[*name].clone()));
    Ok(taken.collect())
}

fn is_page(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

/// The host of an address.
pub(super) fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#', ':']).next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Nothing;

    impl Surroundings for Nothing {
        fn is_material(&self, media_id: &str) -> bool {
            media_id == "known"
        }
        fn may_open(&self, appid: &str) -> bool {
            appid == "wx1"
        }
    }

    fn code(menu: Value) -> i32 {
        buttons(Some(&menu), &Nothing).map_or_else(|refusal| refusal.code, |_| 0)
    }

    /// The code of a button on top and of the same below.
    fn codes(button: Value) -> (i32, i32) {
        let below = json!([{ "name": "a", "sub_button": [button] }]);
        (code(json!([button])), code(below))
    }

    #[test]
    fn sizes() {
        let click = json!({ "type": "click", "name": "a", "key": "k" });
        assert_eq!(buttons(None, &Nothing).unwrap_err().code, 40016);
        assert_eq!(code(json!([])), 40016);
        assert_eq!(code(json!([click, click, click, click])), 40016);
        assert_eq!(code(json!([click, click, click])), 0);
        let list =
            |count: usize| json!([{ "name": "a", "sub_button": vec![click.clone(); count] }]);
        assert_eq!(code(list(5)), 0);
        assert_eq!(code(list(6)), 40023);
        assert_eq!(code(json!([{ "name": "a", "sub_button": [] }])), 40017);
        let deep = json!({ "name": "a", "sub_button": [click] });
        assert_eq!(code(json!([{ "name": "a", "sub_button": [deep] }])), 40022);
    }

    #[test]
    fn names_are_measured_in_bytes() {
        let named = |name: String| json!({ "type": "click", "name": name, "key": "k" });
        assert_eq!(codes(named("字".repeat(5))), (0, 0));
        assert_eq!(codes(named("字".repeat(6))), (40018, 0));
        assert_eq!(codes(named("字".repeat(20))), (40018, 0));
        assert_eq!(codes(named("字".repeat(21))), (40018, 40025));
        assert_eq!(codes(named(String::new())), (40018, 40025));
    }

    #[test]
    fn what_each_type_needs() {
        let of = |kind: &str, fields: Value| {
            let mut button = json!({ "type": kind, "name": "a" });
            let fields = fields.as_object().unwrap().clone();
            button.as_object_mut().unwrap().extend(fields);
            codes(button)
        };
        for kind in [
            "click",
            "scancode_push",
            "scancode_waitmsg",
            "pic_weixin",
            "location_select",
        ] {
            assert_eq!(of(kind, json!({})), (40019, 40026), "{kind}");
            assert_eq!(of(kind, json!({ "key": "k".repeat(128) })), (0, 0));
            assert_eq!(of(kind, json!({ "key": "k".repeat(129) })), (40019, 40026));
        }
        assert_eq!(of("view", json!({})), (40020, 40027));
        assert_eq!(of("view", json!({ "url": "https://a.example/" })), (0, 0));
        assert_eq!(of("view", json!({ "url": "a.example" })), (40055, 40054));
        let long = format!("https://a.example/{}", "x".repeat(1024));
        assert_eq!(of("view", json!({ "url": long })), (40020, 40027));
        let open = |appid: &str| json!({ "url": "https://a", "appid": appid, "pagepath": "p" });
        assert_eq!(of("miniprogram", open("wx1")), (0, 0));
        assert_eq!(of("miniprogram", open("wx2")), (45064, 45064));
        assert_eq!(of("miniprogram", open("")), (40166, 40166));
        let lost = json!({ "url": "https://a", "appid": "wx1" });
        assert_eq!(of("miniprogram", lost), (40165, 40165));
        assert_eq!(of("media_id", json!({})), (40117, 40118));
        assert_eq!(of("media_id", json!({ "media_id": "known" })), (0, 0));
        assert_eq!(of("media_id", json!({ "media_id": "m" })), (40128, 40128));
        assert_eq!(
            of("view_limited", json!({ "media_id": "known" })),
            (40121, 40121)
        );
        assert_eq!(of("article_id", json!({})), (53600, 53600));
        assert_eq!(of("article_id", json!({ "article_id": "x" })), (0, 0));
        assert_eq!(of("dance", json!({})), (40017, 40024));
    }
}
