use http::Method;
use serde::{Deserialize, Serialize};

use super::{Button, MatchRule};
use crate::{Body, Call, Done, json, lenient};

/// Adds a menu for some people ("创建个性化菜单").
///
/// 65303 without a default menu, 65316 when all menus together link to more than three domains. The newest
/// one that matches a person is shown. 2000 a day.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AddConditionalMenu<'a> {
    /// As for the default menu.
    pub button: &'a [Button],
    /// Who sees it.
    pub matchrule: MatchRule,
}

/// The new menu's number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AddedConditionalMenu {
    /// Its number.
    #[serde(deserialize_with = "lenient::text")]
    pub menuid: String,
}

impl Call for AddConditionalMenu<'_> {
    type Reply = AddedConditionalMenu;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/menu/addconditional";

    fn body(&self) -> Body {
        json(self)
    }
}

/// Removes a menu for some people ("删除个性化菜单"). 2000 a day.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeleteConditionalMenu<'a> {
    /// Its number (65301 if unknown).
    pub menuid: &'a str,
}

impl Call for DeleteConditionalMenu<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/menu/delconditional";

    fn body(&self) -> Body {
        json(self)
    }
}

/// Which menu somebody sees ("测试个性化菜单匹配结果"). 20,000 a day.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TryMatch<'a> {
    /// An openid, or a WeChat id.
    pub user_id: &'a str,
}

/// The menu that somebody sees.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "MatchedWire")]
pub struct MatchedMenu {
    /// Its buttons, left to right.
    pub button: Vec<Button>,
}

/// The documents show the buttons on their own; replies with a `menu` around them were seen too.
#[derive(Deserialize)]
struct MatchedWire {
    #[serde(default)]
    button: Vec<Button>,
    #[serde(default)]
    menu: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    button: Vec<Button>,
}

impl From<MatchedWire> for MatchedMenu {
    fn from(wire: MatchedWire) -> Self {
        Self {
            button: wire.menu.map_or(wire.button, |menu| menu.button),
        }
    }
}

impl Call for TryMatch<'_> {
    type Reply = MatchedMenu;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/menu/trymatch";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{answer, exchange, refusal};

    #[test]
    fn a_menu_for_some_is_added_and_removed() {
        let button = [Button {
            kind: "view".to_owned(),
            name: "会员".to_owned(),
            url: "https://example.com/vip".to_owned(),
            ..Button::default()
        }];
        let call = AddConditionalMenu {
            button: &button,
            matchrule: MatchRule {
                tag_id: Some(134),
                client_platform_type: None,
            },
        };
        let (wire, reply) = exchange(&call, r#"{"menuid":"208379533"}"#);
        assert_eq!(
            wire.target,
            "/cgi-bin/menu/addconditional?access_token=TOKEN"
        );
        assert_eq!(wire.json()["matchrule"], json!({"tag_id": "134"}));
        let menuid = reply.unwrap().menuid;
        assert_eq!(
            answer(&call, r#"{"menuid":208379533}"#).unwrap().menuid,
            menuid
        );
        assert_eq!(refusal(&call, r#"{"errcode":65303,"errmsg":"no"}"#), 65303);

        let call = DeleteConditionalMenu { menuid: &menuid };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/cgi-bin/menu/delconditional?access_token=TOKEN"
        );
        assert_eq!(wire.json(), json!({"menuid": "208379533"}));
        reply.unwrap();
    }

    #[test]
    fn a_match_is_read_in_both_forms() {
        let call = TryMatch { user_id: "o1" };
        let buttons = r#"{"button":[{"type":"click","name":"a","key":"k","sub_button":[]}]}"#;
        let (wire, reply) = exchange(&call, buttons);
        assert_eq!(wire.target, "/cgi-bin/menu/trymatch?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"user_id": "o1"}));
        let matched = reply.unwrap();
        assert_eq!(matched.button[0].key, "k");
        let wrapped = format!(r#"{{"menu":{buttons}}}"#);
        assert_eq!(answer(&call, &wrapped).unwrap(), matched);
    }
}
