//! Broadcasts, between the words of the API and those of the domain.

use hongyan_api as api;
use hongyan_domain::KeyId;
use hongyan_domain::broadcast::{
    Audience, Broadcast, BroadcastSpec, BroadcastState, Recipient, RecipientId, Skipped,
};
use hongyan_domain::message::{OnUnknown, Priority};
use hongyan_domain::template::{Overflow, Violation};
use hongyan_engine::{BroadcastProgress, NewBroadcast};
use serde_json::value::RawValue;

use super::draft::bad_user_id;
use super::limits::{self, bad_id};
use super::message::kind;
use super::shape::child;
use super::{content, fallback};
use crate::extract::invalid;

/// People in a request at most; more are uploaded.
const MOST_IN_BODY: usize = 10_000;

/// Longest name, in characters.
const LONGEST_NAME: usize = 128;

/// Largest rate.
const FASTEST: u32 = 100_000;

/// The most bytes a person's fields may have, as JSON.
const LARGEST_FIELDS: usize = 16 * 1024;

/// Violations of people told at most.
const TOLD: usize = 100;

/// Reads a request to make a broadcast. `is_known` tells which other accounts the
/// caller may touch.
///
/// # Errors
/// Everything that is wrong with it, apart from what the engine knows.
pub(crate) fn read(
    request: api::NewBroadcast,
    caller: KeyId,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<NewBroadcast, Vec<Violation>> {
    let mut wrong = Vec::new();
    name(&request.name, &mut wrong);
    if let Some(metadata) = &request.metadata {
        limits::metadata(metadata.get(), &mut wrong);
    }
    if request
        .rate_per_second
        .is_some_and(|rate| !(1..=FASTEST).contains(&rate))
    {
        wrong.push(invalid(
            "/rate_per_second",
            "range",
            format!("a rate is 1 to {FASTEST} messages a second; leave it out for none"),
            format!("速率应为每秒 1 到 {FASTEST} 条；不限请不要填写"),
        ));
    }
    let (audience, recipients) = audience(request.audience, &mut wrong);
    let account = request.account.clone();
    let mut said = api::NewMessage::new(
        request.account,
        request.kind,
        api::Recipient::default(),
        "",
        api::Data::new(),
    );
    said.template_id = request.template_id;
    said.data = request.data;
    said.url = request.url;
    said.miniprogram = request.miniprogram;
    said.page = request.page;
    said.miniprogram_state = request.miniprogram_state;
    said.lang = request.lang;
    said.scene = request.scene;
    said.title = request.title;
    said.content = request.content;
    let content = content::read(said, &mut wrong);
    for (number, way) in request.fallback.iter().enumerate() {
        if way.to.is_some() {
            wrong.push(invalid(
                format!("/fallback/{number}/to"),
                "not_for_broadcast",
                "a broadcast finds each person by itself; leave it out",
                "群发会自行查找每个人，请去掉 to",
            ));
        }
    }
    let fallback = fallback::read(request.fallback, is_known, &mut wrong);
    let (Some(audience), Some(content), true) = (audience, content, wrong.is_empty()) else {
        return Err(wrong);
    };
    Ok(NewBroadcast {
        name: request.name,
        account,
        fallback,
        spec: BroadcastSpec {
            content,
            fallback: Vec::new(),
            audience,
            priority: match request.priority {
                Some(api::Priority::High) => Priority::High,
                Some(api::Priority::Normal) => Priority::Normal,
                Some(api::Priority::Low) | None => Priority::Low,
            },
            overflow: match request.overflow.unwrap_or_default() {
                api::Overflow::Reject => Overflow::Reject,
                api::Overflow::Truncate => Overflow::Truncate,
            },
            on_unknown: match request.on_unknown.unwrap_or_default() {
                api::OnUnknown::Keep => OnUnknown::Keep,
                api::OnUnknown::Resend => OnUnknown::Resend,
            },
            send_at: request.send_at,
            expires_at: request.expires_at,
            rate_per_second: request.rate_per_second,
            starts_by_itself: request.start.unwrap_or(true),
            skips_invalid: request.skip_invalid.unwrap_or(false),
            metadata: request.metadata.map(|raw| raw.get().to_owned()),
        },
        recipients,
        created_by: caller,
    })
}

fn name(name: &str, wrong: &mut Vec<Violation>) {
    let length = name.chars().count();
    if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
        wrong.push(invalid(
            "/name",
            "form",
            format!("a name has 1 to {LONGEST_NAME} characters, none of them a control character"),
            format!("名称应有 1 到 {LONGEST_NAME} 个字符，不含控制字符"),
        ));
    }
}

