//! Webhooks as the API shows them, and what is posted to them.

use hongyan_api as api;
use hongyan_domain::AccountId;
use hongyan_domain::template::Violation;
use hongyan_domain::webhook::{
    EventType, GrantChange, Subject, Webhook, WebhookDelivery, WebhookDeliveryState, WhyDisabled,
};
use hongyan_engine::{Engine, Told, WebhookUrlFault};
use serde::Serialize;
use serde_json::{Map, Value};

use super::message::Detail;
use super::shape::child;
use super::{broadcast, callback, message};
use crate::extract::invalid;

/// Longest description, in characters.
const LONGEST_DESCRIPTION: usize = 256;

/// An endpoint as the API shows it, without its secret.
pub(crate) fn webhook(engine: &Engine, webhook: &Webhook) -> api::Webhook {
    api::Webhook {
        id: webhook.id.to_string(),
        url: webhook.url.clone(),
        description: webhook.description.clone(),
        accounts: account_names(engine, webhook),
        events: webhook.events.iter().copied().map(event).collect(),
        enabled: webhook.disabled.is_none(),
        disabled: webhook.disabled.map(|disabled| api::Disabled {
            why: match disabled.why {
                WhyDisabled::ByHand => api::WhyDisabled::ByHand,
                WhyDisabled::Gone => api::WhyDisabled::Gone,
                WhyDisabled::Failing => api::WhyDisabled::Failing,
            },
            at: disabled.at,
        }),
        failing_since: webhook.failing_since,
        rests_until: webhook
            .rests_until
            .filter(|until| *until > engine.clock().now()),
        former_secret_ends_at: webhook
            .former_secret
            .as_ref()
            .map(|former| former.ends_at)
            .filter(|ends_at| *ends_at > engine.clock().now()),
        created_at: webhook.created_at,
        updated_at: webhook.updated_at,
    }
}

/// The accounts an endpoint is told of. One that was removed must not look as if there
/// were no limit; its number is no account's name.
pub(crate) fn account_names(engine: &Engine, webhook: &Webhook) -> Vec<String> {
    webhook
        .accounts
        .iter()
        .map(|id| account_name(engine, *id).unwrap_or_else(|| format!("#{}", id.0)))
        .collect()
}

fn account_name(engine: &Engine, id: AccountId) -> Option<String> {
    let account = engine.account_by_id(id)?;
    Some(account.name().to_string())
}

/// Something told as the API shows it.
pub(crate) fn delivery(engine: &Engine, delivery: WebhookDelivery) -> api::WebhookDelivery {
    let state = match delivery.state() {
        WebhookDeliveryState::Pending => api::WebhookDeliveryState::Pending,
        WebhookDeliveryState::Delivered => api::WebhookDeliveryState::Delivered,
        WebhookDeliveryState::Failed => api::WebhookDeliveryState::Failed,
    };
    api::WebhookDelivery {
        id: delivery.id.to_string(),
        webhook: delivery.webhook.to_string(),
        event: event(delivery.event),
        subject: match delivery.subject {
            Subject::Message(id) => Some(id.to_string()),
            Subject::Callback(id) => Some(id.to_string()),
            Subject::Broadcast(id) => Some(id.to_string()),
            Subject::Grant(_) | Subject::Nothing => None,
        },
        account: delivery.account.and_then(|id| account_name(engine, id)),
        at: delivery.at,
        state,
        attempts: delivery.attempts,
        due_at: delivery.due_at,
        last: delivery.last.map(|tried| api::WebhookTry {
            at: tried.at,
            elapsed_ms: tried.elapsed_ms,
            status: tried.status,
            error: tried.error,
        }),
    }
}

/// An event type's word in the API.
fn event(event: EventType) -> api::EventType {
    match event {
        EventType::MessageAccepted => api::EventType::MessageAccepted,
        EventType::MessageDelivered => api::EventType::MessageDelivered,
        EventType::MessageUndelivered => api::EventType::MessageUndelivered,
        EventType::MessageFailed => api::EventType::MessageFailed,
        EventType::MessageUnknown => api::EventType::MessageUnknown,
        EventType::MessageExpired => api::EventType::MessageExpired,
        EventType::MessageCanceled => api::EventType::MessageCanceled,
        EventType::CallbackReceived => api::EventType::CallbackReceived,
        EventType::GrantChanged => api::EventType::GrantChanged,
        EventType::BroadcastRunning => api::EventType::BroadcastRunning,
        EventType::BroadcastPaused => api::EventType::BroadcastPaused,
        EventType::BroadcastFinished => api::EventType::BroadcastFinished,
        EventType::BroadcastCanceled => api::EventType::BroadcastCanceled,
        EventType::BroadcastFailed => api::EventType::BroadcastFailed,
        EventType::Ping => api::EventType::Ping,
    }
}

/// The event types of a request, each once. A ping cannot be chosen.
pub(crate) fn events(wanted: &[api::EventType], wrong: &mut Vec<Violation>) -> Vec<EventType> {
    let mut read: Vec<EventType> = Vec::with_capacity(wanted.len());
    for (index, wanted) in wanted.iter().enumerate() {
        match EventType::CHOICES
            .into_iter()
            .find(|one| event(*one) == *wanted)
        {
            Some(event) if !read.contains(&event) => read.push(event),
            Some(_) => {}
            None => wrong.push(invalid(
                child("/events", &index.to_string()),
                "not_a_choice",
                "webhook.ping cannot be chosen: it comes when asked for with POST /v1/webhooks/{id}/ping",
                "webhook.ping 不能选择：它由 POST /v1/webhooks/{id}/ping 触发",
            )),
        }
    }
    read
}

