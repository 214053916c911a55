//! Small pages written on the server.

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

/// Puts a body into the frame all pages share.
pub(super) fn document(title: &str, body: &str) -> Response {
    Html(frame(title, body)).into_response()
}

/// A page that says why there is no other. WeChat shows its errors with status
/// 200; programs notice 400.
pub(super) fn failure(error: &PageError) -> Response {
    let code = error
        .code
        .map(|code| format!("<p class=\"dim\">错误码：{code}</p>"))
        .unwrap_or_default();
    let body = format!("<h1>{}</h1>{code}", escape(&error.text));
    (StatusCode::BAD_REQUEST, Html(frame("出错了", &body))).into_response()
}

/// What WeChat's page complains about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageError {
    pub(super) code: Option<u32>,
    pub(super) text: String,
}

impl PageError {
    pub(super) fn new(code: u32, text: &str) -> Self {
        Self {
            code: Some(code),
            text: text.to_owned(),
        }
    }

    /// A complaint without a number.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self {
            code: None,
            text: text.into(),
        }
    }
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>\n",
        escape(title)
    )
}

const STYLE: &str = ":root{color-scheme:light dark;--bg:#ededed;--fg:#191919;--dim:#6b6b6b;\
    --card:#fff;--green:#07a350}\
    @media(prefers-color-scheme:dark){:root{--bg:#111;--fg:#e6e6e6;--dim:#9a9a9a;--card:#1f1f1f}}\
    body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.6 system-ui,-apple-system,\
    \"PingFang SC\",\"Noto Sans CJK SC\",sans-serif}\
    main{max-width:26rem;margin:2rem auto;padding:1.5rem;background:var(--card);border-radius:.8rem}\
    h1{font-size:1.1rem;margin:0 0 .6rem;overflow-wrap:anywhere}.dim{color:var(--dim);font-size:.85rem}\
    button,a.person{display:block;width:100%;box-sizing:border-box;margin:.6rem 0;padding:.6rem;\
    border:1px solid var(--dim);border-radius:.5rem;background:none;color:inherit;font:inherit;\
    text-align:center;text-decoration:none;cursor:pointer}\
    button.main{background:var(--green);border-color:var(--green);color:#fff}";

/// Text as it may stand in HTML, in attributes too.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        assert_eq!(
            escape("<a b=\"c\">'&"),
            "&lt;a b=&quot;c&quot;&gt;&#39;&amp;"
        );
    }
}
