//! Menus of official accounts, as the API and menu files write them: WeChat's own
//! names.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the people of an account see below the chat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "button": [
        {"type": "click", "name": "今日特价", "key": "TODAY"},
        {"name": "服务", "sub_button": [
            {"type": "view", "name": "门店", "url": "https://shop.example.com/stores"},
            {"type": "miniprogram", "name": "订单", "url": "https://shop.example.com/orders",
             "appid": "wx8b6f12d0a95e37c4", "pagepath": "pages/orders"}]}],
    "conditional": [
        {"matchrule": {"tag_id": 134}, "button": [
            {"type": "click", "name": "会员日", "key": "VIP"}]}],
}))]
pub struct Menu {
    /// For everybody, left to right; 1 to 3.
    pub button: Vec<MenuButton>,
    /// For some people; the first whose rule fits a person is shown to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditional: Vec<ConditionalMenu>,
}

/// A menu for some people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionalMenu {
    /// Who sees it.
    pub matchrule: MatchRule,
    /// Left to right; 1 to 3.
    pub button: Vec<MenuButton>,
}

/// Who sees a menu: everything given must hold, and something must be given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// Who has this tag, by WeChat's number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_id: Option<i64>,
    /// Who has this phone: 1 iOS, 2 Android, 3 any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_platform_type: Option<i64>,
}

/// A button. `click`, `scancode_push`, `scancode_waitmsg`, `pic_sysphoto`,
/// `pic_photo_or_album`, `pic_weixin` and `location_select` need a key; `view` a url;
/// `miniprogram` url, appid and pagepath; `media_id` and `view_limited` a media_id;
/// `article_id` and `article_view_limited` an article_id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MenuButton {
    /// What the phone shows: at most 16 bytes on the bar, 60 above it.
    pub name: String,
    /// What a tap does; left out for a button that opens others.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub type_: String,
    /// What WeChat tells of a tap, at most 128 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The page to open, at most 1024 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The mini program to open.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// Its page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pagepath: String,
    /// The permanent medium to send.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_id: String,
    /// The published article to open.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub article_id: String,
    /// Only in answers: what a button made in WeChat's console sends.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The buttons above it, top to bottom; at most 5, which open no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub sub_button: Vec<MenuButton>,
}

/// Where a menu was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MenuSource {
    /// Over the API.
    Api,
    /// In WeChat's own console.
    Console,
    /// There is none.
    None,
}

/// The menu that people see now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveMenu {
    /// Where it was made.
    pub source: MenuSource,
    /// The menu; `null` where there is none.
    pub menu: Option<Menu>,
    /// The number of our newest version, if it is this menu; `null` where it was
    /// changed elsewhere.
    pub version: Option<u32>,
}

/// What becomes of a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MenuChangeKind {
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// It becomes another.
    Changed,
    /// It goes elsewhere among its neighbours.
    Moved,
}

/// One difference between the menu there is and the one wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MenuChange {
    /// What becomes of the button.
    pub change: MenuChangeKind,
    /// For whom the menu is; `null` = for everybody.
    pub matchrule: Option<MatchRule>,
    /// The names on the way to the button; empty where a whole conditional menu moves.
    #[schema(example = "服务 › 订单")]
    pub place: String,
    /// The button as it is, without those above it.
    pub before: Option<MenuButton>,
    /// The button as it will be, without those above it.
    pub after: Option<MenuButton>,
}

/// What applying a menu would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MenuPlan {
    /// Everything that differs; empty = nothing would change.
    pub changes: Vec<MenuChange>,
}

/// A menu as it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MenuVersion {
    /// Its number, from 1 on.
    #[schema(example = 3)]
    pub version: u32,
    /// The menu; `null` = it was removed.
    pub menu: Option<Menu>,
    /// The caller's word for the change.
    #[schema(example = "autumn sale")]
    pub note: Option<String>,
    /// The id of the API key it came with.
    pub applied_by: Option<String>,
    /// When it was applied.
    pub applied_at: Timestamp,
}

/// What was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedMenu {
    /// The menu as it is now.
    #[serde(flatten)]
    pub version: MenuVersion,
    /// What changed; empty where it was so already.
    pub changes: Vec<MenuChange>,
}

/// A word for a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MenuNote {
    /// Why the menu is changed; at most 200 characters are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The menu to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackMenu {
    /// Its number.
    #[schema(example = 2)]
    pub version: u32,
    /// Why; `back to version 2` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whose menu is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchMenu {
    /// The person at the account.
    #[schema(example = "oP4uB6jKx0QmTzR3yVdWc9LnEaSs")]
    pub openid: String,
}

/// The menu somebody sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchedMenu {
    /// Its buttons, left to right.
    pub button: Vec<MenuButton>,
}
