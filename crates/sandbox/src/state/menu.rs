//! Menus of an account, and which of them a person sees (pages "自定义菜单",
//! "个性化菜单").

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::Platform;

/// Where ids of menus start; real ones have nine digits.
const FIRST_ID: u64 = 400_000_000;

/// A button, or one that opens a list of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Button {
    /// Absent where it opens a list.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    pub(crate) name: String,
    /// What the type needs: `key`, `url`, …
    #[serde(flatten)]
    pub(crate) fields: Map<String, Value>,
    #[serde(default)]
    pub(crate) sub_button: Vec<Button>,
}

impl Button {
    /// A field of the button, empty where it has none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// All buttons that do something.
pub(crate) fn leaves(buttons: &[Button]) -> impl Iterator<Item = &Button> {
    buttons.iter().flat_map(|button| {
        if button.sub_button.is_empty() {
            std::slice::from_ref(button)
        } else {
            &button.sub_button
        }
    })
}

/// Who sees a conditional menu: everybody that all rules fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MatchRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tag_id: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
}

/// A menu for some people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conditional {
    pub(crate) menuid: u64,
    pub(crate) button: Vec<Button>,
    pub(crate) rule: MatchRule,
}

/// A change of an account's menus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MenuChange {
    /// The default menu, made through the API.
    Created {
        menuid: u64,
        button: Vec<Button>,
    },
    /// A menu made in WeChat's own console; conditional menus do not outlive it.
    Console {
        button: Vec<Button>,
    },
    /// None at all any more.
    Deleted,
    Added(Conditional),
    Removed {
        menuid: u64,
    },
}

/// The menu everybody sees whom no conditional one fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Live {
    Api { menuid: u64, button: Vec<Button> },
    Console { button: Vec<Button> },
}

/// The menus of an account.
#[derive(Debug, Default)]
pub(crate) struct Menus {
    pub(crate) live: Option<Live>,
    /// Oldest first.
    pub(crate) conditional: Vec<Conditional>,
    /// Menus made so far.
    made: u64,
}

/// What a person sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen<'a> {
    /// `None` of a menu made in the console.
    pub(crate) menuid: Option<u64>,
    pub(crate) button: &'a [Button],
    pub(crate) is_conditional: bool,
}

impl Menus {
    /// The id of the next menu.
    pub(crate) fn next_id(&self) -> u64 {
        FIRST_ID + self.made * 7
    }

    pub(crate) fn apply(&mut self, change: &MenuChange) {
        match change {
            MenuChange::Created { menuid, button } => {
                self.count(*menuid);
                self.live = Some(Live::Api {
                    menuid: *menuid,
                    button: button.clone(),
                });
            }
            MenuChange::Console { button } => {
                self.conditional.clear();
                self.live = Some(Live::Console {
                    button: button.clone(),
                });
            }
            MenuChange::Deleted => {
                self.conditional.clear();
                self.live = None;
            }
            MenuChange::Added(menu) => {
                self.count(menu.menuid);
                self.conditional.push(menu.clone());
            }
            MenuChange::Removed { menuid } => {
                self.conditional.retain(|menu| menu.menuid != *menuid);
            }
        }
    }

    fn count(&mut self, menuid: u64) {
        self.made = self.made.max(menuid.saturating_sub(FIRST_ID) / 7 + 1);
    }

    /// The menu of a person with these tags (the one given last decides) and
    /// that phone; `None` where the account has none. The newest conditional
    /// menu that fits comes first.
    pub(crate) fn seen_by(&self, tags: &[u32], platform: Platform) -> Option<Seen<'_>> {
        let (menuid, button) = match self.live.as_ref()? {
            Live::Api { menuid, button } => (Some(*menuid), button),
            Live::Console { button } => (None, button),
        };
        let fits = |rule: &MatchRule| {
            rule.tag_id.is_none_or(|tag| tags.last() == Some(&tag))
                && rule.platform.is_none_or(|wanted| wanted == platform)
        };
        let conditional = self.conditional.iter().rev().find(|menu| fits(&menu.rule));
        Some(match conditional {
            Some(menu) => Seen {
                menuid: Some(menu.menuid),
                button: &menu.button,
                is_conditional: true,
            },
            None => Seen {
                menuid,
                button,
                is_conditional: false,
            },
        })
    }

    /// All buttons of all menus that do something.
    pub(crate) fn all_leaves(&self) -> impl Iterator<Item = &Button> {
        let live = self.live.as_ref().map(|live| match live {
            Live::Api { button, .. } | Live::Console { button } => button.as_slice(),
        });
        let conditional = self.conditional.iter().map(|menu| menu.button.as_slice());
        live.into_iter().chain(conditional).flat_map(leaves)
    }

    /// Whether a menu shows that medium.
    pub(crate) fn shows(&self, media_id: &str) -> bool {
        self.all_leaves()
            .any(|button| button.text("media_id") == media_id || button.text("value") == media_id)
    }

    /// What a snapshot must write, in order.
    pub(crate) fn changes(&self) -> Vec<MenuChange> {
        let live = self.live.clone().map(|live| match live {
            Live::Api { menuid, button } => MenuChange::Created { menuid, button },
            Live::Console { button } => MenuChange::Console { button },
        });
        let added = self.conditional.iter().cloned().map(MenuChange::Added);
        live.into_iter().chain(added).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu(name: &str) -> Vec<Button> {
        vec![Button {
            kind: Some("click".into()),
            name: name.into(),
            fields: Map::new(),
            sub_button: Vec::new(),
        }]
    }

    #[test]
    fn the_newest_menu_that_fits_is_seen() {
        let mut menus = Menus::default();
        assert_eq!(menus.seen_by(&[], Platform::Ios), None);
        let add = |menus: &mut Menus, name: &str, rule| {
            let menuid = menus.next_id();
            menus.apply(&MenuChange::Added(Conditional {
                menuid,
                button: menu(name),
                rule,
            }));
            menuid
        };
        menus.apply(&MenuChange::Created {
            menuid: menus.next_id(),
            button: menu("default"),
        });
        let tagged = |tag, platform| MatchRule {
            tag_id: Some(tag),
            platform,
        };
        add(&mut menus, "a", tagged(100, None));
        let newest = add(&mut menus, "b", tagged(100, Some(Platform::Ios)));
        let seen = |menus: &Menus, tags: &[u32], platform| {
            menus.seen_by(tags, platform).unwrap().button[0]
                .name
                .clone()
        };
        assert_eq!(seen(&menus, &[100], Platform::Ios), "b");
        assert_eq!(seen(&menus, &[100], Platform::Android), "a");
        assert_eq!(seen(&menus, &[100, 101], Platform::Ios), "default");
        menus.apply(&MenuChange::Removed { menuid: newest });
        assert_eq!(seen(&menus, &[101, 100], Platform::Ios), "a");
        let mut copy = Menus::default();
        for change in menus.changes() {
            copy.apply(&change);
        }
        assert_eq!(seen(&copy, &[100], Platform::Ios), "a");
        menus.apply(&MenuChange::Console { button: menu("c") });
        assert_eq!(seen(&menus, &[100], Platform::Ios), "c");
        assert!(menus.next_id() > newest);
    }
}
