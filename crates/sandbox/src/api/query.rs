//! The query string.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Raw query string; values are decoded when asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a>(pub(crate) &'a str);

impl<'a> Query<'a> {
    /// The first value of that name.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// All pairs in order, decoded as forms are.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.0
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), decode(value))
            })
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = Query("a=1&b=%E4%B8%AD+x&c&a=2");
        assert_eq!(query.get("a").as_deref(), Some("1"));
        assert_eq!(query.get("b").as_deref(), Some("中 x"));
        assert_eq!(query.get("c").as_deref(), Some(""));
        assert_eq!(query.get("d"), None);
        assert_eq!(Query("").pairs().count(), 0);
    }
}
