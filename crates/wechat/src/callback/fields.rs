//! What a body says, as one tree for XML and JSON.

use indexmap::{IndexMap, map::Entry};
use serde::{Serialize, Serializer};

use super::{CallbackError, Format, json, xml};

/// A value of a push. Numbers are the text of their digits, because XML has nothing else and because real
/// ids exceed what a float can hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Node {
    /// Text, a number, `true` or `false`; empty for JSON's `null` and for an empty element.
    Text(String),
    /// An object, or an element with elements inside.
    Map(Fields),
    /// An array, or elements of one name beside each other.
    List(Vec<Node>),
}

impl Node {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Map(_) | Self::List(_) => None,
        }
    }

    /// The fields inside, if there are any.
    #[must_use]
    pub fn as_map(&self) -> Option<&Fields> {
        match self {
            Self::Map(fields) => Some(fields),
            Self::Text(_) | Self::List(_) => None,
        }
    }
}

/// The fields of a push in the order in which they came, the root element taken off.
///
/// Read with strict limits: no DOCTYPE, no entities but the five of XML, nesting up to 16 and 2000 values
/// in all. Of XML, attributes, comments and text beside elements are dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(IndexMap<Box<str>, Node>);

impl Fields {
    /// Reads a body by its first byte that is no blank, since WeChat calls JSON `text/xml` too.
    ///
    /// # Errors
    /// [`CallbackError::TooLarge`], [`CallbackError::Format`], and those of
    /// [`from_xml`](Self::from_xml) and [`from_json`](Self::from_json).
    pub fn parse(body: &[u8]) -> Result<(Format, Self), CallbackError> {
        let start = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'<') => Ok((Format::Xml, Self::from_xml(body)?)),
            Some(b'{') => Ok((Format::Json, Self::from_json(body)?)),
            _ => Err(CallbackError::Format),
        }
    }

    /// Reads a body of one XML element.
    ///
    /// # Errors
    /// [`CallbackError::TooLarge`], and [`CallbackError::Xml`] for what is not well-formed, not UTF-8,
    /// beyond the limits, or contains characters that XML does not allow.
    pub fn from_xml(body: &[u8]) -> Result<Self, CallbackError> {
        xml::read(text(body, CallbackError::Xml)?)
    }

    /// Reads a body of one JSON object.
    ///
    /// # Errors
    /// [`CallbackError::TooLarge`], and [`CallbackError::Json`] for what is not JSON, not UTF-8, beyond
    /// the limits, or contains NUL.
    pub fn from_json(body: &[u8]) -> Result<Self, CallbackError> {
        json::read(text(body, CallbackError::Json)?)
    }

    /// Adds a value; one of a name that stands already makes a list of it.
    pub(super) fn add(&mut self, name: Box<str>, node: Node) {
        match self.0.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(node);
            }
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Node::List(list) => list.push(node),
                single => {
                    let first = std::mem::replace(single, Node::List(Vec::with_capacity(2)));
                    if let Node::List(list) = single {
                        list.extend([first, node]);
                    }
                }
            },
        }
    }

    /// The value of a name, which is compared exactly.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.0.get(name)
    }

    /// The values of a name: none, one, or all of a list.
    pub fn items<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
        match self.get(name) {
            None => [].iter(),
            Some(Node::List(list)) => list.iter(),
            Some(single) => std::slice::from_ref(single).iter(),
        }
    }

    /// The text of a name, the first if there are several.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.items(name).find_map(Node::as_text)
    }

    /// The fields inside a name, the first if there are several.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<&Self> {
        self.items(name).find_map(Node::as_map)
    }

    /// All names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(name, node)| (&**name, node))
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same tree as JSON, with every value that is neither object nor array as a string.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        fn value(node: &Node) -> serde_json::Value {
            match node {
                Node::Text(text) => text.as_str().into(),
                Node::Map(fields) => fields.to_json(),
                Node::List(list) => list.iter().map(value).collect(),
            }
        }
        self.iter()
            .map(|(name, node)| (name.to_owned(), value(node)))
            .collect()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// The body as text, without a byte order mark.
fn text(body: &[u8], error: fn(&'static str) -> CallbackError) -> Result<&str, CallbackError> {
    if body.len() > super::MAX_BODY {
        return Err(CallbackError::TooLarge);
    }
    let text = std::str::from_utf8(body).map_err(|_| error("it is not UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn xml_and_json_make_the_same_tree() {
        let (format, xml) = Fields::parse(
            b"\n<xml><MsgId>24983716520483917</MsgId>\n<Info><Count>2</Count>\
              <item>a</item><item><![CDATA[b]]></item></Info><Empty></Empty></xml>",
        )
        .unwrap();
        assert_eq!(format, Format::Xml);
        let (format, json) = Fields::parse(
            br#" {"MsgId":24983716520483917,"Info":{"Count":2,"item":["a","b"]},"Empty":null}"#,
        )
        .unwrap();
        assert_eq!(format, Format::Json);
        assert_eq!(xml, json);
        assert_eq!(
            xml.to_json(),
            json!({"MsgId": "24983716520483917", "Info": {"Count": "2", "item": ["a", "b"]}, "Empty": ""})
        );
        assert_eq!(serde_json::to_value(&xml).unwrap(), xml.to_json());
    }

    #[test]
    fn one_and_many_are_read_alike() {
        let many = Fields::from_json(br#"{"a":["1",{"b":"2"},"3"],"c":"4"}"#).unwrap();
        let texts = |name| {
            many.items(name)
                .filter_map(Node::as_text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts("a"), ["1", "3"]);
        assert_eq!(texts("c"), ["4"]);
        assert_eq!(many.items("d").count(), 0);
        assert_eq!(many.text("a"), Some("1"));
        assert_eq!(many.map("a").and_then(|map| map.text("b")), Some("2"));
        assert_eq!(many.map("c"), None);
        assert_eq!(
            many.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["a", "c"]
        );
        assert!(Fields::from_json(b"{}").unwrap().is_empty());
    }

    #[test]
    fn the_first_byte_decides_and_nothing_else() {
        for (body, is_readable) in [
            (&b"\xef\xbb\xbf<xml><a>1</a></xml>"[..], true),
            (b"\xef\xbb\xbf{\"a\":1}", true),
            (b"\r\n\t {\"a\":1}\n", true),
            (b"", false),
            (b"  ", false),
            (b"[1]", false),
            (b"success", false),
            (b"\x00<xml></xml>", false),
        ] {
            assert_eq!(Fields::parse(body).is_ok(), is_readable, "{body:?}");
        }
    }

    #[test]
    fn no_body_beyond_the_limit_is_looked_at() {
        let mut body = vec![b' '; crate::callback::MAX_BODY - 2];
        body.extend(b"{}");
        assert!(Fields::parse(&body).is_ok());
        body.push(b' ');
        assert_eq!(Fields::parse(&body), Err(CallbackError::TooLarge));
    }
}
