use http::Method;
use serde::Serialize;

use super::Button;
use crate::{Body, Call, Done, json};

/// Replaces the default menu ("创建接口").
///
/// Refused with 40015 to 40028, 40054, 40055 and 40117 to 40120 for what is wrong with a button. 1000 a day.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CreateMenu<'a> {
    /// One to three buttons, each with up to five below.
    pub button: &'a [Button],
}

impl Call for CreateMenu<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/menu/create";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn writes_the_buttons_with_raw_characters() {
        let button = [Button {
            kind: "click".to_owned(),
            name: "今日特价".to_owned(),
            key: "TODAY".to_owned(),
            ..Button::default()
        }];
        let call = CreateMenu { button: &button };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/menu/create?access_token=TOKEN");
        assert!(wire.body.contains("今日特价"));
        assert_eq!(
            wire.json(),
            json!({"button": [{"type": "click", "name": "今日特价", "key": "TODAY"}]})
        );
        reply.unwrap();
        let refused = r#"{"errcode":40018,"errmsg":"invalid button name size"}"#;
        assert_eq!(refusal(&call, refused), 40018);
    }
}
