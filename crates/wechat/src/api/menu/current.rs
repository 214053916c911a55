use http::Method;
use serde::Deserialize;

use super::Button;
use crate::{Call, lenient};

/// The menu in force, wherever it was made ("查询自定义菜单信息"), for unverified accounts too.
#[derive(Debug, Clone, Copy)]
pub struct GetCurrentMenu;

/// The menu in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CurrentMenu {
    /// Whether the menu is switched on.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_menu_open: bool,
    /// The menu; absent where there is none.
    #[serde(default)]
    pub selfmenu_info: Option<SelfMenu>,
}

/// Its buttons. Menus made in WeChat's console have types that no API call takes: `text`, `img`, `photo`,
/// `voice`, `video`, `news`, with a `value`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct SelfMenu {
    /// Left to right.
    #[serde(default)]
    pub button: Vec<Button>,
}

impl Call for GetCurrentMenu {
    type Reply = CurrentMenu;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/get_current_selfmenu_info";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{answer, exchange};

    #[test]
    fn reads_what_the_console_made() {
        let reply = r#"{"is_menu_open":1,"selfmenu_info":{"button":[
            {"name":"关于","sub_button":{"list":[
                {"type":"text","name":"地址","value":"江湾路 5 号"},
                {"type":"news","name":"近况","value":"KQb_w_T","news_info":{"list":[
                    {"title":"秋游","author":"x","show_cover":0,"content_url":"https://example.com/s"}]}}]}}]}}"#;
        let (wire, reply) = exchange(&GetCurrentMenu, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/cgi-bin/get_current_selfmenu_info?access_token=TOKEN"
        );
        let current = reply.unwrap();
        assert!(current.is_menu_open);
        let below = &current.selfmenu_info.unwrap().button[0].sub_button;
        assert_eq!(below[0].value, "江湾路 5 号");
        assert_eq!(below[1].news_info.as_ref().unwrap().list[0].title, "秋游");
    }

    #[test]
    fn no_menu_is_no_error() {
        let current = answer(&GetCurrentMenu, r#"{"is_menu_open":0}"#).unwrap();
        assert!(!current.is_menu_open && current.selfmenu_info.is_none());
    }
}
