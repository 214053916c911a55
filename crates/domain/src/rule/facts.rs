//! What rules compare and answers may repeat.

use hongyan_wechat::OpenId;
use hongyan_wechat::callback::{Inbound, InboundBody, InboundEvent, InboundMessage};
use regex::{Captures, Regex};

/// Something a person may do, to try rules on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// Who does it.
    pub openid: OpenId,
    /// WeChat's `MsgType`, such as `text`, `event`.
    pub msg_type: String,
    /// WeChat's `Event`, for events.
    pub event: Option<String>,
    /// WeChat's `EventKey`; for `subscribe` by a code its scene, without `qrscene_`.
    pub key: Option<String>,
    /// The text of a text message, or of a voice message that WeChat recognised.
    pub text: Option<String>,
}

/// What rules compare.
pub(super) struct Facts<'a> {
    pub(super) openid: &'a OpenId,
    pub(super) msg_type: &'a str,
    pub(super) event: Option<&'a str>,
    pub(super) key: Option<String>,
    pub(super) scene: Option<&'a str>,
    pub(super) text: Option<&'a str>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(inbound: &'a Inbound) -> Self {
        let (mut scene, mut text) = (None, None);
        let mut key = inbound.event_key().map(str::to_owned);
        match &inbound.body {
            InboundBody::Message(InboundMessage::Text { content, .. }) => {
                text = Some(content.trim());
            }
            InboundBody::Message(InboundMessage::Voice { recognition, .. }) => {
                text = recognition.as_deref().map(str::trim);
            }
            InboundBody::Event(InboundEvent::Subscribe { scene: by, .. }) => {
                scene = by.as_deref();
                key = by.clone().or(key);
            }
            InboundBody::Event(InboundEvent::Scan { scene: by, .. }) => scene = Some(by),
            _ => {}
        }
        Self {
            openid: &inbound.from,
            msg_type: inbound.msg_type(),
            event: inbound.event(),
            key,
            scene,
            text,
        }
    }

    pub(super) fn of_occasion(occasion: &'a Occasion) -> Self {
        let event = occasion.event.as_deref();
        let by_code = event.is_some_and(|event| {
            ["subscribe", "SCAN"]
                .iter()
                .any(|one| one.eq_ignore_ascii_case(event))
        });
        Self {
            openid: &occasion.openid,
            msg_type: &occasion.msg_type,
            event,
            key: occasion.key.clone(),
            scene: occasion.key.as_deref().filter(|_| by_code),
            text: occasion.text.as_deref().map(str::trim),
        }
    }
}

/// The groups of a regular expression that matched.
#[derive(Default)]
pub(super) struct Groups(pub(super) Vec<(String, String)>);

impl Groups {
    pub(super) fn of(pattern: &Regex, captures: &Captures<'_>) -> Self {
        let mut groups = Vec::new();
        for (n, name) in pattern.capture_names().enumerate() {
            let text = captures
                .get(n)
                .map_or("", |found| found.as_str())
                .to_owned();
            if let Some(name) = name {
                groups.push((name.to_owned(), text.clone()));
            }
            groups.push((n.to_string(), text));
        }
        Self(groups)
    }
}
