use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, json};

/// Removes a tag, and from its people ("删除标签").
///
/// 45057 for a tag of more than 100,000 people, 45058 for one of WeChat's own.
#[derive(Debug, Clone, Copy)]
pub struct DeleteTag {
    /// The tag.
    pub id: i64,
}

#[derive(Serialize)]
struct Wire {
    tag: Gone,
}

#[derive(Serialize)]
struct Gone {
    id: i64,
}

impl Call for DeleteTag {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/delete";

    fn body(&self) -> Body {
        json(&Wire {
            tag: Gone { id: self.id },
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
        let call = DeleteTag { id: 134 };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.target, "/cgi-bin/tags/delete?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"tag": {"id": 134}}));
        reply.unwrap();
        let refused = r#"{"errcode":45057,"errmsg":"can't delete the tag"}"#;
        assert_eq!(refusal(&call, refused), 45057);
    }
}
