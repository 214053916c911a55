//! What a look at WeChat's list changed, and whose messages that may break.

use std::collections::HashMap;

use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::StoreError;
use hongyan_domain::template::{Template, TemplateChange, TemplateForm, TemplateUse};
use hongyan_wechat::TemplateId;
use jiff::Timestamp;

use crate::Engine;

/// Whoever used a template within these milliseconds (30 days) is named when it
/// changes.
const LATELY_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What a look at WeChat's list changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// How many templates there are now.
    pub total: usize,
    /// New ones.
    pub added: Vec<TemplateId>,
    /// Those whose title, form or allowed values changed.
    pub changed: Vec<TemplateId>,
    /// Those that are gone.
    pub removed: Vec<TemplateId>,
}

impl SyncReport {
    pub(super) fn of(changes: &[TemplateChange], total: usize) -> Self {
        let ids = |fits: fn(&TemplateChange) -> bool| {
            let found = changes.iter().filter(|change| fits(change));
            found.map(|change| change.template_id.clone()).collect()
        };
        Self {
            total,
            added: ids(|change| change.before.is_none()),
            changed: ids(|change| change.before.is_some() && change.after.is_some()),
            removed: ids(|change| change.after.is_none()),
        }
    }
}

impl Engine {
    /// What is other than before, with those who used it lately.
    pub(super) async fn changes(
        &self,
        account: AccountId,
        former: &[Template],
        now: &[Template],
    ) -> Result<Vec<TemplateChange>, StoreError> {
        let at = self.clock.now();
        let mut changes = compare(former, now, at);
        if changes.iter().any(|change| change.before.is_some()) {
            // What was counted a moment ago counts, too.
            self.flush_template_uses().await;
        }
        for change in changes.iter_mut().filter(|change| change.before.is_some()) {
            let id = &change.template_id;
            change.senders = self.used_lately(account, id, at).await?;
        }
        Ok(changes)
    }

    /// Who used a template in the last 30 days, by API key.
    ///
    /// # Errors
    /// Storage's.
    pub async fn template_senders(
        &self,
        account: AccountId,
        id: &TemplateId,
    ) -> Result<Vec<TemplateUse>, StoreError> {
        self.flush_template_uses().await;
        self.used_lately(account, id, self.clock.now()).await
    }

    async fn used_lately(
        &self,
        account: AccountId,
        id: &TemplateId,
        at: Timestamp,
    ) -> Result<Vec<TemplateUse>, StoreError> {
        let since = from_millisecond(at.as_millisecond().saturating_sub(LATELY_MS));
        self.store.template_uses(account, id, since).await
    }
}

fn compare(former: &[Template], now: &[Template], at: Timestamp) -> Vec<TemplateChange> {
    let before: HashMap<_, _> = former.iter().map(|t| (&t.id, t)).collect();
    let after: HashMap<_, _> = now.iter().map(|t| (&t.id, t)).collect();
    let change = |id: &TemplateId| TemplateChange {
        template_id: id.clone(),
        at,
        before: before.get(id).map(|t| TemplateForm::from(*t)),
        after: after.get(id).map(|t| TemplateForm::from(*t)),
        senders: Vec::new(),
    };
    let gone = former.iter().filter(|t| !after.contains_key(&t.id));
    now.iter()
        .chain(gone)
        .map(|template| change(&template.id))
        .filter(|change| change.before != change.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use hongyan_domain::message::Kind;
    use hongyan_domain::template::fields_of;

    use super::*;

    fn template(id: &str, content: &str) -> Template {
        Template {
            id: id.parse().unwrap(),
            kind: Kind::Template,
            title: "t".to_owned(),
            content: content.to_owned(),
            example: String::new(),
            fields: fields_of(content),
            subscription: None,
            synced_at: from_millisecond(0),
        }
    }

    #[test]
    fn new_changed_and_gone_are_told_apart() {
        let former = [
            template("same", "a"),
            template("other", "b"),
            template("gone", "c"),
        ];
        let mut same = template("same", "a");
        same.synced_at = from_millisecond(5);
        let now = [
            same,
            template("other", "{{thing1.DATA}}"),
            template("new", "d"),
        ];
        let changes = compare(&former, &now, from_millisecond(7));
        let report = SyncReport::of(&changes, now.len());
        let id = |id: &str| vec![id.parse::<TemplateId>().unwrap()];
        assert_eq!(
            report,
            SyncReport {
                total: 3,
                added: id("new"),
                changed: id("other"),
                removed: id("gone"),
            }
        );
        assert_eq!(compare(&now, &now, from_millisecond(8)), []);
    }
}
