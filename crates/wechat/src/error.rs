//! Why a call has no reply, told apart by what is known about its effect.

use std::{fmt, net::IpAddr};

use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::{ErrClass, ErrCode, TransportError, redact, reply};

/// Why a call has no reply.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// WeChat answered with an `errcode` other than 0.
    #[error("refused by WeChat: {0}")]
    Refused(Box<ApiError>),
    /// The request could not be built, so it was never sent: no token where one is needed, a path that is
    /// none, a body that is not JSON. A mistake of the program that calls.
    #[error("the request cannot be built: {reason}")]
    Invalid {
        /// What is wrong with it, without secrets.
        reason: String,
    },
    /// The request certainly never reached WeChat.
    #[error("the request was not sent: {reason}")]
    NotSent {
        /// What went wrong, without secrets.
        reason: String,
    },
    /// The request may have taken effect: time-out or lost connection after it may have left.
    #[error("the outcome is unknown: {reason}")]
    Uncertain {
        /// What went wrong, without secrets.
        reason: String,
    },
    /// An HTTP status other than 2xx and no `errcode`: something before WeChat's own programs answered.
    #[error("HTTP status {status}: {excerpt}")]
    HttpStatus {
        /// The status.
        status: StatusCode,
        /// The beginning of the reply, without secrets.
        excerpt: String,
    },
    /// A reply came and cannot be read, so the outcome is unknown.
    #[error("the reply cannot be read at {path}: {reason} in {excerpt}")]
    Decode {
        /// Where in the JSON, such as `data[0].tid`; `.` where it is no JSON at all.
        path: String,
        /// What is wrong there.
        reason: String,
        /// The beginning of the reply, without secrets.
        excerpt: String,
    },
}

impl CallError {
    /// Whether the call may have taken effect although it failed. A repeat may then send twice.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        self.class() == ErrClass::Busy
    }

    /// What kind of failure this is. `Busy` is every failure whose outcome is unknown, `Backoff` one that
    /// certainly had no effect and may pass later.
    #[must_use]
    pub fn class(&self) -> ErrClass {
        match self {
            Self::Refused(refusal) => refusal.errcode.class(),
            Self::Invalid { .. } => ErrClass::Permanent,
            Self::NotSent { .. } => ErrClass::Backoff,
            Self::Uncertain { .. } | Self::Decode { .. } => ErrClass::Busy,
            Self::HttpStatus { status, .. } => match status.as_u16() {
                429 => ErrClass::RateLimited,
                408 => ErrClass::Backoff,
                // 412 (a chunked body) and its neighbours say that the request was not taken.
                300..=499 => ErrClass::Permanent,
                _ => ErrClass::Busy,
            },
        }
    }

    /// The errcode, if WeChat answered with one.
    #[must_use]
    pub fn errcode(&self) -> Option<ErrCode> {
        self.refusal().map(|refusal| refusal.errcode)
    }

    /// WeChat's refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&ApiError> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Invalid { .. }
            | Self::NotSent { .. }
            | Self::Uncertain { .. }
            | Self::HttpStatus { .. }
            | Self::Decode { .. } => None,
        }
    }

    /// A failure of the transport, with the token taken out should the transport have named the address.
    pub(crate) fn from_transport(error: TransportError, secret: Option<&str>) -> Self {
        match error {
            TransportError::NotSent { reason } => Self::NotSent {
                reason: redact::mask_with(&reason, secret),
            },
            TransportError::Uncertain { reason } => Self::Uncertain {
                reason: redact::mask_with(&reason, secret),
            },
            TransportError::TooLarge { limit } => Self::Uncertain {
                reason: format!("the reply is larger than {limit} bytes"),
            },
        }
    }
}

/// WeChat's refusal of a call.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct ApiError {
    /// The code; the only thing to decide by.
    pub errcode: ErrCode,
    /// WeChat's text without the rid and hints that follow it.
    pub errmsg: String,
    /// The id by which WeChat finds this call for seven days (`openapi/rid/get`).
    pub rid: Option<String>,
    body: Bytes,
}

