//! The console: a program for browsers that `web/console` is built into, embedded when
//! the crate is compiled. It uses nothing but the API.

use axum::extract::Path;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use crate::embedded::{FOR_EVER, File, serve};

/// Nothing but our own files and API; pictures may be made in the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' blob: data:; font-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

mod files {
    use crate::embedded::File;
    include!(concat!(env!("OUT_DIR"), "/app_files.rs"));
}

/// What is said where the console was not built.
const ABSENT: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>Hongyan 鸿雁</title>\
    <h1>控制台没有编进这个程序</h1><p>运行 <code>scripts/web.sh</code> 后重新编译，或直接运行 <code>make run</code>。\
    接口文档在 <a href=\"/docs/\">/docs</a>。</p>\
    <h1>The console is not part of this build</h1><p>Run <code>scripts/web.sh</code> and build again, or just \
    <code>make run</code>. The API is documented at <a href=\"/docs/\">/docs</a>.</p></html>";

/// `GET /`.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    match find("index.html") {
        Some(file) => serve(file, "no-cache", POLICY, &headers),
        None => Html(ABSENT).into_response(),
    }
}

/// `GET /assets/{name}`: what the page needs.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match find(&format!("assets/{name}")) {
        Some(file) => serve(file, FOR_EVER, POLICY, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn find(name: &str) -> Option<&'static File> {
    files::FILES.iter().find(|file| file.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_may_run_no_foreign_and_no_inline_scripts() {
        assert!(POLICY.contains("script-src 'self';") && !POLICY.contains("unsafe"));
    }
}
