//! Why a callback is refused.

/// Why a callback is refused, or a reply cannot be sealed.
///
/// The texts are for logs: they name what is wrong and never repeat what was sent. To WeChat, answer any of
/// them with a bare 401 or 403.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// No known token explains the signature: a stranger, or a token that differs from WeChat's.
    #[error("the signature does not fit any known token")]
    Signature,
    /// A query parameter that the check needs is absent.
    #[error("the query has no {0}")]
    MissingParameter(&'static str),
    /// The query cannot be read.
    #[error("the query cannot be read: {0}")]
    Query(&'static str),
    /// A plaintext push for an account that has a key: its content is not covered by any signature.
    #[error("the push is not encrypted, and this account takes encrypted ones only")]
    PlaintextRefused,
    /// The body exceeds [`MAX_BODY`](super::MAX_BODY).
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// The body begins like neither XML nor JSON.
    #[error("the body is neither XML nor JSON")]
    Format,
    /// The body is XML that cannot be read or that is not accepted.
    #[error("the XML is refused: {0}")]
    Xml(&'static str),
    /// The body is JSON that cannot be read or that is not accepted.
    #[error("the JSON is refused: {0}")]
    Json(&'static str),
    /// A field that every push has is absent or unreadable.
    #[error("the body has no readable {0}")]
    Field(&'static str),
    /// The text is not an EncodingAESKey.
    #[error("an EncodingAESKey has exactly 43 letters and digits")]
    AesKey,
    /// An encrypted push for an account without an EncodingAESKey.
    #[error("the push is encrypted, and the account has no EncodingAESKey")]
    NoAesKey,
    /// The push was encrypted for another account.
    #[error("the encrypted text names another appid")]
    AppId,
    /// The encrypted text is not base64.
    #[error("the encrypted text is not base64")]
    Base64,
    /// The encrypted text is not made of whole blocks.
    #[error("the encrypted text is not made of whole cipher blocks")]
    Decrypt,
    /// What was decrypted does not have the expected layout: most often another EncodingAESKey.
    #[error("the decrypted text is malformed: {0}")]
    Buffer(&'static str),
    /// The push was opened with a pair that this keyring does not have.
    #[error("the keyring does not have the pair that opened the push")]
    UnknownPair,
}

impl CallbackError {
    /// The number of WeChat's sample library for this failure, from -40001 on.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Signature
            | Self::MissingParameter(_)
            | Self::Query(_)
            | Self::PlaintextRefused => -40001,
            Self::TooLarge | Self::Format | Self::Xml(_) | Self::Json(_) | Self::Field(_) => -40002,
            Self::AesKey | Self::NoAesKey => -40004,
            Self::AppId => -40005,
            Self::Decrypt => -40007,
            Self::Buffer(_) => -40008,
            Self::Base64 => -40010,
            Self::UnknownPair => -40011,
        }
    }
}
