use super::{BadLine, Found, LONGEST_LINE, not_utf8, too_long};
use crate::convert::broadcast::recipient;
use crate::extract::decode;

/// A file with an object a line: `{"openid": …, "fields": {…}}`.
#[derive(Default)]
pub(crate) struct NdjsonPeople {
    /// What has come of the present line.
    text: Vec<u8>,
    /// Lines before it.
    lines: u64,
    /// It is too long, and what still comes of it is passed over.
    skipping: bool,
}

impl NdjsonPeople {
    pub(super) fn feed(&mut self, piece: &[u8], found: &mut Found) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let is_whole = part.ends_with(b"\n");
            if !self.skipping {
                self.text.extend_from_slice(part);
                if self.text.len() > LONGEST_LINE {
                    found.push(Err(too_long(self.lines + 1)));
                    self.skipping = true;
                    self.text.clear();
                }
            }
            if is_whole {
                self.line(found);
            }
        }
    }

    pub(super) fn end(mut self, found: &mut Found) {
        self.line(found);
    }

    fn line(&mut self, found: &mut Found) {
        self.lines += 1;
        let text = std::mem::take(&mut self.text);
        if !std::mem::take(&mut self.skipping) && !text.trim_ascii().is_empty() {
            found.push(self.person(&text));
        }
        self.text = text;
        self.text.clear();
    }

    fn person(&self, text: &[u8]) -> Result<hongyan_domain::broadcast::Recipient, BadLine> {
        let line = self.lines;
        if std::str::from_utf8(text).is_err() {
            return Err(not_utf8(line));
        }
        let read = decode(text).map_err(|problem| {
            let document = problem.into_document();
            match document.violations.into_iter().next() {
                Some(found) => BadLine {
                    part: found.pointer,
                    // The words of the JSON reader's own rules are few.
                    rule: match found.rule.as_str() {
                        "unknown_field" => "unknown_field",
                        "missing" => "missing",
                        "duplicate" => "duplicate",
                        "type" => "type",
                        _ => "form",
                    },
                    ..BadLine::new(line, "form", found.message, found.message_zh)
                },
                None => {
                    let zh = format!("不是合法的 JSON：{}", document.detail);
                    BadLine::new(line, "json", document.detail, zh)
                }
            }
        })?;
        recipient(read).map_err(|found| BadLine::of(line, found))
    }
}
