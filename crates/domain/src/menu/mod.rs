//! Menus of official accounts: the bar below the chat ("自定义菜单").
//!
//! A menu is written as WeChat's own documents write one (`button`, `sub_button`,
//! `matchrule`), so that what exists can be pasted. Its rules are checked before
//! WeChat sees it, and a change is shown before it is made.

mod change;
mod check;

pub use change::{Change, ChangeKind, changes};
pub use check::ButtonKind;

use jiff::Timestamp;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::ids::{AccountId, KeyId};

/// A menu as it was applied, kept to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuVersion {
    /// The account.
    pub account: AccountId,
    /// Its number, from 1 on, growing.
    pub version: u32,
    /// The whole menu, conditional ones included: JSON. Absent = the menu was
    /// removed.
    pub document: Option<String>,
    /// The caller's word for the change.
    pub note: Option<String>,
    /// The API key it came with.
    pub applied_by: Option<KeyId>,
    /// When it was applied.
    pub applied_at: Timestamp,
}

/// What the people of an account see below the chat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// For everybody, left to right; 1 to 3.
    pub button: Vec<Button>,
    /// For some people; the first whose rule fits a person is shown to them.
    #[serde(
        default,
        alias = "conditionalmenu",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub conditional: Vec<ConditionalMenu>,
}

/// A menu for some people (个性化菜单).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionalMenu {
    /// Who sees it.
    pub matchrule: MatchRule,
    /// Left to right; 1 to 3.
    pub button: Vec<Button>,
}

/// Who sees a menu: everything given must hold, and something must be given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// Who has this tag, by WeChat's number of it.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub tag_id: Option<i64>,
    /// Who has this phone: 1 iOS, 2 Android, 3 any other.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub client_platform_type: Option<i64>,
}

/// A button. Which fields it needs depends on its `type`; see [`ButtonKind`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Button {
    /// What the phone shows: at most 16 bytes on the bar, 60 below it.
    pub name: String,
    /// What a tap does; empty for a button that opens others.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What WeChat tells us of a tap.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The page to open.
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
    /// What a button made in WeChat's own console sends. WeChat shows it and takes it
    /// from nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The buttons above it, top to bottom; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_button: Vec<Button>,
}

/// WeChat's own documents quote these numbers.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a whole number")]
    enum Form {
        Number(i64),
        Text(String),
    }
    match Form::deserialize(deserializer)? {
        Form::Number(number) => Ok(Some(number)),
        Form::Text(text) if text.is_empty() => Ok(None),
        Form::Text(text) => text
            .parse()
            .map(Some)
            .map_err(|_| de::Error::custom("a whole number is wanted")),
    }
}
