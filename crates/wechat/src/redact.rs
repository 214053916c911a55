//! Cutting secrets out of text that is shown to people.

/// Longest excerpt of a reply kept in an error, in bytes.
const EXCERPT_BYTES: usize = 512;

/// Names whose values are secret, in query strings and in JSON.
const NAMES: [&str; 10] = [
    "access_token",
    "secret",
    "appsecret",
    "refresh_token",
    "component_access_token",
    "session_key",
    "ticket",
    "js_code",
    "code",
    "signature",
];

/// The text with every value of a secret name replaced, in `name=value` and in `"name":"value"`, also
/// where the JSON stands quoted inside other JSON.
pub(crate) fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, end)) = next_value(rest) {
        out.push_str(&rest[..start]);
        out.push_str("[redacted]");
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The same, and every occurrence of one known secret.
pub(crate) fn mask_with(text: &str, secret: Option<&str>) -> String {
    match secret {
        Some(secret) if !secret.is_empty() && text.contains(secret) => {
            mask(&text.replace(secret, "[redacted]"))
        }
        _ => mask(text),
    }
}

/// The beginning of a reply, readable and without secrets.
pub(crate) fn excerpt(body: &[u8], secret: Option<&str>) -> String {
    // Masked before it is cut, so that no half of a secret remains at the edge; twice the excerpt is
    // enough to see where a value begins.
    let head = &body[..body.len().min(2 * EXCERPT_BYTES)];
    let mut text = mask_with(&String::from_utf8_lossy(head), secret);
    if text.len() > EXCERPT_BYTES {
        let mut cut = EXCERPT_BYTES;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// Byte range of the first value that belongs to a secret name.
fn next_value(text: &str) -> Option<(usize, usize)> {
    NAMES
        .iter()
        .flat_map(|name| {
            text.match_indices(name)
                .map(move |(at, _)| (at, at + name.len()))
        })
        .filter_map(|(at, after)| {
            let preceded = text[..at].chars().next_back();
            if preceded.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                return None;
            }
            value_after(&text[after..]).map(|(start, end)| (after + start, after + end))
        })
        .min()
}

/// Given what follows a name, the range of its value: `=v…&` or `" : "v…"` with any quoting depth.
fn value_after(text: &str) -> Option<(usize, usize)> {
    let end_of = |start: usize, stops: &[char]| {
        text[start..]
            .find(|c: char| stops.contains(&c))
            .map_or(text.len(), |found| start + found)
    };
    if text.starts_with('=') {
        let end = end_of(1, &['&', '"', '\\', '#', ' ', '\n']);
        return (end > 1).then_some((1, end));
    }
    let quote = |text: &str| {
        text.trim_start_matches('\\')
            .strip_prefix('"')
            .map(str::len)
    };
    let after_name = text.len() - quote(text)?;
    let colon = text[after_name..].trim_start().strip_prefix(':')?;
    let value = colon.trim_start();
    let start = text.len() - quote(value)?;
    let end = end_of(start, &['"', '\\']);
    (end > start).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masks_query_json_and_quoted_json() {
        for (text, shown) in [
            (
                "/cgi-bin/x?access_token=AbC&lang=zh",
                "/cgi-bin/x?access_token=[redacted]&lang=zh",
            ),
            ("appid=wx1&secret=hush", "appid=wx1&secret=[redacted]"),
            (
                r#"{"access_token" : "AbC","expires_in":1}"#,
                r#"{"access_token" : "[redacted]","expires_in":1}"#,
            ),
            (
                r#"{"b":"{\"secret\":\"hush\",\"n\":1}"}"#,
                r#"{"b":"{\"secret\":\"[redacted]\",\"n\":1}"}"#,
            ),
            (
                "/sns/oauth2/access_token?code=0a1b&grant_type=x",
                "/sns/oauth2/access_token?code=[redacted]&grant_type=x",
            ),
            (
                "/wxa/checksession?openid=o1&signature=89d5",
                "/wxa/checksession?openid=o1&signature=[redacted]",
            ),
            (
                r#"{"errcode":40029,"code":5}"#,
                r#"{"errcode":40029,"code":5}"#,
            ),
            ("access_token missing", "access_token missing"),
            ("the secret is wrong", "the secret is wrong"),
            (r#"{"mysecret":"open"}"#, r#"{"mysecret":"open"}"#),
        ] {
            assert_eq!(mask(text), shown);
        }
    }

    #[test]
    fn a_known_secret_goes_wherever_it_stands() {
        assert_eq!(
            mask_with("cannot reach /?t=AbC", Some("AbC")),
            "cannot reach /?t=[redacted]"
        );
    }

    #[test]
    fn an_excerpt_is_short_and_whole_characters() {
        let long = "鸿".repeat(1000);
        let shown = excerpt(long.as_bytes(), None);
        assert!(shown.len() <= EXCERPT_BYTES + '…'.len_utf8());
        assert!(shown.ends_with("鸿…"));
    }

    #[test]
    fn the_cut_leaves_no_half_secret() {
        let body = format!(
            r#"{{"pad":"{}","access_token":"{}"}}"#,
            "x".repeat(480),
            "S".repeat(900)
        );
        assert!(!excerpt(body.as_bytes(), None).contains("SS"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*(secret|access_token)?[\\\\\":= ]*\\PC*") {
            let _ = mask(&text);
        }

        #[test]
        fn no_value_survives(token in "[A-Za-z0-9_-]{8,64}") {
            let json = format!(r#"{{"access_token":"{token}"}}"#);
            prop_assert!(!mask(&json).contains(&token));
            let query = format!("/p?access_token={token}&x=1");
            prop_assert!(!mask(&query).contains(&token));
        }
    }
}
