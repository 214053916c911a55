//! Reading JSON bodies.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{CallbackError, Fields, MAX_DEPTH, MAX_NODES, Node};

/// Reads a text of one JSON object. Names that occur several times are kept as a list.
pub(super) fn read(text: &str) -> Result<Fields, CallbackError> {
    let budget = Budget {
        nodes: Cell::new(MAX_NODES),
        problem: Cell::new("it is not well-formed"),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Value {
        depth: 0,
        budget: &budget,
    }
    .deserialize(&mut deserializer)
    .and_then(|node| deserializer.end().map(|()| node));
    match read {
        Ok(Node::Map(fields)) => Ok(fields),
        Ok(Node::Text(_) | Node::List(_)) => Err(CallbackError::Json("it is not an object")),
        Err(_) => Err(CallbackError::Json(budget.problem.get())),
    }
}

/// What is left of the limits, and which of them was broken: the library's own texts quote the body.
struct Budget {
    nodes: Cell<usize>,
    problem: Cell<&'static str>,
}

impl Budget {
    fn fail<E: Error>(&self, problem: &'static str) -> E {
        self.problem.set(problem);
        E::custom(problem)
    }

    fn take<E: Error>(&self) -> Result<(), E> {
        match self.nodes.get().checked_sub(1) {
            Some(left) => {
                self.nodes.set(left);
                Ok(())
            }
            None => Err(self.fail("it has more than 2000 values")),
        }
    }

    fn text<E: Error>(&self, text: &str) -> Result<Node, E> {
        // Databases refuse NUL in text, and nobody types it.
        if text.contains('\0') {
            return Err(self.fail("it contains NUL"));
        }
        Ok(Node::Text(text.to_owned()))
    }
}

/// Reads one value. The limits are checked while reading, so that what breaks them is never built.
#[derive(Clone, Copy)]
struct Value<'b> {
    depth: usize,
    budget: &'b Budget,
}

impl Value<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.budget.fail("it is nested deeper than 16"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.budget.take()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        // Written as JSON does, because plain Display makes 300 digits of 1e300.
        Ok(Node::Text(serde_json::Value::from(value).to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Text(String::new()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        self.budget.text(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let item = self.deeper()?;
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(item)? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let value = self.deeper()?;
        let mut fields = Fields::default();
        while let Some(name) = items.next_key::<String>()? {
            self.budget.text::<A::Error>(&name)?;
            fields.add(name.into_boxed_str(), items.next_value_seed(value)?);
        }
        Ok(Node::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(text: &str) -> &'static str {
        match read(text) {
            Err(CallbackError::Json(problem)) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_every_digit() {
        let fields = read(
            r#"{"max":18446744073709551615,"min":-9223372036854775808,"lat":31.267813,"huge":1e300,
                "yes":true,"none":null,"text":"0042"}"#,
        )
        .unwrap();
        for (name, text) in [
            ("max", "18446744073709551615"),
            ("min", "-9223372036854775808"),
            ("lat", "31.267813"),
            ("huge", "1e300"),
            ("yes", "true"),
            ("none", ""),
            ("text", "0042"),
        ] {
            let shown = fields.text(name).unwrap();
            // Both spellings of an exponent are the same number.
            assert_eq!(shown.replace("e+", "e"), text, "{name}");
        }
    }

    #[test]
    fn a_repeated_name_becomes_a_list() {
        let fields = read(r#"{"a":"1","a":"2","a":{"b":"3"}}"#).unwrap();
        assert_eq!(fields.items("a").count(), 3);
        assert_eq!(fields.text("a"), Some("1"));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for bad in [
            "",
            "{",
            "{}{}",
            "{} x",
            "{\"a\":}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":NaN}",
            "{\"a\":01}",
        ] {
            assert_eq!(problem(bad), "it is not well-formed", "{bad}");
        }
        for bad in ["[]", "null", "1", "\"{}\""] {
            assert_eq!(problem(bad), "it is not an object", "{bad}");
        }
        assert_eq!(problem(r#"{"a":"\u0000"}"#), "it contains NUL");
        assert_eq!(problem(r#"{"\u0000":1}"#), "it contains NUL");
    }

    #[test]
    fn depth_and_number_of_values_have_limits() {
        let nested = |depth: usize| {
            let inner = depth - 1;
            format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
        };
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(
            problem(&nested(MAX_DEPTH + 1)),
            "it is nested deeper than 16"
        );
        assert_eq!(problem(&nested(100_000)), "it is nested deeper than 16");

        // The object and its array count too.
        let wide = |values: usize| format!("{{\"a\":[{}]}}", vec!["1"; values].join(","));
        assert!(read(&wide(MAX_NODES - 2)).is_ok());
        assert_eq!(
            problem(&wide(MAX_NODES - 1)),
            "it has more than 2000 values"
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "[{}\\[\\]\":,a0-9e.\\\\nul-]{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn numbers_of_64_bits_are_exact(unsigned: u64, signed: i64) {
            let fields = read(&format!("{{\"u\":{unsigned},\"i\":{signed}}}")).unwrap();
            prop_assert_eq!(fields.text("u").unwrap(), unsigned.to_string());
            prop_assert_eq!(fields.text("i").unwrap(), signed.to_string());
        }
    }
}
