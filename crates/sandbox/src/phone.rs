//! What people do on their phones and what they see there.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::model::MessageKind;

/// Answers of a subscription pop-up or setting by template id.
pub type Choices = IndexMap<String, String>;

/// Where an official account's pop-up was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PopupScene {
    /// On a web page: `PopupScene` 1.
    #[default]
    WebPage,
    /// In an article: `PopupScene` 2.
    Article,
}

/// What a person does on their phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Follows the official account.
    Follow,
    /// Follows it by scanning a code that carries a scene.
    FollowByCode {
        /// The scene.
        scene: String,
    },
    /// Stops following.
    Unfollow,
    /// Refuses messages while following: sends answer 0, the phone stays silent.
    Block,
    /// Allows messages again.
    Unblock,
    /// Scans a code that carries a scene; whoever does not follow yet does so now.
    Scan {
        /// The scene.
        scene: String,
    },
    /// Taps a menu item that pushes its key.
    MenuClick {
        /// The key.
        key: String,
    },
    /// Taps a menu item that opens a page.
    MenuView {
        /// The page.
        url: String,
    },
    /// Scans a QR code that `qrcode/create` made.
    ScanTicket {
        /// Its ticket.
        ticket: String,
    },
    /// Taps the menu item of that name and does what its type asks for.
    MenuTap {
        /// The item's name.
        name: String,
        /// What is held before the camera where the item scans.
        scanned: String,
    },
    /// Taps a line of a message menu.
    MessageMenu {
        /// The line's id.
        id: String,
        /// The line's text.
        content: String,
    },
    /// Writes a text.
    SendText {
        /// The text.
        content: String,
    },
    /// Sends a picture; what is absent is made up.
    SendImage {
        /// The picture's media id.
        media_id: Option<String>,
        /// Where it can be fetched.
        pic_url: Option<String>,
    },
    /// Sends a voice message (official accounts).
    SendVoice {
        /// Its media id, made up where absent.
        media_id: Option<String>,
        /// What speech recognition made of it; the element stays empty where
        /// absent.
        recognition: Option<String>,
    },
    /// Sends a place (official accounts).
    SendLocation {
        /// Degrees, as text so that its digits stay.
        latitude: String,
        /// Degrees.
        longitude: String,
        /// Its name.
        label: String,
    },
    /// Sends a link (official accounts).
    SendLink {
        /// Heading.
        title: String,
        /// Text below it.
        description: String,
        /// Where it leads.
        url: String,
    },
    /// Enters the customer-service chat of a mini program.
    EnterSession {
        /// What the button carries.
        session_from: String,
    },
    /// `wx.login` in a mini program.
    Login,
    /// Answers the subscription pop-up; each `accept` of a one-time template
    /// adds one message. At an official account the pop-up is on a web page.
    SubscribePopup(Choices),
    /// The same at an official account, somewhere else.
    SubscribePopupIn {
        /// Where.
        scene: PopupScene,
        /// The answers.
        choices: Choices,
    },
    /// Changes the setting later; `reject` ends the consent.
    SubscribeSetting(Choices),
    /// Confirms the page of the one-time subscription (official accounts).
    SubscribeOnce {
        /// The account's one-time template.
        template_id: String,
        /// 0 to 10 000; consents under one scene do not add up.
        scene: u32,
    },
}

impl Action {
    /// What a person sends, in the notation of `custom/send`; places and voices,
    /// which it does not have, in its manner.
    pub(crate) fn content(&self) -> Option<serde_json::Value> {
        use serde_json::json;
        Some(match self {
            Self::SendText { content } | Self::MessageMenu { content, .. } => {
                json!({ "msgtype": "text", "text": { "content": content } })
            }
            Self::SendImage { media_id, pic_url } => json!({
                "msgtype": "image",
                "image": { "media_id": media_id, "pic_url": pic_url },
            }),
            Self::SendVoice {
                media_id,
                recognition,
            } => json!({
                "msgtype": "voice",
                "voice": { "media_id": media_id, "recognition": recognition },
            }),
            Self::SendLocation {
                latitude,
                longitude,
                label,
            } => json!({
                "msgtype": "location",
                "location": { "latitude": latitude, "longitude": longitude, "label": label },
            }),
            Self::SendLink {
                title,
                description,
                url,
            } => json!({
                "msgtype": "link",
                "link": { "title": title, "description": description, "url": url },
            }),
            _ => return None,
        })
    }
}

/// What a card on a phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InboxKind {
    /// Template message.
    Template,
    /// Mini-program subscribe message.
    Subscribe,
    /// Subscription notice.
    Notification,
    /// One-time subscription message.
    OneTime,
    /// Customer-service message.
    CustomerService,
    /// Passive reply with a text.
    Text,
    /// Passive reply with a picture.
    Image,
    /// Passive reply with a voice message.
    Voice,
    /// Passive reply with a video.
    Video,
    /// Passive reply with music.
    Music,
    /// Passive reply with articles.
    News,
    /// The client's own words where the account's server failed.
    Notice,
    /// What the person sent.
    Own,
}

