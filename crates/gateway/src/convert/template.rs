//! Templates as the API shows them.

use std::collections::HashMap;

use hongyan_api as api;
use hongyan_domain::KeyId;
use hongyan_domain::template::{
    Field, FieldKind, FieldNames, Subscription, Template, TemplateChange, TemplateForm,
    TemplateUse, Warning, lint,
};
use hongyan_engine::{LibraryFinding, NewTemplate, SyncReport};
use hongyan_wechat::api::subscribe::{Category, LibraryKeyword, LibraryTitle, SubscriptionType};

use super::message;
use crate::extract::invalid;
use crate::problem::Problem;

/// A template with the names its fields have at the account.
pub(crate) fn template(template: Template, names: Option<&FieldNames>) -> api::Template {
    let kind = template.kind;
    let warnings = lint(&template, names).into_iter().map(warning).collect();
    let own = |key: &str| {
        let mut names = names?.iter();
        names.find_map(|(name, known)| (known == key).then(|| name.clone()))
    };
    api::Template {
        template_id: template.id.to_string(),
        kind: message::kind(kind),
        title: template.title,
        content: template.content,
        example: template.example,
        fields: template
            .fields
            .into_iter()
            .map(|field| {
                let type_of = FieldKind::of_key(&field.key);
                let (rule, rule_zh) = type_of.sentence(kind);
                api::Field {
                    name: own(&field.key),
                    key: field.key,
                    label: field.label,
                    type_: type_of.as_str().to_owned(),
                    rule: rule.to_owned(),
                    rule_zh: rule_zh.to_owned(),
                    max_length: type_of.longest().and_then(|most| u32::try_from(most).ok()),
                    allowed: field.allowed,
                }
            })
            .collect(),
        subscription: template.subscription.map(subscription),
        warnings,
        synced_at: template.synced_at,
    }
}

fn subscription(subscription: Subscription) -> api::Subscription {
    match subscription {
        Subscription::OneTime => api::Subscription::OneTime,
        Subscription::LongTerm => api::Subscription::LongTerm,
    }
}

fn warning(warning: Warning) -> api::TemplateWarning {
    api::TemplateWarning {
        rule: warning.rule.to_owned(),
        key: warning.key,
        message: warning.message,
        message_zh: warning.message_zh,
    }
}

pub(crate) fn sync_report(report: SyncReport) -> api::SyncReport {
    let text = |ids: Vec<hongyan_wechat::TemplateId>| ids.iter().map(ToString::to_string).collect();
    api::SyncReport {
        total: report.total,
        added: text(report.added),
        changed: text(report.changed),
        removed: text(report.removed),
    }
}

/// A change; `keys` are the names of the API keys there are.
pub(crate) fn change(change: TemplateChange, keys: &HashMap<KeyId, String>) -> api::TemplateChange {
    let of = |form: &Option<TemplateForm>| -> Vec<Field> {
        form.as_ref()
            .map(|form| form.fields.clone())
            .unwrap_or_default()
    };
    let (before, after) = (of(&change.before), of(&change.after));
    let without = |fields: &[Field], others: &[Field]| {
        let fields = fields.iter().map(|field| &field.key);
        let only = fields.filter(|key| !others.iter().any(|other| other.key == **key));
        only.cloned().collect()
    };
    let form = |form: TemplateForm| api::TemplateForm {
        title: form.title,
        content: form.content,
    };
    api::TemplateChange {
        template_id: change.template_id.to_string(),
        at: change.at,
        change: match (&change.before, &change.after) {
            (None, _) => api::ChangeKind::Added,
            (Some(_), Some(_)) => api::ChangeKind::Changed,
            (Some(_), None) => api::ChangeKind::Removed,
        },
        new_keys: without(&after, &before),
        gone_keys: without(&before, &after),
        before: change.before.map(form),
        after: change.after.map(form),
        senders: change
            .senders
            .into_iter()
            .map(|used| sender(&used, keys))
            .collect(),
    }
}

pub(crate) fn sender(used: &TemplateUse, keys: &HashMap<KeyId, String>) -> api::TemplateSender {
    api::TemplateSender {
        key_id: used.key.map(|key| key.to_string()),
        key_name: used.key.and_then(|key| keys.get(&key).cloned()),
        messages: used.messages,
        last_at: used.last_at,
    }
}

pub(crate) fn category(category: &Category) -> api::TemplateCategory {
    api::TemplateCategory {
        id: category.id,
        name: category.name.clone(),
    }
}

pub(crate) fn titles(finding: LibraryFinding) -> api::LibraryTitles {
    api::LibraryTitles {
        items: finding.titles.into_iter().map(title).collect(),
        more: finding.more,
    }
}

fn title(title: LibraryTitle) -> api::LibraryTitle {
    api::LibraryTitle {
        tid: title.tid,
        title: title.title,
        subscription: match title.subscription {
            SubscriptionType::OneTime => Some(api::Subscription::OneTime),
            SubscriptionType::LongTerm => Some(api::Subscription::LongTerm),
            SubscriptionType::Other(_) => None,
        },
        category_id: title.category_id,
    }
}

pub(crate) fn keyword(keyword: &LibraryKeyword) -> api::LibraryKeyword {
    api::LibraryKeyword {
        id: keyword.kid,
        name: keyword.name.clone(),
        type_: keyword.rule.clone(),
        example: keyword.example.clone(),
    }
}

/// Which template is to be taken: by `tid` or by `short_id`.
pub(crate) fn new_template(wanted: api::NewTemplate) -> Result<NewTemplate, Problem> {
    match (wanted.tid, wanted.short_id) {
        (Some(tid), None) if wanted.keyword_names.is_empty() => Ok(NewTemplate::Subscription {
            tid,
            keyword_ids: wanted.keyword_ids,
            scene: wanted.scene,
        }),
        (None, Some(short_id)) if wanted.keyword_ids.is_empty() && wanted.scene.is_none() => {
            Ok(NewTemplate::Template {
                short_id,
                keyword_names: wanted.keyword_names,
            })
        }
        _ => Err(Problem::invalid(vec![invalid(
            "",
            "one_of",
            "give tid and keyword_ids (and scene) for a subscribe template, or short_id and keyword_names for a template of template messages",
            "订阅类模板请给出 tid 和 keyword_ids（可加 scene）；模板消息的模板请给出 short_id 和 keyword_names",
        )])),
    }
}
