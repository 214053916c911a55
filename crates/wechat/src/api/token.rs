//! Access tokens. The two calls issue two independent families of tokens: one never invalidates a token of
//! the other. On both, 40001 means a wrong secret: see [`crate::ErrCode::class_of_token_call`].

mod classic_token;
mod stable_token;

use serde::Deserialize;

pub use self::{classic_token::ClassicToken, stable_token::StableToken};
use crate::{AccessToken, lenient};

/// A token and its remaining life.
#[derive(Debug, Clone, Deserialize)]
pub struct IssuedToken {
    /// The token.
    pub access_token: AccessToken,
    /// Remaining life in seconds, at most 7200 today.
    #[serde(deserialize_with = "lenient::number")]
    pub expires_in: u32,
}
