//! Templates of an account, as WeChat lists them, and WeChat's library.

pub(crate) mod add;
pub(crate) mod categories;
pub(crate) mod changes;
pub(crate) mod field_names;
pub(crate) mod keywords;
pub(crate) mod library;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod senders;
pub(crate) mod show;
pub(crate) mod sync;

use std::collections::HashMap;

use hongyan_domain::KeyId;
use hongyan_domain::account::Account;
use hongyan_domain::port::StoreError;
use hongyan_domain::template::FieldNames;
use hongyan_engine::Engine;
use hongyan_wechat::TemplateId;

use crate::problem::{Code, Problem};

/// The template that a path names.
fn id(text: &str) -> Result<TemplateId, Problem> {
    text.parse().map_err(|_| unknown(text))
}

fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().take(64).collect();
    Problem::new(
        Code::NotFound,
        format!("the account has no template {shown:?}; POST …/templates/sync makes the list new"),
    )
}

/// The account's own names for a template's keys.
fn names<'a>(account: &'a Account, id: &TemplateId) -> Option<&'a FieldNames> {
    account.settings.options.field_names.get(id.as_str())
}

/// The names of the API keys that exist, to say by whom a template is used.
async fn key_names(engine: &Engine) -> Result<HashMap<KeyId, String>, StoreError> {
    let keys = engine.keys().await?;
    Ok(keys.into_iter().map(|key| (key.id, key.name)).collect())
}
