//! Secrets in types that can be compared and used but not printed.

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Shows itself as `[redacted]`, has no `Display` and no `Serialize`, and is wiped from memory
        /// when its last clone goes. Equality takes the same time wherever two values differ.
        #[derive(Clone)]
        pub struct $name(Arc<SecretString>);

        impl $name {
            /// Takes a secret as WeChat issued it.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(Arc::new(SecretString::from(secret.into())))
            }

            /// The secret itself, for the one place that puts it on the wire or seals it.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[redacted]")
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

secret! {
    /// An account's AppSecret, the key to its tokens.
    AppSecret
}
secret! {
    /// An access token, the credential of nearly every call. WeChat asks for room for 512 characters.
    AccessToken
}
secret! {
    /// The key that WeChat shares with us about one person's login to a mini program. Never for the client.
    SessionKey
}
secret! {
    /// The access token of one person's web login, for the person's own data only.
    UserAccessToken
}
secret! {
    /// What renews a [`UserAccessToken`] for thirty days.
    RefreshToken
}
secret! {
    /// The ticket that signs pages for the JS-SDK.
    JsTicket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_show_itself() {
        let token = AccessToken::new("92_topsecret");
        assert_eq!(
            format!("{token:?} {:?}", Some(AppSecret::new("hush"))),
            "[redacted] Some([redacted])"
        );
        assert_eq!(token.expose(), "92_topsecret");
    }

    #[test]
    fn equality_is_that_of_the_text() {
        assert_eq!(AccessToken::new("a"), AccessToken::new("a").clone());
        assert_ne!(AccessToken::new("a"), AccessToken::new("b"));
        assert_ne!(AccessToken::new("a"), AccessToken::new("ab"));
    }
}
