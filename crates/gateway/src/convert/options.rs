//! What an account's owner decides about callbacks, people and pages.

use std::collections::HashSet;

use hongyan_api as api;
use hongyan_domain::account::{AccountOptions, Backend, DEFAULT_RESERVE_FOR_HIGH_PERCENT};
use hongyan_domain::template::Violation;

use super::shape::child;
use super::{limits, timing};
use crate::extract::invalid;

/// Backends of one account at most: each callback is sent to all of them.
const BACKENDS_AT_MOST: usize = 20;

/// Origins and redirects of one account at most.
const PLACES_AT_MOST: usize = 50;

/// What a request for a new account says about them.
pub(super) fn read(request: &api::NewAccount, wrong: &mut Vec<Violation>) -> AccountOptions {
    AccountOptions {
        backends: request.backends.iter().map(backend).collect(),
        reply_url: request.reply_url.clone(),
        js_origins: request.js_origins.clone(),
        redirects: request.redirects.clone(),
        send_to_unfollowed: request.send_to_unfollowed.unwrap_or(false),
        quiet_hours: request
            .quiet_hours
            .as_ref()
            .and_then(|given| timing::quiet_hours(given, wrong)),
        frequency_caps: timing::frequency_caps(&request.frequency_caps, wrong),
        deduplicate_seconds: request.deduplicate_seconds,
        reserve_for_high_percent: request
            .reserve_for_high_percent
            .unwrap_or(DEFAULT_RESERVE_FOR_HIGH_PERCENT),
        ..AccountOptions::default()
    }
}

/// What a request changes about them; `null` takes away.
pub(super) fn change(
    options: &mut AccountOptions,
    request: &api::ChangeAccount,
    wrong: &mut Vec<Violation>,
) {
    if let Some(given) = &request.backends {
        options.backends = given.iter().flatten().map(backend).collect();
    }
    if let Some(given) = &request.reply_url {
        options.reply_url.clone_from(given);
    }
    if let Some(given) = &request.js_origins {
        options.js_origins = given.clone().unwrap_or_default();
    }
    if let Some(given) = &request.redirects {
        options.redirects = given.clone().unwrap_or_default();
    }
    if let Some(given) = request.send_to_unfollowed {
        options.send_to_unfollowed = given;
    }
    if let Some(given) = &request.quiet_hours {
        options.quiet_hours = given
            .as_ref()
            .and_then(|given| timing::quiet_hours(given, wrong));
    }
    if let Some(given) = &request.frequency_caps {
        let caps = given.as_deref().unwrap_or_default();
        options.frequency_caps = timing::frequency_caps(caps, wrong);
    }
    if let Some(given) = request.deduplicate_seconds {
        options.deduplicate_seconds = given;
    }
    if let Some(given) = request.reserve_for_high_percent {
        options.reserve_for_high_percent = given.unwrap_or(DEFAULT_RESERVE_FOR_HIGH_PERCENT);
    }
}

fn backend(given: &api::Backend) -> Backend {
    Backend {
        url: given.url.clone(),
        answers: given.answers,
    }
}

/// The backends as the API shows them.
pub(super) fn backends(options: &AccountOptions) -> Vec<api::Backend> {
    options
        .backends
        .iter()
        .map(|backend| api::Backend {
            url: backend.url.clone(),
            answers: backend.answers,
        })
        .collect()
}

