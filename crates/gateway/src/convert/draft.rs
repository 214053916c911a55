//! A request to send, read as a draft: all that is wrong with it at once.

use hongyan_api as api;
use hongyan_domain::KeyId;
use hongyan_domain::message::{
    Content, Data, Language, MiniProgramLink, MiniProgramState, OnUnknown, Priority,
    SubscribeContent, TemplateContent, Value,
};
use hongyan_domain::template::{Overflow, Violation};
use hongyan_domain::trace::TraceContext;
use hongyan_engine::Draft;
use hongyan_wechat::{AppId, OpenId, TemplateId};

use super::limits::{self, bad_id};
use super::shape::child;
use crate::extract::invalid;

/// A request as far as it could be read.
pub(crate) struct Reading {
    /// The draft, where its recipient, kind and template could be read.
    pub(crate) draft: Option<Draft>,
    /// What is wrong, apart from the rules of the template and of time.
    pub(crate) violations: Vec<Violation>,
}

/// Reads a request to send that came with the key `caller`, in a trace if that is
/// recorded.
pub(crate) fn read(
    request: api::NewMessage,
    caller: KeyId,
    trace_context: Option<TraceContext>,
) -> Reading {
    let mut wrong = Vec::new();
    not_supported_yet(&request, &mut wrong);
    if let Some(url) = &request.url {
        limits::url(url, &mut wrong);
    }
    if let Some(page) = &request.page {
        limits::page("/page", page, &mut wrong);
    }
    if let Some(reference) = &request.reference {
        limits::reference(reference, &mut wrong);
    }
    let metadata = request.metadata.as_ref().map(|raw| raw.get());
    if let Some(metadata) = metadata {
        limits::metadata(metadata, &mut wrong);
    }
    let metadata = metadata.map(str::to_owned);
    let to = recipient(&request.to, &mut wrong);
    let (account, overflow) = (request.account.clone(), request.overflow);
    let (priority, on_unknown) = (request.priority, request.on_unknown);
    let (send_at, expires_at) = (request.send_at, request.expires_at);
    let reference = request.reference.clone();
    let content = content(request, &mut wrong);
    let draft = to.zip(content).map(|(to, content)| Draft {
        account,
        to,
        content,
        overflow: match overflow.unwrap_or_default() {
            api::Overflow::Reject => Overflow::Reject,
            api::Overflow::Truncate => Overflow::Truncate,
        },
        priority: match priority.unwrap_or_default() {
            api::Priority::High => Priority::High,
            api::Priority::Normal => Priority::Normal,
            api::Priority::Low => Priority::Low,
        },
        on_unknown: match on_unknown.unwrap_or_default() {
            api::OnUnknown::Keep => OnUnknown::Keep,
            api::OnUnknown::Resend => OnUnknown::Resend,
        },
        send_at,
        expires_at,
        reference,
        metadata,
        created_by: Some(caller),
        trace_context,
    });
    Reading {
        draft,
        violations: wrong,
    }
}

fn not_supported_yet(request: &api::NewMessage, wrong: &mut Vec<Violation>) {
    let later = [
        (
            "fallback",
            request.fallback.is_some(),
            "send to one account and kind",
        ),
        (
            "scene",
            request.scene.is_some(),
            "it belongs to the kind one_time",
        ),
        (
            "title",
            request.title.is_some(),
            "it belongs to the kind one_time",
        ),
        (
            "content",
            request.content.is_some(),
            "it belongs to the kind customer_service",
        ),
    ];
    for (name, given, instead) in later {
        if given {
            wrong.push(invalid(
                child("", name),
                "not_supported_yet",
                format!("{name} is not supported by this version; {instead}"),
                format!("此版本尚不支持 {name}"),
            ));
        }
    }
}

/// Exactly one way to name the person, and one that works in this version.
fn recipient(to: &api::Recipient, wrong: &mut Vec<Violation>) -> Option<OpenId> {
    let ways = [
        ("openid", &to.openid),
        ("unionid", &to.unionid),
        ("user_id", &to.user_id),
        ("login_code", &to.login_code),
    ];
    let given: Vec<_> = ways
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| (*name, value)))
        .collect();
    match given.as_slice() {
        [("openid", openid)] => match openid.parse() {
            Ok(openid) => Some(openid),
            Err(error) => {
                wrong.push(bad_id("/to/openid", &error));
                None
            }
        },
        [(other, _)] => {
            wrong.push(invalid(
                child("/to", other),
                "not_supported_yet",
                format!("{other} is not supported by this version; use openid"),
                format!("此版本尚不支持 {other}，请使用 openid"),
            ));
            None
        }
        several => {
            let count = several.len();
            wrong.push(invalid(
                "/to",
                "one_of",
                format!("give exactly one of openid, unionid, user_id and login_code, not {count}; this version takes openid"),
                format!("openid、unionid、user_id、login_code 必须且只能给出一个（现为 {count} 个）；此版本支持 openid"),
            ));
            None
        }
    }
}

