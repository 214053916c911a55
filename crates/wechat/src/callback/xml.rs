//! Reading XML bodies.
//!
//! The library splits the text; what a document may contain is decided here, because a push has none of
//! the things that make XML dangerous: no DOCTYPE, no entities of its own, no instructions.

use quick_xml::{
    Reader,
    errors::{Error, IllFormedError},
    events::Event,
};

use super::{CallbackError, Fields, MAX_DEPTH, MAX_NODES, Node};

/// Longest element name accepted, in bytes. Real ones end at 23.
const MAX_NAME: usize = 128;

/// An element that is still open.
struct Open {
    name: Box<str>,
    text: String,
    children: Fields,
}

/// Reads a text of one XML element and answers what is inside. Elements of one name are kept as a list.
pub(super) fn read(text: &str) -> Result<Fields, CallbackError> {
    let refuse = |problem| Err(CallbackError::Xml(problem));
    if !text.chars().all(is_legal) {
        return refuse("it contains characters that XML does not allow");
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;

    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut nodes = 0;
    let mut is_first = true;
    loop {
        let event = reader.read_event().map_err(|error| malformed(&error))?;
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return refuse("it has more than one root element");
                }
                nodes += 1;
                if nodes > MAX_NODES {
                    return refuse("it has more than 2000 elements");
                }
                if open.len() == MAX_DEPTH {
                    return refuse("it is nested deeper than 16");
                }
                open.push(Open {
                    name: name(start.name().into_inner())?,
                    text: String::new(),
                    children: Fields::default(),
                });
            }
            Event::End(_) => {
                // The library checks that every end has its start.
                let Some(done) = open.pop() else {
                    return refuse("it is not well-formed");
                };
                let node = if done.children.is_empty() {
                    Node::Text(done.text)
                } else {
                    Node::Map(done.children)
                };
                match open.last_mut() {
                    Some(parent) => parent.children.add(done.name, node),
                    None => root = Some(node),
                }
            }
            Event::Text(text) => append(&mut open, &text)?,
            Event::CData(text) => {
                // Unlike blanks, a section outside the root element is an error whatever it holds.
                if open.is_empty() {
                    return refuse("it has text outside its root element");
                }
                append(&mut open, &text)?;
            }
            Event::GeneralRef(reference) => match resolve(&reference) {
                Some(c) => append(&mut open, c.encode_utf8(&mut [0; 4]))?,
                None => return refuse("it has an entity other than the five of XML"),
            },
            Event::Decl(_) if is_first => {}
            Event::Decl(_) | Event::PI(_) => return refuse("it has a processing instruction"),
            Event::DocType(_) => return refuse("it has a DOCTYPE"),
            Event::Comment(_) => {}
            Event::Empty(_) => return refuse("it is not well-formed"),
            Event::Eof => break,
        }
        is_first = false;
    }
    if !open.is_empty() {
        return refuse("it ends before its root element does");
    }
    match root {
        Some(Node::Map(fields)) => Ok(fields),
        Some(Node::Text(text)) if is_blank(&text) => Ok(Fields::default()),
        Some(Node::Text(_) | Node::List(_)) => refuse("its root element has no elements"),
        None => refuse("it has no root element"),
    }
}

/// Adds text to the innermost element. Outside the root element only blanks may stand.
fn append(open: &mut [Open], text: &str) -> Result<(), CallbackError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if is_blank(text) => {}
        None => return Err(CallbackError::Xml("it has text outside its root element")),
    }
    Ok(())
}

