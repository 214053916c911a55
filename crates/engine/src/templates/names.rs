//! The callers' own names for a template's keys.

use std::sync::Arc;

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::pointer::child;
use hongyan_domain::template::{FieldNames, Template, Violation};
use hongyan_wechat::TemplateId;

use super::WechatFailure;
use crate::{Engine, ManageError};

/// The longest own name, in characters.
const LONGEST_NAME: usize = 64;

impl Engine {
    /// Sets the names that callers use for the keys of a template; empty takes them
    /// away. The account as it then is.
    ///
    /// # Errors
    /// `Unknown` for a template the account has not, `Invalid` with pointers that
    /// begin with `/names`; storage's.
    pub async fn set_field_names(
        &self,
        account: AccountId,
        id: &TemplateId,
        names: FieldNames,
    ) -> Result<Arc<Account>, ManageError> {
        let known = self.registry.by_id(account);
        let mut settings = known.ok_or(WechatFailure::Missing)?.settings.clone();
        if names.is_empty() {
            settings.options.field_names.remove(id.as_str());
        } else {
            let template = self.store.template(account, id).await?;
            let template = template.ok_or_else(|| ManageError::Unknown {
                what: format!("template {id}"),
            })?;
            let wrong = check(&names, &template);
            if !wrong.is_empty() {
                return Err(ManageError::Invalid(wrong));
            }
            let all = &mut settings.options.field_names;
            all.insert(id.as_str().to_owned(), names);
        }
        Ok(self.change_account(account, settings).await?)
    }
}

fn check(names: &FieldNames, template: &Template) -> Vec<Violation> {
    let mut wrong = Vec::new();
    for (name, key) in names {
        let at = child("/names", name);
        let length = name.chars().count();
        if length == 0 || length > LONGEST_NAME || name.chars().any(char::is_control) {
            wrong.push(Violation::new(
                at.clone(),
                "form",
                format!("a name has 1 to {LONGEST_NAME} characters and no control characters"),
                format!("名称应为 1 到 {LONGEST_NAME} 个字符，不含控制字符"),
            ));
        }
        if template.field(key).is_none() {
            let keys: Vec<_> = template.fields.iter().map(|f| f.key.as_str()).collect();
            let (title, keys, keys_zh) = (&template.title, keys.join(", "), keys.join("、"));
            wrong.push(Violation::new(
                at.clone(),
                "unknown_key",
                format!("{key:?} is not a key of the template {title:?}; it has {keys}"),
                format!("模板“{title}”没有字段“{key}”；它的字段是 {keys_zh}"),
            ));
        }
        if names
            .iter()
            .any(|(other, same)| other < name && same == key)
        {
            wrong.push(Violation::new(
                at.clone(),
                "duplicate",
                format!("{key} has another name already; one is enough"),
                format!("{key} 已有另一个名称"),
            ));
        }
        // Whoever wrote the key itself would fill another one.
        if name != key && template.field(name).is_some() && !names.values().any(|k| k == name) {
            wrong.push(Violation::new(
                at,
                "taken",
                format!("{name} is a key of the template itself; give that key a name as well, or choose another"),
                format!("{name} 本身是模板的字段；请也为它命名，或换一个名称"),
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use hongyan_domain::clock::from_millisecond;
    use hongyan_domain::message::Kind;
    use hongyan_domain::template::fields_of;

    use super::*;

    #[test]
    fn names_lead_to_keys_of_the_template_one_each() {
        let content = "{{thing1.DATA}}{{thing2.DATA}}";
        let template = Template {
            id: "t".parse().unwrap(),
            kind: Kind::Template,
            title: "t".to_owned(),
            content: content.to_owned(),
            example: String::new(),
            fields: fields_of(content),
            subscription: None,
            synced_at: from_millisecond(0),
        };
        let rules = |names: &[(&str, &str)]| -> Vec<_> {
            let names = names
                .iter()
                .map(|(n, k)| ((*n).to_owned(), (*k).to_owned()));
            let found = check(&names.collect(), &template);
            found.into_iter().map(|v| (v.pointer, v.rule)).collect()
        };
        let one = |pointer: &str, rule| vec![(pointer.to_owned(), rule)];
        assert_eq!(rules(&[("goods", "thing1"), ("shop", "thing2")]), []);
        assert_eq!(rules(&[("thing1", "thing2"), ("thing2", "thing1")]), []);
        assert_eq!(
            rules(&[("a", "thing1"), ("b", "thing1")]),
            one("/names/b", "duplicate")
        );
        assert_eq!(rules(&[("a", "thing3")]), one("/names/a", "unknown_key"));
        assert_eq!(rules(&[("", "thing1")]), one("/names/", "form"));
        assert_eq!(
            rules(&[("thing1", "thing2")]),
            one("/names/thing1", "taken")
        );
    }
}
