//! Forms and lengths that no template says anything about.

use hongyan_domain::template::Violation;

use crate::extract::invalid;

/// Longest URL and page, in bytes. WeChat publishes no limit for template
/// messages; beyond this, browsers inside phones begin to cut.
pub(super) const LONGEST_URL: usize = 2048;

/// Longest reference, in characters.
pub(super) const LONGEST_REFERENCE: usize = 128;

/// Largest metadata, in bytes of JSON.
pub(super) const LARGEST_METADATA: usize = 4096;

/// Deepest nesting of metadata: it comes back inside our answers, and many JSON
/// readers stop at some hundred levels.
pub(super) const DEEPEST_METADATA: usize = 32;

pub(super) fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

pub(super) fn url(pointer: &str, url: &str, wrong: &mut Vec<Violation>) {
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
        wrong.push(invalid(
            pointer,
            "form",
            "a url begins with http:// or https:// and a host, and has no white space",
            "url 应以 http:// 或 https:// 加主机名开头，且不含空白字符",
        ));
    }
    length(pointer, url, wrong);
}

pub(super) fn page(pointer: &str, page: &str, wrong: &mut Vec<Violation>) {
    if page.is_empty() || page.chars().any(|c| c.is_control() || c.is_whitespace()) {
        wrong.push(invalid(
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
    if length > LONGEST_URL {
        wrong.push(invalid(
            pointer,
            "too_long",
            format!("it has {length} bytes, allowed are {LONGEST_URL}"),
            format!("有 {length} 字节，最多 {LONGEST_URL} 字节"),
        ));
    }
}

pub(super) fn reference(reference: &str, wrong: &mut Vec<Violation>) {
    let length = reference.chars().count();
    if length == 0 || length > LONGEST_REFERENCE {
        wrong.push(invalid(
            "/reference",
            "too_long",
            format!("a reference has 1 to {LONGEST_REFERENCE} characters, not {length}"),
            format!("reference 应有 1 到 {LONGEST_REFERENCE} 个字符，现为 {length} 个"),
        ));
    }
    if reference.chars().any(char::is_control) {
        wrong.push(invalid(
            "/reference",
            "control_character",
            "a reference has no control characters",
            "reference 不能含控制字符",
        ));
    }
}

pub(super) fn metadata(metadata: &str, wrong: &mut Vec<Violation>) {
    if !metadata.starts_with('{') {
        wrong.push(invalid(
            "/metadata",
            "type",
            "metadata must be a JSON object",
            "metadata 应为 JSON 对象",
        ));
    }
    let length = metadata.len();
    if length > LARGEST_METADATA {
        wrong.push(invalid(
            "/metadata",
            "too_long",
            format!("metadata has {length} bytes of JSON, allowed are {LARGEST_METADATA}"),
            format!("metadata 有 {length} 字节，最多 {LARGEST_METADATA} 字节"),
        ));
    }
    if depth(metadata) > DEEPEST_METADATA {
        wrong.push(invalid(
            "/metadata",
            "too_deep",
            format!("metadata may be nested {DEEPEST_METADATA} levels deep"),
            format!("metadata 最多嵌套 {DEEPEST_METADATA} 层"),
        ));
    }
}

/// How deep valid JSON is nested.
pub(super) fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// An id of WeChat's is not of its form.
pub(crate) fn bad_id(pointer: &str, error: &hongyan_wechat::IdError) -> Violation {
    invalid(
        pointer,
        "form",
        error.to_string(),
        format!(
            "不是合法的 {}：应有 1 到 128 字节，且不含空白和控制字符",
            error.kind
        ),
    )
}
