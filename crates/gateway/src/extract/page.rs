//! Which part of a list.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hongyan_api::List;
use hongyan_wechat::OpenId;

use super::Query;
use crate::problem::Problem;

/// The items of a page when the caller does not say.
const USUAL: usize = 50;

/// The most items of a page.
const MOST: usize = 500;

/// A wish for a part of a list whose items are told apart by a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageOf {
    /// How many at most.
    pub(crate) limit: usize,
    /// Only what comes after the item of this key.
    pub(crate) after: Option<Vec<u8>>,
}

impl PageOf {
    /// Takes `limit` and `cursor` out of a query.
    pub(crate) fn of(query: &mut Query) -> Self {
        let limit = query.read_with(
            "limit",
            ("a whole number from 1 to 500", " 1 到 500 的整数"),
            |text| text.parse().ok().filter(|limit| (1..=MOST).contains(limit)),
        );
        let after = query.read_with(
            "cursor",
            (
                "the next_cursor of the page before",
                "上一页返回的 next_cursor",
            ),
            |text| URL_SAFE_NO_PAD.decode(text).ok(),
        );
        Self {
            limit: limit.unwrap_or(USUAL),
            after,
        }
    }

    /// The key of the cursor, where keys are texts.
    pub(crate) fn after_text<T: FromStr>(&self, query: &Query) -> Result<Option<T>, Problem> {
        let Some(after) = &self.after else {
            return Ok(None);
        };
        let key = std::str::from_utf8(after)
            .ok()
            .and_then(|text| text.parse().ok());
        key.map(Some).ok_or_else(|| query.refuse("cursor"))
    }

    /// The page of people that WeChat cut by itself; `more` = it has further ones.
    pub(crate) fn people(&self, mut openids: Vec<OpenId>, more: bool) -> List<String> {
        let more = more || openids.len() > self.limit;
        openids.truncate(self.limit);
        let next_cursor = openids
            .last()
            .filter(|_| more)
            .map(|last| URL_SAFE_NO_PAD.encode(last.as_str()));
        List {
            items: openids.iter().map(ToString::to_string).collect(),
            next_cursor,
        }
    }

    /// The page of a list of which one item more than `limit` was fetched, if
    /// there was one.
    pub(crate) fn list<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> Vec<u8>) -> List<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        List { items, next_cursor }
    }

    /// The page of a whole list. Where the item of the cursor is gone by now, the
    /// list ends.
    pub(crate) fn cut<T>(&self, items: Vec<T>, key: impl Fn(&T) -> Vec<u8>) -> List<T> {
        let items = match &self.after {
            None => items,
            Some(after) => items
                .into_iter()
                .skip_while(|item| key(item) != *after)
                .skip(1)
                .collect(),
        };
        self.list(items, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &&str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let all = ["a", "b", "c", "d", "e"];
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = PageOf { limit: 2, after }.cut(all.to_vec(), key);
            seen.extend(page.items);
            match page.next_cursor {
                Some(cursor) => after = Some(URL_SAFE_NO_PAD.decode(cursor).unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        let page = PageOf {
            limit: 2,
            after: None,
        }
        .cut(vec!["a", "b"], key);
        assert_eq!(page.next_cursor, None);
    }
}
