//! The menu that people see now, read from WeChat.

use hongyan_domain::account::Account;
use hongyan_domain::menu::{Button, ConditionalMenu, MatchRule, Menu, MenuVersion};
use hongyan_domain::port::Page;
use hongyan_wechat::api::menu as wire;

use super::menu_of;
use crate::Engine;
use crate::ask::{ManageError, official};
use crate::templates::WechatFailure;

/// No menu was made over the API (46003).
const NO_MENU: i64 = 46003;

/// Where a menu was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MenuSource {
    /// Over the API.
    Api,
    /// In WeChat's own console. It is replaced by the next one made over the API.
    Console,
    /// There is none.
    None,
}

/// The menu that people see now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMenu {
    /// Where it was made.
    pub source: MenuSource,
    /// The menu; empty where there is none. One made in the console can have buttons
    /// that WeChat takes from nobody.
    pub menu: Menu,
    /// WeChat's numbers of the conditional menus, in the order of `menu.conditional`.
    pub conditional_ids: Vec<String>,
    /// The newest version we keep, if it is this menu.
    pub version: Option<MenuVersion>,
}

impl Engine {
    /// The menu that people see now: made over the API (获取自定义菜单配置), else in
    /// WeChat's console (查询自定义菜单信息).
    ///
    /// # Errors
    /// WeChat's refusals.
    pub async fn live_menu(&self, account: &Account) -> Result<LiveMenu, ManageError> {
        official(account)?;
        let (source, menu, conditional_ids) = match self.ask_wechat(account, &wire::GetMenu).await {
            Ok(menus) => {
                let (menu, ids) = of_api(menus);
                (MenuSource::Api, menu, ids)
            }
            Err(WechatFailure::Refused(refusal)) if refusal.errcode.0 == NO_MENU => {
                let current = self.ask_wechat(account, &wire::GetCurrentMenu).await?;
                let button = current
                    .selfmenu_info
                    .filter(|_| current.is_menu_open)
                    .map_or_else(Vec::new, |info| from_wire(info.button));
                let source = if button.is_empty() {
                    MenuSource::None
                } else {
                    MenuSource::Console
                };
                let menu = Menu {
                    button,
                    conditional: Vec::new(),
                };
                (source, menu, Vec::new())
            }
            Err(failure) => return Err(failure.into()),
        };
        let newest = Page {
            limit: 1,
            after: None,
        };
        let mut version = None;
        if let Some(kept) = self
            .store
            .menu_versions(account.id, &newest)
            .await?
            .into_iter()
            .next()
        {
            let is_live = match menu_of(&kept)? {
                Some(kept) => source != MenuSource::None && kept == menu,
                None => source == MenuSource::None,
            };
            version = is_live.then_some(kept);
        }
        Ok(LiveMenu {
            source,
            menu,
            conditional_ids,
            version,
        })
    }
}

/// The newest conditional menu is the first that is tried, as in our own order.
fn of_api(menus: wire::Menus) -> (Menu, Vec<String>) {
    let mut conditional = menus.conditionalmenu;
    // Numbers grow; WeChat does not say in which order it lists them.
    conditional.sort_by_key(|menu| std::cmp::Reverse(menu.menuid.parse::<u64>().unwrap_or(0)));
    let (menus_for_some, ids) = conditional
        .into_iter()
        .map(|menu| {
            let for_some = ConditionalMenu {
                matchrule: MatchRule {
                    tag_id: menu.matchrule.tag_id,
                    client_platform_type: menu.matchrule.client_platform_type,
                },
                button: from_wire(menu.button),
            };
            (for_some, menu.menuid)
        })
        .unzip();
    let menu = Menu {
        button: from_wire(menus.menu.button),
        conditional: menus_for_some,
    };
    (menu, ids)
}

pub(super) fn from_wire(buttons: Vec<wire::Button>) -> Vec<Button> {
    buttons
        .into_iter()
        .map(|button| Button {
            name: button.name,
            kind: button.kind,
            key: button.key,
            url: button.url,
            appid: button.appid,
            pagepath: button.pagepath,
            media_id: button.media_id,
            article_id: button.article_id,
            value: button.value,
            sub_button: from_wire(button.sub_button),
        })
        .collect()
}

pub(super) fn to_wire(buttons: &[Button]) -> Vec<wire::Button> {
    buttons
        .iter()
        .map(|button| wire::Button {
            name: button.name.clone(),
            kind: button.kind.clone(),
            key: button.key.clone(),
            url: button.url.clone(),
            appid: button.appid.clone(),
            pagepath: button.pagepath.clone(),
            media_id: button.media_id.clone(),
            article_id: button.article_id.clone(),
            value: String::new(),
            news_info: None,
            sub_button: to_wire(&button.sub_button),
        })
        .collect()
}

pub(super) fn rule_to_wire(rule: MatchRule) -> wire::MatchRule {
    wire::MatchRule {
        tag_id: rule.tag_id,
        client_platform_type: rule.client_platform_type,
    }
}
