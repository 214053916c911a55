//! The values that fill a template, and the mini program a card can open.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::AppId;

/// The `data` of a message: keyword to value, in the order in which they were set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords<'a>(Vec<(Cow<'a, str>, Keyword<'a>)>);

/// The value of one keyword.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Keyword<'a> {
    /// The text shown; its rule depends on the keyword's type, and breaking it is answered with 47003.
    pub value: Cow<'a, str>,
    /// `#RRGGBB`, for template messages only. WeChat accepts it and has not shown it since 2023.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Cow<'a, str>>,
}

impl<'a> Keywords<'a> {
    /// No keywords yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a keyword such as `thing1`; a second value for the same keyword replaces the first.
    pub fn set(&mut self, keyword: impl Into<Cow<'a, str>>, value: impl Into<Keyword<'a>>) {
        let (keyword, value) = (keyword.into(), value.into());
        // Templates have at most a dozen keywords, so looking through them beats hashing.
        match self.0.iter_mut().find(|(known, _)| *known == keyword) {
            Some((_, standing)) => *standing = value,
            None => self.0.push((keyword, value)),
        }
    }

    /// The same as [`set`](Self::set), for chains.
    #[must_use]
    pub fn with(mut self, keyword: impl Into<Cow<'a, str>>, value: impl Into<Keyword<'a>>) -> Self {
        self.set(keyword, value);
        self
    }
}

impl<'a, K, V> FromIterator<(K, V)> for Keywords<'a>
where
    K: Into<Cow<'a, str>>,
    V: Into<Keyword<'a>>,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut keywords = Self::new();
        for (keyword, value) in pairs {
            keywords.set(keyword, value);
        }
        keywords
    }
}

impl Serialize for Keywords<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(keyword, value)| (keyword, value)))
    }
}

impl<'a> From<&'a str> for Keyword<'a> {
    fn from(value: &'a str) -> Self {
        Self {
            value: Cow::Borrowed(value),
            color: None,
        }
    }
}

impl From<String> for Keyword<'_> {
    fn from(value: String) -> Self {
        Self {
            value: Cow::Owned(value),
            color: None,
        }
    }
}

/// The mini program a card opens. It must be linked to the account (40166 otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MiniProgram<'a> {
    /// The mini program's appid.
    pub appid: &'a AppId,
    /// A page of its released version, with parameters if wanted (`pages/order?id=1`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagepath: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::json;

    #[test]
    fn keeps_the_order_and_the_last_value() {
        let color = Keyword {
            value: "2".into(),
            color: Some("#173177".into()),
        };
        let data = Keywords::new()
            .with("thing2", "a")
            .with("amount1", color)
            .with("thing2", "b");
        assert_eq!(
            json(&data).unwrap().unwrap(),
            r##"{"thing2":{"value":"b"},"amount1":{"value":"2","color":"#173177"}}"##
        );
    }

    #[test]
    fn characters_stay_raw() {
        let data: Keywords<'_> = [("thing1", "蓝牙耳机 🎧 ￥128.50元 \u{2028}é")]
            .into_iter()
            .collect();
        assert_eq!(
            json(&data).unwrap().unwrap(),
            "{\"thing1\":{\"value\":\"蓝牙耳机 🎧 ￥128.50元 \u{2028}é\"}}"
        );
    }

    proptest! {
        #[test]
        fn every_value_survives_the_wire(pairs in prop::collection::btree_map("[a-z_]{1,12}[0-9]{1,2}", any::<String>(), 0..8)) {
            let data: Keywords<'_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let body = json(&data).unwrap().unwrap();
            let read: Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(read.as_object().unwrap().len(), pairs.len());
            for (keyword, value) in &pairs {
                prop_assert_eq!(read[keyword]["value"].as_str(), Some(value.as_str()));
            }
        }

        #[test]
        fn printable_text_is_never_escaped(text in "[^\\p{Cc}\"\\\\]{0,30}") {
            let data = Keywords::new().with("thing1", text.as_str());
            let body = json(&data).unwrap().unwrap();
            let expected = format!("{{\"thing1\":{{\"value\":\"{text}\"}}}}");
            prop_assert_eq!(body, expected);
        }
    }
}
