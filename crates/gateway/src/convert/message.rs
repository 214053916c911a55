//! Messages as the API shows them.

use hongyan_api as api;
use hongyan_domain::AccountId;
use hongyan_domain::delivery::{Attempt, Delivery, OutcomeKind};
use hongyan_domain::grant::Withheld;
use hongyan_domain::message::{
    Card, Content, Data, Kind, Language, Message, MiniProgramLink, MiniProgramState, OnUnknown,
    Opens, Priority, Status, Value,
};
use hongyan_domain::template::Violation;
use hongyan_engine::WaitingReason;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::route::Ways;
use super::{diagnosis, violation};

/// A message just taken in.
pub(crate) fn accepted(message: &Message) -> api::Accepted {
    let scheduled = message.send_at.is_some_and(|at| at > message.created_at);
    api::Accepted {
        id: message.id.to_string(),
        status: if scheduled {
            api::Status::Scheduled
        } else {
            api::Status::Queued
        },
        created_at: message.created_at,
    }
}

/// A message that still waits at `now`.
pub(crate) fn still_open(delivery: &Delivery, now: Timestamp) -> api::Accepted {
    api::Accepted {
        id: delivery.message.id.to_string(),
        status: status(delivery.status(now)),
        created_at: delivery.message.created_at,
    }
}

/// How much of a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// All of it.
    Whole,
    /// Without its attempts, which lists do not fetch.
    Listed,
}

/// A message with what happened to it. `name_of` names the accounts the caller may
/// see.
pub(crate) fn message(
    delivery: Delivery,
    account: &str,
    waiting: Option<WaitingReason>,
    now: Timestamp,
    detail: Detail,
    name_of: &dyn Fn(AccountId) -> Option<String>,
) -> api::Message {
    let status = status(delivery.status(now));
    let Delivery {
        message, attempts, ..
    } = delivery;
    let attempts = match detail {
        Detail::Whole => Some(attempts.into_iter().map(attempt).collect()),
        Detail::Listed => None,
    };
    let ways = message
        .handling
        .as_ref()
        .map(|handling| Ways::of(handling, account, message.kind(), name_of))
        .unwrap_or_default();
    let kind = kind(message.kind());
    let said = Said::of(message.content);
    api::Message {
        id: message.id.to_string(),
        account: account.to_owned(),
        kind,
        to: api::Recipient::openid(message.to.as_str()),
        status,
        template_id: said.template_id,
        data: said
            .data
            .into_iter()
            .map(|(key, Value { value, color })| (key, api::StyledValue { value, color }))
            .collect(),
        url: said.url,
        miniprogram: said.miniprogram.map(|link| api::MiniProgramLink {
            appid: link.appid.to_string(),
            pagepath: link.pagepath,
        }),
        page: said.page,
        miniprogram_state: said.miniprogram_state.map(mini_program_state),
        lang: said.lang.map(language),
        scene: said.scene.map(u32::from),
        title: said.title,
        content: said.body,
        wechat_msgid: delivery.wechat_msgid.map(|id| id.to_string()),
        reference: message.reference,
        // What was taken in was JSON.
        metadata: message
            .metadata
            .and_then(|text| RawValue::from_string(text).ok()),
        broadcast: message.broadcast.map(|id| id.to_string()),
        priority: match message.priority {
            Priority::High => api::Priority::High,
            Priority::Normal => api::Priority::Normal,
            Priority::Low => api::Priority::Low,
        },
        on_unknown: match message.on_unknown {
            OnUnknown::Keep => api::OnUnknown::Keep,
            OnUnknown::Resend => api::OnUnknown::Resend,
        },
        created_at: message.created_at,
        send_at: message.send_at,
        expires_at: message.expires_at,
        due_at: delivery.due_at,
        settled_at: delivery.settled_at,
        waiting: waiting.map(waiting_for),
        attempt_count: delivery.attempt_count,
        attempts,
        errcode: delivery.last_errcode,
        diagnosis: delivery.last_errcode.and_then(diagnosis),
        receipt: delivery.receipt.map(|receipt| api::Receipt {
            status: receipt.status,
            at: receipt.at,
        }),
        route: ways.on,
        routes_left: ways.left,
        fallback: ways.open,
        deferred_until: message
            .handling
            .and_then(|handling| handling.deferred_until),
        webhooks: None,
    }
}

