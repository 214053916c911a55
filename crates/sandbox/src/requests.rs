//! The last calls, bounded in number and size.
//!
//! Entries keep raw bytes; secrets are masked when somebody looks.

use std::collections::VecDeque;
use std::net::IpAddr;

use parking_lot::Mutex;
use serde::Serialize;

use crate::clock::rfc3339;

/// Calls kept.
const CAPACITY: usize = 4096;
/// Bytes kept of a query, a body, an answer.
const PART_LIMIT: usize = 4096;

/// The ring of the last calls.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// Number of the next entry.
    next: u64,
    entries: VecDeque<Entry>,
}

impl Ring {
    fn position(&self, number: u64) -> Option<usize> {
        let first = self.next - self.entries.len() as u64;
        usize::try_from(number.checked_sub(first)?).ok()
    }
}

/// What a sealed push says, and what came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plain {
    /// What was sealed; `None` where nothing was.
    pub(crate) body: Option<String>,
    /// The answer unsealed; `None` where it was not sealed.
    pub(crate) answer: Option<String>,
    /// Why the answer did not count.
    pub(crate) error: Option<String>,
}

/// One finished call as the dispatcher saw it.
pub(crate) struct Finished<'a> {
    pub(crate) at: i64,
    pub(crate) method: &'a http::Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) answer: &'a [u8],
    /// 0 where the connection was dropped without an answer.
    pub(crate) status: u16,
    pub(crate) errcode: i32,
    pub(crate) rid: Option<&'a str>,
    pub(crate) elapsed_us: u64,
    pub(crate) peer: IpAddr,
    /// Position of the calling account, where a token told it.
    pub(crate) account: Option<u32>,
    /// A programmed failure made the answer.
    pub(crate) struck: bool,
    /// Where a push went; `None` for calls that came in.
    pub(crate) target: Option<&'a str>,
}

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A call of one of WeChat's paths.
    In,
    /// A push to an account's own server.
    Out,
}

impl std::str::FromStr for Direction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "in" => Ok(Self::In),
            "out" => Ok(Self::Out),
            _ => Err("direction must be in or out".to_owned()),
        }
    }
}

#[derive(Debug)]
struct Entry {
    at: i64,
    method: http::Method,
    status: u16,
    errcode: i32,
    rid: Option<Box<str>>,
    elapsed_us: u64,
    peer: IpAddr,
    account: Option<u32>,
    struck: bool,
    target: Option<Box<str>>,
    plain: Option<Box<Plain>>,
    /// Path, query, body and answer one behind the other.
    bytes: Vec<u8>,
    ends: [usize; 3],
}

/// One call as `GET /sandbox/v1/requests` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct RequestView {
    /// Number of the call, from 0 at the start of the sandbox.
    pub number: u64,
    /// Which way it went.
    pub direction: Direction,
    /// When it came or, of a push, was answered; RFC 3339 in UTC.
    pub at: String,
    /// HTTP method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query with secrets masked.
    pub query: String,
    /// Body with secrets masked, cut at 4096 bytes.
    pub body: String,
    /// HTTP status; 0 where the connection was dropped without an answer.
    pub status: u16,
    /// errcode of the answer, 0 for success.
    pub errcode: i32,
    /// rid of an error.
    pub rid: Option<String>,
    /// Time from the head of the request to the answer, milliseconds.
    pub elapsed_ms: f64,
    /// Address of the caller.
    pub client_ip: IpAddr,
    /// Of a push: the server it went to, such as `http://127.0.0.1:8600`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What was answered or, of a push, what came back or why nothing did;
    /// secrets masked, cut at 4096 bytes.
    pub answer: String,
    /// A programmed failure made the answer.
    pub struck: bool,
    /// Of a sealed push: what was sealed; cut at 4096 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_body: Option<String>,
    /// Of a sealed answer to a push: what was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_answer: Option<String>,
    /// Of a push: why its answer did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What `openapi/rid/get` tells about a call.
pub(crate) struct Traced {
    pub(crate) at: i64,
    pub(crate) account: Option<u32>,
    pub(crate) elapsed_us: u64,
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) answer: String,
    pub(crate) peer: IpAddr,
}

