use std::{borrow::Cow, fmt::Write as _};

use http::Method;
use serde::Deserialize;

use super::SubscriptionType;
use crate::{Call, lenient};

/// Titles of the public library in some categories (newtmpl/getpubtemplatetitles).
#[derive(Debug, Clone, Copy)]
pub struct GetLibraryTitles<'a> {
    /// Categories of this account (200018 if empty, 200019 if foreign).
    pub ids: &'a [u32],
    /// The first title wanted, counted from 0 (200016 otherwise).
    pub start: u32,
    /// How many, at most 30 (200017 otherwise).
    pub limit: u32,
}

/// A page of titles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LibraryTitles {
    /// How many there are in all.
    #[serde(default)]
    pub count: u32,
    /// This page.
    #[serde(default)]
    pub data: Vec<LibraryTitle>,
}

/// A title of the public library.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LibraryTitle {
    /// Its id. WeChat writes a number here and wants text in other calls.
    #[serde(deserialize_with = "lenient::text")]
    pub tid: String,
    /// The title.
    pub title: String,
    /// How long a consent lasts.
    #[serde(rename = "type")]
    pub subscription: SubscriptionType,
    /// The category it belongs to.
    #[serde(rename = "categoryId", deserialize_with = "lenient::number")]
    pub category_id: u32,
}

impl Call for GetLibraryTitles<'_> {
    type Reply = LibraryTitles;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/wxaapi/newtmpl/getpubtemplatetitles";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut ids = String::new();
        for (index, id) in self.ids.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing into a String cannot fail.
            let _ = write!(ids, "{comma}{id}");
        }
        vec![
            ("ids", Cow::Owned(ids)),
            ("start", Cow::Owned(self.start.to_string())),
            ("limit", Cow::Owned(self.limit.to_string())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: GetLibraryTitles<'_> = GetLibraryTitles {
        ids: &[2, 616],
        start: 0,
        limit: 30,
    };

    #[test]
    fn asks_by_category_and_reads_a_page() {
        let reply = r#"{"errcode":0,"errmsg":"ok","count":55,"data":[
            {"tid":99,"title":"付款成功通知","type":2,"categoryId":"616"}]}"#;
        let (wire, reply) = exchange(&CALL, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/wxaapi/newtmpl/getpubtemplatetitles?access_token=TOKEN&ids=2,616&start=0&limit=30"
        );
        let titles = reply.unwrap();
        assert_eq!(titles.count, 55);
        let title = LibraryTitle {
            tid: "99".to_owned(),
            title: "付款成功通知".to_owned(),
            subscription: SubscriptionType::OneTime,
            category_id: 616,
        };
        assert_eq!(titles.data, [title]);
    }

    #[test]
    fn reports_a_foreign_category() {
        assert_eq!(
            refusal(&CALL, r#"{"errcode":200019,"errmsg":"invalid ids"}"#),
            200019
        );
    }
}
