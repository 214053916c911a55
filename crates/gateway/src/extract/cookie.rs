//! The cookie of the console.

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

/// The cookie's name.
const NAME: &str = "hongyan_session";

/// The header that the console sends with whatever changes something. A page of
/// another origin cannot send it: browsers ask first, and are not allowed to (no CORS).
/// `SameSite` alone would trust every page of the same site.
pub(crate) const CONSOLE_HEADER: &str = "x-hongyan-console";

/// The text of the console's cookie.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, value)| value)
}

/// Whether a request that a cookie proves can only have come from the console itself.
pub(crate) fn is_ours(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD) || parts.headers.contains_key(CONSOLE_HEADER)
}

/// The header that sets the cookie, for so many seconds; 0 takes it away.
pub(crate) fn set_session_cookie(value: &str, seconds: i64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: Method, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let parts = parts(
            Method::GET,
            &[("cookie", "a=1; hongyan_session=abc"), ("cookie", "b=2")],
        );
        assert_eq!(session_cookie(&parts.headers), Some("abc"));
    }

    #[test]
    fn what_changes_something_needs_the_header() {
        assert!(is_ours(&parts(Method::GET, &[])));
        assert!(!is_ours(&parts(Method::POST, &[])));
        assert!(is_ours(&parts(Method::POST, &[(CONSOLE_HEADER, "1")])));
    }
}