/// The character that a reference stands for; the name is what is between `&` and `;`.
fn resolve(name: &str) -> Option<char> {
    let number = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` would also take a sign.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|&c| is_legal(c))
}

/// The element's name, which becomes the name of a field.
fn name(name: &str) -> Result<Box<str>, CallbackError> {
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.len() <= MAX_NAME
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.:".contains(c));
    if is_name {
        Ok(name.into())
    } else {
        Err(CallbackError::Xml("an element has no proper name"))
    }
}

/// The library's own texts quote the body.
fn malformed(error: &Error) -> CallbackError {
    CallbackError::Xml(match error {
        Error::IllFormed(
            IllFormedError::MissingEndTag(_)
            | IllFormedError::UnmatchedEndTag(_)
            | IllFormedError::MismatchedEndTag { .. },
        ) => "its tags do not match",
        _ => "it is not well-formed",
    })
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The characters of XML 1.0, section 2.2.
pub(super) fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn problem(text: &str) -> &'static str {
        match read(text) {
            Err(CallbackError::Xml(problem)) => problem,
            other => panic!("{text:.80}: {other:?}"),
        }
    }

    fn content(inner: &str) -> String {
        let fields = read(&format!("<xml><Content>{inner}</Content></xml>")).unwrap();
        fields.text("Content").unwrap().to_owned()
    }

    #[test]
    fn text_is_joined_from_all_its_forms() {
        for (inner, text) in [
            ("<![CDATA[a <b>&amp;</b> 🎉]]>", "a <b>&amp;</b> 🎉"),
            ("a&amp;b&lt;&gt;&quot;&apos;", "a&b<>\"'"),
            ("&#38;&#x9E3F;&#x1f642;&#10;", "&鸿🙂\n"),
            ("<![CDATA[a]]]]><![CDATA[>b]]>", "a]]>b"),
            (" x <!-- no -->y", " x y"),
            ("<![CDATA[]]>", ""),
            ("<![CDATA[ \r\n]]>", " \r\n"),
            ("", ""),
        ] {
            assert_eq!(content(inner), text, "{inner}");
        }
    }

    #[test]
    fn elements_become_fields_and_repeated_ones_lists() {
        let fields = read(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml a='1'><List><T>1</T>\n</List>\n\
             <List><T>2</T></List><Empty/><Info> <Count>1</Count> </Info></xml>\n",
        )
        .unwrap();
        assert_eq!(
            fields.to_json(),
            json!({"List": [{"T": "1"}, {"T": "2"}], "Empty": "", "Info": {"Count": "1"}})
        );
        assert!(read("<xml>\n</xml>").unwrap().is_empty());
        assert!(read("<xml/>").unwrap().is_empty());
    }

    #[test]
    fn everything_a_push_does_not_have_is_refused() {
        for (bad, why) in [
            ("<!DOCTYPE xml><xml></xml>", "it has a DOCTYPE"),
            (
                "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><a>&x;</a></xml>",
                "it has a DOCTYPE",
            ),
            (
                "<xml><a>&x;</a></xml>",
                "it has an entity other than the five of XML",
            ),
            (
                "<xml><a>&#0;</a></xml>",
                "it has an entity other than the five of XML",
            ),
            (
                "<xml><a>&#xd800;</a></xml>",
                "it has an entity other than the five of XML",
            ),
            (
                "<xml><a>&#+65;</a></xml>",
                "it has an entity other than the five of XML",
            ),
            (
                "<xml><a>&#99999999999;</a></xml>",
                "it has an entity other than the five of XML",
            ),
            ("<xml><?php x?></xml>", "it has a processing instruction"),
            (
                "<xml/><?xml version=\"1.0\"?>",
                "it has a processing instruction",
            ),
            (
                "<xml><a>\u{0}</a></xml>",
                "it contains characters that XML does not allow",
            ),
            (
                "<xml><a>\u{b}</a></xml>",
                "it contains characters that XML does not allow",
            ),
            (
                "<xml><a>\u{ffff}</a></xml>",
                "it contains characters that XML does not allow",
            ),
            ("<xml/><xml/>", "it has more than one root element"),
            ("<xml/>success", "it has text outside its root element"),
            ("<xml/><![CDATA[]]>", "it has text outside its root element"),
            ("<xml/>&lt;", "it has text outside its root element"),
            ("x<xml/>", "it has text outside its root element"),
            ("<xml>text</xml>", "its root element has no elements"),
            ("", "it has no root element"),
            ("<!-- -->", "it has no root element"),
            ("<xml><a>", "it ends before its root element does"),
            ("<xml><a></xml></a>", "its tags do not match"),
            ("</xml>", "its tags do not match"),
            ("<xml><></></xml>", "an element has no proper name"),
            ("<xml><1a></1a></xml>", "an element has no proper name"),
        ] {
            assert_eq!(problem(bad), why, "{bad:?}");
        }
        for bad in [
            "<",
            "<xml",
            "<xml><![CDATA[",
            "<xml><!-- ",
            "<xml><a>&amp</a></xml>",
            "<xml><a\"b/></xml>",
            "<?xml",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let long = "a".repeat(MAX_NAME + 1);
        assert_eq!(
            problem(&format!("<xml><{long}/></xml>")),
            "an element has no proper name"
        );
    }

    #[test]
    fn depth_and_number_of_elements_have_limits() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(
            problem(&nested(MAX_DEPTH + 1)),
            "it is nested deeper than 16"
        );
        assert_eq!(problem(&nested(100_000)), "it is nested deeper than 16");
        assert_eq!(
            problem(&"<a>".repeat(300_000)),
            "it is nested deeper than 16"
        );

        // The root element counts too.
        let wide = |elements: usize| format!("<xml>{}</xml>", "<a/>".repeat(elements));
        assert!(read(&wide(MAX_NODES - 1)).is_ok());
        assert_eq!(problem(&wide(MAX_NODES)), "it has more than 2000 elements");
    }

    proptest! {
        #[test]
        fn never_panics(text in "(<|>|/|&|;|!|\\?|\\[|\\]|CDATA|--|xml|a|#x?[0-9a-f]{0,6}|\"|'|=| |鸿){0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn every_legal_text_comes_back(text: String) {
            prop_assume!(text.chars().all(is_legal));
            let section = text.replace("]]>", "]]]]><![CDATA[>");
            prop_assert_eq!(&content(&format!("<![CDATA[{section}]]>")), &text);
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(&content(&escaped), &text);
        }
    }
}