/// The accounts of a request, each once; `find` knows those the caller may touch.
pub(crate) fn accounts(
    wanted: &[String],
    find: impl Fn(&str) -> Option<AccountId>,
    wrong: &mut Vec<Violation>,
) -> Vec<AccountId> {
    let mut read: Vec<AccountId> = Vec::with_capacity(wanted.len());
    for (index, name) in wanted.iter().enumerate() {
        match find(name) {
            Some(id) if !read.contains(&id) => read.push(id),
            Some(_) => {}
            None => {
                let shown: String = name.chars().take(64).collect();
                wrong.push(invalid(
                    child("/accounts", &index.to_string()),
                    "unknown_account",
                    format!(
                        "there is no account {shown:?}; GET /v1/accounts lists those there are"
                    ),
                    format!("没有账号“{shown}”；GET /v1/accounts 列出可用账号"),
                ));
            }
        }
    }
    read
}

/// What is wrong with an address and a description.
pub(crate) fn check(
    engine: &Engine,
    url: Option<&str>,
    description: Option<&str>,
    wrong: &mut Vec<Violation>,
) {
    if let Some(Err(fault)) = url.map(|url| engine.check_webhook_url(url)) {
        let (rule, zh) = match fault {
            WebhookUrlFault::Form => (
                "form",
                "url 应为 http 或 https 地址，不超过 2048 字节，如 https://shop.example.com/hooks",
            ),
            WebhookUrlFault::Credentials => (
                "credentials",
                "url 不能包含用户名和密码：程序通过 webhook-signature 签名识别我们",
            ),
            WebhookUrlFault::Private => (
                "private_address",
                "url 指向内网地址；如需允许，请在配置中设置 [webhooks] allow_private = true",
            ),
        };
        wrong.push(invalid("/url", rule, fault.to_string(), zh));
    }
    let is_wrong = |text: &str| {
        text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(char::is_control)
    };
    if description.is_some_and(is_wrong) {
        wrong.push(invalid(
            "/description",
            "form",
            "a description has at most 256 characters, none of them a control character",
            "说明不超过 256 个字符，不含控制字符",
        ));
    }
}

/// What is posted of an event, see [`api::WebhookBody`].
pub(crate) fn data(
    engine: &Engine,
    webhook: &Webhook,
    delivery: &WebhookDelivery,
    told: Told,
    short: bool,
) -> Map<String, Value> {
    let account = delivery.account.and_then(|id| account_name(engine, id));
    let name = account.clone().unwrap_or_default();
    let mut data = match told {
        Told::Message(of) => {
            // What is posted names no account the endpoint is not told of.
            let name_of = |id: AccountId| {
                let is_told = webhook.accounts.is_empty() || webhook.accounts.contains(&id);
                is_told.then(|| account_name(engine, id)).flatten()
            };
            let waiting = engine.waiting_reason(&of);
            let now = engine.clock().now();
            object(&message::message(
                *of,
                &name,
                waiting,
                now,
                Detail::Whole,
                &name_of,
            ))
        }
        Told::Callback(of) => object(&callback::listed(*of, &name)),
        Told::Broadcast(of, progress) => object(&broadcast::broadcast(*of, &name, Some(*progress))),
        Told::Grant(change) => grant(&change, account),
        Told::Gone(id) => pairs([("id", Some(id)), ("account", account)]),
        Told::Nothing => pairs([
            ("webhook", Some(webhook.id.to_string())),
            ("description", Some(webhook.description.clone())),
        ]),
    };
    if short {
        for long in LONG {
            data.remove(long);
        }
        data.insert("shortened".to_owned(), Value::Bool(true));
    }
    data
}

/// What can be long of a message, a callback and a broadcast.
const LONG: [&str; 9] = [
    "data",
    "content",
    "metadata",
    "attempts",
    "routes_left",
    "fallback",
    "text",
    "reply",
    "receipt",
];

fn grant(change: &GrantChange, account: Option<String>) -> Map<String, Value> {
    let mut data = object(change);
    data.insert("account".to_owned(), account.into());
    data
}

fn pairs<const N: usize>(pairs: [(&str, Option<String>); N]) -> Map<String, Value> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect()
}

/// What the API shows is always an object that JSON can hold.
fn object(shown: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(shown) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_has_the_words_of_the_domain() {
        for one in EventType::CHOICES.into_iter().chain([EventType::Ping]) {
            let word = serde_json::to_value(event(one)).unwrap();
            assert_eq!(word, one.as_str());
        }
    }

    #[test]
    fn a_ping_cannot_be_chosen_and_nothing_is_chosen_twice() {
        let mut wrong = Vec::new();
        let wanted = [
            api::EventType::MessageFailed,
            api::EventType::MessageFailed,
            api::EventType::Ping,
        ];
        assert_eq!(events(&wanted, &mut wrong), [EventType::MessageFailed]);
        let places: Vec<_> = wrong.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(places, ["/events/2"]);
    }
}
