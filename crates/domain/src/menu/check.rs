//! WeChat's rules of menus: everything that is wrong, before WeChat sees it.

use std::collections::BTreeSet;

use hongyan_wechat::AppId;

use super::{Button, ConditionalMenu, MatchRule, Menu};
use crate::spelling::nearest;
use crate::template::Violation;

/// Buttons on the bar, and above each of them ("自定义菜单").
const ON_THE_BAR: usize = 3;
const ABOVE_ONE: usize = 5;

/// Longest names, in bytes of UTF-8.
const BAR_NAME_BYTES: usize = 16;
const SUB_NAME_BYTES: usize = 60;

/// Longest values, in bytes.
const KEY_BYTES: usize = 128;
const URL_BYTES: usize = 1024;

/// Domains to which all conditional menus of an account together may lead (65316).
const CONDITIONAL_DOMAINS: usize = 3;

/// What a tap on a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ButtonKind {
    /// Tells us the key.
    Click,
    /// Opens a page.
    View,
    /// Opens a mini program; older phones open the page.
    MiniProgram,
    /// Scans a code and shows what it says.
    ScanCodePush,
    /// Scans a code and waits for our answer.
    ScanCodeWaitMsg,
    /// Takes a photo.
    PicSysPhoto,
    /// Takes a photo or picks one.
    PicPhotoOrAlbum,
    /// Picks pictures in WeChat's album.
    PicWeixin,
    /// Picks a place.
    LocationSelect,
    /// Sends a permanent medium.
    MediaId,
    /// Opens an article of the old kind.
    ViewLimited,
    /// Sends a published article.
    ArticleId,
    /// Opens a published article.
    ArticleViewLimited,
}

impl ButtonKind {
    /// All.
    pub const ALL: [Self; 13] = [
        Self::Click,
        Self::View,
        Self::MiniProgram,
        Self::ScanCodePush,
        Self::ScanCodeWaitMsg,
        Self::PicSysPhoto,
        Self::PicPhotoOrAlbum,
        Self::PicWeixin,
        Self::LocationSelect,
        Self::MediaId,
        Self::ViewLimited,
        Self::ArticleId,
        Self::ArticleViewLimited,
    ];

    /// WeChat's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::View => "view",
            Self::MiniProgram => "miniprogram",
            Self::ScanCodePush => "scancode_push",
            Self::ScanCodeWaitMsg => "scancode_waitmsg",
            Self::PicSysPhoto => "pic_sysphoto",
            Self::PicPhotoOrAlbum => "pic_photo_or_album",
            Self::PicWeixin => "pic_weixin",
            Self::LocationSelect => "location_select",
            Self::MediaId => "media_id",
            Self::ViewLimited => "view_limited",
            Self::ArticleId => "article_id",
            Self::ArticleViewLimited => "article_view_limited",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The fields it needs, and takes: no others.
    #[must_use]
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Click
            | Self::ScanCodePush
            | Self::ScanCodeWaitMsg
            | Self::PicSysPhoto
            | Self::PicPhotoOrAlbum
            | Self::PicWeixin
            | Self::LocationSelect => &["key"],
            Self::View => &["url"],
            Self::MiniProgram => &["url", "appid", "pagepath"],
            Self::MediaId | Self::ViewLimited => &["media_id"],
            Self::ArticleId | Self::ArticleViewLimited => &["article_id"],
        }
    }
}

impl Menu {
    /// Everything that WeChat would not take. Pointers begin at the menu.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Found(Vec::new());
        found.bar("", &self.button);
        let mut seen = Vec::new();
        for (n, one) in self.conditional.iter().enumerate() {
            let at = format!("/conditional/{n}");
            found.rule(&format!("{at}/matchrule"), one.matchrule);
            if let Some(earlier) = seen.iter().position(|rule| *rule == one.matchrule) {
                found.add(
                    format!("{at}/matchrule"),
                    "never_shown",
                    format!("conditional/{earlier} has the same rule and comes first, so nobody would see this menu"),
                    format!("与 conditional/{earlier} 条件相同且排在其后，永远不会显示"),
                );
            }
            seen.push(one.matchrule);
            found.bar(&at, &one.button);
        }
        found.domains(&self.conditional);
        found.0
    }
}

struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, pointer: String, rule: &'static str, message: String, message_zh: String) {
        self.0.push(Violation {
            pointer,
            rule,
            message,
            message_zh,
        });
    }

    fn bar(&mut self, at: &str, buttons: &[Button]) {
        if !(1..=ON_THE_BAR).contains(&buttons.len()) {
            self.add(
                format!("{at}/button"),
                "count",
                format!(
                    "a menu has 1 to {ON_THE_BAR} buttons, this one has {}; to have none at all, remove the menu",
                    buttons.len()
                ),
                format!(
                    "一级菜单为 1 到 {ON_THE_BAR} 个，现为 {} 个；如不需要菜单请删除菜单",
                    buttons.len()
                ),
            );
        }
        for (n, button) in buttons.iter().enumerate() {
            let at = format!("{at}/button/{n}");
            self.name(&at, &button.name, BAR_NAME_BYTES, "4");
            if button.sub_button.is_empty() {
                self.leaf(&at, button);
            } else {
                self.opens_others(&at, button);
            }
        }
    }

    fn opens_others(&mut self, at: &str, button: &Button) {
        if button.sub_button.len() > ABOVE_ONE {
            self.add(
                format!("{at}/sub_button"),
                "count",
                format!(
                    "at most {ABOVE_ONE} buttons open above one, here are {}",
                    button.sub_button.len()
                ),
                format!(
                    "二级菜单最多 {ABOVE_ONE} 个，现为 {} 个",
                    button.sub_button.len()
                ),
            );
        }
        if !button.kind.is_empty() {
            self.superfluous(at, "type", "a button that opens others");
        }
        for (field, _) in given(button) {
            self.superfluous(at, field, "a button that opens others");
        }
        for (n, sub) in button.sub_button.iter().enumerate() {
            let at = format!("{at}/sub_button/{n}");
            self.name(&at, &sub.name, SUB_NAME_BYTES, "8");
            if !sub.sub_button.is_empty() {
                self.add(
                    format!("{at}/sub_button"),
                    "depth",
                    "a menu has two levels: this button cannot open further ones".to_owned(),
                    "菜单只有两级，二级菜单下不能再有子菜单".to_owned(),
                );
            }
            self.leaf(&at, sub);
        }
    }

    fn name(&mut self, at: &str, name: &str, most: usize, shown: &str) {
        let pointer = format!("{at}/name");
        if name.trim().is_empty() {
            self.add(
                pointer,
                "required",
                "a button needs a name".to_owned(),
                "菜单名称不能为空".to_owned(),
            );
        } else if name.len() > most {
            let bytes = name.len();
            self.add(
                pointer,
                "too_long",
                format!("{name:?} has {bytes} bytes, at most {most} fit here (a Chinese character has 3; phones show {shown})"),
                format!("“{name}”为 {bytes} 字节，此处最多 {most} 字节（一个汉字 3 字节，手机显示 {shown} 个汉字）"),
            );
        } else if name.chars().any(char::is_control) {
            self.add(
                pointer,
                "form",
                "a name has no line feeds or other control characters".to_owned(),
                "菜单名称不能包含换行等控制字符".to_owned(),
            );
        }
    }

    fn leaf(&mut self, at: &str, button: &Button) {
        let Some(kind) = ButtonKind::of(&button.kind) else {
            self.unknown_kind(at, &button.kind);
            return;
        };
        let fields = kind.fields();
        for field in fields {
            if value(button, field).is_empty() {
                self.add(
                    format!("{at}/{field}"),
                    "required",
                    format!("a button of the type {} needs {field}", kind.as_str()),
                    format!("{} 类型的菜单必须填写 {field}", kind.as_str()),
                );
            }
        }
        for (field, text) in given(button) {
            if fields.contains(&field) {
                self.text(at, field, text);
            } else {
                let what = format!("a button of the type {}", kind.as_str());
                self.superfluous(at, field, &what);
            }
        }
    }

    fn unknown_kind(&mut self, at: &str, kind: &str) {
        let known = ButtonKind::ALL.map(ButtonKind::as_str);
        if kind.is_empty() {
            self.add(
                format!("{at}/type"),
                "required",
                "a button needs a type, or buttons in sub_button that it opens".to_owned(),
                "菜单须有 type，或在 sub_button 中包含子菜单".to_owned(),
            );
            return;
        }
        let (hint, hint_zh) = match nearest(kind, known) {
            Some(near) => (
                format!("did you mean {near}?"),
                format!("是否想写 {near}？"),
            ),
            None => (
                format!("there are: {}", known.join(", ")),
                format!("可用类型：{}", known.join("、")),
            ),
        };
        self.add(
            format!("{at}/type"),
            "unknown_type",
            format!("WeChat takes no buttons of the type {kind:?}; {hint}"),
            format!("接口不支持类型为“{kind}”的菜单；{hint_zh}"),
        );
    }

    fn text(&mut self, at: &str, field: &str, text: &str) {
        let most = match field {
            "key" => KEY_BYTES,
            "url" => URL_BYTES,
            _ => usize::MAX,
        };
        if text.len() > most {
            let bytes = text.len();
            self.add(
                format!("{at}/{field}"),
                "too_long",
                format!("{field} has {bytes} bytes, at most {most} fit"),
                format!("{field} 为 {bytes} 字节，最多 {most} 字节"),
            );
        } else if text.chars().any(char::is_control) {
            self.add(
                format!("{at}/{field}"),
                "form",
                format!("{field} has no line feeds or other control characters"),
                format!("{field} 不能包含换行等控制字符"),
            );
        } else if field == "url" && host(text).is_none() {
            self.add(
                format!("{at}/url"),
                "form",
                "url must be a whole address with http:// or https:// in front".to_owned(),
                "url 应为以 http:// 或 https:// 开头的完整地址".to_owned(),
            );
        } else if field == "appid" && !is_appid(text) {
            self.add(
                format!("{at}/appid"),
                "form",
                "appid must be that of a mini program, such as wx8b6f12d0a95e37c4".to_owned(),
                "appid 应为小程序的 appid，形如 wx8b6f12d0a95e37c4".to_owned(),
            );
        }
    }

    fn superfluous(&mut self, at: &str, field: &str, of_what: &str) {
        self.add(
            format!("{at}/{field}"),
            "not_for_this_type",
            format!("{of_what} has no {field}"),
            format!("此类菜单不能填写 {field}"),
        );
    }

    fn rule(&mut self, at: &str, rule: MatchRule) {
        if rule == MatchRule::default() {
            self.add(
                at.to_owned(),
                "required",
                "a conditional menu needs a tag_id, a client_platform_type, or both".to_owned(),
                "个性化菜单须有 tag_id 或 client_platform_type".to_owned(),
            );
        }
        if rule.tag_id.is_some_and(|id| id < 0) {
            self.add(
                format!("{at}/tag_id"),
                "form",
                "tag_id is WeChat's number of a tag, from 0 on".to_owned(),
                "tag_id 为微信的标签编号，从 0 开始".to_owned(),
            );
        }
        let platform = rule.client_platform_type;
        if platform.is_some_and(|platform| !(1..=3).contains(&platform)) {
            self.add(
                format!("{at}/client_platform_type"),
                "form",
                "client_platform_type is 1 (iOS), 2 (Android) or 3 (any other)".to_owned(),
                "client_platform_type 为 1（iOS）、2（Android）或 3（其他）".to_owned(),
            );
        }
    }

    fn domains(&mut self, conditional: &[ConditionalMenu]) {
        let hosts: BTreeSet<String> = conditional
            .iter()
            .flat_map(|menu| &menu.button)
            .flat_map(|button| std::iter::once(button).chain(&button.sub_button))
            .filter_map(|button| host(&button.url))
            .collect();
        if hosts.len() > CONDITIONAL_DOMAINS {
            let listed: Vec<_> = hosts.iter().map(String::as_str).collect();
            let listed = listed.join(", ");
            self.add(
                "/conditional".to_owned(),
                "domains",
                format!("conditional menus may lead to {CONDITIONAL_DOMAINS} domains together, these lead to {}: {listed}", hosts.len()),
                format!("全部个性化菜单合计最多链接 {CONDITIONAL_DOMAINS} 个域名，现有 {} 个：{listed}", hosts.len()),
            );
        }
    }
}

