//! The cookie that ties a way over WeChat's pages and back to one browser.

use axum::response::Response;
use hongyan_engine::Leave;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::redirect;
use crate::extract::Outsider;

/// Its name.
const NAME: &str = "hongyan_walk";

/// How long it is kept, in seconds; the walk itself ends sooner.
const LIFE: u32 = 3600;

/// The walk's secret that the browser brought along.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, value)| value)
}

/// Sends a browser to WeChat's page. `account` is one that the engine knows, so its
/// name is plain.
pub(super) fn leave(outsider: &Outsider, account: &str, leave: &Leave) -> Response {
    let mut response = redirect(&leave.location);
    let value = &leave.cookie;
    let secure = if outsider.settings().secure_cookies {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{NAME}={value}; Path=/h5/{account}; Max-Age={LIFE}; HttpOnly; SameSite=Lax{secure}"
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("a=b; xhongyan_walk=1"));
        headers.append(COOKIE, HeaderValue::from_static("c=d;hongyan_walk=2; e"));
        assert_eq!(cookie(&headers), Some("2"));
    }
}