/// What is wrong with them.
pub(super) fn check(options: &AccountOptions, wrong: &mut Vec<Violation>) {
    let mut seen = HashSet::new();
    for (index, backend) in options.backends.iter().enumerate() {
        let at = child(&child("/backends", &index.to_string()), "url");
        limits::url(&at, &backend.url, wrong);
        if !seen.insert(&backend.url) {
            wrong.push(invalid(
                at,
                "duplicate",
                "this backend is named twice",
                "该后端重复",
            ));
        }
    }
    if options.backends.iter().filter(|one| one.answers).count() > 1 {
        wrong.push(invalid(
            "/backends",
            "count",
            "one backend at most can answer WeChat",
            "最多只能有一个后端负责回复",
        ));
    }
    if let Some(url) = &options.reply_url {
        limits::url("/reply_url", url, wrong);
    }
    for (index, origin) in options.js_origins.iter().enumerate() {
        let at = child("/js_origins", &index.to_string());
        let path = origin
            .find("://")
            .and_then(|start| origin.get(start + 3..))
            .and_then(|rest| rest.find(['/', '?', '#']));
        if path.is_some() {
            wrong.push(invalid(
                at,
                "form",
                "an origin is scheme, host and port alone, such as https://shop.example.com",
                "来源只含协议、主机和端口，如 https://shop.example.com",
            ));
        } else {
            limits::url(&at, origin, wrong);
        }
    }
    for (index, redirect) in options.redirects.iter().enumerate() {
        let at = child("/redirects", &index.to_string());
        if redirect.contains(['?', '#']) {
            wrong.push(invalid(
                at,
                "form",
                "a redirect is an origin or the beginning of a path, without ? and #",
                "跳转地址为来源或路径前缀，不含 ? 和 #",
            ));
        } else {
            limits::url(&at, redirect, wrong);
        }
    }
    for (name, count, most) in [
        ("backends", options.backends.len(), BACKENDS_AT_MOST),
        ("js_origins", options.js_origins.len(), PLACES_AT_MOST),
        ("redirects", options.redirects.len(), PLACES_AT_MOST),
    ] {
        if count > most {
            wrong.push(invalid(
                child("", name),
                "count",
                format!("at most {most} of them, not {count}"),
                format!("最多 {most} 个，现为 {count} 个"),
            ));
        }
    }
    timing::check(options, wrong);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(options: &AccountOptions) -> Vec<(String, &'static str)> {
        let mut wrong = Vec::new();
        check(options, &mut wrong);
        wrong.into_iter().map(|v| (v.pointer, v.rule)).collect()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn addresses_are_checked_where_they_stand() {
        let backend = |url: &str, answers| Backend {
            url: url.to_owned(),
            answers,
        };
        let good = AccountOptions {
            backends: vec![
                backend("http://127.0.0.1:1/a?b=c", true),
                backend("https://b.example", false),
            ],
            reply_url: Some("https://a.example/reply".to_owned()),
            js_origins: texts(&["https://a.example:8443"]),
            redirects: texts(&["https://a.example", "https://a.example/done/"]),
            ..AccountOptions::default()
        };
        assert_eq!(rules(&good), []);
        let bad = AccountOptions {
            backends: vec![backend("ftp://a", true), backend("ftp://a", true)],
            reply_url: Some("reply".to_owned()),
            js_origins: texts(&["https://a.example/", "a.example"]),
            redirects: texts(&["https://a.example?x", "javascript:alert(1)"]),
            ..AccountOptions::default()
        };
        assert_eq!(
            rules(&bad),
            [
                ("/backends/0/url".to_owned(), "form"),
                ("/backends/1/url".to_owned(), "form"),
                ("/backends/1/url".to_owned(), "duplicate"),
                ("/backends".to_owned(), "count"),
                ("/reply_url".to_owned(), "form"),
                ("/js_origins/0".to_owned(), "form"),
                ("/js_origins/1".to_owned(), "form"),
                ("/redirects/0".to_owned(), "form"),
                ("/redirects/1".to_owned(), "form"),
            ]
        );
    }

    #[test]
    fn null_takes_away_and_what_is_left_out_stays() {
        let mut options = AccountOptions {
            reply_url: Some("https://a".to_owned()),
            js_origins: texts(&["https://a"]),
            ..AccountOptions::default()
        };
        let request = serde_json::from_str(r#"{"reply_url":null,"send_to_unfollowed":true}"#);
        change(&mut options, &request.unwrap(), &mut Vec::new());
        assert_eq!(options.reply_url, None);
        assert_eq!(options.js_origins, ["https://a"]);
        assert!(options.send_to_unfollowed);
    }
}
