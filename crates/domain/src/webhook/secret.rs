//! The keys by which endpoints know that it is we who post.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

/// Bytes of a key; Standard Webhooks 1.0 asks for 24 to 64.
pub const SECRET_BYTES: usize = 32;

/// A key that what is posted to an endpoint is signed with.
///
/// Shows itself as `[redacted]`, has no `Display` and no `Serialize`, and is wiped
/// from memory when its last clone goes.
#[derive(Clone)]
pub struct WebhookSecret(Arc<SecretBox<[u8; SECRET_BYTES]>>);

impl WebhookSecret {
    /// The secret of random bytes.
    #[must_use]
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(random))))
    }

    /// The key itself: what signatures are made with, and what storage seals.
    #[must_use]
    pub fn key(&self) -> &[u8; SECRET_BYTES] {
        self.0.expose_secret()
    }

    /// The form its owner gets: `whsec_` and the key in base64.
    #[must_use]
    pub fn text(&self) -> SecretString {
        format!("whsec_{}", STANDARD.encode(self.key())).into()
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_only_where_it_is_asked_for() {
        let secret = WebhookSecret::new([0; SECRET_BYTES]);
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(
            secret.text().expose_secret(),
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        );
    }
}
