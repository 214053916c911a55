//! What was promised, what the gateway says, what took effect: and whether the
//! three agree.

use std::collections::HashMap;
use std::fmt;

use hongyan_api::{Kind, OnUnknown, Status};

/// What marks a message in all three places: the caller's reference, which is
/// also written into its first slot.
pub(crate) type Reference = String;

/// A message that the gateway has answered for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Promise {
    /// The id of the answer.
    pub(crate) id: String,
    /// Whether somebody asked to take it back.
    pub(crate) cancel_asked: bool,
    /// Whether the gateway said that it is taken back.
    pub(crate) cancel_promised: bool,
}

/// A message as the gateway lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: String,
    /// Its mark.
    pub(crate) reference: Reference,
    /// Its kind.
    pub(crate) kind: Kind,
    /// What the caller wants done in doubt.
    pub(crate) on_unknown: OnUnknown,
    /// Where it stands.
    pub(crate) status: Status,
    /// Whether there is a time after which it must not be sent.
    pub(crate) expires: bool,
    /// Calls to WeChat made for it.
    pub(crate) attempts: u32,
}

/// A send that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The mark of its message.
    pub(crate) reference: Reference,
    /// What WeChat drops repeats by, where the kind has it.
    pub(crate) client_msg_id: Option<String>,
}

/// In which way something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wrong {
    /// It was accepted, and nothing came of it, or the gateway knows it no more.
    Lost,
    /// It took effect more than once without anybody having allowed that, or one
    /// request made two messages.
    Doubled,
    /// It came to no end.
    Stuck,
    /// It ended otherwise than its status says, or without a reason for it.
    State,
    /// Something else: a refusal without cause, a program that fell, an answer
    /// that changed.
    Other,
}

impl Wrong {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 5] = [
        Self::Lost,
        Self::Doubled,
        Self::Stuck,
        Self::State,
        Self::Other,
    ];
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Stuck => "stuck",
            Self::State => "wrong state",
            Self::Other => "other",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In which way.
    pub(crate) wrong: Wrong,
    /// The message, where it is about one.
    pub(crate) id: Option<String>,
    /// In a sentence.
    pub(crate) detail: String,
}

impl Fault {
    /// A fault that is about no one message.
    pub(crate) fn other(detail: impl Into<String>) -> Self {
        Self {
            wrong: Wrong::Other,
            id: None,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().unwrap_or("-");
        write!(f, "{}: {id}: {}", self.wrong, self.detail)
    }
}

/// What happened to messages of one sort, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Listed by the gateway.
    pub(crate) messages: u64,
    /// Took effect at least once.
    pub(crate) effective: u64,
    /// Effects beyond the first.
    pub(crate) repeats: u64,
    /// Ended `unknown`.
    pub(crate) unknown: u64,
    /// Ended canceled or expired.
    pub(crate) withdrawn: u64,
    /// Needed more than one call to WeChat.
    pub(crate) tried_again: u64,
}

/// What WeChat and the caller allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Care {
    /// WeChat drops repeats: exactly once.
    Once,
    /// It does not, and the caller would rather not be told twice: at most once.
    AtMostOnce,
    /// It does not, and the caller wants it sent again in doubt: at least once.
    AtLeastOnce,
}

impl Care {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 3] = [Self::Once, Self::AtMostOnce, Self::AtLeastOnce];

    fn of(kind: Kind, on_unknown: OnUnknown) -> Self {
        match (kind, on_unknown) {
            (Kind::Template, _) => Self::Once,
            (_, OnUnknown::Keep) => Self::AtMostOnce,
            (_, OnUnknown::Resend) => Self::AtLeastOnce,
        }
    }
}

impl fmt::Display for Care {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Once => "template",
            Self::AtMostOnce => "subscribe, keep",
            Self::AtLeastOnce => "subscribe, resend",
        })
    }
}

/// The comparison's result.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Everything that is wrong.
    pub(crate) faults: Vec<Fault>,
    /// What happened, by sort.
    pub(crate) tallies: HashMap<Care, Tally>,
}

