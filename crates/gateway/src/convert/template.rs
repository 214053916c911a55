//! Templates as the API shows them.

use hongyan_api as api;
use hongyan_domain::template::{FieldKind, Subscription, Template};
use hongyan_engine::SyncReport;

use super::message;

pub(crate) fn template(template: Template) -> api::Template {
    let kind = template.kind;
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
                    key: field.key,
                    label: field.label,
                    type_: type_of.as_str().to_owned(),
                    rule: rule.to_owned(),
                    rule_zh: rule_zh.to_owned(),
                    allowed: field.allowed,
                }
            })
            .collect(),
        subscription: template
            .subscription
            .map(|subscription| match subscription {
                Subscription::OneTime => api::Subscription::OneTime,
                Subscription::LongTerm => api::Subscription::LongTerm,
            }),
        synced_at: template.synced_at,
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
