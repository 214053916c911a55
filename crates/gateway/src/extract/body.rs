//! Bodies: read within limits, decoded from JSON, and what is wrong with them
//! named by its place.

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Gateway;
use crate::app::GatewaySettings;
use crate::convert::shape;
use crate::problem::{Code, Problem};

/// How much of a body that is too large is read and thrown away, in limits:
/// closing earlier would lose the answer with the connection.
const DRAINED_LIMITS: usize = 8;

/// The body as JSON, decoded to `T`.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: for<'de> Deserialize<'de>> FromRequest<Gateway> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Problem> {
        let body = read(request, &gateway.0.settings).await?;
        decode(&body).map(Self)
    }
}

/// The body as it came, with its type.
#[derive(Debug)]
pub(crate) struct Typed {
    /// The media type in lower case, without parameters; empty where none is named.
    pub(crate) media_type: String,
    /// The body.
    pub(crate) body: Bytes,
}

impl FromRequest<Gateway> for Typed {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Problem> {
        let media_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok()?.split(';').next())
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let body = read(request, &gateway.0.settings).await?;
        Ok(Self { media_type, body })
    }
}

impl Typed {
    /// The body, TOML where its type says so, else JSON.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        match self.media_type.as_str() {
            "application/toml" | "text/toml" | "text/x-toml" => decode_toml(&self.body),
            _ => decode(&self.body),
        }
    }
}

/// Decodes TOML; what is wrong has a line.
fn decode_toml<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let wrong = |detail: String| Problem::new(Code::InvalidToml, detail);
    let text = std::str::from_utf8(body).map_err(|error| {
        wrong(format!(
            "the body is not UTF-8: byte {} begins no character",
            error.valid_up_to()
        ))
    })?;
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        wrong(format!("line {line}: {}", error.message()))
    })
}

/// Reads a body, at most so much and so long.
pub(super) async fn read(request: Request, settings: &GatewaySettings) -> Result<Bytes, Problem> {
    read_at_most(request, settings, settings.body_limit).await
}

/// The same with a limit of its own, in bytes.
pub(super) async fn read_at_most(
    request: Request,
    settings: &GatewaySettings,
    limit: usize,
) -> Result<Bytes, Problem> {
    match tokio::time::timeout(settings.body_time, collect(request, limit)).await {
        Ok(read) => read,
        Err(_) => {
            let seconds = settings.body_time.as_secs();
            Err(Problem::new(
                Code::BodyTimeout,
                format!("the body did not arrive within {seconds} seconds"),
            ))
        }
    }
}

async fn collect(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Code::BodyTooLarge,
            format!("a body may have at most {limit} bytes"),
        )
    };
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // Whoever asks before sending need not send.
    if announced.is_some_and(|length| length > limit) && request.headers().contains_key(EXPECT) {
        return Err(too_large());
    }
    let mut body = request.into_body();
    let (mut first, mut rest, mut total) = (None, BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::InvalidJson, format!("the body broke off: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        total = total.saturating_add(data.len());
        if total > limit {
            (first, rest) = (None, BytesMut::new());
            if total > limit.saturating_mul(DRAINED_LIMITS) {
                break;
            }
        } else if first.is_none() {
            // Most bodies come in one piece, which then need not be copied.
            first = Some(data);
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if total > limit {
        return Err(too_large());
    }
    Ok(match first {
        None => Bytes::new(),
        Some(first) if rest.is_empty() => first,
        Some(first) => {
            let mut whole = BytesMut::with_capacity(total);
            whole.extend_from_slice(&first);
            whole.extend_from_slice(&rest);
            whole.freeze()
        }
    })
}

/// Decodes JSON. What is not JSON is `invalid_json`; what is JSON of another
/// shape is `validation_failed` with the place.
pub(crate) fn decode<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Problem> {
    // RFC 8259 lets a reader pass over a byte order mark, and some clients send
    // one.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let not_json = |detail: String| Problem::new(Code::InvalidJson, detail);
    let text = std::str::from_utf8(body).map_err(|error| {
        not_json(format!(
            "the body is not UTF-8: byte {} begins no character",
            error.valid_up_to()
        ))
    })?;
    match text.trim_start().as_bytes().first() {
        None => {
            return Err(not_json(
                "the body is empty; a JSON object is needed".to_owned(),
            ));
        }
        Some(b'{') => {}
        // Decoding would take an array for the fields in order.
        Some(_) => {
            return Err(match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => Problem::invalid(vec![shape::not_an_object()]),
                Err(error) => not_json(format!("the body is not JSON: {error}")),
            });
        }
    }
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // On the good path none of this costs anything. serde_json calls some values
    // of a wrong type bad syntax, and stops at the first fault of either sort: so
    // the text is read again for its syntax alone, and again for the place.
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => Err(not_json(format!("the body is not JSON: {error}"))),
        Ok(_) if error.to_string().starts_with("recursion limit") => {
            Err(not_json(format!("the body is nested too deep: {error}")))
        }
        Ok(_) => Err(locate::<T>(text, &error)),
    }
}

fn locate<'de, T: Deserialize<'de>>(text: &'de str, error: &serde_json::Error) -> Problem {
    let mut json = serde_json::Deserializer::from_str(text);
    let violation = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(found) => shape::violation(found.path(), found.inner()),
        Ok(_) => shape::somewhere(error),
    };
    if violation.rule == shape::RETIRED {
        return Problem::new(Code::RetiredKind, violation.message.clone())
            .with_violations(vec![violation]);
    }
    Problem::invalid(vec![violation])
}