/// Compares. Messages that were stored without the caller having heard of it are
/// fine, and held to the same rules as the others.
pub(crate) fn judge(
    promises: &HashMap<Reference, Promise>,
    listed: &[Listed],
    effects: &[Effect],
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut by_reference: HashMap<&str, &Listed> = HashMap::with_capacity(listed.len());
    for message in listed {
        if let Some(twin) = by_reference.insert(&message.reference, message) {
            let detail = format!("one request made this message and {}", twin.id);
            verdict.fault(Wrong::Doubled, message, detail);
        }
    }
    let mut effects_of: HashMap<&str, u64> = HashMap::with_capacity(effects.len());
    for effect in effects {
        *effects_of.entry(&effect.reference).or_default() += 1;
        let Some(message) = by_reference.get(&*effect.reference) else {
            let detail = format!(
                "{} took effect, and the gateway knows no such message",
                effect.reference
            );
            verdict.faults.push(Fault::other(detail));
            continue;
        };
        if let Some(key) = &effect.client_msg_id
            && message.id.strip_prefix("msg_") != Some(key)
        {
            let detail = format!("it was sent under another message's client_msg_id, {key}");
            verdict.fault(Wrong::State, message, detail);
        }
    }
    for (reference, promise) in promises {
        match by_reference.get(&**reference) {
            Some(message) if message.id == promise.id => {}
            found => {
                let instead = found.map_or(String::new(), |other| {
                    format!("; instead there is {}", other.id)
                });
                verdict.faults.push(Fault {
                    wrong: Wrong::Lost,
                    id: Some(promise.id.clone()),
                    detail: format!(
                        "{reference} was accepted, and the gateway does not list it{instead}"
                    ),
                });
            }
        }
    }
    let unheard = Promise::default();
    for message in listed {
        let promise = promises.get(&message.reference).unwrap_or(&unheard);
        let count = effects_of.get(&*message.reference).copied().unwrap_or(0);
        verdict.weigh(message, promise, count);
    }
    verdict
}

impl Verdict {
    fn fault(&mut self, wrong: Wrong, message: &Listed, detail: String) {
        self.faults.push(Fault {
            wrong,
            id: Some(message.id.clone()),
            detail,
        });
    }