/// What a message says, whatever its kind.
#[derive(Default)]
struct Said {
    template_id: Option<String>,
    data: Data,
    url: Option<String>,
    miniprogram: Option<MiniProgramLink>,
    page: Option<String>,
    miniprogram_state: Option<MiniProgramState>,
    lang: Option<Language>,
    scene: Option<u16>,
    title: Option<String>,
    body: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Said {
    fn of(content: Content) -> Self {
        let template_id = content.template_id().map(ToString::to_string);
        let said = match content {
            Content::Template(content) => Self {
                data: content.data,
                url: content.url,
                miniprogram: content.miniprogram,
                ..Self::default()
            },
            Content::Subscribe(content) => Self {
                data: content.data,
                page: content.page,
                miniprogram_state: content.miniprogram_state,
                lang: content.lang,
                ..Self::default()
            },
            Content::Notification(content) => Self {
                data: content.data,
                page: content.page,
                miniprogram: content.miniprogram,
                miniprogram_state: content.miniprogram_state,
                lang: content.lang,
                ..Self::default()
            },
            Content::OneTime(content) => Self {
                data: content.data,
                url: content.url,
                miniprogram: content.miniprogram,
                scene: Some(content.scene),
                title: Some(content.title),
                ..Self::default()
            },
            Content::CustomerService(content) => Self {
                body: Some(content.body),
                ..Self::default()
            },
        };
        Self {
            template_id,
            ..said
        }
    }
}

/// Why WeChat was not asked. Attempts keep the sentence alone, which is one of
/// these.
fn why_withheld(attempt: &Attempt) -> Option<api::Withheld> {
    const ALL: [Withheld; 9] = [
        Withheld::NoConsentLeft,
        Withheld::Refused,
        Withheld::Banned,
        Withheld::NotFollowing,
        Withheld::WindowClosed,
        Withheld::WindowUsedUp,
        Withheld::QuietHours,
        Withheld::TooOften,
        Withheld::SameContent,
    ];
    if attempt.outcome != OutcomeKind::Withheld {
        return None;
    }
    let sentence = attempt.errmsg.as_deref()?;
    ALL.into_iter()
        .find(|reason| reason.sentence() == sentence)
        .map(withheld)
}

/// Why the person cannot be sent something.
pub(crate) fn withheld(reason: Withheld) -> api::Withheld {
    api::Withheld {
        reason: match reason {
            Withheld::NoConsentLeft => api::WithheldReason::NoConsentLeft,
            Withheld::Refused => api::WithheldReason::Refused,
            Withheld::Banned => api::WithheldReason::Banned,
            Withheld::NotFollowing => api::WithheldReason::NotFollowing,
            Withheld::WindowClosed => api::WithheldReason::WindowClosed,
            Withheld::WindowUsedUp => api::WithheldReason::WindowUsedUp,
            Withheld::QuietHours => api::WithheldReason::QuietHours,
            Withheld::TooOften => api::WithheldReason::TooOften,
            Withheld::SameContent => api::WithheldReason::SameContent,
        },
        message: reason.sentence().to_owned(),
        message_zh: reason.sentence_zh().to_owned(),
    }
}

fn attempt(attempt: Attempt) -> api::Attempt {
    api::Attempt {
        withheld: why_withheld(&attempt),
        at: attempt.at,
        outcome: match attempt.outcome {
            OutcomeKind::Accepted => api::Outcome::Accepted,
            OutcomeKind::Refused => api::Outcome::Refused,
            OutcomeKind::NotSent => api::Outcome::NotSent,
            OutcomeKind::Uncertain => api::Outcome::Uncertain,
            OutcomeKind::Interrupted => api::Outcome::Interrupted,
            OutcomeKind::Withheld => api::Outcome::Withheld,
        },
        diagnosis: attempt.errcode.and_then(diagnosis),
        errcode: attempt.errcode,
        errmsg: attempt.errmsg,
        rid: attempt.rid,
        elapsed_ms: attempt.elapsed_ms,
    }
}

fn waiting_for(reason: WaitingReason) -> api::Waiting {
    let waiting = |reason, detail: &str, detail_zh: &str, until| api::Waiting {
        reason,
        detail: detail.to_owned(),
        detail_zh: detail_zh.to_owned(),
        until,
        errcode: None,
        diagnosis: None,
        seen_ip: None,
    };
    match reason {
        WaitingReason::Disabled => waiting(
            api::WaitingFor::AccountDisabled,
            "the account is switched off; it is sent once the account is enabled",
            "账号已停用，启用后即发送",
            None,
        ),
        WaitingReason::Unhealthy(illness) => api::Waiting {
            errcode: illness.errcode,
            diagnosis: illness.errcode.and_then(diagnosis),
            seen_ip: illness.seen_ip.clone(),
            ..waiting(
                api::WaitingFor::AccountUnhealthy,
                &with_address(
                    format!(
                        "WeChat gives the account no access token: {}",
                        illness.reason
                    ),
                    "; it saw the address ",
                    illness.seen_ip.as_deref(),
                ),
                &with_address(
                    format!("微信不给此账号接口凭证：{}", illness.reason),
                    "；微信看到的 IP 地址为 ",
                    illness.seen_ip.as_deref(),
                ),
                illness.next_try_at,
            )
        },
        WaitingReason::Parked { until } => waiting(
            api::WaitingFor::AccountParked,
            "the account's allowance at WeChat for this kind of message is used up",
            "账号在微信的此类消息额度已用完",
            Some(until),
        ),
        WaitingReason::Blocked(breaker) => api::Waiting {
            errcode: Some(breaker.errcode),
            diagnosis: diagnosis(breaker.errcode),
            seen_ip: breaker.seen_ip.clone(),
            ..waiting(
                api::WaitingFor::AccountBlocked,
                &with_address(
                    format!(
                        "WeChat refuses what the account sends: errcode {} {}; one message is tried at the time in until",
                        breaker.errcode, breaker.errmsg
                    ),
                    "; it saw the address ",
                    breaker.seen_ip.as_deref(),
                ),
                &with_address(
                    format!(
                        "微信拒绝此账号的发送：错误码 {} {}；稍后会再试发一条",
                        breaker.errcode, breaker.errmsg
                    ),
                    "；微信看到的 IP 地址为 ",
                    breaker.seen_ip.as_deref(),
                ),
                Some(breaker.next_try_at),
            )
        },
        WaitingReason::QuietHours { until } => waiting(
            api::WaitingFor::QuietHours,
            "the account disturbs nobody at this time of the day",
            "现在是账号的免打扰时段",
            Some(until),
        ),
        WaitingReason::Reserved { until } => waiting(
            api::WaitingFor::ReservedForHigh,
            "what is left of the day's allowance is kept for messages of high priority",
            "今日剩余额度留给高优先级消息",
            Some(until),
        ),
    }
}

fn with_address(sentence: String, it_saw: &str, seen_ip: Option<&str>) -> String {
    match seen_ip {
        Some(ip) => format!("{sentence}{it_saw}{ip}"),
        None => sentence,
    }
}

/// What a check found, with the card.
pub(crate) fn validation(violations: Vec<Violation>, card: Card) -> api::Validation {
    api::Validation {
        valid: violations.is_empty(),
        violations: violations.into_iter().map(violation).collect(),
        title: card.title,
        preview: card
            .lines
            .into_iter()
            .map(|line| api::PreviewLine {
                label: line.label,
                value: line.value,
            })
            .collect(),
        opens: card.opens.map(|opens| match opens {
            Opens::Web(url) => api::PreviewTarget {
                url: Some(url),
                ..api::PreviewTarget::default()
            },
            Opens::MiniProgram { appid, page } => api::PreviewTarget {
                url: None,
                appid: appid.map(|appid| appid.to_string()),
                page,
            },
        }),
    }
}

/// A kind as the API names it.
pub(crate) fn kind(kind: Kind) -> api::Kind {
    match kind {
        Kind::Template => api::Kind::Template,
        Kind::Subscribe => api::Kind::Subscribe,
        Kind::Notification => api::Kind::Notification,
        Kind::OneTime => api::Kind::OneTime,
        Kind::CustomerService => api::Kind::CustomerService,
    }
}

/// A kind's word in the API.
pub(super) fn word(kind: api::Kind) -> &'static str {
    match kind {
        api::Kind::Template => Kind::Template,
        api::Kind::Subscribe => Kind::Subscribe,
        api::Kind::Notification => Kind::Notification,
        api::Kind::OneTime => Kind::OneTime,
        api::Kind::CustomerService => Kind::CustomerService,
    }
    .as_str()
}

