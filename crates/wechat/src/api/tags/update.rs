use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, json};

/// Renames a tag ("编辑标签"); 45058 for one of WeChat's own. Otherwise as for a new one.
#[derive(Debug, Clone, Copy)]
pub struct UpdateTag<'a> {
    /// The tag.
    pub id: i64,
    /// Its new name.
    pub name: &'a str,
}

#[derive(Serialize)]
struct Wire<'a> {
    tag: Renamed<'a>,
}

#[derive(Serialize)]
struct Renamed<'a> {
    id: i64,
    name: &'a str,
}

impl Call for UpdateTag<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/update";

    fn body(&self) -> Body {
        json(&Wire {
            tag: Renamed {
                id: self.id,
                name: self.name,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn names_the_tag_by_number() {
        let call = UpdateTag {
            id: 134,
            name: "华南",
        };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.target, "/cgi-bin/tags/update?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"tag": {"id": 134, "name": "华南"}}));
        reply.unwrap();
        let refused = r#"{"errcode":45058,"errmsg":"can't modify sys tag"}"#;
        assert_eq!(refusal(&call, refused), 45058);
    }
}
