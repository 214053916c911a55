//! Subscribe messages of mini programs, and the `newtmpl` calls that manage their templates. Verified
//! service accounts manage the templates of their subscription notices with the same `newtmpl` calls, and
//! send with [`BizSend`].
//!
//! The `newtmpl` calls have small daily quotas, a few hundred by report: keep what they answer.

mod add_template;
mod biz_send;
mod delete_template;
mod get_category;
mod get_pub_template_keywords;
mod get_pub_template_titles;
mod get_template;
mod send;

use serde::{Deserialize, Deserializer};

pub use self::{
    add_template::{AddSubscribeTemplate, AddedSubscribeTemplate},
    biz_send::BizSend,
    delete_template::DeleteSubscribeTemplate,
    get_category::{Categories, Category, GetCategories},
    get_pub_template_keywords::{GetLibraryKeywords, LibraryKeyword, LibraryKeywords},
    get_pub_template_titles::{GetLibraryTitles, LibraryTitle, LibraryTitles},
    get_template::{
        KeywordValues, ListSubscribeTemplates, SubscribeTemplate, SubscribeTemplateList,
    },
    send::{Lang, MiniProgramState, SendSubscribeMessage, SentSubscribeMessage},
};
use crate::lenient;

/// How long a person's consent lasts; the `type` of a subscribe template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionType {
    /// Type 2: one message for each consent.
    OneTime,
    /// Type 3: any number until the person switches it off.
    LongTerm,
    /// A type that is not documented.
    Other(i64),
}

impl<'de> Deserialize<'de> for SubscriptionType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match lenient::number(deserializer)? {
            2 => Self::OneTime,
            3 => Self::LongTerm,
            other => Self::Other(other),
        })
    }
}