fn audience(
    wanted: api::Audience,
    wrong: &mut Vec<Violation>,
) -> (Option<Audience>, Vec<Recipient>) {
    let given = [
        wanted.followers.is_some(),
        wanted.tag.is_some(),
        wanted.recipients.is_some(),
        wanted.upload.is_some(),
    ];
    let count = given.iter().filter(|given| **given).count();
    let is_off = wanted.followers == Some(false) || wanted.upload == Some(false);
    if count != 1 || is_off {
        wrong.push(invalid(
            "/audience",
            "one_of",
            "give exactly one of \"followers\": true, \"tag\": number, \"recipients\": […] and \"upload\": true",
            "\"followers\": true、\"tag\": 数字、\"recipients\": […]、\"upload\": true 必须且只能给出一个",
        ));
        return (None, Vec::new());
    }
    if let Some(id) = wanted.tag {
        return (Some(Audience::Tag { id }), Vec::new());
    }
    let Some(people) = wanted.recipients else {
        let audience = if wanted.upload.is_some() {
            Audience::Upload
        } else {
            Audience::Followers
        };
        return (Some(audience), Vec::new());
    };
    let count = people.len();
    if !(1..=MOST_IN_BODY).contains(&count) {
        wrong.push(invalid(
            "/audience/recipients",
            "count",
            format!("a request names 1 to {MOST_IN_BODY} people, not {count}; upload more"),
            format!("请求中可列出 1 到 {MOST_IN_BODY} 人，现为 {count} 人；更多请上传文件"),
        ));
        return (None, Vec::new());
    }
    let (mut recipients, mut told) = (Vec::with_capacity(count), 0);
    for (place, person) in people.into_iter().enumerate() {
        match recipient(person) {
            Ok(person) => recipients.push(person),
            Err(mut found) => {
                told += 1;
                if told <= TOLD {
                    let place = format!("/audience/recipients/{place}");
                    found.pointer.insert_str(0, &place);
                    wrong.push(found);
                }
            }
        }
    }
    (Some(Audience::List), recipients)
}

/// Reads one person.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn recipient(person: api::BroadcastRecipient) -> Result<Recipient, Violation> {
    let ways = [
        ("openid", &person.openid),
        ("unionid", &person.unionid),
        ("user_id", &person.user_id),
    ];
    let given: Vec<_> = ways
        .into_iter()
        .filter_map(|(way, id)| id.as_deref().map(|id| (way, id)))
        .collect();
    let [(way, id)] = given.as_slice() else {
        let count = given.len();
        return Err(invalid(
            "",
            "one_of",
            format!("give exactly one of openid, unionid and user_id, not {count}"),
            format!("openid、unionid、user_id 必须且只能给出一个（现为 {count} 个）"),
        ));
    };
    let to = recipient_id(way, id)
        .map_err(|(message, zh)| invalid(child("", way), "form", message, zh))?;
    let fields = person.fields.unwrap_or_default();
    let length = serde_json::to_string(&fields).map_or(0, |text| text.len());
    if length > LARGEST_FIELDS {
        return Err(invalid(
            "/fields",
            "too_long",
            format!("the fields have {length} bytes of JSON, allowed are {LARGEST_FIELDS}"),
            format!("fields 有 {length} 字节，最多 {LARGEST_FIELDS} 字节"),
        ));
    }
    Ok(Recipient { to, fields })
}

/// An id by its kind: `openid`, `unionid` or `user_id`.
///
/// # Errors
/// Why it is none, in both languages.
pub(crate) fn recipient_id(way: &str, id: &str) -> Result<RecipientId, (String, String)> {
    let words = |found: Violation| (found.message, found.message_zh);
    match way {
        "openid" => id
            .parse()
            .map(RecipientId::Openid)
            .map_err(|error| words(bad_id("", &error))),
        "unionid" => id
            .parse()
            .map(RecipientId::Unionid)
            .map_err(|error| words(bad_id("", &error))),
        _ => id.parse().map(RecipientId::UserId).map_err(
            |error: hongyan_domain::contact::UserIdError| {
                words(bad_user_id("", &error.to_string()))
            },
        ),
    }
}