/// What else than name, type and further buttons a button has.
fn given(button: &Button) -> impl Iterator<Item = (&'static str, &str)> {
    [
        "key",
        "url",
        "appid",
        "pagepath",
        "media_id",
        "article_id",
        "value",
    ]
    .into_iter()
    .map(|field| (field, value(button, field)))
    .filter(|(_, text)| !text.is_empty())
}

fn value<'a>(button: &'a Button, field: &str) -> &'a str {
    match field {
        "key" => &button.key,
        "url" => &button.url,
        "appid" => &button.appid,
        "pagepath" => &button.pagepath,
        "media_id" => &button.media_id,
        "article_id" => &button.article_id,
        _ => &button.value,
    }
}

/// The host of a web address in lower case, if it is one.
fn host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    let is_host = !host.is_empty() && !host.chars().any(|c| c.is_whitespace() || c == '@');
    is_host.then(|| host.to_ascii_lowercase())
}

fn is_appid(text: &str) -> bool {
    text.starts_with("wx") && AppId::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wrong(menu: Value) -> Vec<(String, &'static str)> {
        let menu: Menu = serde_json::from_value(menu).unwrap();
        menu.violations()
            .into_iter()
            .map(|one| (one.pointer, one.rule))
            .collect()
    }

    fn view(name: &str) -> Value {
        json!({"type": "view", "name": name, "url": "https://example.com/a"})
    }

    #[test]
    fn every_kind_with_what_it_needs_is_fine() {
        let buttons: Vec<Value> = ButtonKind::ALL
            .iter()
            .map(|kind| {
                let mut button = json!({"type": kind.as_str(), "name": "按钮"});
                for field in kind.fields() {
                    button[field] = json!(match *field {
                        "url" => "https://example.com/",
                        "appid" => "wx8b6f12d0a95e37c4",
                        _ => "x",
                    });
                }
                button
            })
            .collect();
        for five in buttons.chunks(5) {
            let menu = json!({"button": [{"name": "四个汉字", "sub_button": five}]});
            assert_eq!(wrong(menu), []);
        }
        // Without any one of its fields, and with one too many.
        for button in &buttons {
            let kind = ButtonKind::of(button["type"].as_str().unwrap()).unwrap();
            for field in kind.fields() {
                let mut poor = button.clone();
                poor.as_object_mut().unwrap().remove(*field);
                let seen = wrong(json!({"button": [poor]}));
                assert_eq!(seen, [(format!("/button/0/{field}"), "required")]);
            }
            let mut rich = button.clone();
            rich["value"] = json!("x");
            let seen = wrong(json!({"button": [rich]}));
            assert_eq!(seen, [("/button/0/value".to_owned(), "not_for_this_type")]);
        }
    }

    #[test]
    fn counts_and_levels() {
        let at = |pointer: &str, rule| vec![(pointer.to_owned(), rule)];
        assert_eq!(wrong(json!({"button": []})), at("/button", "count"));
        assert_eq!(
            wrong(json!({"button": [view("a"), view("b"), view("c"), view("d")]})),
            at("/button", "count")
        );
        let six: Vec<_> = (0..6).map(|_| view("a")).collect();
        assert_eq!(
            wrong(json!({"button": [{"name": "a", "sub_button": six}]})),
            at("/button/0/sub_button", "count")
        );
        let mut deep = view("b");
        deep["sub_button"] = json!([view("c")]);
        assert_eq!(
            wrong(json!({"button": [{"name": "a", "sub_button": [deep]}]})),
            at("/button/0/sub_button/0/sub_button", "depth")
        );
        let mut both = view("b");
        both["sub_button"] = json!([view("c")]);
        assert_eq!(
            wrong(json!({"button": [both]})),
            [
                ("/button/0/type".to_owned(), "not_for_this_type"),
                ("/button/0/url".to_owned(), "not_for_this_type")
            ]
        );
    }

    #[test]
    fn names_are_measured_in_bytes() {
        for (name, fits) in [
            ("五个汉字呀", true),
            ("六个汉字真多", false),
            ("sixteen letters!", true),
            ("seventeen letters", false),
            ("  ", false),
            ("a\nb", false),
        ] {
            assert_eq!(
                wrong(json!({"button": [view(name)]})).is_empty(),
                fits,
                "{name}"
            );
        }
        let below =
            |name: &str| wrong(json!({"button": [{"name": "a", "sub_button": [view(name)]}]}));
        assert!(below(&"汉".repeat(20)).is_empty());
        assert_eq!(below(&"汉".repeat(21))[0].1, "too_long");
    }

    #[test]
    fn addresses_keys_and_types() {
        let one = |button: Value| wrong(json!({"button": [button]}));
        for bad in [
            "example.com",
            "ftp://a.b",
            "https://",
            "//a.b",
            "https:// a/",
        ] {
            let seen = one(json!({"type": "view", "name": "a", "url": bad}));
            assert_eq!(seen, [("/button/0/url".to_owned(), "form")], "{bad}");
        }
        let long = format!("https://a.b/{}", "x".repeat(1013));
        let seen = one(json!({"type": "view", "name": "a", "url": long}));
        assert_eq!(seen[0].1, "too_long");
        for (length, fits) in [(128, true), (129, false)] {
            let seen = one(json!({"type": "click", "name": "a", "key": "k".repeat(length)}));
            assert_eq!(seen.is_empty(), fits);
        }
        let menu: Menu =
            serde_json::from_value(json!({"button": [{"type": "veiw", "name": "a"}]})).unwrap();
        let seen = menu.violations();
        assert_eq!(seen[0].rule, "unknown_type");
        assert!(seen[0].message.ends_with("did you mean view?"));
        assert_eq!(one(json!({"name": "a"}))[0].1, "required");
    }

    #[test]
    fn conditional_menus_have_rules_of_their_own() {
        let menu = |rules: &[Value]| {
            let conditional: Vec<_> = rules
                .iter()
                .map(|rule| json!({"matchrule": rule, "button": [view("a")]}))
                .collect();
            wrong(json!({"button": [view("a")], "conditional": conditional}))
        };
        assert_eq!(
            menu(&[
                json!({"tag_id": 2}),
                json!({"tag_id": "134", "client_platform_type": "1"})
            ]),
            []
        );
        assert_eq!(menu(&[json!({})])[0].1, "required");
        assert_eq!(menu(&[json!({"client_platform_type": 4})])[0].1, "form");
        assert_eq!(menu(&[json!({"tag_id": -1})])[0].1, "form");
        assert_eq!(
            menu(&[json!({"tag_id": 2}), json!({"tag_id": 2})]),
            [("/conditional/1/matchrule".to_owned(), "never_shown")]
        );
        let hosts = |hosts: &[&str]| {
            let buttons: Vec<_> = hosts
                .iter()
                .map(|host| json!({"type": "view", "name": "a", "url": format!("https://{host}/")}))
                .collect();
            wrong(json!({"button": [view("a")], "conditional": [
                {"matchrule": {"tag_id": 1}, "button": [{"name": "a", "sub_button": buttons}]}]}))
        };
        assert_eq!(hosts(&["a.cn", "b.cn", "A.cn:443", "c.cn"]), []);
        assert_eq!(
            hosts(&["a.cn", "b.cn", "c.cn", "d.cn"]),
            [("/conditional".to_owned(), "domains")]
        );
    }
}