fn content(request: api::NewMessage, wrong: &mut Vec<Violation>) -> Option<Content> {
    let kind = request.kind;
    match kind {
        api::Kind::Template => {
            refuse_foreign(
                "template",
                &[
                    ("page", request.page.is_some()),
                    ("miniprogram_state", request.miniprogram_state.is_some()),
                    ("lang", request.lang.is_some()),
                ],
                wrong,
            );
        }
        api::Kind::Subscribe => {
            refuse_foreign(
                "subscribe",
                &[
                    ("url", request.url.is_some()),
                    ("miniprogram", request.miniprogram.is_some()),
                ],
                wrong,
            );
        }
        api::Kind::Notification | api::Kind::OneTime | api::Kind::CustomerService => {
            wrong.push(invalid(
                "/kind",
                "not_supported_yet",
                "this version sends template (official accounts) and subscribe (mini programs)",
                "此版本支持 template（公众号）和 subscribe（小程序）",
            ));
        }
    }
    let miniprogram = request
        .miniprogram
        .and_then(|link| mini_program_link(link, wrong));
    let data = data(request.data.unwrap_or_default(), wrong);
    let template_id = template_id(request.template_id.as_deref(), wrong)?;
    match kind {
        api::Kind::Template => Some(Content::Template(TemplateContent {
            template_id,
            data,
            url: request.url,
            miniprogram,
        })),
        api::Kind::Subscribe => Some(Content::Subscribe(SubscribeContent {
            template_id,
            data,
            page: request.page,
            miniprogram_state: request.miniprogram_state.map(mini_program_state),
            lang: request.lang.map(language),
        })),
        api::Kind::Notification | api::Kind::OneTime | api::Kind::CustomerService => None,
    }
}

fn refuse_foreign(kind: &str, fields: &[(&str, bool)], wrong: &mut Vec<Violation>) {
    for (name, given) in fields {
        if *given {
            wrong.push(invalid(
                child("", name),
                "not_for_kind",
                format!("{name} has no meaning for the kind {kind}; leave it out"),
                format!("{kind} 消息没有 {name}，请去掉"),
            ));
        }
    }
}

fn template_id(text: Option<&str>, wrong: &mut Vec<Violation>) -> Option<TemplateId> {
    match text.map(str::parse) {
        Some(Ok(id)) => Some(id),
        Some(Err(error)) => {
            wrong.push(bad_id("/template_id", &error));
            None
        }
        None => {
            wrong.push(invalid(
                "/template_id",
                "missing",
                "template_id is missing",
                "缺少 template_id",
            ));
            None
        }
    }
}

fn data(data: api::Data, wrong: &mut Vec<Violation>) -> Data {
    data.into_iter()
        .map(|(key, value)| {
            let value = match value {
                api::SlotValue::Text(value) => Value { value, color: None },
                api::SlotValue::Styled(api::StyledValue { value, color }) => {
                    if color
                        .as_deref()
                        .is_some_and(|color| !limits::is_color(color))
                    {
                        wrong.push(invalid(
                            format!("{}/color", child("/data", &key)),
                            "form",
                            "a color is # and six hexadecimal digits, such as #173177",
                            "颜色应为 # 加六位十六进制数字，如 #173177",
                        ));
                    }
                    Value { value, color }
                }
            };
            (key, value)
        })
        .collect()
}

fn mini_program_link(
    link: api::MiniProgramLink,
    wrong: &mut Vec<Violation>,
) -> Option<MiniProgramLink> {
    if let Some(page) = &link.pagepath {
        limits::page("/miniprogram/pagepath", page, wrong);
    }
    match link.appid.parse::<AppId>() {
        Ok(appid) => Some(MiniProgramLink {
            appid,
            pagepath: link.pagepath,
        }),
        Err(error) => {
            wrong.push(bad_id("/miniprogram/appid", &error));
            None
        }
    }
}

fn mini_program_state(state: api::MiniProgramState) -> MiniProgramState {
    match state {
        api::MiniProgramState::Developer => MiniProgramState::Developer,
        api::MiniProgramState::Trial => MiniProgramState::Trial,
        api::MiniProgramState::Formal => MiniProgramState::Formal,
    }
}

