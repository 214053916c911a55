use std::borrow::Cow;

use http::Method;
use serde::Deserialize;

use crate::{Call, lenient};

/// The keywords one title of the public library offers (newtmpl/getpubtemplatekeywords).
#[derive(Debug, Clone, Copy)]
pub struct GetLibraryKeywords<'a> {
    /// The title (200014 if unknown).
    pub tid: &'a str,
}

/// The keywords of a title.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LibraryKeywords {
    /// In WeChat's order.
    #[serde(default)]
    pub data: Vec<LibraryKeyword>,
}

/// A keyword of the public library.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LibraryKeyword {
    /// Its number, for [`AddSubscribeTemplate`](super::AddSubscribeTemplate).
    #[serde(deserialize_with = "lenient::number")]
    pub kid: u32,
    /// Its label.
    pub name: String,
    /// A value that fits.
    #[serde(default)]
    pub example: String,
    /// Its type, which is the prefix of the key in a template (`thing`, `time`).
    pub rule: String,
}

impl Call for GetLibraryKeywords<'_> {
    type Reply = LibraryKeywords;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/wxaapi/newtmpl/getpubtemplatekeywords";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        vec![("tid", Cow::Borrowed(self.tid))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: GetLibraryKeywords<'_> = GetLibraryKeywords { tid: "99" };

    #[test]
    fn asks_by_title_and_reads_the_keywords() {
        let reply = r#"{"errcode":0,"errmsg":"ok","count":3,"data":[
            {"kid":1,"name":"物品名称","example":"名称","rule":"thing"}]}"#;
        let (wire, reply) = exchange(&CALL, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/wxaapi/newtmpl/getpubtemplatekeywords?access_token=TOKEN&tid=99"
        );
        let keywords = reply.unwrap().data;
        assert_eq!((keywords[0].kid, keywords[0].rule.as_str()), (1, "thing"));
    }

    #[test]
    fn reports_an_unknown_title() {
        assert_eq!(
            refusal(&CALL, r#"{"errcode":200014,"errmsg":"invalid tid"}"#),
            200014
        );
    }
}