impl RequestLog {
    /// Keeps a call and tells its number.
    pub(crate) fn push(&self, call: &Finished<'_>) -> u64 {
        let mut ring = self.0.lock();
        let mut bytes = if ring.entries.len() >= CAPACITY {
            ring.entries
                .pop_front()
                .map(|entry| entry.bytes)
                .unwrap_or_default()
        } else {
            Vec::new()
        };
        bytes.clear();
        let mut ends = [0; 3];
        for (part, end) in [call.path.as_bytes(), call.query.as_bytes(), call.body]
            .iter()
            .zip(&mut ends)
        {
            bytes.extend_from_slice(&part[..part.len().min(PART_LIMIT)]);
            *end = bytes.len();
        }
        bytes.extend_from_slice(&call.answer[..call.answer.len().min(PART_LIMIT)]);
        ring.entries.push_back(Entry {
            at: call.at,
            method: call.method.clone(),
            status: call.status,
            errcode: call.errcode,
            rid: call.rid.map(Into::into),
            elapsed_us: call.elapsed_us,
            peer: call.peer,
            account: call.account,
            struck: call.struck,
            target: call.target.map(Into::into),
            plain: None,
            bytes,
            ends,
        });
        ring.next += 1;
        ring.next - 1
    }

    /// Adds to a push what it said.
    pub(crate) fn explain(&self, number: u64, plain: Plain) {
        let mut ring = self.0.lock();
        if let Some(at) = ring.position(number)
            && let Some(entry) = ring.entries.get_mut(at)
        {
            entry.plain = Some(Box::new(plain));
        }
    }

    /// The call of that number, unless it is forgotten.
    pub(crate) fn view(&self, number: u64) -> Option<RequestView> {
        let ring = self.0.lock();
        let entry = ring.entries.get(ring.position(number)?)?;
        Some(entry.view(number))
    }

    /// The last calls, newest first, of one path and direction or of all.
    pub(crate) fn list(
        &self,
        path: Option<&str>,
        direction: Option<Direction>,
        limit: usize,
    ) -> Vec<RequestView> {
        let ring = self.0.lock();
        let numbers = (0..ring.next).rev();
        ring.entries
            .iter()
            .rev()
            .zip(numbers)
            .filter(|(entry, _)| path.is_none_or(|path| entry.part(0) == path.as_bytes()))
            .filter(|(entry, _)| direction.is_none_or(|wanted| entry.direction() == wanted))
            .take(limit)
            .map(|(entry, number)| entry.view(number))
            .collect()
    }

    /// The call that was answered with that rid.
    pub(crate) fn trace(&self, rid: &str) -> Option<Traced> {
        let ring = self.0.lock();
        let entry = ring
            .entries
            .iter()
            .rev()
            .find(|entry| entry.rid.as_deref() == Some(rid))?;
        Some(Traced {
            at: entry.at,
            account: entry.account,
            elapsed_us: entry.elapsed_us,
            url: format!("{}?{}", entry.text(0), entry.text(1)),
            body: entry.text(2),
            answer: entry.text(3),
            peer: entry.peer,
        })
    }
}

impl Entry {
    fn part(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        let end = self.ends.get(index).copied().unwrap_or(self.bytes.len());
        &self.bytes[start..end]
    }

    fn text(&self, index: usize) -> String {
        String::from_utf8_lossy(self.part(index)).into_owned()
    }

    fn direction(&self) -> Direction {
        if self.target.is_some() {
            Direction::Out
        } else {
            Direction::In
        }
    }

    fn view(&self, number: u64) -> RequestView {
        let plain = self.plain.as_deref().cloned().unwrap_or_default();
        RequestView {
            number,
            direction: self.direction(),
            at: rfc3339(self.at),
            method: self.method.to_string(),
            path: self.text(0),
            query: mask_query(&self.text(1)),
            body: mask_body(&self.text(2)),
            status: self.status,
            errcode: self.errcode,
            rid: self.rid.as_deref().map(str::to_owned),
            elapsed_ms: self.elapsed_us as f64 / 1000.0,
            client_ip: self.peer,
            target: self.target.as_deref().map(str::to_owned),
            answer: mask_body(&self.text(3)),
            struck: self.struck,
            plain_body: plain.body.map(|text| shortened(&text)),
            plain_answer: plain.answer.map(|text| shortened(&text)),
            error: plain.error,
        }
    }
}

/// Masked, and no longer than the sealed text may be.
fn shortened(text: &str) -> String {
    mask_body(&text.chars().take(PART_LIMIT).collect::<String>())
}

const SECRETS: [&str; 7] = [
    "access_token",
    "secret",
    "appsecret",
    "refresh_token",
    "js_code",
    "code",
    "session_key",
];

/// The first six characters tell values apart and give nothing away.
fn mask(value: &str) -> String {
    let shown: String = value
        .chars()
        .take(if value.len() > 12 { 6 } else { 0 })
        .collect();
    format!("{shown}***")
}

