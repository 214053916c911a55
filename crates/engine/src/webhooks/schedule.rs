//! When something is told again, and when no more.

use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::webhook::{EventType, Posted, Tried, Webhook, WebhookDelivery, WhyDisabled};
use jiff::Timestamp;

/// The pauses after each failure, those of Standard Webhooks 1.0; after the last one it
/// is given up, a little more than three days later.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    HOUR.saturating_mul(2),
    HOUR.saturating_mul(5),
    HOUR.saturating_mul(10),
    HOUR.saturating_mul(14),
    HOUR.saturating_mul(20),
    HOUR.saturating_mul(24),
];

const HOUR: Duration = Duration::from_secs(60 * 60);

/// An endpoint that took nothing for so long is told nothing more.
const FAILING_AT_MOST: Duration = HOUR.saturating_mul(5 * 24);

/// How long an endpoint rests that finds us too fast: as long as it has failed so far,
/// within these.
const SHORTEST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(10 * 60);

/// The longest wait an endpoint can ask for.
const LONGEST_WAIT: Duration = HOUR.saturating_mul(24);

/// What an endpoint answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The HTTP status, if there was an answer.
    pub(super) status: Option<u16>,
    /// What went wrong, without secrets.
    pub(super) error: Option<String>,
    /// How long it asks us to wait (`Retry-After`).
    pub(super) wait: Option<Duration>,
}

/// What follows from a try that ended at `now`; `chance` in 0..1 spreads the pauses.
pub(super) fn decide(
    webhook: &Webhook,
    delivery: &WebhookDelivery,
    answer: Answer,
    tried: Tried,
    now: Timestamp,
    chance: f64,
) -> Posted {
    let failed = answer.error.is_some();
    let rests_until = rest(webhook, &answer, now).filter(|_| failed);
    let disable = if answer.status == Some(GONE) {
        Some(WhyDisabled::Gone)
    } else if failed && has_failed_for(webhook, now) >= FAILING_AT_MOST {
        Some(WhyDisabled::Failing)
    } else {
        None
    };
    let pause = pause(delivery, chance).filter(|_| failed && answer.status != Some(GONE));
    let again_at = pause.map(|pause| {
        let at = after(now, pause);
        rests_until.map_or(at, |rest| rest.max(at))
    });
    Posted {
        tried,
        again_at,
        rests_until,
        disable,
    }
}

/// "Gone": it wants nothing any more (Standard Webhooks 1.0).
const GONE: u16 = 410;

/// The pause before the next try, if there is one. Who pings wants to know now.
fn pause(delivery: &WebhookDelivery, chance: f64) -> Option<Duration> {
    if delivery.event == EventType::Ping {
        return None;
    }
    let place = usize::try_from(delivery.attempts).unwrap_or(usize::MAX);
    let pause = PAUSES.get(place)?;
    // Up to a fifth more, so that what failed together does not come back together.
    Some(pause.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 5.0))
}

fn rest(webhook: &Webhook, answer: &Answer, now: Timestamp) -> Option<Timestamp> {
    let rest = match (answer.wait, answer.status) {
        (Some(wait), _) => wait.min(LONGEST_WAIT),
        (None, Some(429 | 502 | 504)) => {
            has_failed_for(webhook, now).clamp(SHORTEST_REST, LONGEST_REST)
        }
        (None, _) => return None,
    };
    Some(after(now, rest))
}

fn has_failed_for(webhook: &Webhook, now: Timestamp) -> Duration {
    webhook
        .failing_since
        .and_then(|since| Duration::try_from(now.duration_since(since)).ok())
        .unwrap_or_default()
}

