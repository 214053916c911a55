//! Where a tap leads.

use super::super::Content;
use crate::template::Violation;

/// Longest URL and page, in bytes. WeChat publishes no limit for template
/// messages; beyond this, browsers inside phones begin to cut.
pub const LONGEST_LINK: usize = 2048;

pub(super) fn check(content: &Content, wrong: &mut Vec<Violation>) {
    let (url, page, miniprogram) = match content {
        Content::Template(said) => (said.url.as_ref(), None, said.miniprogram.as_ref()),
        Content::OneTime(said) => (said.url.as_ref(), None, said.miniprogram.as_ref()),
        Content::Subscribe(said) => (None, said.page.as_ref(), None),
        Content::Notification(said) => {
            // The one kind whose page is on the web.
            if let Some(page) = &said.page {
                check_url("/page", page, wrong);
            }
            (None, None, said.miniprogram.as_ref())
        }
        Content::CustomerService(_) => return,
    };
    if let Some(url) = url {
        check_url("/url", url, wrong);
    }
    if let Some(page) = page {
        check_page("/page", page, wrong);
    }
    if let Some(page) = miniprogram.and_then(|link| link.pagepath.as_ref()) {
        check_page("/miniprogram/pagepath", page, wrong);
    }
}

/// Checks a web address: `http` or `https` and a host, no white space, at most
/// [`LONGEST_LINK`] bytes.
pub fn check_url(pointer: &str, url: &str, wrong: &mut Vec<Violation>) {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let host = if lower.starts_with("https://") {
        url.get(8..)
    } else if lower.starts_with("http://") {
        url.get(7..)
    } else {
        None
    };
    let has_host =
        host.is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['));
    if !has_host || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        wrong.push(Violation::new(
            pointer,
            "form",
            "a url begins with http:// or https:// and a host, and has no white space",
            "url 应以 http:// 或 https:// 加主机名开头，且不含空白字符",
        ));
    }
    length(pointer, url, wrong);
}

/// Checks a page of a mini program: a path with its query.
fn check_page(pointer: &str, page: &str, wrong: &mut Vec<Violation>) {
    if page.is_empty() || page.chars().any(|c| c.is_control() || c.is_whitespace()) {
        wrong.push(Violation::new(
            pointer,
            "form",
            "a page is a path such as pages/order?id=1, without white space; leave it out for none",
            "页面应为路径，如 pages/order?id=1，且不含空白字符；不需要请不要填写",
        ));
    }
    length(pointer, page, wrong);
}

fn length(pointer: &str, text: &str, wrong: &mut Vec<Violation>) {
    let length = text.len();
    if length > LONGEST_LINK {
        wrong.push(Violation::new(
            pointer,
            "too_long",
            format!("it has {length} bytes, allowed are {LONGEST_LINK}"),
            format!("有 {length} 字节，最多 {LONGEST_LINK} 字节"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(url: &str) -> Vec<&'static str> {
        let mut wrong = Vec::new();
        check_url("/url", url, &mut wrong);
        wrong.into_iter().map(|v| v.rule).collect()
    }

    #[test]
    fn web_addresses_have_a_host_and_a_limit() {
        let long = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
        assert!(rules(&long(LONGEST_LINK)).is_empty());
        assert_eq!(rules(&long(LONGEST_LINK + 1)), ["too_long"]);
        for bad in [
            "javascript:alert(1)",
            "https://",
            "https://a b",
            "a.example",
            "",
        ] {
            assert_eq!(rules(bad), ["form"], "{bad}");
        }
    }

    #[test]
    fn pages_are_paths() {
        let mut wrong = Vec::new();
        check_page("/page", "pages/a?b=1", &mut wrong);
        assert_eq!(wrong, []);
        check_page("/page", "", &mut wrong);
        check_page("/page", "pages/a b", &mut wrong);
        assert_eq!(wrong.len(), 2);
    }
}
