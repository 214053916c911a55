//! What endpoints can be told.

use std::fmt;
use std::str::FromStr;

use hongyan_wechat::{OpenId, TemplateId};
use serde::{Deserialize, Serialize};

use crate::broadcast::BroadcastState;
use crate::grant::{Answer, Consent, Source};
use crate::ids::{BroadcastId, CallbackId, MessageId};
use crate::message::State;

/// The kind of a thing that happened: the `type` of what is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// WeChat took a message.
    MessageAccepted,
    /// WeChat said that a message arrived.
    MessageDelivered,
    /// WeChat said that a message did not arrive.
    MessageUndelivered,
    /// A message was refused or given up.
    MessageFailed,
    /// A message may or may not have gone out.
    MessageUnknown,
    /// A message's time was over before it could be sent.
    MessageExpired,
    /// A message was taken back.
    MessageCanceled,
    /// WeChat told us something, for the first time: repeats are not told.
    CallbackReceived,
    /// A person answered a question for consent, or changed their mind.
    GrantChanged,
    /// A broadcast began, or goes on.
    BroadcastRunning,
    /// A broadcast rests.
    BroadcastPaused,
    /// Every message of a broadcast is over.
    BroadcastFinished,
    /// A broadcast was stopped for good.
    BroadcastCanceled,
    /// A broadcast's audience could not be taken in.
    BroadcastFailed,
    /// Somebody wants to see whether an endpoint answers. Told to that endpoint only,
    /// whatever it wants otherwise.
    Ping,
}

impl EventType {
    /// All that an endpoint can ask for, in the order people should see them.
    pub const CHOICES: [Self; 14] = [
        Self::MessageAccepted,
        Self::MessageDelivered,
        Self::MessageUndelivered,
        Self::MessageFailed,
        Self::MessageUnknown,
        Self::MessageExpired,
        Self::MessageCanceled,
        Self::CallbackReceived,
        Self::GrantChanged,
        Self::BroadcastRunning,
        Self::BroadcastPaused,
        Self::BroadcastFinished,
        Self::BroadcastCanceled,
        Self::BroadcastFailed,
    ];

    /// The name in what is posted, in API and CLI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageAccepted => "message.accepted",
            Self::MessageDelivered => "message.delivered",
            Self::MessageUndelivered => "message.undelivered",
            Self::MessageFailed => "message.failed",
            Self::MessageUnknown => "message.unknown",
            Self::MessageExpired => "message.expired",
            Self::MessageCanceled => "message.canceled",
            Self::CallbackReceived => "callback.received",
            Self::GrantChanged => "grant.changed",
            Self::BroadcastRunning => "broadcast.running",
            Self::BroadcastPaused => "broadcast.paused",
            Self::BroadcastFinished => "broadcast.finished",
            Self::BroadcastCanceled => "broadcast.canceled",
            Self::BroadcastFailed => "broadcast.failed",
            Self::Ping => "webhook.ping",
        }
    }

    /// The number storage keeps. Numbers are never used again for another type.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ping => 0,
            Self::MessageAccepted => 1,
            Self::MessageDelivered => 2,
            Self::MessageUndelivered => 3,
            Self::MessageFailed => 4,
            Self::MessageUnknown => 5,
            Self::MessageExpired => 6,
            Self::MessageCanceled => 7,
            Self::CallbackReceived => 20,
            Self::GrantChanged => 30,
            Self::BroadcastRunning => 40,
            Self::BroadcastPaused => 41,
            Self::BroadcastFinished => 42,
            Self::BroadcastCanceled => 43,
            Self::BroadcastFailed => 44,
        }
    }

    /// The type of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::CHOICES
            .into_iter()
            .chain([Self::Ping])
            .find(|event| event.code() == code)
    }

    /// What is told of a message that came into a state; `None` = nothing.
    #[must_use]
    pub fn of_message(state: State) -> Option<Self> {
        match state {
            State::Open => None,
            State::Accepted => Some(Self::MessageAccepted),
            State::Delivered => Some(Self::MessageDelivered),
            State::Undelivered => Some(Self::MessageUndelivered),
            State::Failed => Some(Self::MessageFailed),
            State::Unknown => Some(Self::MessageUnknown),
            State::Expired => Some(Self::MessageExpired),
            State::Canceled => Some(Self::MessageCanceled),
        }
    }

    /// What is told of a broadcast that came into a state; `None` = nothing.
    #[must_use]
    pub fn of_broadcast(state: BroadcastState) -> Option<Self> {
        match state {
            BroadcastState::Loading | BroadcastState::Ready => None,
            BroadcastState::Running => Some(Self::BroadcastRunning),
            BroadcastState::Paused => Some(Self::BroadcastPaused),
            BroadcastState::Finished => Some(Self::BroadcastFinished),
            BroadcastState::Canceled => Some(Self::BroadcastCanceled),
            BroadcastState::Failed => Some(Self::BroadcastFailed),
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text was no [`EventType`] that an endpoint can ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an event type; use {names}", names = names())]
pub struct EventTypeError {
    text: String,
}

fn names() -> String {
    EventType::CHOICES.map(EventType::as_str).join(", ")
}

impl FromStr for EventType {
    type Err = EventTypeError;

    fn from_str(text: &str) -> Result<Self, EventTypeError> {
        Self::CHOICES
            .into_iter()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| EventTypeError {
                text: text.to_owned(),
            })
    }
}

/// A consent that changed, as it is kept until it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantChange {
    /// The person at the account.
    pub openid: OpenId,
    /// The template asked about.
    pub template_id: TemplateId,
    /// The scene, for kind `one_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u16>,
    /// What the person answered.
    pub answer: Answer,
    /// Who says so.
    pub source: Source,
}

impl From<&Consent> for GrantChange {
    fn from(consent: &Consent) -> Self {
        Self {
            openid: consent.key.openid.clone(),
            template_id: consent.key.template_id.clone(),
            scene: consent.key.scene,
            answer: consent.answer,
            source: consent.source,
        }
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A message. It is read when it is told of, so it may have moved on by then; it
    /// may even be gone.
    Message(MessageId),
    /// A kept callback, which may be gone by the time it is told of.
    Callback(CallbackId),
    /// A consent, as it was answered.
    Grant(GrantChange),
    /// A broadcast. See [`Subject::Message`].
    Broadcast(BroadcastId),
    /// Nothing: a ping.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_read_back() {
        for event in EventType::CHOICES {
            assert_eq!(event.as_str().parse::<EventType>().unwrap(), event);
            assert_eq!(EventType::from_code(event.code()), Some(event));
        }
        assert_eq!(
            EventType::from_code(EventType::Ping.code()),
            Some(EventType::Ping)
        );
        assert_eq!(EventType::from_code(255), None);
    }

    #[test]
    fn a_ping_cannot_be_asked_for() {
        let refusal = "webhook.ping".parse::<EventType>().unwrap_err().to_string();
        assert!(refusal.contains("use message.accepted, "), "{refusal}");
    }

    #[test]
    fn every_end_of_a_message_is_told_by_the_word_of_its_status() {
        for state in State::ALL {
            let told = EventType::of_message(state).map(EventType::as_str);
            let word = format!("message.{}", state.as_str());
            assert_eq!(told, (state != State::Open).then_some(word.as_str()));
        }
        for state in BroadcastState::ALL {
            if let Some(event) = EventType::of_broadcast(state) {
                assert_eq!(event.as_str(), format!("broadcast.{state}"));
            } else {
                assert!(!state.is_over());
            }
        }
    }
}
