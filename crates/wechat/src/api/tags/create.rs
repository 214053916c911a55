use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, json, lenient};

/// Adds a tag ("创建标签").
///
/// 45056 beyond 100 tags, 45157 for a name there is already, 45158 for one longer than 30 bytes.
#[derive(Debug, Clone, Copy)]
pub struct CreateTag<'a> {
    /// Its name.
    pub name: &'a str,
}

#[derive(Serialize)]
struct Wire<'a> {
    tag: Named<'a>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

/// The new tag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CreatedTag {
    /// The tag.
    pub tag: NewTag,
}

/// A tag without people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NewTag {
    /// Its number.
    #[serde(deserialize_with = "lenient::number")]
    pub id: i64,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

impl Call for CreateTag<'_> {
    type Reply = CreatedTag;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/create";

    fn body(&self) -> Body {
        json(&Wire {
            tag: Named { name: self.name },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn names_the_tag_and_reads_its_number() {
        let call = CreateTag { name: "华东" };
        let (wire, reply) = exchange(&call, r#"{"tag":{"id":134,"name":"华东"}}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/tags/create?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"tag": {"name": "华东"}}));
        assert_eq!(reply.unwrap().tag.id, 134);
        let refused = r#"{"errcode":45157,"errmsg":"invalid tag name"}"#;
        assert_eq!(refusal(&call, refused), 45157);
    }
}
