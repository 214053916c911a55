//! What happens in the sandbox, told to those who watch while it happens.
//!
//! Nothing is kept until somebody watches for the first time, so that a sandbox
//! under load pays one look at a flag. What is kept is bounded: who falls behind
//! is told so and reads everything anew.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use crate::event::Event;

/// Happenings kept for watchers that come back after a moment.
const CAPACITY: usize = 2048;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Something new is on a phone.
    Message {
        appid: String,
        openid: String,
        /// `None` for bulk people.
        person_id: Option<String>,
    },
    /// A call came in, or a push was answered: its number in the request log.
    Call(u64),
    /// Something else is no longer what it was.
    Changed(Change),
}

/// What changed, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) topic: Topic,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) appid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) openid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) person_id: Option<String>,
}

/// Kinds of things that change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    /// The virtual clock was moved.
    Clock,
    /// An account, its templates, its followers in bulk.
    Account,
    /// An account's limits.
    Quota,
    /// A person: made, followed, consented, blocked.
    Person,
    /// Which menus an account's followers see.
    Menu,
    /// An account's QR codes.
    Codes,
    /// Programmed failures.
    Faults,
}

impl Change {
    /// A change that concerns nobody in particular.
    pub(crate) fn of(topic: Topic) -> Self {
        Self {
            topic,
            appid: None,
            openid: None,
            person_id: None,
        }
    }
}

/// What a watcher gets when it asks for what is new.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing yet.
    None,
    /// What happened, and the number to ask from next.
    Some(Vec<(u64, Happening)>, u64),
    /// More than is kept; go on from this number.
    Missed(u64),
    /// The sandbox ends.
    Over,
}

/// The last happenings and those who wait for more.
#[derive(Debug)]
pub(crate) struct Live {
    watched: AtomicBool,
    /// Tells this process's numbers from those of another.
    epoch: u64,
    ring: Mutex<Ring>,
    bell: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Ring {
    /// Number of the next happening.
    next: u64,
    last: VecDeque<Happening>,
    over: bool,
}

impl Live {
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            watched: AtomicBool::new(false),
            epoch,
            ring: Mutex::default(),
            bell: watch::Sender::new(()),
        }
    }

    /// Starts to watch: the number of the next happening, and a bell that rings
    /// with each.
    pub(crate) fn watch(&self) -> (u64, watch::Receiver<()>) {
        let ring = self.ring.lock();
        self.watched.store(true, Ordering::Relaxed);
        (ring.next, self.bell.subscribe())
    }

    /// Tells the watchers, if there are any.
    pub(crate) fn tell(&self, what: impl FnOnce() -> Happening) {
        if !self.watched.load(Ordering::Relaxed) {
            return;
        }
        let mut ring = self.ring.lock();
        if ring.last.len() >= CAPACITY {
            ring.last.pop_front();
        }
        ring.last.push_back(what());
        ring.next += 1;
        drop(ring);
        self.bell.send_replace(());
    }

    /// Tells what a change of state means to those who watch.
    pub(crate) fn tell_event(&self, event: &Event) {
        if self.watched.load(Ordering::Relaxed)
            && let Some(happening) = meaning(event)
        {
            self.tell(|| happening);
        }
    }

    /// What happened from a number on, at most `limit`.
    pub(crate) fn since(&self, from: u64, limit: usize) -> News {
        let ring = self.ring.lock();
        let first = ring.next - ring.last.len() as u64;
        if from < first || from > ring.next || ring.next - from > limit as u64 {
            return News::Missed(ring.next);
        }
        if from == ring.next {
            return if ring.over { News::Over } else { News::None };
        }
        let skipped = usize::try_from(from - first).unwrap_or(usize::MAX);
        let last = ring.last.iter().skip(skipped).cloned();
        News::Some((from..).zip(last).collect(), ring.next)
    }

    /// Ends all watching.
    pub(crate) fn end(&self) {
        self.ring.lock().over = true;
        self.bell.send_replace(());
    }

    /// The number of the happening to be told next, as a watcher keeps it.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.epoch)
    }

    /// The number behind an id of this process.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let epoch = u64::from_str_radix(epoch, 16).ok()?;
        (epoch == self.epoch).then(|| number.parse().ok()).flatten()
    }
}

/// What a written change means; most are of no interest to anybody who watches.
fn meaning(event: &Event) -> Option<Happening> {
    let change =
        |topic, appid: Option<&String>, openid: Option<&String>, person: Option<&String>| {
            Some(Happening::Changed(Change {
                topic,
                appid: appid.cloned(),
                openid: openid.cloned(),
                person_id: person.cloned(),
            }))
        };
    match event {
        Event::Clock { .. } => change(Topic::Clock, None, None, None),
        Event::Account { appid, .. }
        | Event::Template { appid, .. }
        | Event::TemplateGone { appid, .. }
        | Event::Bulk { appid, .. } => change(Topic::Account, Some(appid), None, None),
        Event::QuotaLimit { appid, .. }
        | Event::RateLimit { appid, .. }
        | Event::QuotaCleared { appid, .. } => change(Topic::Quota, Some(appid), None, None),
        Event::Menu { appid, .. } | Event::Tagged { appid, .. } => {
            change(Topic::Menu, Some(appid), None, None)
        }
        Event::Qr { appid, .. } => change(Topic::Codes, Some(appid), None, None),
        Event::Person { person_id, .. } | Event::Phone { person_id, .. } => {
            change(Topic::Person, None, None, Some(person_id))
        }
        Event::Member {
            appid,
            openid,
            person_id,
        } => change(Topic::Person, Some(appid), Some(openid), person_id.as_ref()),
        Event::Follow { appid, openid, .. }
        | Event::Block { appid, openid, .. }
        | Event::Grant { appid, openid, .. }
        | Event::Scene { appid, openid, .. } => {
            change(Topic::Person, Some(appid), Some(openid), None)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64) -> impl FnOnce() -> Happening {
        move || Happening::Call(number)
    }

    #[test]
    fn nothing_is_kept_before_somebody_watches() {
        let live = Live::new(1);
        live.tell(call(1));
        let (next, _) = live.watch();
        assert_eq!((next, live.since(next, 9)), (0, News::None));
        live.tell(call(2));
        let told = vec![(0, Happening::Call(2))];
        assert_eq!(live.since(0, 9), News::Some(told, 1));
        assert_eq!(live.since(1, 9), News::None);
    }

    #[test]
    fn who_falls_behind_is_told_so() {
        let live = Live::new(1);
        live.watch();
        for number in 0..=CAPACITY as u64 {
            live.tell(call(number));
        }
        let next = CAPACITY as u64 + 1;
        assert_eq!(live.since(0, usize::MAX), News::Missed(next));
        assert!(matches!(live.since(1, usize::MAX), News::Some(all, _) if all.len() == CAPACITY));
        assert_eq!(live.since(1, 100), News::Missed(next), "too many at once");
        assert_eq!(
            live.since(next + 1, 9),
            News::Missed(next),
            "of another time"
        );
    }

    #[test]
    fn the_end_comes_behind_everything_else() {
        let live = Live::new(1);
        live.watch();
        live.tell(call(7));
        live.end();
        assert!(matches!(live.since(0, 9), News::Some(_, 1)));
        assert_eq!(live.since(1, 9), News::Over);
    }

    #[test]
    fn ids_of_another_process_are_not_taken_for_ours() {
        let live = Live::new(0xab);
        assert_eq!(live.number(&live.id(12)), Some(12));
        assert_eq!(live.number("ac-12"), None);
        assert_eq!(live.number("12"), None);
    }
}