fn mask_query(query: &str) -> String {
    let masked: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if SECRETS.contains(&name) => format!("{name}={}", mask(value)),
            Some(_) | None => pair.to_owned(),
        })
        .collect();
    masked.join("&")
}

/// Masks `"secret": "…"` wherever it stands, also in bodies that are cut or
/// are no JSON, and form fields.
fn mask_body(body: &str) -> String {
    let mut shown = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((at, name)) = SECRETS
        .iter()
        .filter_map(|name| rest.find(&format!("\"{name}\"")).map(|at| (at, *name)))
        .min()
    {
        let after = at + name.len() + 2;
        shown.push_str(&rest[..after]);
        rest = &rest[after..];
        let Some(open) = rest.find('"').filter(|open| {
            rest[..*open]
                .chars()
                .all(|c| c == ':' || c.is_ascii_whitespace())
        }) else {
            continue;
        };
        let value = &rest[open + 1..];
        let close = value.find('"').unwrap_or(value.len());
        shown.push_str(&rest[..=open]);
        shown.push_str(&mask(&value[..close]));
        rest = &value[close..];
    }
    shown.push_str(rest);
    if body.trim_start().starts_with(['{', '[']) {
        shown
    } else {
        mask_query(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(path: &'a str, rid: Option<&'a str>) -> Finished<'a> {
        Finished {
            at: 0,
            method: &http::Method::POST,
            path,
            query: "access_token=60_abcdefghijklmn&x=1",
            body: br#"{"appid":"wx1","secret": "0123456789abcdef"}"#,
            answer: b"{}",
            status: 200,
            errcode: 0,
            rid,
            elapsed_us: 1500,
            peer: IpAddr::from([127, 0, 0, 1]),
            account: Some(0),
            struck: false,
            target: None,
        }
    }

    #[test]
    fn the_ring_is_bounded_and_newest_first() {
        let log = RequestLog::default();
        for _ in 0..CAPACITY {
            log.push(&call("/old", None));
        }
        log.push(&call("/new", Some("r-1")));
        assert_eq!(log.0.lock().entries.len(), CAPACITY);
        let all = log.list(None, None, 2);
        assert_eq!(
            [all[0].path.as_str(), all[1].path.as_str()],
            ["/new", "/old"]
        );
        assert_eq!(log.list(Some("/new"), None, 9).len(), 1);
        assert!(
            log.trace("r-1")
                .unwrap()
                .url
                .starts_with("/new?access_token=60_abcdefghijklmn")
        );
        assert!(log.trace("r-2").is_none());
    }

    #[test]
    fn pushes_are_told_from_calls() {
        let log = RequestLog::default();
        log.push(&call("/a", None));
        log.push(&Finished {
            target: Some("http://h:1"),
            ..call("/cb", None)
        });
        let out = log.list(None, Some(Direction::Out), 9);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].target.as_deref(), Some("http://h:1"));
        assert_eq!(out[0].answer, "{}");
        assert_eq!(log.list(None, Some(Direction::In), 9)[0].number, 0);
        assert_eq!(out[0].number, 1);
    }

    #[test]
    fn a_sealed_push_is_explained_while_it_is_known() {
        let log = RequestLog::default();
        let number = log.push(&call("/callback", None));
        let plain = Plain {
            body: Some("<xml/>".into()),
            answer: None,
            error: Some("status 500".into()),
        };
        log.explain(number, plain);
        log.explain(number + 1, Plain::default());
        let view = log.view(number).unwrap();
        assert_eq!(view.plain_body.as_deref(), Some("<xml/>"));
        assert_eq!(view.error.as_deref(), Some("status 500"));
        for _ in 0..CAPACITY {
            log.push(&call("/other", None));
        }
        assert!(log.view(number).is_none());
        assert_eq!(log.view(number + 1).unwrap().path, "/other");
    }

    #[test]
    fn secrets_are_masked() {
        let log = RequestLog::default();
        log.push(&call("/a", None));
        let seen = &log.list(None, None, 1)[0];
        assert_eq!(seen.query, "access_token=60_abc***&x=1");
        assert_eq!(seen.body, r#"{"appid":"wx1","secret": "012345***"}"#);
        assert_eq!(
            mask_body(r#"{"secret":"abcdefghijklmnopq"#),
            r#"{"secret":"abcdef***"#
        );
        assert_eq!(
            mask_body("appid=wx1&appsecret=short"),
            "appid=wx1&appsecret=***"
        );
        assert_eq!(mask_body(r#"{"secret":5}"#), r#"{"secret":5}"#);
    }
}
