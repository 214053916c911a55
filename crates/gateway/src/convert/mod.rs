//! Between the words of the API and those of the domain. Each `match` names
//! every variant, so that a new one on either side does not go unnoticed.

pub(crate) mod account;
pub(crate) mod broadcast;
pub(crate) mod callback;
mod content;
pub(crate) mod draft;
pub(crate) mod fallback;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod manage;
pub(crate) mod menu;
pub(crate) mod message;
mod options;
pub(crate) mod person;
mod route;
pub(crate) mod shape;
pub(crate) mod stats;
pub(crate) mod template;
mod timing;
pub(crate) mod webhook;

use hongyan_api as api;
use hongyan_domain::template as domain;
use hongyan_wechat::ErrCode;

pub(crate) fn violation(violation: domain::Violation) -> api::Violation {
    api::Violation {
        pointer: violation.pointer,
        rule: violation.rule.to_owned(),
        message: violation.message,
        message_zh: violation.message_zh,
    }
}

/// What is known about an errcode.
pub(crate) fn diagnosis(errcode: i64) -> Option<api::Diagnosis> {
    let info = ErrCode(errcode).info()?;
    Some(api::Diagnosis {
        meaning: info.meaning_en.to_owned(),
        meaning_zh: info.meaning_zh.to_owned(),
        fix: info.fix_en.to_owned(),
        fix_zh: info.fix_zh.to_owned(),
        retry: info.retry.as_str().to_owned(),
    })
}
