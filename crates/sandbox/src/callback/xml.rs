//! Reading the XML of replies: elements, text, CDATA, the predefined entities.
//!
//! WeChat's answers need no more. Document types are refused, so there are no
//! entities to expand.

use std::borrow::Cow;

/// Deepest nesting that is read; replies need five.
const DEPTH_LIMIT: usize = 16;

/// One element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Its text without what stands inside its children.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XmlError {
    #[error("the XML ends too early")]
    Unfinished,
    #[error("the XML has text or elements outside its root")]
    Outside,
    #[error("a closing tag does not match its opening tag")]
    Mismatch,
    #[error("the XML has a document type or an unknown entity")]
    Entity,
    #[error("the XML nests too deep")]
    Depth,
}

impl Element {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// Reads a whole document.
    pub(crate) fn parse(document: &str) -> Result<Self, XmlError> {
        // The outermost collects the root.
        let mut open = vec![Self::default()];
        let mut rest = document.trim_start_matches('\u{feff}');
        while !rest.is_empty() {
            rest = step(rest, &mut open)?;
        }
        let mut top = open.pop().unwrap_or_default();
        if !open.is_empty() {
            return Err(XmlError::Unfinished);
        }
        let root = top.children.pop().ok_or(XmlError::Unfinished)?;
        if !top.children.is_empty() || !top.text.trim().is_empty() {
            return Err(XmlError::Outside);
        }
        Ok(root)
    }
}

/// Reads one mark or run of text and gives what follows it.
fn step<'a>(rest: &'a str, open: &mut Vec<Element>) -> Result<&'a str, XmlError> {
    let depth = open.len();
    let current = open.last_mut().ok_or(XmlError::Mismatch)?;
    if let Some(after) = rest.strip_prefix("<![CDATA[") {
        let (text, after) = after.split_once("]]>").ok_or(XmlError::Unfinished)?;
        current.text.push_str(text);
        return Ok(after);
    }
    for (start, end) in [("<!--", "-->"), ("<?", "?>")] {
        if let Some(after) = rest.strip_prefix(start) {
            let (_, after) = after.split_once(end).ok_or(XmlError::Unfinished)?;
            return Ok(after);
        }
    }
    if rest.starts_with("<!") {
        return Err(XmlError::Entity);
    }
    if let Some(after) = rest.strip_prefix("</") {
        let (name, after) = after.split_once('>').ok_or(XmlError::Unfinished)?;
        if depth < 2 || current.name != name.trim_end() {
            return Err(XmlError::Mismatch);
        }
        close(open);
        return Ok(after);
    }
    if let Some(after) = rest.strip_prefix('<') {
        let (tag, after) = after.split_once('>').ok_or(XmlError::Unfinished)?;
        let (tag, is_empty) = tag
            .strip_suffix('/')
            .map_or((tag, false), |tag| (tag, true));
        if depth > DEPTH_LIMIT {
            return Err(XmlError::Depth);
        }
        let name = tag.split_ascii_whitespace().next().unwrap_or_default();
        open.push(Element {
            name: name.to_owned(),
            ..Element::default()
        });
        if is_empty {
            close(open);
        }
        return Ok(after);
    }
    let end = rest.find('<').unwrap_or(rest.len());
    current.text.push_str(&unescape(&rest[..end])?);
    Ok(&rest[end..])
}

/// Ends the innermost element. Blanks around children are layout.
fn close(open: &mut Vec<Element>) {
    if let Some(mut done) = open.pop()
        && let Some(parent) = open.last_mut()
    {
        if !done.children.is_empty() && done.text.trim().is_empty() {
            done.text.clear();
        }
        parent.children.push(done);
    }
}

fn unescape(text: &str) -> Result<Cow<'_, str>, XmlError> {
    let Some((before, mut rest)) = text.split_once('&') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut plain = before.to_owned();
    loop {
        let (name, after) = rest.split_once(';').ok_or(XmlError::Entity)?;
        let c = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#').ok_or(XmlError::Entity)?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                char::from_u32(code.map_err(|_| XmlError::Entity)?).ok_or(XmlError::Entity)?
            }
        };
        plain.push(c);
        match after.split_once('&') {
            Some((text, next)) => {
                plain.push_str(text);
                rest = next;
            }
            None => {
                plain.push_str(after);
                return Ok(Cow::Owned(plain));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_text_and_cdata() {
        let root = Element::parse(
            "<?xml version=\"1.0\"?>\n<xml>\n<A><![CDATA[1<2]]></A><B x=\"1\">a&amp;b&#x4e2d;</B><C/>\n\
             <D><!-- no --><E>e</E> <E>f</E></D></xml>\n",
        )
        .unwrap();
        assert_eq!(root.name, "xml");
        assert_eq!(root.get("A"), Some("1<2"));
        assert_eq!(root.get("B"), Some("a&b中"));
        assert_eq!(root.get("C"), Some(""));
        let inner = root.child("D").unwrap();
        assert_eq!((inner.children.len(), inner.text.as_str()), (2, ""));
        let cut = Element::parse("<x><![CDATA[a]]]]><![CDATA[>b]]></x>").unwrap();
        assert_eq!(cut.text, "a]]>b");
    }

    #[test]
    fn what_is_not_read() {
        let fails = |text: &str| Element::parse(text).unwrap_err();
        assert_eq!(fails(""), XmlError::Unfinished);
        assert_eq!(fails("<a><b></a>"), XmlError::Mismatch);
        assert_eq!(fails("</a>"), XmlError::Mismatch);
        assert_eq!(fails("<a>"), XmlError::Unfinished);
        assert_eq!(fails("<a/><b/>"), XmlError::Outside);
        assert_eq!(fails("text<a/>"), XmlError::Outside);
        assert_eq!(fails("<!DOCTYPE a><a/>"), XmlError::Entity);
        assert_eq!(fails("<a>&own;</a>"), XmlError::Entity);
        assert_eq!(fails(&"<a>".repeat(40)), XmlError::Depth);
    }
}