fn status(status: Status) -> api::Status {
    match status {
        Status::Scheduled => api::Status::Scheduled,
        Status::Queued => api::Status::Queued,
        Status::Sending => api::Status::Sending,
        Status::Retrying => api::Status::Retrying,
        Status::Accepted => api::Status::Accepted,
        Status::Delivered => api::Status::Delivered,
        Status::Undelivered => api::Status::Undelivered,
        Status::Failed => api::Status::Failed,
        Status::Unknown => api::Status::Unknown,
        Status::Expired => api::Status::Expired,
        Status::Canceled => api::Status::Canceled,
    }
}

fn mini_program_state(state: MiniProgramState) -> api::MiniProgramState {
    match state {
        MiniProgramState::Developer => api::MiniProgramState::Developer,
        MiniProgramState::Trial => api::MiniProgramState::Trial,
        MiniProgramState::Formal => api::MiniProgramState::Formal,
    }
}

fn language(language: Language) -> api::Language {
    match language {
        Language::ZhCn => api::Language::ZhCn,
        Language::EnUs => api::Language::EnUs,
        Language::ZhHk => api::Language::ZhHk,
        Language::ZhTw => api::Language::ZhTw,
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::delivery::Outcome;

    use super::*;

    #[test]
    fn an_attempt_that_was_withheld_says_why() {
        let at = hongyan_domain::clock::from_millisecond(0);
        let made = |outcome| attempt(Attempt::new(at, &outcome, std::time::Duration::ZERO));
        let shown = made(Outcome::Withheld(Withheld::WindowClosed));
        assert_eq!(shown.outcome, api::Outcome::Withheld);
        let why = shown.withheld.unwrap();
        assert_eq!(why.reason, api::WithheldReason::WindowClosed);
        assert!(why.message_zh.contains("客服"), "{why:?}");
        assert_eq!(made(Outcome::Interrupted).withheld, None);
    }
}
