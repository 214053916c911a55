//! What people do on their phones, and what of it is pushed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ControlError;
use super::consents::{check_popup, grants, templates_of};
use crate::Sandbox;
use crate::callback::body::{Entries, Field, Named};
use crate::callback::{Job, Push};
use crate::event::Event;
use crate::model::{AccountKind, Action, Choices, MessageKind, PopupScene};
use crate::outcome::ActionOutcome;
use crate::state::account::Account;
use crate::state::logins::Purpose;
use crate::state::talk::{Cause, Note, NoteKind};

/// Highest scene of a one-time subscription.
const SCENE_LIMIT: u32 = 10_000;
/// `MenuId` of every menu: the sandbox keeps none.
const MENU_ID: u64 = 461_376_933;

/// An action that took effect.
struct Done {
    account: Arc<Account>,
    openid: String,
    code: Option<String>,
    push: Option<Push>,
}

impl Sandbox {
    /// Lets a person follow an official account and gives their openid.
    ///
    /// # Errors
    /// As [`Sandbox::act`].
    pub fn follow(&self, person: &str, appid: &str) -> Result<String, ControlError> {
        self.act(person, appid, &Action::Follow)
    }

    /// Lets a person do something and gives their openid at the account; the
    /// push it leads to is queued. `person` is a person's id or, for bulk
    /// people, an openid of the account.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown person or account,
    /// [`ControlError::Invalid`] where the account or template cannot have that
    /// action.
    pub fn act(&self, person: &str, appid: &str, action: &Action) -> Result<String, ControlError> {
        let Done {
            account,
            openid,
            push,
            ..
        } = self.carry_out(person, appid, action)?;
        let wants_pushes = account.settings.read().callback.is_some();
        if let Some(push) = push.filter(|_| wants_pushes) {
            let push = Box::new(push);
            self.world.enqueue(None, Job::Push { account, push });
        }
        Ok(openid)
    }

    /// Lets a person do something and waits for what the account's server
    /// answers: up to three times the time limit of a push.
    ///
    /// # Errors
    /// As [`Sandbox::act`]. A server that fails is no error; see
    /// [`ActionOutcome::callback`].
    pub async fn perform(
        &self,
        person: &str,
        appid: &str,
        action: &Action,
    ) -> Result<ActionOutcome, ControlError> {
        let done = self.carry_out(person, appid, action)?;
        let callback = match &done.push {
            Some(push) => self.world.push(&done.account, push).await,
            None => None,
        };
        Ok(ActionOutcome {
            openid: done.openid,
            code: done.code,
            callback,
        })
    }

    fn carry_out(&self, person: &str, appid: &str, action: &Action) -> Result<Done, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        check(&account, action)?;
        let openid = self.openid_at(person, &account)?;
        let at = self.world.clock.now_ms();
        let code = match action {
            Action::Login => Some(self.issue_code(&account, &openid, Purpose::Login)?),
            _ => None,
        };
        let deed = Deed {
            sandbox: self,
            account: &account,
            openid: &openid,
            at,
        };
        // Locked from reading a consent to changing it: a send may use it up.
        let mut book = account.book.lock();
        let following = book.member(&openid).is_some_and(|member| member.following);
        let events = match action {
            Action::SubscribePopup(choices) | Action::SubscribePopupIn { choices, .. } => {
                grants(&book, appid, &openid, choices, true)?
            }
            Action::SubscribeSetting(choices) => grants(&book, appid, &openid, choices, false)?,
            _ => deed.events(action, following),
        };
        for event in &events {
            self.world.commit_in(&account, &mut book, event)?;
        }
        drop(book);
        let push = deed.push(action, following);
        Ok(Done {
            account,
            openid,
            code,
            push,
        })
    }
}

/// Whether the account can have the action, and whether its words make sense.
fn check(account: &Account, action: &Action) -> Result<(), ControlError> {
    let invalid = |text: &str| Err(ControlError::Invalid(text.to_owned()));
    match (action, account.kind) {
        (Action::EnterSession { .. } | Action::Login, AccountKind::OfficialAccount) => {
            return invalid("login and enter_session belong to mini programs");
        }
        (
            Action::SendText { .. }
            | Action::SendImage { .. }
            | Action::EnterSession { .. }
            | Action::Login
            | Action::SubscribePopup(_)
            | Action::SubscribeSetting(_),
            _,
        )
        | (_, AccountKind::OfficialAccount) => {}
        (_, AccountKind::MiniProgram) => {
            return invalid(
                "that action belongs to official accounts; mini programs have login, send_text, \
                 send_image, enter_session, subscribe_popup and subscribe_setting",
            );
        }
    }
    match action {
        Action::SubscribePopup(choices) | Action::SubscribePopupIn { choices, .. } => {
            check_popup(&account.book.lock(), choices)
        }
        Action::SubscribeSetting(choices) => {
            templates_of(&account.book.lock(), choices).map(|_| ())
        }
        Action::SendText { content } if content.is_empty() => invalid("content must not be empty"),
        Action::Scan { scene } | Action::FollowByCode { scene } if scene.is_empty() => {
            invalid("scene must not be empty")
        }
        Action::SubscribeOnce { template_id, scene } => {
            if *scene > SCENE_LIMIT {
                return invalid("scene must be 0 to 10000");
            }
            let book = account.book.lock();
            book.template(template_id)
                .filter(|template| template.source.kind == MessageKind::OneTime)
                .map(|_| ())
                .ok_or_else(|| ControlError::NotFound {
                    what: "one-time template",
                    id: template_id.clone(),
                })
        }
        _ => Ok(()),
    }
}

