use http::Method;
use serde::Deserialize;

use super::{Button, MatchRule};
use crate::{Call, lenient};

/// The menus made over the API ("获取自定义菜单配置"); 46003 if there is none.
#[derive(Debug, Clone, Copy)]
pub struct GetMenu;

/// The menus made over the API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Menus {
    /// The one for everybody.
    pub menu: DefaultMenu,
    /// Those for some people, in WeChat's order.
    #[serde(default)]
    pub conditionalmenu: Vec<ConditionalMenu>,
}

/// The menu for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DefaultMenu {
    /// Its buttons, left to right.
    #[serde(default)]
    pub button: Vec<Button>,
    /// Its number, told once there are conditional menus.
    #[serde(default, deserialize_with = "id")]
    pub menuid: Option<String>,
}

/// A menu for some people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConditionalMenu {
    /// Its buttons, left to right.
    #[serde(default)]
    pub button: Vec<Button>,
    /// Who sees it.
    #[serde(default)]
    pub matchrule: MatchRule,
    /// Its number, a number here and a text elsewhere.
    #[serde(deserialize_with = "lenient::text")]
    pub menuid: String,
}

fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    lenient::text(deserializer).map(Some)
}

impl Call for GetMenu {
    type Reply = Menus;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/menu/get";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{answer, exchange, refusal};

    #[test]
    fn reads_both_kinds_of_menus() {
        let reply = r#"{"menu":{"button":[{"type":"click","name":"今日歌曲","key":"V1001","sub_button":[]}],
                "menuid":208396938},
            "conditionalmenu":[{"button":[{"type":"view","name":"会员","url":"https://example.com/vip","sub_button":[]}],
                "matchrule":{"tag_id":"2","client_platform_type":1},"menuid":208396993}]}"#;
        let (wire, reply) = exchange(&GetMenu, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(wire.target, "/cgi-bin/menu/get?access_token=TOKEN");
        let menus = reply.unwrap();
        assert_eq!(menus.menu.button[0].key, "V1001");
        assert_eq!(menus.menu.menuid.as_deref(), Some("208396938"));
        assert_eq!(menus.conditionalmenu[0].menuid, "208396993");
        assert_eq!(menus.conditionalmenu[0].matchrule.tag_id, Some(2));
    }

    #[test]
    fn a_lone_menu_has_no_number() {
        let menus = answer(&GetMenu, r#"{"menu":{"button":[]}}"#).unwrap();
        assert!(menus.menu.menuid.is_none() && menus.conditionalmenu.is_empty());
        let refused = r#"{"errcode":46003,"errmsg":"menu no exist rid: 6-a-b"}"#;
        assert_eq!(refusal(&GetMenu, refused), 46003);
    }
}