/// A broadcast as the API shows it.
pub(crate) fn broadcast(
    broadcast: Broadcast,
    account: &str,
    progress: Option<BroadcastProgress>,
) -> api::Broadcast {
    let progress = progress.map(|found| progress_of(&broadcast, &found));
    let spec = broadcast.spec;
    api::Broadcast {
        id: broadcast.id.to_string(),
        name: broadcast.name,
        account: account.to_owned(),
        kind: kind(spec.content.kind()),
        template_id: spec.content.template_id().map(ToString::to_string),
        state: state(broadcast.state),
        problem: broadcast.problem,
        audience: match spec.audience {
            Audience::Followers => api::Audience {
                followers: Some(true),
                ..api::Audience::default()
            },
            Audience::Tag { id } => api::Audience {
                tag: Some(id),
                ..api::Audience::default()
            },
            Audience::List => api::Audience {
                recipients: Some(Vec::new()),
                ..api::Audience::default()
            },
            Audience::Upload => api::Audience {
                upload: Some(true),
                ..api::Audience::default()
            },
        },
        recipients: broadcast.recipients,
        messages: broadcast.messages,
        skipped: broadcast.skipped,
        priority: match spec.priority {
            Priority::High => api::Priority::High,
            Priority::Normal => api::Priority::Normal,
            Priority::Low => api::Priority::Low,
        },
        send_at: spec.send_at,
        expires_at: spec.expires_at,
        rate_per_second: spec.rate_per_second,
        start: spec.starts_by_itself,
        skip_invalid: spec.skips_invalid,
        metadata: spec
            .metadata
            .and_then(|text| RawValue::from_string(text).ok()),
        created_at: broadcast.created_at,
        started_at: broadcast.started_at,
        finished_at: broadcast.finished_at,
        progress,
    }
}

fn progress_of(broadcast: &Broadcast, progress: &BroadcastProgress) -> api::BroadcastProgress {
    api::BroadcastProgress {
        by_status: progress
            .counts
            .iter()
            .map(|(state, count)| (state.as_str().to_owned(), *count))
            .collect(),
        over: progress.over(),
        to_expand: broadcast
            .recipients
            .saturating_sub(broadcast.messages + broadcast.skipped),
        per_second: progress.per_second,
        seconds_left: if broadcast.state.is_over() {
            None
        } else {
            progress.seconds_left(broadcast)
        },
        counted_at: progress.counted_at,
    }
}

fn state(state: BroadcastState) -> api::BroadcastState {
    match state {
        BroadcastState::Loading => api::BroadcastState::Loading,
        BroadcastState::Ready => api::BroadcastState::Ready,
        BroadcastState::Running => api::BroadcastState::Running,
        BroadcastState::Paused => api::BroadcastState::Paused,
        BroadcastState::Finished => api::BroadcastState::Finished,
        BroadcastState::Canceled => api::BroadcastState::Canceled,
        BroadcastState::Failed => api::BroadcastState::Failed,
    }
}

/// Somebody who was skipped.
pub(crate) fn skipped(skipped: Skipped) -> api::SkippedRecipient {
    api::SkippedRecipient {
        who: skipped.who,
        reason: skipped.why.as_str().to_owned(),
        detail: skipped.detail,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(changed: serde_json::Value) -> Vec<(String, &'static str)> {
        let mut body = json!({"name": "n", "account": "a", "kind": "template", "template_id": "t",
            "data": {"thing1": "{{ name }}"}, "audience": {"followers": true}});
        for (name, value) in changed.as_object().unwrap() {
            body[name] = value.clone();
        }
        let key = KeyId::new(hongyan_domain::clock::from_millisecond(0), [0; 10]);
        let request = serde_json::from_value(body).unwrap();
        match read(request, key, &|name| name == "a") {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong
                .into_iter()
                .map(|one| (one.pointer, one.rule))
                .collect(),
        }
    }

    fn one(pointer: &str, rule: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), rule)]
    }

    #[test]
    fn an_audience_is_one_of_four() {
        for good in [
            json!({"followers": true}),
            json!({"tag": 100}),
            json!({"upload": true}),
            json!({"recipients": [{"openid": "o"}]}),
        ] {
            assert_eq!(wrong(json!({"audience": good})), []);
        }
        for bad in [
            json!({}),
            json!({"followers": false}),
            json!({"followers": true, "tag": 1}),
        ] {
            assert_eq!(wrong(json!({"audience": bad})), one("/audience", "one_of"));
        }
        assert_eq!(
            wrong(json!({"audience": {"recipients": [{"openid": "o"}, {}]}})),
            one("/audience/recipients/1", "one_of")
        );
        assert_eq!(
            wrong(json!({"audience": {"recipients": []}})),
            one("/audience/recipients", "count")
        );
    }

    #[test]
    fn further_ways_are_named_by_their_places() {
        let route =
            |name: &str| json!([{"account": name, "kind": "template", "template_id": "t t"}]);
        assert_eq!(
            wrong(json!({"fallback": route("a")})),
            one("/fallback/0/template_id", "form")
        );
        let others = wrong(json!({"fallback": route("b")}));
        assert!(
            others.contains(&("/fallback/0/account".to_owned(), "unknown_account")),
            "{others:?}"
        );
    }

    #[test]
    fn names_and_rates_have_limits() {
        assert_eq!(wrong(json!({"name": " "})), one("/name", "form"));
        assert_eq!(
            wrong(json!({"rate_per_second": 0})),
            one("/rate_per_second", "range")
        );
    }
}
