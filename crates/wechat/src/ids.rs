//! Ids as WeChat hands them out: opaque text, and one number that does not fit a float.

use std::{borrow::Borrow, borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::lenient;

/// Longest id accepted, in bytes. The documented shapes end at 43; WeChat promises no limit.
const MAX_BYTES: usize = 128;

/// Why a text is not an id of the named kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: {problem}")]
pub struct IdError {
    /// The id's name as WeChat writes it, such as `openid`.
    pub kind: &'static str,
    /// What is wrong with the text. The text itself is not repeated.
    pub problem: &'static str,
}

fn check(kind: &'static str, text: &str) -> Result<(), IdError> {
    let problem = if text.is_empty() {
        "it is empty"
    } else if text.len() > MAX_BYTES {
        "it is longer than 128 bytes"
    } else if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        "it contains white space or control characters"
    } else {
        return Ok(());
    };
    Err(IdError { kind, problem })
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// Cheap to clone. Checked only for being non-empty, at most 128 bytes, and free of white space
        /// and control characters: the shapes seen in the field are habits of WeChat, not promises.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text and takes it as an id.
            ///
            /// # Errors
            /// When it is empty, longer than 128 bytes, or has white space or control characters.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check($kind, text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The id as WeChat writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(text).map_err(de::Error::custom)
            }
        }
    };
}

text_id! {
    /// An account of ours at WeChat: an official account or a mini program (`wx` and 16 hex digits).
    AppId, "appid"
}
text_id! {
    /// A person at one account. The same person has another openid at every account.
    OpenId, "openid"
}
text_id! {
    /// A person over all accounts bound to one open-platform account.
    UnionId, "unionid"
}
text_id! {
    /// A message template of an account, `template_id` or `priTmplId` on the wire.
    TemplateId, "template_id"
}
text_id! {
    /// The `gh_…` id by which WeChat's pushes name the account.
    OriginalId, "original id"
}

/// WeChat's id of an accepted message.
///
/// Sixty-four bits: real values exceed 2^53, so it must never pass through a float. Read from a JSON
/// number or a string of digits, because WeChat writes both; written as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MsgId(pub u64);

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for MsgId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // `u64::from_str` would also take a leading plus sign.
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IdError {
                kind: "msgid",
                problem: "it is not a whole number",
            });
        }
        text.parse().map(Self).map_err(|_| IdError {
            kind: "msgid",
            problem: "it is not a 64-bit number",
        })
    }
}

impl<'de> Deserialize<'de> for MsgId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::number(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_documented_shapes() {
        assert_eq!(
            AppId::parse("wx8b6f12d0a95e37c4").unwrap().as_str(),
            "wx8b6f12d0a95e37c4"
        );
        assert!("oP4uB6jKx0QmTzR3yVdWc9LnEaSs".parse::<OpenId>().is_ok());
        assert!("gh_9e02d7b1c4f8".parse::<OriginalId>().is_ok());
        assert!(
            "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo"
                .parse::<TemplateId>()
                .is_ok()
        );
        assert!(UnionId::parse("x".repeat(128)).is_ok());
    }

    #[test]
    fn refuses_what_cannot_be_an_id() {
        for bad in [
            "",
            " o1",
            "o 1",
            "o1\n",
            "o\u{0}1",
            "o\u{3000}1",
            &"x".repeat(129),
        ] {
            let error = OpenId::parse(bad).unwrap_err();
            assert_eq!(error.kind, "openid");
            assert!(
                serde_json::from_value::<OpenId>(bad.into()).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn is_plain_text_in_json() {
        let id: TemplateId = serde_json::from_str(r#""a\u002db""#).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""a-b""#);
    }

    #[test]
    fn msgid_refuses_what_is_no_unsigned_whole_number() {
        for bad in [
            "-1",
            "1.5",
            "1e3",
            "\"\"",
            "\"x\"",
            "\"+1\"",
            "null",
            "18446744073709551616",
        ] {
            assert!(serde_json::from_str::<MsgId>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn msgid_keeps_every_digit(value: u64) {
            let id = MsgId(value);
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(&json, &value.to_string());
            prop_assert_eq!(serde_json::from_str::<MsgId>(&json).unwrap(), id);
            prop_assert_eq!(serde_json::from_str::<MsgId>(&format!("\"{value}\"")).unwrap(), id);
            prop_assert_eq!(id.to_string().parse::<MsgId>().unwrap(), id);
        }
    }
}
