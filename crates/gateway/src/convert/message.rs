//! Messages as the API shows them.

use hongyan_api as api;
use hongyan_domain::delivery::{Attempt, Delivery, OutcomeKind};
use hongyan_domain::message::{
    Content, Kind, Language, Message, MiniProgramState, OnUnknown, Priority, Status, Value,
};
use hongyan_domain::template::Line;
use hongyan_engine::WaitingReason;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::diagnosis;

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

/// A message with what happened to it.
pub(crate) fn message(
    delivery: Delivery,
    account: &str,
    waiting: Option<WaitingReason>,
    now: Timestamp,
    detail: Detail,
) -> api::Message {
    let status = status(delivery.status(now));
    let Delivery {
        message, attempts, ..
    } = delivery;
    let attempts = match detail {
        Detail::Whole => Some(attempts.into_iter().map(attempt).collect()),
        Detail::Listed => None,
    };
    let kind = kind(message.kind());
    let template_id = message.content.template_id().to_string();
    let (mut url, mut miniprogram, mut page, mut miniprogram_state, mut lang) =
        (None, None, None, None, None);
    let data = match message.content {
        Content::Template(content) => {
            url = content.url;
            miniprogram = content.miniprogram.map(|link| api::MiniProgramLink {
                appid: link.appid.to_string(),
                pagepath: link.pagepath,
            });
            content.data
        }
        Content::Subscribe(content) => {
            page = content.page;
            miniprogram_state = content.miniprogram_state.map(mini_program_state);
            lang = content.lang.map(language);
            content.data
        }
    };
    api::Message {
        id: message.id.to_string(),
        account: account.to_owned(),
        kind,
        to: api::Recipient::openid(message.to.as_str()),
        status,
        template_id,
        data: data
            .into_iter()
            .map(|(key, Value { value, color })| (key, api::StyledValue { value, color }))
            .collect(),
        url,
        miniprogram,
        page,
        miniprogram_state,
        lang,
        wechat_msgid: delivery.wechat_msgid.map(|id| id.to_string()),
        reference: message.reference,
        // What was taken in was JSON.
        metadata: message
            .metadata
            .and_then(|text| RawValue::from_string(text).ok()),
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
    }
}

fn attempt(attempt: Attempt) -> api::Attempt {
    api::Attempt {
        at: attempt.at,
        outcome: match attempt.outcome {
            OutcomeKind::Accepted => api::Outcome::Accepted,
            OutcomeKind::Refused => api::Outcome::Refused,
            OutcomeKind::NotSent => api::Outcome::NotSent,
            OutcomeKind::Uncertain => api::Outcome::Uncertain,
            OutcomeKind::Interrupted => api::Outcome::Interrupted,
        },
        diagnosis: attempt.errcode.and_then(diagnosis),
        errcode: attempt.errcode,
        errmsg: attempt.errmsg,
        rid: attempt.rid,
        elapsed_ms: attempt.elapsed_ms,
    }
}

fn waiting_for(reason: WaitingReason) -> api::Waiting {
    match reason {
        WaitingReason::Disabled => api::Waiting {
            reason: api::WaitingFor::AccountDisabled,
            detail: "the account is switched off; it is sent once the account is enabled"
                .to_owned(),
            until: None,
            errcode: None,
            diagnosis: None,
        },
        WaitingReason::Unhealthy(illness) => api::Waiting {
            reason: api::WaitingFor::AccountUnhealthy,
            detail: match &illness.seen_ip {
                Some(ip) => format!(
                    "WeChat gives the account no access token: {}; it saw the address {ip}",
                    illness.reason
                ),
                None => format!(
                    "WeChat gives the account no access token: {}",
                    illness.reason
                ),
            },
            until: illness.next_try_at,
            errcode: illness.errcode,
            diagnosis: illness.errcode.and_then(diagnosis),
        },
        WaitingReason::Parked { until } => api::Waiting {
            reason: api::WaitingFor::AccountParked,
            detail: "the account's allowance at WeChat is used up".to_owned(),
            until: Some(until),
            errcode: None,
            diagnosis: None,
        },
    }
}

/// The lines of a card.
pub(crate) fn preview(lines: Vec<Line>) -> Vec<api::PreviewLine> {
    lines
        .into_iter()
        .map(|line| api::PreviewLine {
            label: line.label,
            value: line.value,
        })
        .collect()
}

/// A kind as the API names it.
pub(crate) fn kind(kind: Kind) -> api::Kind {
    match kind {
        Kind::Template => api::Kind::Template,
        Kind::Subscribe => api::Kind::Subscribe,
    }
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
