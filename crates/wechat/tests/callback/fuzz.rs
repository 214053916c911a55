//! Changes good requests at random and feeds them to everything that reads requests. The same seed makes
//! the same run. `examples/fuzz_callbacks.rs` runs it for as long as one likes.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hongyan_wechat::{
    AppId, AppSecret,
    callback::{
        CallbackError, CallbackQuery, EncodingAesKey, Fields, Format, Inbound, KeyPair, Keyring,
        Mode, Reply, signature,
    },
};

use super::pushes;

const TOKENS: [&str; 2] = ["fuzzCurrent1", "fuzzFormer2"];
const KEYS: [&str; 2] = [
    "t2T6e5TcTYoctjJPZWLbpjJKQ1APxNeWR9rXHWx78y8",
    "AIxuoVOyDJClSrsxW5OJLQ7glRE8zwHZSKA1yp84w3b",
];

/// Longest input made, in bytes: mostly short ones, so that a run goes through many.
const MAX_INPUTS: [usize; 2] = [2 << 10, 16 << 10];

/// What the readers look for, to be put anywhere.
const WORDS: [&str; 56] = [
    "<xml>",
    "</xml>",
    "<a>",
    "</a>",
    "<a/>",
    "<![CDATA[",
    "]]>",
    "]]",
    "<!--",
    "-->",
    "<?xml version=\"1.0\"?>",
    "<?x ?>",
    "<!DOCTYPE x [<!ENTITY e \"e\">]>",
    "&e;",
    "&amp;",
    "&lt;",
    "&#0;",
    "&#x1F642;",
    "&#xD800;",
    "&#4294967296;",
    "&",
    "<Encrypt>",
    "</Encrypt>",
    "<List>",
    "</List>",
    "<MsgType>event</MsgType>",
    "<Event>SCAN</Event>",
    "<MsgID>18446744073709551616</MsgID>",
    "subscribe_msg_sent_event",
    "TEMPLATESENDJOBFINISH",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0000",
    "\\ud83d\\ude42",
    "\\ud800",
    "\"Encrypt\":",
    "\"List\":[",
    "\"MsgID\":",
    "null",
    "true",
    "-0",
    "1e999",
    "18446744073709551615",
    "9223372036854775808",
    "\0",
    "\u{feff}",
    "\u{ffff}",
    "鸿🙂",
    "%zz",
    "%00",
    "=+&",
];

/// What a run saw.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Inputs made.
    pub(crate) runs: u64,
    /// Queries read.
    pub(crate) queries: u64,
    /// Bodies read as a tree.
    pub(crate) trees: u64,
    /// Pushes opened.
    pub(crate) opened: u64,
    /// Pushes read.
    pub(crate) inbound: u64,
    /// Replies sealed and read back.
    pub(crate) sealed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} inputs without a panic: {} queries, {} trees, {} opened, {} pushes, {} replies read",
            self.runs, self.queries, self.trees, self.opened, self.inbound, self.sealed
        )
    }
}

/// A stream of numbers from a seed (SplitMix64, Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the limit; 0 for none.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn block(&mut self) -> [u8; 16] {
        std::array::from_fn(|_| self.next() as u8)
    }

    /// A stretch of the bytes, at most 64 long.
    fn stretch(&mut self, bytes: &[u8]) -> (usize, usize) {
        let start = self.below(bytes.len() + 1);
        let len = self.below(64.min(bytes.len() - start) + 1);
        (start, start + len)
    }
}

struct Fuzzer {
    random: Random,
    ring: Keyring,
    keys: Vec<EncodingAesKey>,
    bodies: Vec<Vec<u8>>,
    queries: Vec<Vec<u8>>,
    report: Report,
}

/// Makes and tries as many inputs as asked for.
pub(crate) fn run(runs: u64, seed: u64) -> Report {
    let mut fuzzer = Fuzzer::new(seed);
    fuzzer.check_corpus();
    for _ in 0..runs {
        fuzzer.step();
        fuzzer.report.runs += 1;
    }
    fuzzer.report
}

