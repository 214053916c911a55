//! What would change: found before it is done.

use std::collections::BTreeSet;

use super::{Button, MatchRule, Menu};

/// What becomes of a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// It stays where it is and becomes another.
    Changed,
    /// It stays what it is and goes elsewhere among its neighbours.
    Moved,
}

impl ChangeKind {
    /// The word in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Moved => "moved",
        }
    }
}

/// One difference between two menus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What becomes of it.
    pub kind: ChangeKind,
    /// For whom the menu is; absent = everybody.
    pub matchrule: Option<MatchRule>,
    /// The names on the way to it, such as `服务 › 退货`; empty where the whole menu of
    /// `matchrule` moves among those for some people.
    pub place: String,
    /// The button as it is; without those above it.
    pub before: Option<Button>,
    /// The button as it will be; without those above it.
    pub after: Option<Button>,
}

/// What differs between the menu there is and the one wanted, in the order a reader
/// expects: everybody's first, each bar from left to right.
#[must_use]
pub fn changes(now: &Menu, wanted: &Menu) -> Vec<Change> {
    let mut found = Vec::new();
    compare(None, "", &now.button, &wanted.button, &mut found);
    for menu in &wanted.conditional {
        let former = buttons_for(now, menu.matchrule);
        compare(Some(menu.matchrule), "", former, &menu.button, &mut found);
    }
    let stay = |menu: &Menu, other: &Menu| -> Vec<MatchRule> {
        let rules = menu.conditional.iter().map(|one| one.matchrule);
        rules
            .filter(|rule| other.conditional.iter().any(|one| one.matchrule == *rule))
            .collect()
    };
    // Which of two menus that fit a person is shown depends on their order.
    let (before, after) = (stay(now, wanted), stay(wanted, now));
    for rule in after.iter().zip(&before).filter(|(a, b)| a != b) {
        found.push(Change {
            kind: ChangeKind::Moved,
            matchrule: Some(*rule.0),
            place: String::new(),
            before: None,
            after: None,
        });
    }
    for menu in &now.conditional {
        let stays = wanted
            .conditional
            .iter()
            .any(|other| other.matchrule == menu.matchrule);
        if !stays {
            compare(Some(menu.matchrule), "", &menu.button, &[], &mut found);
        }
    }
    found
}

fn buttons_for(menu: &Menu, rule: MatchRule) -> &[Button] {
    menu.conditional
        .iter()
        .find(|one| one.matchrule == rule)
        .map_or(&[], |one| &one.button)
}

/// Buttons are paired by name; what remains is paired by place, as a renamed button
/// is.
fn compare(
    matchrule: Option<MatchRule>,
    way: &str,
    now: &[Button],
    wanted: &[Button],
    found: &mut Vec<Change>,
) {
    let mut former: Vec<Option<usize>> = vec![None; wanted.len()];
    let mut free: BTreeSet<usize> = (0..now.len()).collect();
    for (n, button) in wanted.iter().enumerate() {
        let same_name = free.iter().copied().find(|&m| now[m].name == button.name);
        if let Some(m) = same_name {
            free.remove(&m);
            former[n] = Some(m);
        }
    }
    for (n, pair) in former.iter_mut().enumerate() {
        if pair.is_none() && free.remove(&n) {
            *pair = Some(n);
        }
    }
    for (n, after) in wanted.iter().enumerate() {
        let place = format!("{way}{}", after.name);
        let before = former[n].map(|m| &now[m]);
        let kind = match (before, former[n]) {
            (None, _) => Some(ChangeKind::Added),
            (Some(before), _) if bare(before) != bare(after) => Some(ChangeKind::Changed),
            (Some(_), Some(m)) if m != n => Some(ChangeKind::Moved),
            _ => None,
        };
        if let Some(kind) = kind {
            found.push(Change {
                kind,
                matchrule,
                place: place.clone(),
                before: before.map(bare),
                after: Some(bare(after)),
            });
        }
        let way = format!("{place} › ");
        let above = before.map_or(&[][..], |before| &before.sub_button);
        compare(matchrule, &way, above, &after.sub_button, found);
    }
    for m in free {
        let before = &now[m];
        let place = format!("{way}{}", before.name);
        found.push(Change {
            kind: ChangeKind::Removed,
            matchrule,
            place: place.clone(),
            before: Some(bare(before)),
            after: None,
        });
        let way = format!("{place} › ");
        compare(matchrule, &way, &before.sub_button, &[], found);
    }
}

