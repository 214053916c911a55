//! The pages: one heading, one sentence.

use std::sync::LazyLock;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hongyan_engine::WebFailure;
use http::StatusCode;
use sha2::{Digest, Sha256};

use super::html;
use super::tongue::Tongue;

/// Nothing is loaded.
pub(super) const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'";

/// How pages look.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;\
background:#f4f5f7;color:#1c1e21;font:17px/1.6 -apple-system,system-ui,\"PingFang SC\",\"Microsoft YaHei\",sans-serif}\
main{max-width:24em;padding:2em 1.5em;text-align:center}\
.mark{font-size:3.2em;line-height:1}\
h1{font-size:1.35em;margin:.6em 0 .3em}\
p{margin:0;color:#5b626b;overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){body{background:#191a1c;color:#f0f1f2}p{color:#a9afb7}}";

/// The policy of a page that has its style and nothing else; the style is known by
/// its digest.
static STYLED: LazyLock<String> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!("{NOTHING}; style-src 'sha256-{digest}'")
});

/// A page that says one thing.
pub(super) fn say(
    tongue: Tongue,
    status: StatusCode,
    mark: &str,
    title: &str,
    detail: &str,
) -> Response {
    let (title, detail) = (escape(title), escape(detail));
    let page = format!(
        "<!doctype html><html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\
         <body><main><div class=\"mark\" aria-hidden=\"true\">{mark}</div>\
         <h1>{title}</h1><p>{detail}</p></main></body></html>",
        lang = tongue.tag(),
    );
    html(status, &STYLED, page)
}

/// A page that says what went wrong and what to do.
pub(super) fn failed(tongue: Tongue, failure: &WebFailure) -> Response {
    let status =
        StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::warn!(%failure, "a page could not be shown");
    } else {
        tracing::debug!(%failure, "a page could not be shown");
    }
    say(
        tongue,
        status,
        "⚠️",
        tongue.of(failure.title(), failure.title_zh()),
        &tongue.of(failure.detail(), failure.detail_zh()),
    )
}

/// Escapes text for HTML, attributes in double quotes included.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
