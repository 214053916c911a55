//! Which person holds the phone that shows a page, and where pages lead.

use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::html::{PageError, document, escape, failure};
use crate::Sandbox;
use crate::api::query_pairs;
use crate::callback::compose::encode;

/// Cookie with the id of the person.
const COOKIE_NAME: &str = "sandbox_person";
/// Parameter with the id of the person; it wins over the cookie.
const PARAMETER: &str = "person";
/// People offered where nobody is named.
const OFFERED: usize = 50;
/// Longest `state` and `reserved`, in bytes.
const ECHO_LIMIT: usize = 128;

/// The query of a page.
pub(super) struct Parameters {
    raw: String,
    pairs: Vec<(String, String)>,
}

impl Parameters {
    pub(super) fn read(query: Option<String>) -> Self {
        let raw = query.unwrap_or_default();
        Self {
            pairs: query_pairs(&raw),
            raw,
        }
    }

    /// A value, empty where it is absent.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.pairs.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether those of the names that are there come in this order.
    pub(super) fn are_in_order(&self, names: &[&str]) -> bool {
        let places: Vec<_> = self
            .pairs
            .iter()
            .filter_map(|(key, _)| names.iter().position(|name| name == key))
            .collect();
        places.is_sorted()
    }

    /// A value that WeChat hands back as it came: letters and digits only.
    pub(super) fn echo(&self, name: &str) -> Result<&str, PageError> {
        let value = self.get(name);
        if value.len() > ECHO_LIMIT || !value.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(PageError::plain(format!(
                "{name} 参数错误：只能用 a-zA-Z0-9，最多 {ECHO_LIMIT} 字节"
            )));
        }
        Ok(value)
    }

    /// The person of the page, if the query or the cookie names one that exists.
    pub(super) fn visitor(&self, sandbox: &Sandbox, headers: &HeaderMap) -> Option<String> {
        let named = Some(self.get(PARAMETER)).filter(|id| !id.is_empty());
        named
            .or_else(|| cookie(headers))
            .filter(|id| sandbox.person(id).is_ok())
            .map(str::to_owned)
    }

    /// The page that asks who is there; every choice leads back to `path`.
    pub(super) fn chooser(&self, sandbox: &Sandbox, path: &str) -> Response {
        let kept: Vec<&str> = self
            .raw
            .split('&')
            .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(PARAMETER))
            .collect();
        let kept = kept.join("&");
        let mut body = "<h1>谁在用这部手机？ Who is holding the phone?</h1>".to_owned();
        let people = sandbox.people();
        if people.is_empty() {
            body.push_str("<p>还没有人 Nobody yet: POST /sandbox/v1/people</p>");
        }
        for person in people.iter().take(OFFERED) {
            let href = format!("{path}?{kept}&{PARAMETER}={}", encode(&person.person_id));
            let _ = write!(
                body,
                "<a class=\"person\" data-person=\"{0}\" href=\"{1}\">{2} <span class=\"dim\">{0}</span></a>",
                escape(&person.person_id),
                escape(&href),
                escape(&person.nickname),
            );
        }
        document("沙箱 Sandbox", &body)
    }
}

/// The person the cookie names.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
        .filter(|id| !id.is_empty())
}

/// Lets the browser remember who it is.
pub(super) fn remembering(mut response: Response, person: &str) -> Response {
    let cookie = format!("{COOKIE_NAME}={person}; Path=/; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Sends the browser to an address with parameters added in front of its fragment.
pub(super) fn redirect(url: &str, added: &[(&str, &str)]) -> Response {
    const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');
    let (page, fragment) = match url.split_once('#') {
        Some((page, fragment)) => (page, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let added: Vec<String> = added
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    let joint = if page.contains('?') { '&' } else { '?' };
    let target = format!("{page}{joint}{}{fragment}", added.join("&"));
    let target = utf8_percent_encode(&target, UNSAFE).to_string();
    match HeaderValue::from_str(&target) {
        Ok(target) => (StatusCode::FOUND, [(LOCATION, target)]).into_response(),
        Err(_) => failure(&PageError::plain("跳转地址无效")),
    }
}

/// Whether an address is one a browser can be sent to.
pub(super) fn is_page_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_in_front_of_the_fragment() {
        let target = |url| {
            let response = redirect(url, &[("code", "a b"), ("state", "1")]);
            response.headers()[LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(target("http://a/b"), "http://a/b?code=a%20b&state=1");
        assert_eq!(
            target("http://a/b?x=1#/r"),
            "http://a/b?x=1&code=a%20b&state=1#/r"
        );
        assert_eq!(
            target("http://a/中\r\n"),
            "http://a/%E4%B8%AD%0D%0A?code=a%20b&state=1"
        );
    }

    #[test]
    fn the_order_of_parameters() {
        let order =
            |query: &str| Parameters::read(Some(query.to_owned())).are_in_order(&["a", "b", "c"]);
        assert!(order("a=1&x=0&b=2&c=3") && order("b=1&c=2") && order(""));
        assert!(!order("b=1&a=2"));
    }

    #[test]
    fn the_cookie_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=b; sandbox_person=person_1; c=d".parse().unwrap());
        assert_eq!(cookie(&headers), Some("person_1"));
        headers.insert(COOKIE, "sandbox_personal=x".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }
}
