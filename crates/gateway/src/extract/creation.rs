//! Requests that create: their body, and the `Idempotency-Key` that makes a
//! repeat harmless.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use hongyan_domain::port::{Idempotency, StoredResponse};
use http::HeaderMap;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::body;
use super::{Caller, Gateway, Need, decode};
use crate::problem::{Code, Problem};

/// The header.
const HEADER: &str = "idempotency-key";

/// A request that creates.
#[derive(Debug)]
pub(crate) struct Creation {
    body: Bytes,
    once: Option<Once>,
}

/// An idempotency key with what the request was.
#[derive(Debug)]
struct Once {
    key: String,
    fingerprint: [u8; 32],
}

impl Creation {
    /// What was answered to the same request before. To be asked before the
    /// body is judged: the answer stands even where the rules have changed since.
    pub(crate) async fn earlier<N: Need>(
        &self,
        caller: &Caller<N>,
    ) -> Result<Option<StoredResponse>, Problem> {
        let Some(once) = &self.once else {
            return Ok(None);
        };
        match caller
            .engine()
            .earlier_response(caller.key_id(), &once.key)
            .await?
        {
            None => Ok(None),
            Some((fingerprint, response)) if fingerprint == once.fingerprint => Ok(Some(response)),
            Some(_) => Err(Self::key_reused()),
        }
    }

    /// The body as JSON.
    pub(crate) fn json<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Problem> {
        decode(&self.body)
    }

    /// The body as JSON; what an empty object would be where there is none.
    pub(crate) fn json_if_any<T: for<'de> Deserialize<'de> + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() {
            return Ok(T::default());
        }
        decode(&self.body)
    }

    /// Stores the answer after the work, where the work cannot take it along: a
    /// repeat is answered alike, unless the gateway stopped in between.
    pub(crate) async fn remember<N: Need>(
        &self,
        caller: &Caller<N>,
        status: u16,
        body: &Bytes,
    ) -> Result<(), Problem> {
        let Some(once) = self.keep(caller, status, body) else {
            return Ok(());
        };
        // A twin that was quicker has stored the same; what is done is done.
        caller.engine().accept(Vec::new(), Some(once)).await?;
        Ok(())
    }

    /// What to store beside the work, so that a repeat is answered alike.
    pub(crate) fn keep<N: Need>(
        &self,
        caller: &Caller<N>,
        status: u16,
        body: &Bytes,
    ) -> Option<Idempotency> {
        self.once.as_ref().map(|once| Idempotency {
            caller: caller.key_id(),
            key: once.key.clone(),
            fingerprint: once.fingerprint,
            response: StoredResponse {
                status,
                body: body.clone(),
            },
        })
    }

    /// The key was used for another request.
    pub(crate) fn key_reused() -> Problem {
        Problem::new(
            Code::IdempotencyKeyReused,
            "this Idempotency-Key was used for another request in the last 24 hours; use a new one",
        )
    }
}

impl FromRequest<Gateway> for Creation {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Problem> {
        let key = idempotency_key(request.headers())?;
        let target = key
            .is_some()
            .then(|| (request.method().clone(), request.uri().clone()));
        let body = body::read(request, &gateway.0.settings).await?;
        let once = key.zip(target).map(|(key, (method, uri))| {
            // The query is left out: `wait` changes how the answer is given, not
            // what is done.
            let mut hash = Sha256::new();
            hash.update(method.as_str());
            hash.update([0]);
            hash.update(uri.path());
            hash.update([0]);
            hash.update(&body);
            Once {
                key,
                fingerprint: hash.finalize().into(),
            }
        });
        Ok(Self { body, once })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(HEADER).into_iter();
    let Some(key) = given.next() else {
        return Ok(None);
    };
    let bytes = key.as_bytes();
    let fits = (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match key.to_str() {
        Ok(key) if fits && given.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            Code::InvalidIdempotencyKey,
            "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        values
            .iter()
            .map(|value| {
                (
                    http::HeaderName::from_static(HEADER),
                    HeaderValue::from_bytes(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        let longest = [b'k'; 255];
        assert_eq!(idempotency_key(&headers(&[])).unwrap(), None);
        assert_eq!(
            idempotency_key(&headers(&[b"order-42"]))
                .unwrap()
                .as_deref(),
            Some("order-42")
        );
        assert!(idempotency_key(&headers(&[&longest])).is_ok());
        for bad in [&b""[..], b"a b", "号".as_bytes(), &[b'k'; 256]] {
            assert!(idempotency_key(&headers(&[bad])).is_err(), "{bad:?}");
        }
        assert!(idempotency_key(&headers(&[b"a", b"b"])).is_err());
    }
}
