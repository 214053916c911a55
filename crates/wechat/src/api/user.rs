//! The people who follow an official account.

mod batch_get;
mod get;
mod info;
mod tag_get;
mod update_remark;

use serde::{Deserialize, Deserializer};

pub use self::{
    batch_get::{BatchGet, UserDetails},
    get::GetFollowers,
    info::{Info, UserDetail},
    tag_get::GetTagged,
    update_remark::UpdateRemark,
};
use crate::{OpenId, lenient};

/// The language of what WeChat tells about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserLang {
    /// Simplified Chinese, WeChat's default.
    ZhCn,
    /// Traditional Chinese.
    ZhTw,
    /// English.
    En,
}

impl UserLang {
    /// The name as WeChat writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::ZhTw => "zh_TW",
            Self::En => "en",
        }
    }
}

/// A page of a list of people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OpenIdPage {
    /// How many there are in all, where WeChat tells it.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub total: Option<u64>,
    /// How many this page has.
    #[serde(default)]
    pub count: u64,
    /// This page. WeChat leaves it out of an empty one.
    #[serde(rename = "data", default, deserialize_with = "openids")]
    pub openids: Vec<OpenId>,
    /// Where the next page begins, to be handed back; absent at the end. A last page may name its own last
    /// person, and the page after that is empty.
    #[serde(default, deserialize_with = "lenient::unless_empty")]
    pub next_openid: Option<OpenId>,
}

fn openids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OpenId>, D::Error> {
    #[derive(Deserialize)]
    struct Data {
        #[serde(default)]
        openid: Vec<OpenId>,
    }
    Ok(Option::<Data>::deserialize(deserializer)?.map_or_else(Vec::new, |data| data.openid))
}
