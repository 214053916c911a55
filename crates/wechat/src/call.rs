//! What a remote call is.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Base;

/// A serialised request body; `None` for a call without one.
pub type Body = Result<Option<Bytes>, serde_json::Error>;

/// One remote call: the request as a struct, its answer as an associated type.
///
/// Implementations live in [`crate::api`], one file each; a caller may add its own for a call that is not
/// there yet.
pub trait Call: Send + Sync {
    /// What WeChat answers on success.
    type Reply: DeserializeOwned;

    /// The HTTP method; WeChat refuses the wrong one with 43001 or 43002.
    const METHOD: Method;

    /// The path from the slash on, without the query.
    const PATH: &'static str;

    /// The host that serves the path.
    const BASE: Base = Base::Api;

    /// Whether the call carries an `access_token`. The client refuses to send such a call without one.
    const AUTH: bool = true;

    /// Query parameters besides the token, unescaped.
    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        Vec::new()
    }

    /// The body; see [`json`].
    ///
    /// # Errors
    /// When the request cannot be written as JSON.
    fn body(&self) -> Body {
        Ok(None)
    }

    /// What the body is, for the header of that name; not asked of a GET.
    fn content_type(&self) -> Cow<'_, str> {
        Cow::Borrowed("application/json; charset=utf-8")
    }
}

/// Writes a request as JSON in the form WeChat takes: UTF-8 with raw characters.
///
/// # Errors
/// When the value cannot be written as JSON, such as a map whose keys are not text.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Body {
    serde_json::to_vec(value).map(|body| Some(Bytes::from(body)))
}

/// The answer of a call that says no more than "done".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Done {}

/// The answer of a call that fetches a file, where WeChat may answer with JSON in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Download<R> {
    /// The file.
    File {
        /// What WeChat says it is, such as `image/jpeg`.
        content_type: Option<String>,
        /// Its bytes.
        bytes: Bytes,
    },
    /// The call's own answer.
    Told(R),
}