/// How long `Retry-After` asks to wait: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn wait_of(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
    Duration::try_from(date.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use hongyan_domain::webhook::{SECRET_BYTES, Subject, WebhookSecret};
    use hongyan_domain::{WebhookDeliveryId, WebhookId};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T18:00:00Z".parse().unwrap()
    }

    fn webhook(failing_for: Option<Duration>) -> Webhook {
        let since = |ago: Duration| now().checked_sub(ago).unwrap();
        Webhook {
            id: WebhookId::new(now(), [0; 10]),
            url: "https://shop.example/hook".to_owned(),
            description: String::new(),
            accounts: Vec::new(),
            events: Vec::new(),
            disabled: None,
            secret: WebhookSecret::new([1; SECRET_BYTES]),
            former_secret: None,
            failing_since: failing_for.map(since),
            rests_until: None,
            created_at: now(),
            updated_at: now(),
        }
    }

    /// What follows where `event` was tried `attempts` times before.
    fn follows(
        failing_for: Option<Duration>,
        (event, attempts): (EventType, u32),
        (status, wait): (u16, Option<u64>),
    ) -> Posted {
        let webhook = webhook(failing_for);
        let delivery = WebhookDelivery {
            id: WebhookDeliveryId::new(now(), [1; 10]),
            webhook: webhook.id,
            account: None,
            event,
            subject: Subject::Nothing,
            at: now(),
            attempts,
            due_at: Some(now()),
            last: None,
        };
        let failed = !(200..300).contains(&status);
        let answer = Answer {
            status: Some(status),
            error: failed.then(|| "no".to_owned()),
            wait: wait.map(Duration::from_secs),
        };
        let tried = Tried {
            at: now(),
            elapsed_ms: 1,
            status: Some(status),
            error: answer.error.clone(),
        };
        decide(&webhook, &delivery, answer, tried, now(), 0.0)
    }

    fn seconds_until(at: Option<Timestamp>) -> Option<i64> {
        at.map(|at| at.duration_since(now()).as_secs())
    }

    const FAILED: EventType = EventType::MessageFailed;

    #[test]
    fn it_is_told_ten_times_over_three_days_and_then_given_up() {
        let pauses: Vec<_> = (0..10)
            .map(|attempts| seconds_until(follows(None, (FAILED, attempts), (500, None)).again_at))
            .collect();
        let hours = |hours: i64| Some(hours * 3600);
        assert_eq!(
            pauses,
            [
                Some(5),
                Some(300),
                Some(1800),
                hours(2),
                hours(5),
                hours(10),
                hours(14),
                hours(20),
                hours(24),
                None
            ]
        );
    }

    #[test]
    fn what_was_taken_is_over() {
        let posted = follows(Some(FAILING_AT_MOST), (FAILED, 3), (204, Some(60)));
        assert_eq!((posted.again_at, posted.rests_until), (None, None));
        assert_eq!(posted.disable, None);
    }

    #[test]
    fn an_endpoint_that_is_gone_or_failed_for_days_is_told_nothing_more() {
        let gone = follows(None, (FAILED, 0), (410, None));
        assert_eq!(
            (gone.disable, gone.again_at),
            (Some(WhyDisabled::Gone), None)
        );
        let days = |days| Some(HOUR * 24 * days);
        let failing = follows(days(5), (FAILED, 0), (500, None));
        assert_eq!(failing.disable, Some(WhyDisabled::Failing));
        assert!(failing.again_at.is_some(), "it waits for better days");
        assert_eq!(follows(days(4), (FAILED, 0), (500, None)).disable, None);
    }

    #[test]
    fn who_finds_us_too_fast_is_left_alone_for_a_while() {
        let rest = |failing_for, status, wait| {
            let posted = follows(failing_for, (FAILED, 0), (status, wait));
            let (rest, again) = (posted.rests_until, posted.again_at);
            assert!(rest.is_none_or(|rest| again.unwrap() >= rest));
            seconds_until(rest)
        };
        assert_eq!(rest(None, 429, None), Some(5));
        assert_eq!(rest(Some(Duration::from_secs(40)), 502, None), Some(40));
        assert_eq!(rest(Some(HOUR), 504, None), Some(600));
        assert_eq!(rest(None, 503, Some(120)), Some(120));
        assert_eq!(rest(None, 429, Some(10_000_000)), Some(24 * 3600));
        assert_eq!(rest(Some(HOUR), 500, None), None);
    }

    #[test]
    fn a_ping_is_tried_once() {
        let posted = follows(None, (EventType::Ping, 0), (500, None));
        assert_eq!(posted.again_at, None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let seconds = |header| wait_of(header, now()).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Sat, 21 Nov 2026 18:01:00 GMT"), Some(60));
        assert_eq!(seconds("Sat, 21 Nov 2026 17:01:00 GMT"), None);
        assert_eq!(seconds("soon"), None);
    }
}
