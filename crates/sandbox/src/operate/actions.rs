//! What people do on their phones, and what of it is pushed.

use std::sync::Arc;

use super::ControlError;
use super::consents::{check_popup, grants, templates_of};
use super::taps::{Tap, tap};
use crate::Sandbox;
use crate::callback::{Job, Push};
use crate::event::Event;
use crate::model::{AccountKind, Action, MessageKind};
use crate::outcome::ActionOutcome;
use crate::state::account::{Account, Book};
use crate::state::logins::Purpose;
use crate::state::talk::{Cause, Note, NoteKind};

/// Highest scene of a one-time subscription.
const SCENE_LIMIT: u32 = 10_000;

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
        let platform = self.world.platform_of(&account, &openid);
        let (action, medium) = self.with_medium(&account, action)?;
        // Locked from reading a consent to changing it: a send may use it up.
        let mut book = account.book.lock();
        let (action, ticket) = scanned(&book, &action, at)?;
        let action = &action;
        let recipient = account.recipient(&book, &openid);
        let tap = tap(&book, recipient, platform, action)?;
        let deed = Deed {
            sandbox: self,
            account: &account,
            openid: &openid,
            at,
            tap,
            ticket,
        };
        let following = book.member(&openid).is_some_and(|member| member.following);
        let events = match action {
            Action::SubscribePopup(choices) | Action::SubscribePopupIn { choices, .. } => {
                grants(&book, appid, &openid, choices, true)?
            }
            Action::SubscribeSetting(choices) => grants(&book, appid, &openid, choices, false)?,
            _ => deed.events(action, following),
        };
        for event in medium.iter().chain(&events) {
            self.world.commit_in(&account, &mut book, event)?;
        }
        drop(book);
        deed.show()?;
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

/// A scan of a ticket as a scan of its scene, with the ticket of the code. A
/// scene no code was made for is as good as one of another tool's code.
fn scanned(
    book: &Book,
    action: &Action,
    now: i64,
) -> Result<(Action, Option<String>), ControlError> {
    let code = match action {
        Action::ScanTicket { ticket } => {
            let code = book.codes.by_ticket(ticket);
            Some(code.ok_or_else(|| ControlError::NotFound {
                what: "QR code with the ticket",
                id: ticket.clone(),
            })?)
        }
        Action::Scan { scene } | Action::FollowByCode { scene } => book.codes.by_scene(scene),
        _ => None,
    };
    let Some(code) = code else {
        return Ok((action.clone(), None));
    };
    if code.has_expired(now) {
        return Err(ControlError::Invalid(format!(
            "the code of scene {} has expired; qrcode/create makes a new one",
            code.scene
        )));
    }
    let scene = code.scene.clone();
    let action = match action {
        Action::FollowByCode { .. } => Action::FollowByCode { scene },
        _ => Action::Scan { scene },
    };
    Ok((action, Some(code.ticket.clone())))
}

/// One person at one account at one moment.
pub(super) struct Deed<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) account: &'a Account,
    pub(super) openid: &'a str,
    pub(super) at: i64,
    /// What was tapped in the menu.
    pub(super) tap: Option<Tap>,
    /// Of the code that was scanned.
    pub(super) ticket: Option<String>,
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
            Action::MenuClick { .. } | Action::MenuView { .. } | Action::MenuTap { .. } => {
                let opens = self.tap.as_ref().is_some_and(Tap::opens_window);
                opens
                    .then(|| self.window(Cause::Menu))
                    .into_iter()
                    .collect()
            }
            Action::MessageMenu { .. } => {
                let mut events = vec![self.window(Cause::Menu)];
                events.extend(self.own(action));
                events
            }
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
            Action::ScanTicket { .. }
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
}
