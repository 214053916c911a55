//! Files of people, read as they arrive: CSV (RFC 4180) and NDJSON. Memory holds one
//! line.

mod csv;
mod ndjson;

use hongyan_domain::broadcast::Recipient;
use hongyan_domain::template::Violation;

use crate::extract::invalid;
use csv::CsvPeople;
use ndjson::NdjsonPeople;

/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// Its number, from 1 on; where it begins, if it has several.
    pub(crate) line: u64,
    rule: &'static str,
    /// Which part of it; empty = all.
    part: String,
    message: String,
    message_zh: String,
}

impl BadLine {
    fn new(
        line: u64,
        rule: &'static str,
        message: impl Into<String>,
        message_zh: impl Into<String>,
    ) -> Self {
        Self {
            line,
            rule,
            part: String::new(),
            message: message.into(),
            message_zh: message_zh.into(),
        }
    }

    fn of(line: u64, found: Violation) -> Self {
        Self {
            part: found.pointer,
            ..Self::new(line, found.rule, found.message, found.message_zh)
        }
    }
}

impl From<BadLine> for Violation {
    fn from(bad: BadLine) -> Self {
        let BadLine {
            line,
            rule,
            part,
            message,
            message_zh,
        } = bad;
        invalid(
            format!("/lines/{line}{part}"),
            rule,
            format!("line {line}: {message}"),
            format!("第 {line} 行：{message_zh}"),
        )
    }
}

/// What was found: people and bad lines, in order.
pub(crate) type Found = Vec<Result<Recipient, BadLine>>;

/// A file of people, read piece by piece.
pub(crate) enum PeopleFile {
    /// A header line names the columns.
    Csv(Box<CsvPeople>),
    /// An object a line.
    Ndjson(NdjsonPeople),
}

impl PeopleFile {
    /// The reader for a media type.
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "text/csv" | "application/csv" => Some(Self::Csv(Box::default())),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Some(Self::Ndjson(NdjsonPeople::default()))
            }
            _ => None,
        }
    }

    /// Reads a piece.
    pub(crate) fn feed(&mut self, piece: &[u8], found: &mut Found) {
        match self {
            Self::Csv(file) => file.feed(piece, found),
            Self::Ndjson(file) => file.feed(piece, found),
        }
    }

    /// The file is at its end.
    pub(crate) fn end(self, found: &mut Found) {
        match self {
            Self::Csv(file) => file.end(found),
            Self::Ndjson(file) => file.end(found),
        }
    }
}

fn too_long(line: u64) -> BadLine {
    BadLine::new(
        line,
        "too_long",
        format!("it is longer than {LONGEST_LINE} bytes; is a quotation mark missing?"),
        format!("超过 {LONGEST_LINE} 字节；是不是缺了引号？"),
    )
}

fn not_utf8(line: u64) -> BadLine {
    BadLine::new(
        line,
        "not_utf8",
        "it is not UTF-8; save the file as UTF-8",
        "不是 UTF-8 编码；请将文件另存为 UTF-8",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text in pieces of `size` bytes.
    fn read(media_type: &str, text: &[u8], size: usize) -> Vec<Result<String, (u64, String)>> {
        let mut file = PeopleFile::of(media_type).unwrap();
        let mut found = Vec::new();
        for piece in text.chunks(size) {
            file.feed(piece, &mut found);
        }
        file.end(&mut found);
        found
            .into_iter()
            .map(|one| match one {
                Ok(person) => Ok(serde_json::to_string(&person).unwrap()),
                Err(bad) => Err((bad.line, bad.rule.to_owned())),
            })
            .collect()
    }

    fn ok(text: &str) -> Result<String, (u64, String)> {
        Ok(text.to_owned())
    }

    fn bad(line: u64, rule: &str) -> Result<String, (u64, String)> {
        Err((line, rule.to_owned()))
    }

    #[test]
    fn a_csv_is_read_however_it_is_cut() {
        let text = "\u{feff}user_id,name,note\r\n42,张三,\"a, \"\"b\"\"\nc\"\r\n\r\n43,李四,\r\nx\r\n44,\u{8d75}\u{516d},z";
        let wanted = [
            ok(r#"{"user_id":"42","fields":{"name":"张三","note":"a, \"b\"\nc"}}"#),
            ok(r#"{"user_id":"43","fields":{"name":"李四","note":""}}"#),
            bad(6, "columns"),
            ok(r#"{"user_id":"44","fields":{"name":"赵六","note":"z"}}"#),
        ];
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(read("text/csv", text.as_bytes(), size), wanted, "{size}");
        }
    }

    #[test]
    fn a_header_names_one_way_to_the_person() {
        for (text, rule) in [
            ("name\nx\n", "header"),
            ("openid,user_id\na,b\n", "header"),
            ("openid,name,name\na,b,c\n", "header"),
            ("openid,\na,b\n", "header"),
            ("", "empty"),
            ("\n\n", "empty"),
        ] {
            let found = read("text/csv", text.as_bytes(), 100);
            assert_eq!(found.len(), 1, "{text:?} {found:?}");
            assert_eq!(found[0].clone().unwrap_err().1, rule, "{text:?}");
        }
    }

    #[test]
    fn ids_are_checked_by_their_kind() {
        let found = read("text/csv", b"openid\na b\no1\n", 100);
        assert_eq!(found, [bad(2, "form"), ok(r#"{"openid":"o1"}"#)]);
        let found = read("text/csv", b"openid\n\xff\n", 100);
        assert_eq!(found, [bad(2, "not_utf8")]);
    }

    #[test]
    fn a_quotation_mark_that_is_missing_takes_no_memory() {
        let mut text = b"openid,name\no1,\"".to_vec();
        text.resize(200_000, b'x');
        assert_eq!(read("text/csv", &text, 1000), [bad(2, "too_long")]);
    }

    #[test]
    fn ndjson_is_read_however_it_is_cut() {
        let text = "{\"openid\":\"o1\",\"fields\":{\"n\":1}}\n\n{\"openid\":\"o1\",\"user_id\":\"u\"}\r\n{\"opnid\":\"x\"}\n[1]\n{\n{\"unionid\":\"u\"}";
        let wanted = [
            ok(r#"{"openid":"o1","fields":{"n":1}}"#),
            bad(3, "one_of"),
            bad(4, "unknown_field"),
            bad(5, "type"),
            bad(6, "json"),
            ok(r#"{"unionid":"u"}"#),
        ];
        for size in [1, 5, 1000] {
            let found = read("application/x-ndjson", text.as_bytes(), size);
            assert_eq!(found, wanted, "{size}");
        }
        let long = vec![b'x'; 200_000];
        assert_eq!(
            read("application/x-ndjson", &long, 1000),
            [bad(1, "too_long")]
        );
    }
}