impl ApiError {
    /// Splits WeChat's text into message and rid.
    #[must_use]
    pub(crate) fn new(errcode: ErrCode, errmsg: &str, body: Bytes) -> Self {
        let (errmsg, rid) = reply::split_errmsg(errmsg);
        Self {
            errcode,
            errmsg: errmsg.to_owned(),
            rid: rid.map(str::to_owned),
            body,
        }
    }

    /// Reads further fields of the refusal, such as the `msg_id` that comes with 45065.
    #[must_use]
    pub fn decode<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The reply as it came. It may quote what was sent: mask it before showing it.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// For 40164: see [`seen_ip`].
    #[must_use]
    pub fn seen_ip(&self) -> Option<IpAddr> {
        seen_ip(&self.errmsg)
    }

    /// For 47003: the keyword whose value was refused, such as `thing18`.
    #[must_use]
    pub fn keyword(&self) -> Option<&str> {
        let (_, rest) = self.errmsg.split_once("data.")?;
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty())
    }
}

/// The address WeChat saw, in its words of 40164: the one to add to the allow list.
#[must_use]
pub fn seen_ip(errmsg: &str) -> Option<IpAddr> {
    let (_, rest) = errmsg.split_once("invalid ip ")?;
    let text = rest.split([' ', ',']).next()?;
    text.parse().ok()
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errcode {} {}", self.errcode, self.errmsg)?;
        match &self.rid {
            Some(rid) => write!(f, " (rid {rid})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("errcode", &self.errcode)
            .field("errmsg", &self.errmsg)
            .field("rid", &self.rid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(errcode: i64, errmsg: &str) -> ApiError {
        ApiError::new(ErrCode(errcode), errmsg, Bytes::new())
    }

    #[test]
    fn tells_the_address_wechat_saw() {
        let errmsg = "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 617682e0-09059ac5-34a8e2ea";
        assert_eq!(
            refusal(40164, errmsg).seen_ip(),
            Some(IpAddr::from([203, 0, 113, 9]))
        );
        assert_eq!(
            refusal(40164, "invalid ip, not in whitelist").seen_ip(),
            None
        );
    }

    #[test]
    fn tells_the_keyword_refused() {
        let whole = "argument invalid! data.thing18.value invalid rid: 617682e0-09059ac5-34a8e2ea";
        assert_eq!(refusal(47003, whole).keyword(), Some("thing18"));
        let cut = "argument invalid! data.character_string1.value i rid: 617682e0-0-3";
        assert_eq!(refusal(47003, cut).keyword(), Some("character_string1"));
        assert_eq!(refusal(47003, "argument invalid!").keyword(), None);
    }

    #[test]
    fn shows_code_text_and_rid() {
        let error = CallError::Refused(Box::new(refusal(43004, "require subscribe rid: 6-a-b")));
        assert_eq!(
            error.to_string(),
            "refused by WeChat: errcode 43004 require subscribe (rid 6-a-b)"
        );
        assert_eq!(error.errcode(), Some(ErrCode(43004)));
    }

    #[test]
    fn only_doubt_is_uncertain() {
        let status = |code| CallError::HttpStatus {
            status: StatusCode::from_u16(code).unwrap(),
            excerpt: String::new(),
        };
        let reason = String::new;
        let decode = CallError::Decode {
            path: reason(),
            reason: reason(),
            excerpt: reason(),
        };
        for (error, class) in [
            (
                CallError::Refused(Box::new(refusal(-1, "system error"))),
                ErrClass::Busy,
            ),
            (
                CallError::Refused(Box::new(refusal(43004, ""))),
                ErrClass::CannotReach,
            ),
            (CallError::Invalid { reason: reason() }, ErrClass::Permanent),
            (CallError::NotSent { reason: reason() }, ErrClass::Backoff),
            (CallError::Uncertain { reason: reason() }, ErrClass::Busy),
            (decode, ErrClass::Busy),
            (status(302), ErrClass::Permanent),
            (status(408), ErrClass::Backoff),
            (status(412), ErrClass::Permanent),
            (status(429), ErrClass::RateLimited),
            (status(500), ErrClass::Busy),
            (status(502), ErrClass::Busy),
        ] {
            assert_eq!(error.class(), class, "{error}");
            assert_eq!(error.is_uncertain(), class == ErrClass::Busy, "{error}");
        }
    }
}