/// One person at one account at one moment.
struct Deed<'a> {
    sandbox: &'a Sandbox,
    account: &'a Account,
    openid: &'a str,
    at: i64,
}

impl Deed<'_> {
    /// The changes of an action, except those of consents to templates.
    fn events(&self, action: &Action, following: bool) -> Vec<Event> {
        match action {
            Action::Follow => vec![self.follow(true, None), self.window(Cause::Follow)],
            Action::FollowByCode { scene } => self.follow_by_code(scene),
            Action::Scan { scene } if !following => self.follow_by_code(scene),
            Action::Scan { .. } => vec![self.window(Cause::Scan)],
            Action::Unfollow => vec![self.follow(false, None)],
            Action::Block => vec![self.block(true)],
            Action::Unblock => vec![self.block(false)],
            Action::MenuClick { .. } => vec![self.window(Cause::Menu)],
            Action::SendText { .. }
            | Action::SendImage { .. }
            | Action::SendVoice { .. }
            | Action::SendLocation { .. }
            | Action::SendLink { .. } => {
                let mut events = vec![self.window(Cause::Message)];
                events.extend(self.own(action));
                events
            }
            Action::EnterSession { .. } => vec![self.window(Cause::Enter)],
            Action::SubscribeOnce { template_id, scene } => vec![Event::Scene {
                appid: self.account.appid.to_string(),
                openid: self.openid.to_owned(),
                template_id: template_id.clone(),
                scene: *scene,
                allowed: true,
            }],
            Action::MenuView { .. }
            | Action::Login
            | Action::SubscribePopup(_)
            | Action::SubscribePopupIn { .. }
            | Action::SubscribeSetting(_) => Vec::new(),
        }
    }

    fn follow_by_code(&self, scene: &str) -> Vec<Event> {
        vec![
            self.follow(true, Some(scene)),
            self.window(Cause::Follow),
            self.window(Cause::Scan),
        ]
    }

    fn follow(&self, following: bool, scene: Option<&str>) -> Event {
        Event::Follow {
            appid: self.account.appid.to_string(),
            openid: self.openid.to_owned(),
            following,
            at: self.at,
            scene: scene.map(str::to_owned),
        }
    }

    /// What the person's own phone shows of what they sent.
    fn own(&self, action: &Action) -> Option<Event> {
        Some(Event::Note {
            appid: self.account.appid.to_string(),
            openid: self.openid.to_owned(),
            note: Note {
                at: self.at,
                after: self.sandbox.world.ledger.lock().count(),
                kind: NoteKind::Own,
                content: action.content()?,
            },
        })
    }

    fn block(&self, blocked: bool) -> Event {
        Event::Block {
            appid: self.account.appid.to_string(),
            openid: self.openid.to_owned(),
            blocked,
        }
    }

    fn window(&self, cause: Cause) -> Event {
        Event::Window {
            appid: self.account.appid.to_string(),
            openid: self.openid.to_owned(),
            cause,
            at: self.at,
            left: cause.allowance(),
        }
    }

    /// What WeChat pushes about the action.
    fn push(&self, action: &Action, following: bool) -> Option<Push> {
        let text = |text: &str| Field::Text(text.to_owned());
        let key = |key: &str| ("EventKey", text(key));
        let ids = &self.sandbox.world.ids;
        let by_code = |event, key: &str| {
            let ticket = Field::Text(ids.media_id());
            self.event(event, vec![("EventKey", text(key)), ("Ticket", ticket)])
        };
        let media = |id: &Option<String>| Field::Text(id.clone().unwrap_or_else(|| ids.media_id()));
        Some(match action {
            Action::Follow => self.event("subscribe", vec![key("")]),
            Action::FollowByCode { scene } => by_code("subscribe", &format!("qrscene_{scene}")),
            Action::Scan { scene } if following => by_code("SCAN", scene),
            Action::Scan { scene } => by_code("subscribe", &format!("qrscene_{scene}")),
            Action::Unfollow => self.event("unsubscribe", vec![key("")]),
            Action::MenuClick { key: tapped } => self.event("CLICK", vec![key(tapped)]),
            Action::MenuView { url } => {
                self.event("VIEW", vec![key(url), ("MenuId", Field::Whole(MENU_ID))])
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
            Action::Block | Action::Unblock | Action::Login | Action::SubscribeOnce { .. } => {
                return None;
            }
        })
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
