//! A request to send, read as a draft: all that is wrong with it at once.

use hongyan_api as api;
use hongyan_domain::KeyId;
use hongyan_domain::contact::UserId;
use hongyan_domain::message::{OnUnknown, Priority};
use hongyan_domain::template::{Overflow, Violation};
use hongyan_domain::trace::TraceContext;
use hongyan_engine::{Draft, To};

use super::limits::{self, bad_id};
use super::shape::child;
use super::{content, fallback};
use crate::extract::invalid;

/// A request as far as it could be read.
pub(crate) struct Reading {
    /// The draft, where its recipient, kind and content could be read.
    pub(crate) draft: Option<Draft>,
    /// What is wrong, apart from the rules of the template and of time.
    pub(crate) violations: Vec<Violation>,
}

/// Reads a request to send that came with the key `caller`, in a trace if that is
/// recorded. `is_known` tells which other accounts the caller may touch.
pub(crate) fn read(
    mut request: api::NewMessage,
    is_known: &dyn Fn(&str) -> bool,
    caller: KeyId,
    trace_context: Option<TraceContext>,
) -> Reading {
    let mut wrong = Vec::new();
    let ways = request.fallback.take().unwrap_or_default();
    let fallback = fallback::read(ways, is_known, &mut wrong);
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
    let content = content::read(request, &mut wrong);
    let draft = to.zip(content).map(|(to, content)| Draft {
        account,
        to,
        content,
        fallback,
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

/// Exactly one way to name the person.
pub(super) fn recipient(to: &api::Recipient, wrong: &mut Vec<Violation>) -> Option<To> {
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
    let [(way, text)] = given.as_slice() else {
        let count = given.len();
        wrong.push(invalid(
            "/to",
            "one_of",
            format!("give exactly one of openid, unionid, user_id and login_code, not {count}"),
            format!("openid、unionid、user_id、login_code 必须且只能给出一个（现为 {count} 个）"),
        ));
        return None;
    };
    let pointer = child("/to", way);
    let read = match *way {
        "openid" => text
            .parse()
            .map(To::OpenId)
            .map_err(|error| bad_id(&pointer, &error)),
        "unionid" => text
            .parse()
            .map(To::UnionId)
            .map_err(|error| bad_id(&pointer, &error)),
        "user_id" => text
            .parse::<UserId>()
            .map(To::UserId)
            .map_err(|error| bad_user_id(&pointer, &error.to_string())),
        _ => Ok(To::LoginCode((*text).clone())),
    };
    read.map_err(|violation| wrong.push(violation)).ok()
}

/// A text is no id of a user of the caller's own.
pub(crate) fn bad_user_id(pointer: &str, message: &str) -> Violation {
    invalid(
        pointer,
        "form",
        message,
        "用户 id 应为 1 到 128 个字符，不含控制字符",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            &is_known,
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

    fn whole(body: serde_json::Value) -> Vec<(String, &'static str)> {
        let request = serde_json::from_value(body).unwrap();
        let key = KeyId::new(hongyan_domain::clock::from_millisecond(0), [0; 10]);
        read(request, &is_known, key, None)
            .violations
            .into_iter()
            .map(|v| (v.pointer, v.rule))
            .collect()
    }

    /// The account `mp` beside the message's own.
    fn is_known(name: &str) -> bool {
        name == "mp"
    }

    #[test]
    fn every_way_is_read_like_the_message_and_named_by_its_place() {
        let way = r#"{"account":"mp","kind":"subscribe","template_id":"s","data":{"thing1":"x"}}"#;
        let good = reading(&format!(r#","fallback":[{way}]"#));
        assert!(good.violations.is_empty(), "{:?}", good.violations);
        let ways = good.draft.unwrap().fallback;
        assert_eq!(ways.len(), 1);
        assert_eq!(ways[0].content.kind().as_str(), "subscribe");
        assert!(ways[0].to.is_none());
        assert!(rules(r#","fallback":[]"#).is_empty());
        assert!(rules(r#","fallback":null"#).is_empty());
        for (bad, pointer, rule) in [
            (
                way.replace(r#""mp""#, r#""oa""#),
                "/account",
                "unknown_account",
            ),
            (
                way.replace(r#""template_id":"s","#, ""),
                "/template_id",
                "missing",
            ),
            (
                way.replace("subscribe", "customer_service"),
                "/template_id",
                "not_for_kind",
            ),
            (
                way.replace(r#""data""#, r#""to":{},"data""#),
                "/to",
                "one_of",
            ),
        ] {
            let found = rules(&format!(r#","fallback":[{way},{bad}]"#));
            assert!(
                found.contains(&(format!("/fallback/1{pointer}"), rule)),
                "{bad} {found:?}"
            );
        }
        let six = [way; 6].join(",");
        assert_eq!(
            rules(&format!(r#","fallback":[{six}]"#)),
            one("/fallback", "count")
        );
    }

    #[test]
    fn the_person_is_named_in_exactly_one_way() {
        for (to, name) in [
            (r#"{"openid":"o"}"#, To::OpenId("o".parse().unwrap())),
            (r#"{"unionid":"u"}"#, To::UnionId("u".parse().unwrap())),
            (
                r#"{"user_id":"张 三"}"#,
                To::UserId("张 三".parse().unwrap()),
            ),
            (r#"{"login_code":"c"}"#, To::LoginCode("c".to_owned())),
        ] {
            let reading = reading(&format!(r#","to":{to}"#));
            assert!(reading.violations.is_empty(), "{to}");
            assert_eq!(
                format!("{:?}", reading.draft.unwrap().to),
                format!("{name:?}")
            );
        }
        assert_eq!(rules(r#","to":{}"#), one("/to", "one_of"));
        assert_eq!(
            rules(r#","to":{"openid":"o","unionid":"u"}"#),
            one("/to", "one_of")
        );
        assert_eq!(rules(r#","to":{"unionid":""}"#), one("/to/unionid", "form"));
        assert_eq!(
            rules(r#","to":{"user_id":"a\u0000"}"#),
            one("/to/user_id", "form")
        );
    }

    #[test]
    fn every_kind_is_read_into_its_own_content() {
        for (kind, fields) in [
            (
                "notification",
                json!({"template_id": "t", "page": "https://a.example"}),
            ),
            (
                "one_time",
                json!({"template_id": "t", "scene": 10000, "title": "t".repeat(15),
                    "data": {"content": {"value": "字".repeat(200), "color": "#173177"}}}),
            ),
            (
                "customer_service",
                json!({"content": {"msgtype": "text", "text": {"content": "hi"}}}),
            ),
        ] {
            let mut body = json!({"account": "a", "kind": kind, "to": {"openid": "o"}});
            for (name, value) in fields.as_object().unwrap() {
                body[name] = value.clone();
            }
            let request = serde_json::from_value(body.clone()).unwrap();
            let key = KeyId::new(hongyan_domain::clock::from_millisecond(0), [0; 10]);
            let reading = read(request, &is_known, key, None);
            assert!(reading.violations.is_empty(), "{body}");
            assert_eq!(reading.draft.unwrap().content.kind().as_str(), kind);
        }
    }

    #[test]
    fn a_one_time_message_has_its_limits() {
        let but = |name: &str, value: serde_json::Value| {
            let mut body = json!({"account": "a", "kind": "one_time", "to": {"openid": "o"},
                "template_id": "t", "scene": 0, "title": "t", "data": {"content": "x"}});
            body[name] = value;
            whole(body)
        };
        assert_eq!(but("scene", json!(0)), []);
        for (name, value, pointer, rule) in [
            ("scene", json!(10001), "/scene", "range"),
            ("scene", json!(null), "/scene", "missing"),
            ("title", json!(null), "/title", "missing"),
            ("page", json!("pages/a"), "/page", "not_for_kind"),
        ] {
            assert_eq!(
                but(name, value.clone()),
                one(pointer, rule),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn a_customer_service_message_is_its_content_alone() {
        let body = json!({"account": "a", "kind": "customer_service", "to": {"openid": "o"}});
        assert_eq!(whole(body.clone()), one("/content", "missing"));
        let mut more = body;
        more["content"] = json!({"msgtype": "text", "text": {"content": "hi"}});
        more["data"] = json!({});
        assert_eq!(whole(more), one("/data", "not_for_kind"));
    }

    #[test]
    fn fields_of_another_kind_are_refused() {
        assert_eq!(rules(r#","page":"pages/a""#), one("/page", "not_for_kind"));
        assert_eq!(
            rules(r#","scene":1,"content":{}"#),
            [
                ("/scene".to_owned(), "not_for_kind"),
                ("/content".to_owned(), "not_for_kind")
            ]
        );
        assert_eq!(
            rules(r#","kind":"subscribe","url":"https://a.example""#),
            one("/url", "not_for_kind")
        );
        assert!(rules(r#","kind":"subscribe","page":"pages/a?b=1","lang":"zh_CN""#).is_empty());
    }

    #[test]
    fn every_limit_is_reached_and_not_passed() {
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
            rules(r#","miniprogram":{"appid":""}"#),
            one("/miniprogram/appid", "form")
        );
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_the_draft_still_made() {
        let reading = reading(r#","metadata":[],"reference":"","page":"p""#);
        assert_eq!(reading.violations.len(), 3);
        assert!(reading.draft.is_some());
    }
}
