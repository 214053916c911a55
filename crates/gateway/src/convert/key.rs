//! API keys.

use hongyan_api as api;
use hongyan_domain::account::AccountName;
use hongyan_domain::key::{ApiKey, Scope};
use hongyan_domain::template::Violation;
use jiff::Timestamp;

use super::shape::child;
use crate::extract::invalid;

/// Longest name, in characters.
const LONGEST_NAME: usize = 64;

/// A key as the API shows it, without its text.
pub(crate) fn key(key: &ApiKey) -> api::Key {
    api::Key {
        id: key.id.to_string(),
        name: key.name.clone(),
        scopes: scopes_of(&key.scopes),
        accounts: key.accounts.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
    }
}

/// Scopes as the API shows them.
pub(crate) fn scopes_of(scopes: &[Scope]) -> Vec<api::Scope> {
    scopes
        .iter()
        .map(|scope| match scope {
            Scope::Admin => api::Scope::Admin,
            Scope::Send => api::Scope::Send,
            Scope::Read => api::Scope::Read,
            Scope::Token => api::Scope::Token,
        })
        .collect()
}

/// The scopes of a request, each once.
pub(crate) fn scopes(scopes: &[api::Scope]) -> Vec<Scope> {
    let mut read: Vec<Scope> = Vec::with_capacity(scopes.len());
    for scope in scopes {
        let scope = match scope {
            api::Scope::Admin => Scope::Admin,
            api::Scope::Send => Scope::Send,
            api::Scope::Read => Scope::Read,
            api::Scope::Token => Scope::Token,
        };
        if !read.contains(&scope) {
            read.push(scope);
        }
    }
    read
}

/// What is wrong with a key to be made.
pub(crate) fn check(request: &api::NewKey, now: Timestamp) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let length = request.name.chars().count();
    let is_plain =
        !request.name.chars().any(char::is_control) && request.name.trim() == request.name;
    if !(1..=LONGEST_NAME).contains(&length) || !is_plain {
        wrong.push(invalid(
            "/name",
            "form",
            "a name has 1 to 64 characters, none of them a control character, and no white space around it",
            "名称应有 1 到 64 个字符，不含控制字符，首尾无空白",
        ));
    }
    if request.scopes.is_empty() {
        wrong.push(invalid(
            "/scopes",
            "missing",
            "give at least one of admin, send, read and token",
            "至少给出 admin、send、read、token 之一",
        ));
    }
    for (index, name) in request.accounts.iter().enumerate() {
        if let Err(error) = name.parse::<AccountName>() {
            wrong.push(invalid(
                child("/accounts", &index.to_string()),
                "form",
                error.to_string(),
                "账号名称由 1 到 64 个 a-z、0-9、-、_、. 组成，以字母或数字开头",
            ));
        }
    }
    if request.expires_at.is_some_and(|end| end <= now) {
        wrong.push(invalid(
            "/expires_at",
            "past",
            "expires_at has passed already",
            "expires_at 已经过去",
        ));
    }
    wrong
}
