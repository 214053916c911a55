//! What goes on between one person and one account: windows for
//! customer-service messages, answers on the phone, scenes consented to.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Event;

/// Notes kept for each person at an account.
const NOTES: usize = 1000;
/// How long the sign of typing is shown, and how recent an exchange must be.
const TYPING_MS: i64 = 15 * 1000;
const EXCHANGE_MS: i64 = 30 * 1000;
const MINUTE_MS: i64 = 60 * 1000;
const TWO_DAYS_MS: i64 = 48 * 60 * MINUTE_MS;

/// What opened a window (page "客服消息"); each has a window of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The person sent a message.
    Message,
    /// Tapped a menu item of a kind that pushes.
    Menu,
    Follow,
    Scan,
    /// Entered the customer-service chat of a mini program.
    Enter,
}

impl Cause {
    /// Messages a window of this cause allows.
    pub(crate) fn allowance(self) -> u8 {
        match self {
            Self::Message => 5,
            Self::Menu | Self::Follow | Self::Scan => 3,
            Self::Enter => 2,
        }
    }

    fn length_ms(self) -> i64 {
        match self {
            Self::Message => TWO_DAYS_MS,
            Self::Menu | Self::Follow | Self::Scan | Self::Enter => MINUTE_MS,
        }
    }
}

/// One window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) cause: Cause,
    pub(crate) opened: i64,
    pub(crate) left: u8,
}

impl Window {
    fn ends(self) -> i64 {
        self.opened + self.cause.length_ms()
    }
}

/// Why no customer-service message may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// No window is open.
    NoWindow,
    /// The open ones are used up.
    UsedUp,
}

/// Something on the phone that no send put there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) at: i64,
    /// The number of the last delivery before it.
    pub(crate) after: u32,
    pub(crate) kind: NoteKind,
    /// In the notation of `custom/send`.
    pub(crate) content: Value,
}

/// Where a note comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoteKind {
    /// The account's passive reply.
    Reply,
    /// The client's own words.
    Notice,
    /// What the person sent.
    Own,
}

/// Consent to one message of the account's one-time template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SceneConsent {
    pub(crate) template_id: Box<str>,
    pub(crate) scene: u32,
}

/// All of it for one person.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) windows: Vec<Window>,
    pub(crate) notes: VecDeque<Note>,
    pub(crate) scenes: Vec<SceneConsent>,
    /// Key of the last login (mini programs).
    pub(crate) session_key: Option<Box<str>>,
    /// Last message in either direction.
    exchanged: Option<i64>,
    /// Until when typing is shown. In memory only: it is over in seconds.
    typing_until: i64,
}

impl Talk {
    /// The part of `World::apply` that concerns one talk.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Session { session_key, .. } => {
                self.session_key = Some(session_key.as_str().into());
            }
            Event::Window {
                cause, at, left, ..
            } => self.open(Window {
                cause: *cause,
                opened: *at,
                left: *left,
            }),
            Event::Scene {
                template_id,
                scene,
                allowed,
                ..
            } => self.set_scene(template_id, *scene, *allowed),
            Event::Note { note, .. } => self.note(note.clone()),
            _ => {}
        }
    }

    /// Opens a window anew, or takes one over from the journal.
    pub(crate) fn open(&mut self, window: Window) {
        self.windows.retain(|known| known.cause != window.cause);
        self.windows.push(window);
        self.exchanged = self.exchanged.max(Some(window.opened));
    }

    /// The window a message would be taken from: the one that ends first.
    pub(crate) fn allowance(&self, now: i64) -> Result<Cause, Closed> {
        let mut open = self
            .windows
            .iter()
            .filter(|window| now < window.ends())
            .peekable();
        if open.peek().is_none() {
            return Err(Closed::NoWindow);
        }
        open.filter(|window| window.left > 0)
            .min_by_key(|window| window.ends())
            .map(|window| window.cause)
            .ok_or(Closed::UsedUp)
    }

    /// Takes one customer-service message from its window.
    pub(crate) fn spend(&mut self, now: i64) {
        if let Ok(cause) = self.allowance(now)
            && let Some(window) = self.windows.iter_mut().find(|window| window.cause == cause)
        {
            window.left -= 1;
        }
        self.exchanged = self.exchanged.max(Some(now));
    }

    pub(crate) fn note(&mut self, note: Note) {
        if self.notes.len() >= NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    pub(crate) fn has_scene(&self, template_id: &str, scene: u32) -> bool {
        self.scenes
            .iter()
            .any(|one| *one.template_id == *template_id && one.scene == scene)
    }

    /// Consent does not add up under one scene.
    pub(crate) fn set_scene(&mut self, template_id: &str, scene: u32, allowed: bool) {
        self.scenes
            .retain(|one| *one.template_id != *template_id || one.scene != scene);
        if allowed {
            self.scenes.push(SceneConsent {
                template_id: template_id.into(),
                scene,
            });
        }
    }

    /// Whether there was an exchange in the last 30 seconds.
    pub(crate) fn is_lively(&self, now: i64) -> bool {
        self.exchanged.is_some_and(|at| now - at < EXCHANGE_MS)
    }

    pub(crate) fn is_typing(&self, now: i64) -> bool {
        now < self.typing_until
    }

    pub(crate) fn set_typing(&mut self, now: i64, on: bool) {
        self.typing_until = if on { now + TYPING_MS } else { now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(talk: &mut Talk, cause: Cause, opened: i64) {
        talk.open(Window {
            cause,
            opened,
            left: cause.allowance(),
        });
    }

    #[test]
    fn the_window_that_ends_first_is_spent_first() {
        let mut talk = Talk::default();
        assert_eq!(talk.allowance(0), Err(Closed::NoWindow));
        open(&mut talk, Cause::Message, 0);
        open(&mut talk, Cause::Menu, 10);
        for _ in 0..3 {
            assert_eq!(talk.allowance(20), Ok(Cause::Menu));
            talk.spend(20);
        }
        for _ in 0..5 {
            assert_eq!(talk.allowance(20), Ok(Cause::Message));
            talk.spend(20);
        }
        assert_eq!(talk.allowance(20), Err(Closed::UsedUp));
        open(&mut talk, Cause::Menu, 30);
        assert_eq!(talk.allowance(30), Ok(Cause::Menu));
        assert_eq!(talk.allowance(30 + MINUTE_MS), Err(Closed::UsedUp));
        assert_eq!(talk.allowance(TWO_DAYS_MS), Err(Closed::NoWindow));
    }

    #[test]
    fn scenes_do_not_add_up() {
        let mut talk = Talk::default();
        talk.set_scene("t", 5, true);
        talk.set_scene("t", 5, true);
        talk.set_scene("t", 6, true);
        assert_eq!(talk.scenes.len(), 2);
        talk.set_scene("t", 5, false);
        assert!(!talk.has_scene("t", 5) && talk.has_scene("t", 6));
        assert!(!talk.has_scene("u", 6));
    }

    #[test]
    fn typing_needs_a_recent_exchange() {
        let mut talk = Talk::default();
        assert!(!talk.is_lively(0));
        open(&mut talk, Cause::Message, 0);
        assert!(talk.is_lively(EXCHANGE_MS - 1) && !talk.is_lively(EXCHANGE_MS));
        talk.set_typing(5, true);
        assert!(talk.is_typing(6) && !talk.is_typing(5 + TYPING_MS));
        talk.set_typing(7, false);
        assert!(!talk.is_typing(7));
    }
}