fn language(language: api::Language) -> Language {
    match language {
        api::Language::ZhCn => Language::ZhCn,
        api::Language::EnUs => Language::EnUs,
        api::Language::ZhHk => Language::ZhHk,
        api::Language::ZhTw => Language::ZhTw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::limits::LONGEST_URL;

    fn reading(changed: &str) -> Reading {
        let body = format!(
            r##"{{"account":"a","kind":"template","to":{{"openid":"o"}},"template_id":"t"{changed}}}"##
        );
        let mut value: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&body).unwrap();
        // `changed` overrides what is there: the later of two equal keys stays.
        let request = serde_json::from_value(serde_json::Value::Object(std::mem::take(&mut value)));
        read(
            request.unwrap(),
            KeyId::new(hongyan_domain::clock::from_millisecond(0), [0; 10]),
            None,
        )
    }

    fn rules(changed: &str) -> Vec<(String, &'static str)> {
        reading(changed)
            .violations
            .into_iter()
            .map(|v| (v.pointer, v.rule))
            .collect()
    }

    fn one(pointer: &str, rule: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), rule)]
    }

    #[test]
    fn what_later_versions_bring_is_named() {
        assert_eq!(
            rules(r#","kind":"one_time""#),
            one("/kind", "not_supported_yet")
        );
        assert_eq!(
            rules(r#","to":{"unionid":"u"}"#),
            one("/to/unionid", "not_supported_yet")
        );
        assert_eq!(
            rules(r#","fallback":[]"#),
            one("/fallback", "not_supported_yet")
        );
        assert_eq!(rules(r#","to":{}"#), one("/to", "one_of"));
        assert_eq!(
            rules(r#","to":{"openid":"o","unionid":"u"}"#),
            one("/to", "one_of")
        );
    }

    #[test]
    fn fields_of_another_kind_are_refused() {
        assert_eq!(rules(r#","page":"pages/a""#), one("/page", "not_for_kind"));
        assert_eq!(
            rules(r#","kind":"subscribe","url":"https://a.example""#),
            one("/url", "not_for_kind")
        );
        assert!(rules(r#","kind":"subscribe","page":"pages/a?b=1","lang":"zh_CN""#).is_empty());
    }

    #[test]
    fn every_limit_is_reached_and_not_passed() {
        let url =
            |length: usize| format!(r#","url":"https://a.example/{}""#, "x".repeat(length - 18));
        assert!(rules(&url(LONGEST_URL)).is_empty());
        assert_eq!(rules(&url(LONGEST_URL + 1)), one("/url", "too_long"));
        let reference = |length| format!(r#","reference":"{}""#, "号".repeat(length));
        assert!(rules(&reference(128)).is_empty());
        assert_eq!(rules(&reference(129)), one("/reference", "too_long"));
        let metadata =
            |length: usize| format!(r#","metadata":{{"k":"{}"}}"#, "x".repeat(length - 8));
        assert!(rules(&metadata(4096)).is_empty());
        assert_eq!(rules(&metadata(4097)), one("/metadata", "too_long"));
        let deep = |levels: usize| {
            format!(
                r#","metadata":{{"\"[[":{}{}}}"#,
                "[".repeat(levels - 1),
                "]".repeat(levels - 1)
            )
        };
        assert!(rules(&deep(32)).is_empty());
        assert_eq!(rules(&deep(33)), one("/metadata", "too_deep"));
    }

    #[test]
    fn forms_are_checked() {
        assert_eq!(
            rules(r#","url":"javascript:alert(1)""#),
            one("/url", "form")
        );
        assert_eq!(rules(r#","url":"https://""#), one("/url", "form"));
        assert_eq!(rules(r#","metadata":[]"#), one("/metadata", "type"));
        assert_eq!(
            rules(r#","reference":"a\u0000""#),
            one("/reference", "control_character")
        );
        assert_eq!(
            rules(r#","to":{"openid":"o\u0000"}"#),
            one("/to/openid", "form")
        );
        assert_eq!(
            rules(r#","template_id":"t t""#),
            one("/template_id", "form")
        );
        assert_eq!(
            rules(r##","data":{"a/b":{"value":"x","color":"red"}}"##),
            one("/data/a~1b/color", "form")
        );
        assert_eq!(
            rules(r#","miniprogram":{"appid":""}"#),
            one("/miniprogram/appid", "form")
        );
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_the_draft_still_made() {
        let reading = reading(r#","url":"x","reference":"","page":"p""#);
        assert_eq!(reading.violations.len(), 3);
        assert!(reading.draft.is_some());
    }
}
