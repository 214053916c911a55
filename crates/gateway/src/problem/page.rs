//! The table for people to read.

use std::fmt::Write as _;

use super::table::Code;

/// The text of `docs/errors.md`, which a test compares with the file.
#[must_use]
pub fn page_markdown() -> String {
    let mut page = String::from(
        "# Errors 错误\n\n\
         Every refusal is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail` \
         (in Chinese: `detail_zh`) and `code`. Decide by `code`: codes do not change, texts do. Where WeChat is the cause there are `errcode`, \
         `errmsg`, `rid` and `diagnosis` too. This page is made of the table in `crates/gateway/src/problem`.\n\n\
         所有拒绝都以 `application/problem+json`（RFC 9457）返回，含 `type`、`title`、`status`、`detail`\
         （中文：`detail_zh`）、`code`。\
         请按 `code` 判断：它不会改变，文字会。由微信引起时另有 `errcode`、`errmsg`、`rid`、`diagnosis`。\n\n\
         | code | status | English | 中文 |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let row = code.row();
        // Writing to a String does not fail.
        let _ = writeln!(
            page,
            "| <a id=\"{0}\"></a>`{0}` | {1} | **{2}.** {3} | {4} |",
            row.code, row.status, row.title, row.meaning, row.meaning_zh
        );
    }
    page
}

/// The same as a page of the gateway's own, one anchor for each code.
pub(crate) fn page_html() -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Errors 错误</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
         h2{font-size:1.1em;margin-top:2em}h2:target{background:#ffe9a8}small{color:#555}</style>\
         <h1>Errors 错误</h1>",
    );
    for code in Code::ALL {
        let row = code.row();
        // Writing to a String does not fail.
        let _ = write!(
            page,
            "<h2 id=\"{0}\"><code>{0}</code> <small>{1}</small> {2}</h2><p>{3}</p><p lang=\"zh\">{4}</p>",
            row.code,
            row.status,
            row.title,
            in_html(row.meaning),
            in_html(row.meaning_zh)
        );
    }
    page
}

/// Escapes, and turns `code` in back-ticks into `<code>`.
fn in_html(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut html = String::with_capacity(escaped.len());
    for (index, part) in escaped.split('`').enumerate() {
        if index > 0 {
            html.push_str(if index % 2 == 1 { "<code>" } else { "</code>" });
        }
        html.push_str(part);
    }
    html
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_ordered_by_status() {
        let rows: Vec<_> = Code::ALL.iter().map(|code| code.row()).collect();
        let names: HashSet<_> = rows.iter().map(|row| row.code).collect();
        assert_eq!(names.len(), rows.len());
        assert!(rows.is_sorted_by_key(|row| row.status));
    }

    #[test]
    fn back_ticks_become_code_and_markup_is_escaped() {
        assert_eq!(in_html("a `b<c>` d"), "a <code>b&lt;c&gt;</code> d");
        for code in Code::ALL {
            assert_eq!(code.row().meaning.matches('`').count() % 2, 0, "{code:?}");
            assert_eq!(
                code.row().meaning_zh.matches('`').count() % 2,
                0,
                "{code:?}"
            );
        }
    }
}
