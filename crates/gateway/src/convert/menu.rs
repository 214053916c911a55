//! Menus.

use hongyan_api as api;
use hongyan_domain::menu::{Button, Change, ChangeKind, MatchRule, Menu, MenuVersion};
use hongyan_domain::port::StoreError;
use hongyan_engine::{AppliedMenu, LiveMenu, MenuSource, menu_of};

/// A menu.
pub(crate) fn menu(menu: Menu) -> api::Menu {
    api::Menu {
        button: buttons(menu.button),
        conditional: menu
            .conditional
            .into_iter()
            .map(|one| api::ConditionalMenu {
                matchrule: rule(one.matchrule),
                button: buttons(one.button),
            })
            .collect(),
    }
}

fn rule(rule: MatchRule) -> api::MatchRule {
    api::MatchRule {
        tag_id: rule.tag_id,
        client_platform_type: rule.client_platform_type,
    }
}

/// Buttons with those above them.
pub(crate) fn buttons(buttons: Vec<Button>) -> Vec<api::MenuButton> {
    buttons.into_iter().map(button).collect()
}

fn button(button: Button) -> api::MenuButton {
    api::MenuButton {
        name: button.name,
        type_: button.kind,
        key: button.key,
        url: button.url,
        appid: button.appid,
        pagepath: button.pagepath,
        media_id: button.media_id,
        article_id: button.article_id,
        value: button.value,
        sub_button: buttons(button.sub_button),
    }
}

/// The menu that people see.
pub(crate) fn live(live: LiveMenu) -> api::LiveMenu {
    let source = match live.source {
        MenuSource::Api => api::MenuSource::Api,
        MenuSource::Console => api::MenuSource::Console,
        MenuSource::None => api::MenuSource::None,
    };
    api::LiveMenu {
        source,
        menu: (live.source != MenuSource::None).then(|| menu(live.menu)),
        version: live.version.map(|version| version.version),
    }
}

/// What differs.
pub(crate) fn changes(changes: Vec<Change>) -> Vec<api::MenuChange> {
    changes
        .into_iter()
        .map(|change| api::MenuChange {
            change: match change.kind {
                ChangeKind::Added => api::MenuChangeKind::Added,
                ChangeKind::Removed => api::MenuChangeKind::Removed,
                ChangeKind::Changed => api::MenuChangeKind::Changed,
                ChangeKind::Moved => api::MenuChangeKind::Moved,
            },
            matchrule: change.matchrule.map(rule),
            place: change.place,
            before: change.before.map(button),
            after: change.after.map(button),
        })
        .collect()
}

/// A menu as it is kept.
pub(crate) fn version(version: MenuVersion) -> Result<api::MenuVersion, StoreError> {
    Ok(api::MenuVersion {
        version: version.version,
        menu: menu_of(&version)?.map(menu),
        note: version.note,
        applied_by: version.applied_by.map(|key| key.to_string()),
        applied_at: version.applied_at,
    })
}

/// What was applied.
pub(crate) fn applied(applied: AppliedMenu) -> Result<api::AppliedMenu, StoreError> {
    Ok(api::AppliedMenu {
        version: version(applied.version)?,
        changes: changes(applied.changes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the description says is what is read and written.
    #[test]
    fn menus_have_one_shape_in_the_description_and_inside() {
        let given = serde_json::json!({
            "button": [
                {"name": "a", "type": "click", "key": "K"},
                {"name": "b", "sub_button": [
                    {"name": "c", "type": "miniprogram", "url": "https://a.b/", "appid": "wx1", "pagepath": "p"},
                    {"name": "d", "type": "media_id", "media_id": "m"},
                    {"name": "e", "type": "article_id", "article_id": "x"}]}],
            "conditional": [{"matchrule": {"tag_id": 1, "client_platform_type": 2},
                             "button": [{"name": "f", "type": "view", "url": "https://a.b/"}]}]});
        let inside: Menu = serde_json::from_value(given.clone()).unwrap();
        let outside: api::Menu = serde_json::from_value(given.clone()).unwrap();
        assert_eq!(serde_json::to_value(&inside).unwrap(), given);
        assert_eq!(serde_json::to_value(&outside).unwrap(), given);
        assert_eq!(menu(inside), outside);
    }
}
