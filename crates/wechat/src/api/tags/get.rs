use http::Method;
use serde::Deserialize;

use crate::{Call, lenient};

/// The account's tags ("获取公众号已创建的标签").
#[derive(Debug, Clone, Copy)]
pub struct GetTags;

/// The account's tags.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tags {
    /// In WeChat's order.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tag {
    /// Its number; 0 to 2 are WeChat's own.
    #[serde(deserialize_with = "lenient::number")]
    pub id: i64,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// How many people have it.
    #[serde(default, deserialize_with = "lenient::number")]
    pub count: u64,
}

impl Call for GetTags {
    type Reply = Tags;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/tags/get";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::exchange;

    #[test]
    fn reads_the_tags() {
        let reply = r#"{"tags":[{"id":2,"name":"星标组","count":0},{"id":"134","name":"华东","count":"7"}]}"#;
        let (wire, reply) = exchange(&GetTags, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(wire.target, "/cgi-bin/tags/get?access_token=TOKEN");
        let tags = reply.unwrap().tags;
        assert_eq!((tags[1].id, tags[1].count), (134, 7));
    }
}