impl Fuzzer {
    fn new(seed: u64) -> Self {
        let keys: Vec<EncodingAesKey> = KEYS.iter().map(|key| key.parse().unwrap()).collect();
        let ring = Keyring {
            appid: AppId::parse("wx5a1d0c94e7b38f26").unwrap(),
            pairs: TOKENS
                .iter()
                .zip(&keys)
                .map(|(token, key)| KeyPair {
                    token: AppSecret::new(*token),
                    aes_key: Some(key.clone()),
                })
                .collect(),
            allow_plaintext: true,
        };
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("data/vectors.json")).unwrap();
        let pushes = vectors["pushes"].as_array().unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let mut bodies: Vec<Vec<u8>> = pushes
            .iter()
            .flat_map(|push| [text(&push["body"]), text(&push["sealed"]["message"])])
            .filter(|body| !body.is_empty())
            .map(String::into_bytes)
            .collect();
        bodies.extend(
            pushes::samples()
                .into_iter()
                .map(|sample| sample.body.into_bytes()),
        );
        let queries = pushes
            .iter()
            .map(|push| {
                format!(
                    "signature={}&timestamp={}&nonce={}&openid={}&encrypt_type=aes&msg_signature={}&echostr=%2B+1",
                    text(&push["signature"]),
                    text(&push["timestamp"]),
                    text(&push["nonce"]),
                    text(&push["openid"]),
                    text(&push["sealed"]["msg_signature"]),
                )
                .into_bytes()
            })
            .collect();
        Self {
            random: Random(seed),
            ring,
            keys,
            bodies,
            queries,
            report: Report::default(),
        }
    }

    /// What the changes begin with must be good.
    fn check_corpus(&mut self) {
        assert!(self.bodies.len() > 60, "{}", self.bodies.len());
        for sample in pushes::samples() {
            let inbound = Inbound::parse(sample.body.as_bytes()).unwrap();
            assert_eq!(inbound.body, sample.says, "{}", sample.name);
            assert_eq!(inbound.from.as_str(), pushes::FROM, "{}", sample.name);
            assert_eq!(inbound.to.as_str(), pushes::TO, "{}", sample.name);
            assert_eq!(inbound.create_time, pushes::CREATE_TIME, "{}", sample.name);
        }
    }

    fn step(&mut self) {
        match self.random.below(8) {
            0 => self.query(),
            1 | 2 => {
                let body = self.changed_body();
                self.tree(&body);
            }
            3 | 4 => self.plain(),
            5 | 6 => self.encrypted(),
            _ => self.broken_envelope(),
        }
    }

    fn changed_body(&mut self) -> Vec<u8> {
        let body = self.random.pick(&self.bodies).clone();
        self.change(body)
    }

    /// One to four changes; half of the results are made UTF-8 again, to get past that check.
    fn change(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let max = MAX_INPUTS[usize::from(self.random.below(40) == 0)];
        for _ in 0..=self.random.below(4) {
            self.change_once(&mut bytes);
            bytes.truncate(max);
        }
        if self.random.below(2) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned().into_bytes();
        }
        bytes
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>) {
        let random = &mut self.random;
        let at = random.below(bytes.len());
        let (start, end) = random.stretch(bytes);
        match random.below(12) {
            // Letters and digits for each other: mostly another text in the same form.
            9..12 => {
                let last = (at + 1 + random.below(6)).min(bytes.len());
                for byte in &mut bytes[at..last] {
                    if byte.is_ascii_alphanumeric() {
                        *byte = *random.pick(b"0123456789aAzZ");
                    }
                }
            }
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 => {
                bytes.drain(start..end);
            }
            3 => bytes.truncate(at),
            4 => {
                let copy = bytes[start..end].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let copy = bytes[start..end].repeat(1 + random.below(30));
                bytes.splice(start..start, copy);
            }
            6 => {
                let other = random.pick(&self.bodies);
                let (from, to) = random.stretch(other);
                bytes.splice(start..end, other[from..to].iter().copied());
            }
            7 => {
                // One half of this, the other of another.
                let other = random.pick(&self.bodies);
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let word = random.pick(&WORDS).as_bytes();
                bytes.splice(start..start, word.iter().copied());
            }
        }
    }

    fn query(&mut self) {
        let query = self.random.pick(&self.queries).clone();
        let query = self.change(query);
        let Ok(raw) = std::str::from_utf8(&query) else {
            return;
        };
        if let Ok(query) = CallbackQuery::parse(raw) {
            self.report.queries += 1;
            let _ = query.timestamp_secs();
            let echo = self.ring.verify_url(&query);
            assert!(echo.is_err(), "an echo without a signature: {raw}");
            let body = self.changed_body();
            let opened = self.ring.open(&query, &body);
            assert!(opened.is_err(), "a push without a signature: {raw}");
        }
    }

    fn tree(&mut self, body: &[u8]) -> Option<Fields> {
        let (format, fields) = Fields::parse(body).ok()?;
        self.report.trees += 1;
        let as_other = match format {
            Format::Xml => Fields::from_json(body),
            Format::Json => Fields::from_xml(body),
        };
        assert!(as_other.is_err(), "both XML and JSON");
        match Fields::from_json(fields.to_json().to_string().as_bytes()) {
            Ok(again) => assert_eq!(again, fields),
            // A repeated name has become a list, which counts and nests on its own.
            Err(CallbackError::Json(why)) => {
                assert!(why.contains("deeper") || why.contains("more than"), "{why}");
            }
            Err(other) => panic!("{other}"),
        }
        Some(fields)
    }

    fn inbound(&mut self, plain: &[u8]) -> Option<Inbound> {
        let fields = self.tree(plain);
        let read = Inbound::parse(plain);
        assert!(fields.is_some() || read.is_err(), "a push and no tree");
        let inbound = read.ok()?;
        self.report.inbound += 1;
        assert_eq!(Some(&inbound.fields), fields.as_ref());
        let key = inbound.dedupe_key();
        assert!(key.len() <= 200, "{key}");
        if let Ok(again) = Inbound::parse(inbound.fields.to_json().to_string().as_bytes()) {
            assert_eq!(again, inbound);
            assert_eq!(again.dedupe_key(), key);
        }
        Some(inbound)
    }

    fn stamped(&mut self) -> (usize, CallbackQuery) {
        let token = self.random.below(TOKENS.len());
        let timestamp = self.random.below(2_000_000_000).to_string();
        let nonce = self.random.below(4_000_000_000).to_string();
        let query = CallbackQuery {
            signature: Some(signature(TOKENS[token], &[&timestamp, &nonce])),
            timestamp: Some(timestamp),
            nonce: Some(nonce),
            ..CallbackQuery::default()
        };
        (token, query)
    }

    /// Signs an encrypted text as WeChat does.
    fn sign(&mut self, encrypt: &str) -> (usize, CallbackQuery) {
        let (token, query) = self.stamped();
        let parts = [&query.timestamp, &query.nonce].map(|part| part.as_deref().unwrap());
        let signed = signature(TOKENS[token], &[parts[0], parts[1], encrypt]);
        let query = CallbackQuery {
            encrypt_type: Some("aes".to_owned()),
            msg_signature: Some(signed),
            ..query
        };
        (token, query)
    }

    /// A changed body with the signature that plaintext has.
    fn plain(&mut self) {
        let body = self.changed_body();
        let (token, query) = self.stamped();
        match self.ring.open(&query, &body) {
            Ok(opened) => {
                self.report.opened += 1;
                assert_eq!(
                    (opened.mode, opened.token, opened.pair),
                    (Mode::Plain, token, token)
                );
                assert_eq!(opened.plain, body);
                assert_eq!(
                    self.ring.seal(&opened, "r", [0; 16], 1, "n").as_deref(),
                    Ok("r")
                );
                self.inbound(&body);
            }
            Err(error) => assert!([-40001, -40002].contains(&error.code()), "{error}"),
        }
    }

    /// A changed text, properly encrypted, in either format: it must come out as it went in.
    fn encrypted(&mut self) {
        let plain = self.changed_body();
        let pair = self.random.below(KEYS.len());
        let encrypt = self.keys[pair].encrypt(self.random.block(), &plain, &self.ring.appid);
        let (token, query) = self.sign(&encrypt);
        let (format, mode, body) = match self.random.below(4) {
            0 => (
                Format::Xml,
                Mode::Safe,
                format!("<xml>\n    <Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>"),
            ),
            1 => (
                Format::Xml,
                Mode::Compatible,
                format!("<xml><MsgType>text</MsgType><Encrypt>{encrypt}</Encrypt></xml>"),
            ),
            2 => (
                Format::Json,
                Mode::Safe,
                format!("{{\"ToUserName\":\"gh_1\",\"Encrypt\":\"{encrypt}\"}}"),
            ),
            _ => (
                Format::Json,
                Mode::Compatible,
                format!("{{\"MsgType\":\"text\",\"Encrypt\":\"{encrypt}\"}}"),
            ),
        };
        let opened = self.ring.open(&query, body.as_bytes()).unwrap();
        self.report.opened += 1;
        assert_eq!((opened.format, opened.mode), (format, mode));
        assert_eq!((opened.pair, opened.token), (pair, token));
        assert_eq!(opened.plain, plain);

        let Some(inbound) = self.inbound(&plain) else {
            return;
        };
        let reply = Reply::Text {
            content: inbound.fields.text("Content").unwrap_or("ok").to_owned(),
        };
        let _ = reply.violations(inbound.is_event());
        let written = reply.to_xml(&inbound.from, &inbound.to, inbound.create_time);
        let sealed = self
            .ring
            .seal(&opened, &written, self.random.block(), 7, "n")
            .unwrap();
        let (read_format, envelope) = Fields::parse(sealed.as_bytes()).unwrap();
        assert_eq!(read_format, format);
        let encrypt = envelope.text("Encrypt").unwrap();
        assert_eq!(
            envelope.text("MsgSignature"),
            Some(signature(TOKENS[token], &["7", "n", encrypt]).as_str())
        );
        let read = self.keys[pair].decrypt(encrypt, &self.ring.appid).unwrap();
        assert_eq!(read, written.as_bytes());
        assert!(Inbound::parse(&read).is_ok(), "{written}");
        self.report.sealed += 1;
    }

    /// Envelopes that are wrong somewhere: cipher text, base64, signature, or all around.
    fn broken_envelope(&mut self) {
        let plain = self.changed_body();
        let pair = self.random.below(KEYS.len());
        let encrypt = self.keys[pair].encrypt(self.random.block(), &plain, &self.ring.appid);
        let good = self.sign(&encrypt).1;
        let (query, body) = match self.random.below(3) {
            0 => {
                let mut cipher = STANDARD.decode(&encrypt).unwrap();
                self.change_once(&mut cipher);
                let encrypt = STANDARD.encode(cipher);
                let query = self.sign(&encrypt).1;
                (
                    query,
                    format!("<xml><Encrypt>{encrypt}</Encrypt></xml>").into_bytes(),
                )
            }
            1 => {
                let changed = self.change(encrypt.into_bytes());
                let encrypt = String::from_utf8_lossy(&changed).into_owned();
                let query = self.sign(&encrypt).1;
                (
                    query,
                    serde_json::json!({ "Encrypt": encrypt })
                        .to_string()
                        .into_bytes(),
                )
            }
            _ => {
                let body = format!("<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>");
                (good, self.change(body.into_bytes()))
            }
        };
        if let Ok(opened) = self.ring.open(&query, &body) {
            self.report.opened += 1;
            self.inbound(&opened.plain);
        }
    }
}

/// Short enough for every build; the example runs for as long as one likes.
#[test]
fn no_changed_request_makes_a_panic() {
    let report = run(15_000, 20_260_101);
    assert_eq!(report.runs, 15_000);
    // Most changes break something, but every part must have been reached.
    for reached in [
        report.queries,
        report.trees,
        report.opened,
        report.inbound,
        report.sealed,
    ] {
        assert!(reached > 100, "{report}");
    }
}