fn bare(button: &Button) -> Button {
    Button {
        sub_button: Vec::new(),
        ..button.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn menu(json: Value) -> Menu {
        serde_json::from_value(json).unwrap()
    }

    fn click(name: &str, key: &str) -> Value {
        json!({"type": "click", "name": name, "key": key})
    }

    fn seen(now: &Menu, wanted: &Menu) -> Vec<(&'static str, String)> {
        changes(now, wanted)
            .into_iter()
            .map(|change| (change.kind.as_str(), change.place))
            .collect()
    }

    #[test]
    fn each_difference_is_told_once() {
        let now = menu(json!({"button": [
            click("今日", "A"),
            {"name": "服务", "sub_button": [click("退货", "R"), click("客服", "S")]}]}));
        assert_eq!(changes(&now, &now), []);
        let wanted = menu(json!({"button": [
            {"name": "服务", "sub_button": [click("换货", "R"), click("客服", "S2"), click("门店", "T")]},
            click("今日", "A")]}));
        assert_eq!(
            seen(&now, &wanted),
            [
                ("moved", "服务".to_owned()),
                ("changed", "服务 › 换货".to_owned()),
                ("changed", "服务 › 客服".to_owned()),
                ("added", "服务 › 门店".to_owned()),
                ("moved", "今日".to_owned()),
            ]
        );
        let nothing = Menu::default();
        let removed = seen(&now, &nothing);
        assert_eq!(removed.len(), 4);
        assert!(removed.iter().all(|(kind, _)| *kind == "removed"));
    }

    #[test]
    fn menus_for_some_are_compared_by_their_rule() {
        let some = |tag: i64, key: &str| json!({"matchrule": {"tag_id": tag}, "button": [click("a", key)]});
        let now =
            menu(json!({"button": [click("a", "A")], "conditional": [some(1, "X"), some(2, "Y")]}));
        let wanted =
            menu(json!({"button": [click("a", "A")], "conditional": [some(2, "Z"), some(3, "X")]}));
        let found: Vec<_> = changes(&now, &wanted)
            .into_iter()
            .map(|change| {
                (
                    change.kind.as_str(),
                    change.matchrule.unwrap().tag_id.unwrap(),
                )
            })
            .collect();
        assert_eq!(found, [("changed", 2), ("added", 3), ("removed", 1)]);
        let swapped =
            menu(json!({"button": [click("a", "A")], "conditional": [some(2, "Y"), some(1, "X")]}));
        assert_eq!(
            seen(&now, &swapped),
            [("moved", String::new()), ("moved", String::new())]
        );
    }

    fn some_menu() -> impl Strategy<Value = Menu> {
        let leaf = ("[ab]", "[xy]").prop_map(|(name, key)| Button {
            name,
            kind: "click".to_owned(),
            key,
            ..Button::default()
        });
        let parent =
            ("[ab]", prop::collection::vec(leaf.clone(), 1..4)).prop_map(|(name, sub_button)| {
                Button {
                    name,
                    sub_button,
                    ..Button::default()
                }
            });
        prop::collection::vec(prop_oneof![leaf, parent], 0..4).prop_map(|button| Menu {
            button,
            conditional: Vec::new(),
        })
    }

    proptest! {
        #[test]
        fn no_change_is_told_exactly_where_there_is_none(a in some_menu(), b in some_menu()) {
            prop_assert_eq!(changes(&a, &b).is_empty(), a == b);
        }
    }
}
