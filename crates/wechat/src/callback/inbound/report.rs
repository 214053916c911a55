use super::{msg_id, number, text};
use crate::{
    MsgId, TemplateId,
    callback::{Fields, Node},
};

/// How a template message ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TemplateSendStatus {
    /// It arrived.
    Success,
    /// The person refuses messages of this account.
    UserBlock,
    /// It failed for another reason.
    SystemFailed,
    /// A text that is not documented.
    Other(String),
}

impl TemplateSendStatus {
    /// The text as WeChat writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::UserBlock => "failed:user block",
            Self::SystemFailed => "failed: system failed",
            Self::Other(text) => text,
        }
    }

    /// WeChat puts a blank behind the colon in one of the two failures and not in the other.
    pub(super) fn read(text: &str) -> Self {
        let bare: String = text
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match bare.as_str() {
            "success" => Self::Success,
            "failed:userblock" => Self::UserBlock,
            "failed:systemfailed" => Self::SystemFailed,
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// What a person chose about a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubscribeStatus {
    /// Messages may come.
    Accept,
    /// Messages may not come.
    Reject,
    /// A text that is not documented.
    Other(String),
}

impl SubscribeStatus {
    /// The text as WeChat writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Other(text) => text,
        }
    }

    pub(super) fn read(text: &str) -> Self {
        match text {
            "accept" => Self::Accept,
            "reject" => Self::Reject,
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// One answer to a question for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopupChoice {
    /// The template asked about.
    pub template_id: TemplateId,
    /// The answer.
    pub status: SubscribeStatus,
    /// Where it was asked: 0 mini program, 1 web page, 2 article.
    pub popup_scene: Option<i64>,
}

/// One consent changed. Only `reject` is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeChange {
    /// The template.
    pub template_id: TemplateId,
    /// The consent now.
    pub status: SubscribeStatus,
}

/// How one subscribe message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeSent {
    /// The template.
    pub template_id: TemplateId,
    /// The message's id; for notifications of official accounts, the first time it is told.
    pub msgid: MsgId,
    /// 0 if it arrived; -1 where WeChat's number cannot be read.
    pub error_code: i64,
    /// `success`, or why not.
    pub error_status: String,
}

/// The entries of a subscription event: XML wraps repeated `List` elements, JSON has no wrapper and makes
/// `List` an object for one entry and an array for several.
pub(super) fn entries<'f>(
    fields: &'f Fields,
    wrappers: &[&str],
) -> impl Iterator<Item = &'f Fields> {
    let wrapped: Vec<&Fields> = wrappers
        .iter()
        .flat_map(|wrapper| fields.items(wrapper))
        .filter_map(Node::as_map)
        .collect();
    wrapped
        .into_iter()
        .chain([fields])
        .flat_map(|holder| holder.items("List"))
        .filter_map(Node::as_map)
}

pub(super) fn popup_choice(entry: &Fields) -> Option<PopupChoice> {
    Some(PopupChoice {
        template_id: template_id(entry)?,
        status: SubscribeStatus::read(&text(entry, "SubscribeStatusString")),
        popup_scene: number(entry, "PopupScene"),
    })
}

pub(super) fn subscribe_change(entry: &Fields) -> Option<SubscribeChange> {
    Some(SubscribeChange {
        template_id: template_id(entry)?,
        status: SubscribeStatus::read(&text(entry, "SubscribeStatusString")),
    })
}

pub(super) fn subscribe_sent(entry: &Fields) -> Option<SubscribeSent> {
    Some(SubscribeSent {
        template_id: template_id(entry)?,
        msgid: msg_id(entry, "MsgID")?,
        error_code: number(entry, "ErrorCode").unwrap_or(-1),
        error_status: text(entry, "ErrorStatus"),
    })
}

fn template_id(entry: &Fields) -> Option<TemplateId> {
    TemplateId::parse(entry.text("TemplateId")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_with_and_without_their_blank() {
        for (text, status) in [
            ("success", TemplateSendStatus::Success),
            ("failed:user block", TemplateSendStatus::UserBlock),
            ("failed: user block", TemplateSendStatus::UserBlock),
            ("failed: system failed", TemplateSendStatus::SystemFailed),
            ("failed:system failed", TemplateSendStatus::SystemFailed),
            ("queued", TemplateSendStatus::Other("queued".to_owned())),
        ] {
            assert_eq!(TemplateSendStatus::read(text), status);
        }
        assert_eq!(
            TemplateSendStatus::SystemFailed.as_str(),
            "failed: system failed"
        );
        assert_eq!(
            TemplateSendStatus::Other("queued".to_owned()).as_str(),
            "queued"
        );
        assert_eq!(SubscribeStatus::read("ban").as_str(), "ban");
    }
}
