//! Bodies of the type `multipart/form-data` (RFC 7578).

/// One field of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: String,
    pub(super) filename: Option<String>,
    pub(super) bytes: &'a [u8],
}

/// The fields of a form, or `None` where the body is none.
pub(super) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let kind = content_type.split(';').next()?.trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let delimiter = format!("--{}", parameter(content_type, "boundary")?).into_bytes();
    let mut rest = &body[find(body, &delimiter)? + delimiter.len()..];
    let mut parts = Vec::new();
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        let end = find(after, &[b"\r\n", delimiter.as_slice()].concat())?;
        let head = find(after, b"\r\n\r\n").filter(|head| *head < end)?;
        let bytes = after.get(head + 4..end).unwrap_or_default();
        let disposition = std::str::from_utf8(&after[..head])
            .ok()?
            .lines()
            .find(|line| {
                line.to_ascii_lowercase()
                    .starts_with("content-disposition:")
            })?;
        parts.push(Part {
            name: parameter(disposition, "name")?,
            filename: parameter(disposition, "filename"),
            bytes,
        });
        rest = &after[end + 2 + delimiter.len()..];
    }
    rest.starts_with(b"--").then_some(parts)
}

/// A parameter of a header such as `form-data; name="media"; filename="a.jpg"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim().eq_ignore_ascii_case(name)).then(|| value.to_owned())
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(found) = text[from..].iter().position(|byte| *byte == first) {
        let at = from + found;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"xx\"";

    #[test]
    fn fields_and_files() {
        let body = b"--xx\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a;b.jpg\"\r\n\
            Content-Type: image/jpeg\r\n\r\n\xff\xd8\r\n--x\r\n--xx\r\ncontent-disposition: form-data; \
            name=description\r\n\r\n{}\r\n--xx--\r\n";
        let parts = parts(TYPE, body).unwrap();
        assert_eq!(parts[0].name, "media");
        assert_eq!(parts[0].bytes, b"\xff\xd8\r\n--x");
        assert_eq!(
            (parts[1].name.as_str(), parts[1].bytes),
            ("description", &b"{}"[..])
        );
        assert_eq!(parts[1].filename, None);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        assert_eq!(parts("application/json", b"{}"), None);
        assert_eq!(parts("multipart/form-data", b""), None);
        for body in [
            "",
            "--xx",
            "--xx\r\n\r\n--xx--",
            "--xx\r\nA: b\r\n\r\n1\r\n--xx--",
        ] {
            assert_eq!(parts(TYPE, body.as_bytes()), None, "{body}");
        }
        assert_eq!(parts(TYPE, b"--xx--"), Some(Vec::new()));
    }
}