impl From<MessageKind> for InboxKind {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Template => Self::Template,
            MessageKind::Subscribe => Self::Subscribe,
            MessageKind::Notification => Self::Notification,
            MessageKind::OneTime => Self::OneTime,
            MessageKind::CustomerService => Self::CustomerService,
        }
    }
}

/// One card on a phone.
#[derive(Debug, Clone, Serialize)]
pub struct InboxItem {
    /// Sending account.
    pub appid: String,
    /// What it is.
    pub kind: InboxKind,
    /// Its template; empty where it has none.
    pub template_id: String,
    /// Heading of the card.
    pub title: String,
    /// The lines as the phone shows them.
    pub lines: Vec<String>,
    /// Colour of the text of a one-time message, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Web page or page of the mini program that a tap opens.
    pub url: Option<String>,
    /// Mini program that a tap opens.
    pub miniprogram: Option<serde_json::Value>,
    /// Of customer-service messages and replies: their body in the notation of
    /// `custom/send`, from `msgtype` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<serde_json::Value>,
    /// When it arrived, RFC 3339 in UTC.
    pub at: String,
    /// WeChat's id of it; 0 of what no send put there.
    pub msgid: u64,
}

/// Cards of one phone, newest first.
#[derive(Debug, Clone, Serialize)]
pub struct Inbox {
    /// The newest cards, at most as many as asked for.
    pub items: Vec<InboxItem>,
}

/// A message's body as a card: heading, lines, page, mini program.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Card {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    pub(crate) url: Option<String>,
    pub(crate) miniprogram: Option<serde_json::Value>,
}

impl Card {
    /// Reads the notation of `custom/send`.
    pub(crate) fn of(content: &serde_json::Value) -> Self {
        let msgtype = content["msgtype"].as_str().unwrap_or_default();
        let body = &content[msgtype];
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let mut card = Self {
            title: text("title"),
            ..Self::default()
        };
        let mut lines = Vec::new();
        match msgtype {
            "text" => lines.push(text("content")),
            "link" => {
                lines.push(text("description"));
                card.url = Some(text("url"));
            }
            "music" => {
                lines.push(text("description"));
                card.url = Some(text("musicurl"));
            }
            "news" => {
                let articles = body["articles"].as_array().map_or(&[][..], Vec::as_slice);
                let field = |at: usize, name: &str| -> String {
                    let article = articles.get(at).and_then(|one| one[name].as_str());
                    article.unwrap_or_default().to_owned()
                };
                card.title = field(0, "title");
                card.url = Some(field(0, "url"));
                lines.push(field(0, "description"));
                lines.extend((1..articles.len()).map(|at| field(at, "title")));
            }
            "msgmenu" => {
                lines.push(text("head_content"));
                let items = body["list"].as_array().map_or(&[][..], Vec::as_slice);
                lines.extend(
                    items
                        .iter()
                        .map(|item| item["content"].as_str().unwrap_or_default().to_owned()),
                );
                lines.push(text("tail_content"));
            }
            "miniprogrampage" => {
                card.miniprogram = Some(serde_json::json!({
                    "appid": body["appid"],
                    "pagepath": body["pagepath"],
                }));
            }
            // What is left shows a picture, a sound, a card.
            other => {
                lines.push(format!("[{other}]"));
                lines.push(text("description"));
            }
        }
        lines.retain(|line| !line.is_empty());
        card.url = card.url.filter(|url| !url.is_empty());
        card.lines = lines;
        card
    }

    /// What kind of passive reply a body is.
    pub(crate) fn reply_kind(content: &serde_json::Value) -> InboxKind {
        match content["msgtype"].as_str() {
            Some("image") => InboxKind::Image,
            Some("voice") => InboxKind::Voice,
            Some("video") => InboxKind::Video,
            Some("music") => InboxKind::Music,
            Some("news") => InboxKind::News,
            Some(_) | None => InboxKind::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_become_cards() {
        let text = Card::of(&json!({ "msgtype": "text", "text": { "content": "hi" } }));
        assert_eq!(text.lines, ["hi"]);
        let articles = json!([
            { "title": "A", "description": "d", "url": "https://a" },
            { "title": "B" },
        ]);
        let news = Card::of(&json!({ "msgtype": "news", "news": { "articles": articles } }));
        assert_eq!(
            (news.title.as_str(), news.url.as_deref()),
            ("A", Some("https://a"))
        );
        assert_eq!(news.lines, ["d", "B"]);
        let page = json!({ "title": "P", "appid": "wx1", "pagepath": "p" });
        let page = Card::of(&json!({ "msgtype": "miniprogrampage", "miniprogrampage": page }));
        assert_eq!(page.miniprogram.unwrap()["appid"], "wx1");
        let image = Card::of(&json!({ "msgtype": "image", "image": { "media_id": "m" } }));
        assert_eq!(image.lines, ["[image]"]);
    }
}
