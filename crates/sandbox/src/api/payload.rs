//! The `data` of a send, read without copying what need not be copied.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::refusal::{self, Refusal};
use crate::state::template::{Sent, Template};

/// A string that borrows from the body unless it had escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// What a client sent as `data`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    Fields(Vec<(Cow<'a, str>, Field<'a>)>),
    /// A string, a number, an array: nothing to be found in it.
    NotAnObject,
}

/// What stands under one key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Text(Cow<'a, str>),
    /// A `value` that is no string.
    WrongType,
    /// No object, or one without `value`.
    Nothing,
}

impl<'a> Data<'a> {
    /// Reads `data`; 47001 where a `value` is no string.
    pub(super) fn read(raw: &'a str) -> Result<Self, Refusal> {
        let data: Self = serde_json::from_str(raw).map_err(|_| refusal::DATA_FORMAT)?;
        match &data {
            Self::Fields(fields) if fields.iter().any(|(_, field)| *field == Field::WrongType) => {
                Err(refusal::DATA_FORMAT)
            }
            Self::Fields(_) | Self::NotAnObject => Ok(data),
        }
    }

    /// What was sent for a key.
    pub(crate) fn sent(&self, key: &str) -> Sent<'_> {
        let Self::Fields(fields) = self else {
            return Sent::Nothing;
        };
        match fields.iter().find(|(name, _)| name == key) {
            Some((_, Field::Text(text))) => Sent::Text(text),
            Some((_, Field::WrongType | Field::Nothing)) | None => Sent::Nothing,
        }
    }

    /// Checks the template's rules; 47003 naming the first broken key.
    pub(super) fn check(&self, template: &Template) -> Result<(), Refusal> {
        template
            .check(|key| self.sent(key))
            .map_err(Refusal::keyword)?;
        // A template of free keys has no rule of its own that would notice.
        if *self == Self::NotAnObject {
            return Err(Refusal::keyword(
                "argument invalid! data is empty".to_owned(),
            ));
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

macro_rules! scalars_become {
    ($value:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data<'de>;

    scalars_become!(Data::NotAnObject);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Data::NotAnObject)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(4));
        while let Some(Text(key)) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(Data::Fields(fields))
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    scalars_become!(Field::Nothing);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Field::Nothing)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut field = Field::Nothing;
        while let Some(Text(key)) = map.next_key()? {
            if key == "value" {
                field = map.next_value::<Value<'de>>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(field)
    }
}

/// What stands under `value`.
struct Value<'a>(Field<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value(Field::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value(Field::Text(Cow::Owned(text.to_owned()))))
    }

    scalars_become!(Value(Field::WrongType));

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value(Field::WrongType))
    }
}

/// Whether a JSON text holds a `\u` escape.
pub(super) fn has_unicode_escape(body: &[u8]) -> bool {
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'\\' && bytes.next() == Some(&b'u') {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart() {
        let raw = r##"{"thing1":{"color":"#1","value":"a\n"},"b":"bare","c":{"color":"x"},"d":{"value":"v"}}"##;
        let data = Data::read(raw).unwrap();
        assert_eq!(data.sent("thing1"), Sent::Text("a\n"));
        assert_eq!(data.sent("d"), Sent::Text("v"));
        for key in ["b", "c", "e"] {
            assert_eq!(data.sent(key), Sent::Nothing, "{key}");
        }
    }

    #[test]
    fn other_shapes() {
        for raw in ["\"{}\"", "[1,{}]", "12", "1.5", "true", "null"] {
            assert_eq!(Data::read(raw).unwrap(), Data::NotAnObject, "{raw}");
        }
        for raw in [
            r#"{"a":{"value":1}}"#,
            r#"{"a":{"value":{"x":1}}}"#,
            r#"{"a":{"value":[]}}"#,
        ] {
            assert_eq!(Data::read(raw).unwrap_err().code, 47001, "{raw}");
        }
    }

    #[test]
    fn unicode_escapes_are_seen_but_not_escaped_backslashes() {
        assert!(has_unicode_escape(br#"{"a":"\u4e2d"}"#));
        assert!(has_unicode_escape(br#"{"a":"\\\u4e2d"}"#));
        assert!(!has_unicode_escape(br#"{"a":"\\u4e2d\n"}"#));
    }
}
