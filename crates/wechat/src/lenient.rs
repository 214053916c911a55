//! Reading values that WeChat writes in more than one form.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, Visitor},
};

/// Reads a whole number written as a JSON number or as a string of digits.
pub(crate) fn number<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<i64> + TryFrom<u64> + FromStr,
    D: Deserializer<'de>,
{
    struct Number<T>(PhantomData<T>);

    impl<T> Visitor<'_> for Number<T>
    where
        T: TryFrom<i64> + TryFrom<u64> + FromStr,
    {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number, plain or quoted")
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
            T::try_from(value).map_err(|_| E::custom("number out of range"))
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
            T::try_from(value).map_err(|_| E::custom("number out of range"))
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
            let digits = value.strip_prefix('-').unwrap_or(value);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(E::custom("the text is not a whole number"));
            }
            value.parse().map_err(|_| E::custom("number out of range"))
        }
    }

    deserializer.deserialize_any(Number(PhantomData))
}

/// Reads a yes or no that WeChat writes as 1 or 0.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    number::<i64, D>(deserializer).map(|number| number != 0)
}

/// Reads text, also where WeChat sends a number in its place.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Signed(i64),
        Unsigned(u64),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Text(text) => text,
        Form::Signed(number) => number.to_string(),
        Form::Unsigned(number) => number.to_string(),
    })
}

/// Reads a list that is written as its only element where it has one, and as nothing where it is empty.
pub(crate) fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form<T> {
        Many(Vec<T>),
        One(T),
        None(()),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Many(values) => values,
        Form::One(value) => vec![value],
        Form::None(()) => Vec::new(),
    })
}

/// Reads a place in a list, which WeChat writes as an empty text at the end of the list.
pub(crate) fn unless_empty<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => text.parse().map(Some).map_err(de::Error::custom),
        _ => Ok(None),
    }
}

/// Reads a field that no document promises: any form but the expected one counts as absent, so that an
/// accepted message is not taken for an unreadable answer.
pub(crate) fn if_readable<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form<T> {
        Expected(T),
        Other(IgnoredAny),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Expected(value) => Some(value),
        Form::Other(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(deserialize_with = "number")]
        count: i64,
        #[serde(deserialize_with = "text")]
        label: String,
        #[serde(default, deserialize_with = "if_readable")]
        extra: Option<u64>,
        #[serde(default, deserialize_with = "flag")]
        is_set: bool,
    }

    #[test]
    fn both_forms_mean_the_same() {
        let plain: Sample =
            serde_json::from_str(r#"{"count":-7,"label":616,"extra":1,"is_set":1}"#).unwrap();
        let quoted: Sample =
            serde_json::from_str(r#"{"count":"-7","label":"616","extra":{},"is_set":"0"}"#)
                .unwrap();
        assert_eq!(
            (plain.count, plain.label.as_str(), plain.extra),
            (-7, "616", Some(1))
        );
        assert!(plain.is_set && !quoted.is_set);
        assert_eq!(
            (quoted.count, quoted.label.as_str(), quoted.extra),
            (-7, "616", None)
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            r#"{"count":1.5,"label":"a"}"#,
            r#"{"count":"x","label":"a"}"#,
        ] {
            assert!(serde_json::from_str::<Sample>(bad).is_err(), "{bad}");
        }
    }
}
