//! Ids of ours. They show their kind in the text form and are ordered by time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

/// An id's text was not of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id of the form {prefix}_ and 32 hexadecimal digits")]
pub struct IdError {
    prefix: &'static str,
    text: String,
}

macro_rules! timed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id (UUID version 7, RFC 9562): its first 48 bits are `now`
            /// in milliseconds, the rest comes from `random`.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The 16 bytes storage holds.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id of 16 stored bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 32 hexadecimal digits without the prefix.
            #[must_use]
            pub fn digits(&self) -> String {
                self.0.as_simple().to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|digits| digits.len() == 32)
                    .and_then(|digits| Uuid::try_parse(digits).ok())
                    .map(Self)
                    .ok_or_else(|| IdError { prefix: $prefix, text: text.chars().take(64).collect() })
            }
        }
    };
}

timed_id!(
    /// A message: one request to tell one recipient one thing. Its 32 digits
    /// are also WeChat's `client_msg_id`.
    MessageId,
    "msg"
);
timed_id!(
    /// A callback of WeChat's, kept.
    CallbackId,
    "evt"
);

timed_id!(
    /// A broadcast: one thing told to many people.
    BroadcastId,
    "bc"
);
timed_id!(
    /// A file kept to be shown in messages.
    MediaId,
    "med"
);

timed_id!(
    /// An endpoint of the owner's that is told what happens.
    WebhookId,
    "wh"
);
timed_id!(
    /// One thing told to one endpoint; also the `webhook-id` it is posted under,
    /// the same with every try.
    WebhookDeliveryId,
    "whd"
);

timed_id!(
    /// An API key, by which callers of our API are known.
    KeyId,
    "key"
);
timed_id!(
    /// A node: one run of the gateway. A restart makes it another node, so that
    /// nobody takes it for the holder of what the former run held.
    NodeId,
    "node"
);

/// An account's number in storage. People and programs use its name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct AccountId(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_keep_their_kind() {
        let id = MessageId::new("2026-11-21T00:00:00Z".parse().unwrap(), [7; 10]);
        assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
        assert!(
            id.to_string()
                .replace("msg_", "key_")
                .parse::<MessageId>()
                .is_err()
        );
        assert!("msg_".parse::<MessageId>().is_err());
        assert!("msg_0192".parse::<MessageId>().is_err());
    }

    #[test]
    fn later_ids_sort_later() {
        let early = MessageId::new("2026-11-21T00:00:00Z".parse().unwrap(), [255; 10]);
        let late = MessageId::new("2026-11-21T00:00:00.001Z".parse().unwrap(), [0; 10]);
        assert!(early < late);
    }
}
