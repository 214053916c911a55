//! Forms and lengths that no template says anything about.

pub(super) use hongyan_domain::message::check::check_url as url;
use hongyan_domain::pointer::depth;
use hongyan_domain::template::Violation;

use crate::extract::invalid;

/// Longest reference, in characters.
pub(super) const LONGEST_REFERENCE: usize = 128;

/// Largest metadata, in bytes of JSON.
pub(super) const LARGEST_METADATA: usize = 4096;

/// Deepest nesting of metadata: it comes back inside our answers, and many JSON
/// readers stop at some hundred levels.
pub(super) const DEEPEST_METADATA: usize = 32;

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
