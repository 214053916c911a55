//! The cookie of the console.

use axum::extract::FromRequestParts;
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use crate::problem::{Code, Problem};

/// The cookie's name.
const NAME: &str = "hongyan_session";

/// The header that the console sends with whatever changes something. A page of
/// another origin cannot send it: browsers ask first, and are not allowed to (no CORS).
/// `SameSite` alone would trust every page of the same site.
const CONSOLE_HEADER: &str = "x-hongyan-console";

/// Refuses what another site may have made the browser send.
pub(super) fn refuse_foreign(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() || headers.contains_key(CONSOLE_HEADER) {
        return Ok(());
    }
    Err(Problem::new(
        Code::NotFromConsole,
        format!("this request needs the header {CONSOLE_HEADER}, as the console sends it"),
    ))
}

/// Proof that the request carries the console's header, for the routes that make and
/// end sessions: another site must not sign anybody in or out either.
pub(crate) struct FromConsole;

impl<S: Sync> FromRequestParts<S> for FromConsole {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        refuse_foreign(&parts.method, &parts.headers)?;
        Ok(Self)
    }
}

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
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; hongyan_session=abc"));
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        assert_eq!(session_cookie(&headers), Some("abc"));
    }
}
