//! What WeChat pushes about what people do.

use std::sync::atomic::Ordering;

use super::actions::Deed;
use crate::callback::Push;
use crate::callback::body::{Entries, Field, Named};
use crate::model::{AccountKind, Action, Choices, PopupScene};
use crate::state::talk::{Note, NoteKind};

impl Deed<'_> {
    /// What WeChat pushes about the action.
    pub(super) fn push(&self, action: &Action, following: bool) -> Option<Push> {
        let text = |text: &str| Field::Text(text.to_owned());
        let key = |key: &str| ("EventKey", text(key));
        let ids = &self.sandbox.world.ids;
        let by_code = |event, key: &str| {
            let ticket = self.ticket.clone().unwrap_or_else(|| ids.qr_ticket());
            let ticket = Field::Text(ticket);
            self.event(event, vec![("EventKey", text(key)), ("Ticket", ticket)])
        };
        let media = |id: &Option<String>| text(id.as_deref().unwrap_or_default());
        Some(match action {
            Action::Follow => self.event("subscribe", vec![key("")]),
            Action::FollowByCode { scene } => by_code("subscribe", &format!("qrscene_{scene}")),
            Action::Scan { scene } if following => by_code("SCAN", scene),
            Action::Scan { scene } => by_code("subscribe", &format!("qrscene_{scene}")),
            Action::Unfollow => self.event("unsubscribe", vec![key("")]),
            Action::MenuClick { .. } | Action::MenuView { .. } | Action::MenuTap { .. } => {
                self.tapped()?
            }
            Action::MessageMenu { id, content } => {
                let fields = vec![
                    ("Content", text(content)),
                    self.msg_id(),
                    ("bizmsgmenuid", Field::Bare(id.clone())),
                ];
                self.message("text", fields)
            }
            Action::EnterSession { session_from } => {
                let fields = vec![("SessionFrom", text(session_from))];
                self.event("user_enter_tempsession", fields)
            }
            Action::SendText { content } => {
                self.message("text", vec![("Content", text(content)), self.msg_id()])
            }
            Action::SendImage { media_id, pic_url } => {
                let picture = pic_url.clone().unwrap_or_else(|| {
                    format!("http://mmbiz.qpic.cn/mmbiz_jpg/{}/0", &ids.media_id()[..32])
                });
                let fields = vec![
                    ("PicUrl", Field::Text(picture)),
                    self.msg_id(),
                    ("MediaId", media(media_id)),
                ];
                self.message("image", fields)
            }
            Action::SendVoice {
                media_id,
                recognition,
            } => {
                let fields = vec![
                    ("MediaId", media(media_id)),
                    ("Format", text("amr")),
                    self.msg_id(),
                    (
                        "Recognition",
                        text(recognition.as_deref().unwrap_or_default()),
                    ),
                ];
                self.message("voice", fields)
            }
            Action::SendLocation {
                latitude,
                longitude,
                label,
            } => {
                let fields = vec![
                    ("Location_X", Field::Bare(latitude.clone())),
                    ("Location_Y", Field::Bare(longitude.clone())),
                    ("Scale", Field::Whole(16)),
                    ("Label", text(label)),
                    self.msg_id(),
                ];
                self.message("location", fields)
            }
            Action::SendLink {
                title,
                description,
                url,
            } => {
                let fields = vec![
                    ("Title", text(title)),
                    ("Description", text(description)),
                    ("Url", text(url)),
                    self.msg_id(),
                ];
                self.message("link", fields)
            }
            Action::SubscribePopup(choices) => self.popup(PopupScene::WebPage, choices)?,
            Action::SubscribePopupIn { scene, choices } => self.popup(*scene, choices)?,
            Action::SubscribeSetting(choices) => self.change(choices)?,
            Action::Block
            | Action::Unblock
            | Action::Login
            | Action::ScanTicket { .. }
            | Action::SubscribeOnce { .. } => return None,
        })
    }

    /// The event of a tap on the menu; `None` where the button has none.
    fn tapped(&self) -> Option<Push> {
        let tap = self.tap.as_ref()?;
        let text = |text: &str| Field::Text(text.to_owned());
        let key = ("EventKey", text(&tap.key));
        let menu = ("MenuId", Field::Whole(tap.menuid));
        Some(match tap.kind.as_str() {
            "click" => self.event("CLICK", vec![key]),
            "view" => self.event("VIEW", vec![key, menu]),
            "miniprogram" => self.event("view_miniprogram", vec![key, menu]),
            "scancode_push" | "scancode_waitmsg" => {
                let scanned = vec![
                    ("ScanType", text("qrcode")),
                    ("ScanResult", text(&tap.scanned)),
                ];
                self.event(
                    &tap.kind,
                    vec![key, ("ScanCodeInfo", Field::Group(scanned))],
                )
            }
            "pic_sysphoto" | "pic_photo_or_album" | "pic_weixin" => {
                let sum = text("c4eb1ac953fe810e7436ca0421c92aa4");
                let item = Field::Group(vec![("PicMd5Sum", sum)]);
                let sent = vec![
                    ("Count", Field::Whole(1)),
                    ("PicList", Field::Group(vec![("item", item)])),
                ];
                self.event(&tap.kind, vec![key, ("SendPicsInfo", Field::Group(sent))])
            }
            "location_select" => {
                let place = vec![
                    ("Location_X", text("31.257009506225586")),
                    ("Location_Y", text("121.59297180175781")),
                    ("Scale", text("15")),
                    ("Label", text("浦东新区平度路2号")),
                    ("Poiname", text("")),
                ];
                self.event(
                    &tap.kind,
                    vec![key, ("SendLocationInfo", Field::Group(place))],
                )
            }
            _ => return None,
        })
    }

    /// Puts on the phone what a button shows without asking anybody.
    pub(super) fn show(&self) -> std::io::Result<()> {
        let Some(content) = self.tap.as_ref().and_then(|tap| tap.shows.clone()) else {
            return Ok(());
        };
        let world = &self.sandbox.world;
        let note = Note {
            at: self.at,
            after: world.ledger.lock().count(),
            kind: NoteKind::Reply,
            content,
        };
        world.note(self.account, self.openid, note)
    }

    fn created(&self) -> i64 {
        self.at.div_euclid(1000)
    }

    fn event(&self, event: &str, fields: Vec<Named>) -> Push {
        // A person does the same thing once a second at most, and by that events
        // are told from their repeats (消息排重: FromUserName + CreateTime).
        let outbox = &self.sandbox.world.outbox;
        let created = outbox.own_second(&self.account.appid, self.openid, event, self.created());
        Push::event(self.openid, created, event, fields)
    }

    fn message(&self, msg_type: &'static str, fields: Vec<Named>) -> Push {
        Push {
            openid: self.openid.to_owned(),
            created: self.created(),
            msg_type,
            fields,
            entries: None,
        }
    }

    /// Gaps, so that nobody relies on neighbouring numbers.
    fn msg_id(&self) -> Named {
        let ids = &self.sandbox.world.outbox.message_ids;
        ("MsgId", Field::Whole(ids.fetch_add(7, Ordering::Relaxed)))
    }

    /// The event of a pop-up; `None` where nothing in it was a choice.
    fn popup(&self, scene: PopupScene, choices: &Choices) -> Option<Push> {
        let scene = match (self.account.kind, scene) {
            (AccountKind::MiniProgram, _) => "0",
            (AccountKind::OfficialAccount, PopupScene::WebPage) => "1",
            (AccountKind::OfficialAccount, PopupScene::Article) => "2",
        };
        let entry = |(template_id, choice): (&String, &String)| {
            let answer = answer(choice)?;
            Some(vec![
                ("TemplateId", Field::Text(template_id.clone())),
                ("SubscribeStatusString", Field::Text(answer.to_owned())),
                ("PopupScene", Field::Bare(scene.to_owned())),
            ])
        };
        self.entries(
            "subscribe_msg_popup_event",
            "SubscribeMsgPopupEvent",
            choices.iter().filter_map(entry).collect(),
        )
    }

    /// The event of a changed setting; only refusals are told.
    fn change(&self, choices: &Choices) -> Option<Push> {
        let entry = |(template_id, choice): (&String, &String)| {
            let answer = answer(choice).filter(|answer| *answer == "reject")?;
            Some(vec![
                ("TemplateId", Field::Text(template_id.clone())),
                ("SubscribeStatusString", Field::Text(answer.to_owned())),
            ])
        };
        self.entries(
            "subscribe_msg_change_event",
            "SubscribeMsgChangeEvent",
            choices.iter().filter_map(entry).collect(),
        )
    }

    fn entries(&self, event: &str, wrapper: &'static str, list: Vec<Vec<Named>>) -> Option<Push> {
        let mut push = self.event(event, Vec::new());
        push.entries = (!list.is_empty()).then_some(Entries { wrapper, list });
        push.entries.is_some().then_some(push)
    }
}

/// How an answer is told; banned and filtered templates were no choice.
fn answer(choice: &str) -> Option<&'static str> {
    match choice {
        accepted if accepted.starts_with("accept") => Some("accept"),
        "reject" => Some("reject"),
        _ => None,
    }
}