    fn weigh(&mut self, message: &Listed, promise: &Promise, effects: u64) {
        let care = Care::of(message.kind, message.on_unknown);
        let tally = self.tallies.entry(care).or_default();
        tally.messages += 1;
        tally.effective += u64::from(effects > 0);
        tally.repeats += effects.saturating_sub(1);
        tally.tried_again += u64::from(message.attempts > 1);
        let status = message.status;
        let found = match status {
            Status::Unknown => {
                tally.unknown += 1;
                // A repeat is safe or wanted; only its own end could stop it.
                let wrong = care != Care::AtMostOnce && !message.expires;
                wrong.then_some((Wrong::State, "a repeat was allowed"))
            }
            Status::Canceled | Status::Expired => {
                tally.withdrawn += 1;
                let had_cause = match status {
                    Status::Canceled => promise.cancel_asked,
                    _ => message.expires,
                };
                if effects > 0 {
                    Some((Wrong::State, "it took effect"))
                } else {
                    (!had_cause).then_some((Wrong::State, "nobody asked for that"))
                }
            }
            Status::Failed => Some((Wrong::State, "there is no reason to fail in this run")),
            Status::Accepted | Status::Delivered | Status::Undelivered => {
                (effects == 0).then_some((Wrong::Lost, "nothing took effect"))
            }
            Status::Scheduled | Status::Queued | Status::Sending | Status::Retrying => {
                Some((Wrong::Stuck, "everything should have come to rest"))
            }
        };
        if let Some((wrong, why)) = found {
            let detail = format!("{care} message {} is {status}: {why}", message.reference);
            self.fault(wrong, message, detail);
        }
        if effects > 1 && care != Care::AtLeastOnce {
            let detail = format!(
                "{care} message {} took effect {effects} times",
                message.reference
            );
            self.fault(Wrong::Doubled, message, detail);
        }
        if promise.cancel_promised && status != Status::Canceled {
            let detail = format!(
                "{care} message {} was said to be canceled and is {status}",
                message.reference
            );
            self.fault(Wrong::State, message, detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(kind: Kind, on_unknown: OnUnknown, status: Status) -> Listed {
        Listed {
            id: "msg_1".to_owned(),
            reference: "r".to_owned(),
            kind,
            on_unknown,
            status,
            expires: false,
            attempts: 1,
        }
    }

    fn template(status: Status) -> Listed {
        listed(Kind::Template, OnUnknown::Keep, status)
    }

    fn promise() -> Promise {
        Promise {
            id: "msg_1".to_owned(),
            ..Promise::default()
        }
    }

    fn effects(count: usize) -> Vec<Effect> {
        let one = Effect {
            reference: "r".to_owned(),
            client_msg_id: None,
        };
        vec![one; count]
    }

    /// What is wrong with one message and so many effects.
    fn wrongs(promise: Promise, message: &Listed, count: usize) -> Vec<Wrong> {
        let promises = HashMap::from([("r".to_owned(), promise)]);
        let verdict = judge(&promises, std::slice::from_ref(message), &effects(count));
        verdict
            .faults
            .into_iter()
            .map(|fault| fault.wrong)
            .collect()
    }

    #[test]
    fn exactly_once_is_what_a_template_message_is_held_to() {
        let sent = template(Status::Accepted);
        assert_eq!(wrongs(promise(), &sent, 1), []);
        assert_eq!(wrongs(promise(), &sent, 0), [Wrong::Lost]);
        assert_eq!(wrongs(promise(), &sent, 2), [Wrong::Doubled]);
        assert_eq!(
            wrongs(promise(), &template(Status::Retrying), 1),
            [Wrong::Stuck]
        );
        assert_eq!(
            wrongs(promise(), &template(Status::Failed), 0),
            [Wrong::State]
        );
        assert_eq!(
            wrongs(promise(), &template(Status::Unknown), 1),
            [Wrong::State]
        );
        let brief = |status| Listed {
            expires: true,
            ..template(status)
        };
        assert_eq!(wrongs(promise(), &brief(Status::Unknown), 1), []);
        assert_eq!(wrongs(promise(), &brief(Status::Expired), 0), []);
        assert_eq!(
            wrongs(promise(), &brief(Status::Expired), 1),
            [Wrong::State]
        );
        assert_eq!(
            wrongs(promise(), &template(Status::Expired), 0),
            [Wrong::State]
        );
    }

    #[test]
    fn doubt_is_allowed_where_a_repeat_is_not() {
        let unsure = listed(Kind::Subscribe, OnUnknown::Keep, Status::Unknown);
        assert_eq!(wrongs(promise(), &unsure, 0), []);
        assert_eq!(wrongs(promise(), &unsure, 1), []);
        assert_eq!(wrongs(promise(), &unsure, 2), [Wrong::Doubled]);
    }

    #[test]
    fn repeats_are_allowed_where_they_were_asked_for() {
        let sent = listed(Kind::Subscribe, OnUnknown::Resend, Status::Accepted);
        assert_eq!(wrongs(promise(), &sent, 3), []);
        assert_eq!(wrongs(promise(), &sent, 0), [Wrong::Lost]);
        let unsure = Listed {
            status: Status::Unknown,
            ..sent
        };
        assert_eq!(wrongs(promise(), &unsure, 1), [Wrong::State]);
    }

    #[test]
    fn what_was_taken_back_stays_back() {
        let asked = Promise {
            cancel_asked: true,
            ..promise()
        };
        let promised = Promise {
            cancel_promised: true,
            ..asked.clone()
        };
        assert_eq!(
            wrongs(promise(), &template(Status::Canceled), 0),
            [Wrong::State]
        );
        assert_eq!(wrongs(asked.clone(), &template(Status::Canceled), 0), []);
        assert_eq!(wrongs(asked, &template(Status::Accepted), 1), []);
        assert_eq!(
            wrongs(promised.clone(), &template(Status::Canceled), 1),
            [Wrong::State]
        );
        assert_eq!(
            wrongs(promised, &template(Status::Accepted), 1),
            [Wrong::State]
        );
    }

    #[test]
    fn what_only_one_side_knows_is_found() {
        let promises = HashMap::from([("r".to_owned(), promise())]);
        let verdict = judge(&promises, &[], &effects(1));
        let wrongs: Vec<_> = verdict.faults.iter().map(|fault| fault.wrong).collect();
        assert_eq!(wrongs, [Wrong::Other, Wrong::Lost]);

        let one = template(Status::Accepted);
        let twin = Listed {
            id: "msg_2".to_owned(),
            ..one.clone()
        };
        let verdict = judge(&promises, &[twin, one.clone()], &effects(1));
        assert_eq!(verdict.faults[0].wrong, Wrong::Doubled);

        // Stored without an answer having reached the caller.
        assert!(
            judge(&HashMap::new(), std::slice::from_ref(&one), &effects(1))
                .faults
                .is_empty()
        );

        let stray = Effect {
            reference: "r".to_owned(),
            client_msg_id: Some("2".to_owned()),
        };
        assert_eq!(
            judge(&promises, &[one], &[stray]).faults[0].wrong,
            Wrong::State
        );
    }
}
