//! The loads: what each request is, and what its answer must be.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::http::{Answer, request};
use crate::load::Script;

/// Messages in a batch, the most that one may have.
pub(crate) const BATCH: u64 = 1000;

/// Digits of a `client_msg_id`.
const DIGITS: usize = 32;

/// Requests that are ready, in turn.
#[derive(Debug)]
pub(crate) struct InTurn {
    requests: Vec<Vec<u8>>,
    status: u16,
    /// Messages each answer must tell as accepted.
    accepts: usize,
}

impl InTurn {
    /// `GET /healthz`.
    pub(crate) fn health(gateway: SocketAddr) -> Self {
        let requests = vec![request("GET", "/healthz", gateway, &[], "")];
        Self {
            requests,
            status: 200,
            accepts: 0,
        }
    }

    /// One message a request.
    pub(crate) fn singles(gateway: SocketAddr, key: &str, messages: &[Value]) -> Self {
        let headers = [&*format!("authorization: Bearer {key}")];
        let requests = messages
            .iter()
            .map(|message| {
                request(
                    "POST",
                    "/v1/messages",
                    gateway,
                    &headers,
                    &message.to_string(),
                )
            })
            .collect();
        Self {
            requests,
            status: 202,
            accepts: 1,
        }
    }

    /// [`BATCH`] messages a request.
    pub(crate) fn batches(gateway: SocketAddr, key: &str, messages: &[Value]) -> Self {
        let headers = [&*format!("authorization: Bearer {key}")];
        let batch: Vec<_> = messages.iter().cycle().take(BATCH as usize).collect();
        let body = json!({ "messages": batch }).to_string();
        let requests = vec![request(
            "POST",
            "/v1/messages/batch",
            gateway,
            &headers,
            &body,
        )];
        Self {
            requests,
            status: 200,
            accepts: BATCH as usize,
        }
    }
}

impl Script for InTurn {
    fn write(&self, number: u64, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.requests[number as usize % self.requests.len()]);
    }

    fn read(&self, answer: &Answer<'_>, ids: &mut Vec<u128>) -> bool {
        let before = ids.len();
        if self.accepts > 0 {
            ids_in(answer.body, ids);
        }
        answer.status == self.status && ids.len() - before == self.accepts
    }
}

/// The bare loop to WeChat's path: each request sends one message that takes
/// effect.
#[derive(Debug)]
pub(crate) struct Bare {
    requests: Vec<Vec<u8>>,
    /// Where the digits of `client_msg_id` lie, from the end.
    id_from_end: usize,
    /// The number of the first request: repeated ids would take no effect.
    first: u64,
}

impl Bare {
    /// Sends what the gateway sent: `body` is one of its own, `people` are other
    /// recipients of the same template.
    pub(crate) fn new(
        sandbox: SocketAddr,
        target: &str,
        body: &Value,
        people: &[String],
        first: u64,
    ) -> Result<Self, Failure> {
        let zeros = "0".repeat(DIGITS);
        let length = body.to_string().len();
        let mut requests = Vec::with_capacity(people.len());
        let mut id_from_end = 0;
        for openid in people {
            let mut body = body.clone();
            body["touser"] = json!(openid);
            body["client_msg_id"] = json!(zeros);
            let body = body.to_string();
            let at = body
                .find(&zeros)
                .filter(|_| body.len() == length)
                .ok_or_else(|| {
                    Failure::Wrong(format!(
                        "the bare loop cannot send what the gateway sends: {body}"
                    ))
                })?;
            id_from_end = body.len() - at;
            requests.push(request("POST", target, sandbox, &[], &body));
        }
        Ok(Self {
            requests,
            id_from_end,
            first,
        })
    }
}

impl Script for Bare {
    fn write(&self, number: u64, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.requests[number as usize % self.requests.len()]);
        let at = buffer.len() - self.id_from_end;
        let mut rest = self.first + number;
        for digit in buffer[at..at + DIGITS].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(rest % 16) as usize];
            rest /= 16;
        }
    }

    fn read(&self, answer: &Answer<'_>, _: &mut Vec<u128>) -> bool {
        answer.status == 200 && answer.body.starts_with(b"{\"errcode\":0,")
    }
}

/// Adds the ids of messages (`"msg_` and 32 digits) that an answer tells.
fn ids_in(body: &[u8], ids: &mut Vec<u128>) {
    const PREFIX: &[u8] = b"\"msg_";
    let mut rest = body;
    while let Some(at) = rest.windows(PREFIX.len()).position(|five| five == PREFIX) {
        rest = &rest[at + PREFIX.len()..];
        let digits = rest
            .get(..DIGITS)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        ids.extend(digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    fn answer(status: u16, body: &str) -> Answer<'_> {
        Answer {
            status,
            body: body.as_bytes(),
        }
    }

    #[test]
    fn an_answer_counts_only_with_all_its_ids() {
        let script = InTurn::singles(address(), "k", &[json!({})]);
        let mut ids = Vec::new();
        let good = r#"{"id":"msg_000000000000000000000000000000ff","status":"queued"}"#;
        assert!(script.read(&answer(202, good), &mut ids));
        assert_eq!(ids, [255]);
        assert!(!script.read(&answer(202, "{}"), &mut ids));
        assert!(!script.read(&answer(503, good), &mut ids));
    }

    #[test]
    fn every_bare_request_has_an_id_of_its_own_and_the_same_length() {
        let body = json!({"touser": "oAAA", "client_msg_id": "f".repeat(32), "data": {}});
        let people = ["oBBB".to_owned(), "oCCC".to_owned()];
        let script = Bare::new(address(), "/x", &body, &people, 16).unwrap();
        let written = |number| {
            let mut buffer = Vec::new();
            script.write(number, &mut buffer);
            String::from_utf8(buffer).unwrap()
        };
        let (first, second) = (written(0), written(1));
        assert!(
            first.contains("oBBB") && first.contains(&format!("{:032x}", 16)),
            "{first}"
        );
        assert!(
            second.contains("oCCC") && second.contains(&format!("{:032x}", 17)),
            "{second}"
        );
        assert!(first.ends_with("\"data\":{}}"));
        assert_eq!(first.len(), second.len());
    }

    #[test]
    fn a_recipient_that_changes_the_length_is_refused() {
        let body = json!({"touser": "oAAA", "client_msg_id": "f".repeat(32)});
        assert!(Bare::new(address(), "/x", &body, &["longer".to_owned()], 0).is_err());
    }
}
