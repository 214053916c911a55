//! Serves files that were embedded when the crate was compiled: packed, and never sent
//! twice. A module of the crates that serve a page.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// For files whose name changes with their content: browsers need not ask again.
pub(crate) const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// One file of the program, plain and packed.
pub(crate) struct File {
    /// Path below the root, such as `assets/index-1a2b3c.js`.
    pub(crate) name: &'static str,
    /// Tells two builds of it apart.
    pub(crate) digest: &'static str,
    pub(crate) plain: &'static [u8],
    pub(crate) gzip: Option<&'static [u8]>,
    pub(crate) brotli: Option<&'static [u8]>,
}

/// The answer with a file. `policy` is the page's Content-Security-Policy (CSP level 3).
pub(crate) fn serve(
    file: &'static File,
    cache: &'static str,
    policy: &'static str,
    headers: &HeaderMap,
) -> Response {
    let (bytes, encoding) = packed(file, headers);
    let tag = format!("\"{}-{encoding}\"", file.digest);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(bytes))
    };
    let mut set = |name: HeaderName, value: &'static str| {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    };
    set(CONTENT_TYPE, kind(file.name));
    set(CACHE_CONTROL, cache);
    set(VARY, "accept-encoding");
    set(CONTENT_SECURITY_POLICY, policy);
    set(REFERRER_POLICY, "same-origin");
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if encoding != "identity" {
        set(CONTENT_ENCODING, encoding);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The smallest form the browser takes.
fn packed(file: &'static File, headers: &HeaderMap) -> (&'static [u8], &'static str) {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter();
    let accepted: Vec<&str> = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let refused = weight.trim().trim_start_matches("q=").parse() == Ok(0.0_f32);
            (!refused).then_some(name.trim())
        })
        .collect();
    [("br", file.brotli), ("gzip", file.gzip)]
        .into_iter()
        .filter(|(name, _)| accepted.contains(name))
        .find_map(|(name, bytes)| Some((bytes?, name)))
        .unwrap_or((file.plain, "identity"))
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "default-src 'self'";

    static FILE: File = File {
        name: "assets/a.js",
        digest: "0123",
        plain: b"plain",
        gzip: Some(b"gz"),
        brotli: Some(b"br"),
    };

    fn accepting(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        headers
    }

    #[test]
    fn browsers_get_the_smallest_form_they_take() {
        let form = |value| packed(&FILE, &accepting(value)).1;
        assert_eq!(form("gzip, deflate, br, zstd"), "br");
        assert_eq!(form("gzip;q=1.0, br;q=0"), "gzip");
        assert_eq!(form("deflate"), "identity");
        assert_eq!(packed(&FILE, &HeaderMap::new()).1, "identity");
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let mut headers = accepting("br");
        let first = serve(&FILE, "no-cache", POLICY, &headers);
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CONTENT_ENCODING], "br");
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(serve(&FILE, "no-cache", POLICY, &headers).status(), 304);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(serve(&FILE, "no-cache", POLICY, &headers).status(), 200);
    }

    #[test]
    fn a_file_goes_with_its_type_and_policy() {
        let response = serve(&FILE, "no-cache", POLICY, &HeaderMap::new());
        assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(
            response.headers()[CONTENT_TYPE],
            "text/javascript; charset=utf-8"
        );
    }
}
