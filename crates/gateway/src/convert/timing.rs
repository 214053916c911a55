//! When and how often an account may disturb people, read and shown.

use std::collections::HashSet;

use hongyan_api as api;
use hongyan_domain::account::{AccountOptions, LARGEST_RESERVE_FOR_HIGH_PERCENT};
use hongyan_domain::template::Violation;
use hongyan_domain::timing::{FrequencyCap, LONGEST_SPAN, QuietAction, QuietHours};
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::limits::bad_id;
use super::shape::child;
use crate::extract::invalid;

/// Caps of one account at most: each costs a count at every message.
const CAPS_AT_MOST: usize = 20;

/// Reads quiet hours; `None` where they cannot be read.
pub(super) fn quiet_hours(
    given: &api::QuietHours,
    wrong: &mut Vec<Violation>,
) -> Option<QuietHours> {
    let before = wrong.len();
    let from = time("/quiet_hours/from", &given.from, wrong);
    let to = time("/quiet_hours/to", &given.to, wrong);
    if from.is_some() && from == to {
        wrong.push(invalid(
            "/quiet_hours/to",
            "range",
            "quiet hours end at another time than they begin; to send nothing at all, set disabled",
            "免打扰的结束时间不能与开始时间相同；如需完全停发请设 disabled",
        ));
    }
    if TimeZone::get(&given.time_zone).is_err() {
        wrong.push(invalid(
            "/quiet_hours/time_zone",
            "form",
            "a time zone is an IANA name such as Asia/Shanghai",
            "时区应为 IANA 名称，如 Asia/Shanghai",
        ));
    }
    if wrong.len() > before {
        return None;
    }
    Some(QuietHours {
        from: from?,
        to: to?,
        time_zone: given.time_zone.clone(),
        action: match given.action {
            api::QuietAction::Defer => QuietAction::Defer,
            api::QuietAction::Drop => QuietAction::Drop,
        },
    })
}

fn time(pointer: &str, text: &str, wrong: &mut Vec<Violation>) -> Option<Time> {
    text.parse()
        .map_err(|_| {
            wrong.push(invalid(
                pointer,
                "form",
                "a time of the day is hours and minutes, such as 22:00",
                "时间应为时:分，如 22:00",
            ));
        })
        .ok()
}

/// Reads caps; those that cannot be read are left out.
pub(super) fn frequency_caps(
    given: &[api::FrequencyCap],
    wrong: &mut Vec<Violation>,
) -> Vec<FrequencyCap> {
    let mut caps = Vec::with_capacity(given.len());
    for (index, cap) in given.iter().enumerate() {
        let at = child("/frequency_caps", &index.to_string());
        let template_id = match cap.template_id.as_deref().map(str::parse) {
            Some(Err(error)) => {
                wrong.push(bad_id(&child(&at, "template_id"), &error));
                continue;
            }
            Some(Ok(id)) => Some(id),
            None => None,
        };
        caps.push(FrequencyCap {
            template_id,
            at_most: cap.at_most,
            within_seconds: cap.within_seconds,
        });
    }
    caps
}

/// What is wrong with what was read.
pub(super) fn check(options: &AccountOptions, wrong: &mut Vec<Violation>) {
    let count = options.frequency_caps.len();
    if count > CAPS_AT_MOST {
        wrong.push(invalid(
            "/frequency_caps",
            "count",
            format!("at most {CAPS_AT_MOST} of them, not {count}"),
            format!("最多 {CAPS_AT_MOST} 个，现为 {count} 个"),
        ));
    }
    let mut seen = HashSet::new();
    for (index, cap) in options.frequency_caps.iter().enumerate() {
        let at = child("/frequency_caps", &index.to_string());
        if cap.at_most == 0 {
            wrong.push(invalid(
                child(&at, "at_most"),
                "range",
                "at_most must be at least 1",
                "at_most 至少为 1",
            ));
        }
        span(child(&at, "within_seconds"), cap.within_seconds, wrong);
        if !seen.insert((&cap.template_id, cap.within_seconds)) {
            wrong.push(invalid(
                at,
                "duplicate",
                "another cap has the same template and span",
                "已有模板和时间段相同的频率上限",
            ));
        }
    }
    if let Some(seconds) = options.deduplicate_seconds {
        span("/deduplicate_seconds".to_owned(), seconds, wrong);
    }
    if options.reserve_for_high_percent > LARGEST_RESERVE_FOR_HIGH_PERCENT {
        wrong.push(invalid(
            "/reserve_for_high_percent",
            "range",
            format!("from 0 to {LARGEST_RESERVE_FOR_HIGH_PERCENT} percent can be kept"),
            format!("应在 0 到 {LARGEST_RESERVE_FOR_HIGH_PERCENT} 之间"),
        ));
    }
}

fn span(pointer: String, seconds: u32, wrong: &mut Vec<Violation>) {
    let longest = LONGEST_SPAN.as_secs();
    if !(1..=longest).contains(&u64::from(seconds)) {
        wrong.push(invalid(
            pointer,
            "range",
            format!("from 1 to {longest} seconds (31 days)"),
            format!("应在 1 到 {longest} 秒（31 天）之间"),
        ));
    }
}

/// Quiet hours as the API shows them.
pub(super) fn shown_quiet_hours(quiet: &QuietHours) -> api::QuietHours {
    api::QuietHours {
        from: clock(quiet.from),
        to: clock(quiet.to),
        time_zone: quiet.time_zone.clone(),
        action: match quiet.action {
            QuietAction::Defer => api::QuietAction::Defer,
            QuietAction::Drop => api::QuietAction::Drop,
        },
    }
}

/// A time of the day without the parts that are nothing.
fn clock(time: Time) -> String {
    let text = time.to_string();
    text.strip_suffix(":00").map(str::to_owned).unwrap_or(text)
}

/// Caps as the API shows them.
pub(super) fn shown_frequency_caps(caps: &[FrequencyCap]) -> Vec<api::FrequencyCap> {
    caps.iter()
        .map(|cap| api::FrequencyCap {
            template_id: cap.template_id.as_ref().map(ToString::to_string),
            at_most: cap.at_most,
            within_seconds: cap.within_seconds,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: &str, to: &str, time_zone: &str) -> (Option<QuietHours>, Vec<String>) {
        let given = api::QuietHours {
            from: from.to_owned(),
            to: to.to_owned(),
            time_zone: time_zone.to_owned(),
            action: api::QuietAction::Drop,
        };
        let mut wrong = Vec::new();
        let read = quiet_hours(&given, &mut wrong);
        (read, wrong.into_iter().map(|v| v.pointer).collect())
    }

    #[test]
    fn quiet_hours_are_shown_as_they_were_given() {
        let (read, wrong) = quiet("22:00", "07:30", "Asia/Shanghai");
        assert!(wrong.is_empty());
        let shown = shown_quiet_hours(&read.unwrap());
        assert_eq!((shown.from.as_str(), shown.to.as_str()), ("22:00", "07:30"));
        assert_eq!(shown.action, api::QuietAction::Drop);
    }

    #[test]
    fn what_makes_no_quiet_hours_is_named() {
        for (from, to, zone, pointer) in [
            ("25:00", "08:00", "UTC", "/quiet_hours/from"),
            ("22:00", "8", "UTC", "/quiet_hours/to"),
            ("22:00", "22:00", "UTC", "/quiet_hours/to"),
            ("22:00", "08:00", "Beijing", "/quiet_hours/time_zone"),
        ] {
            assert_eq!(quiet(from, to, zone), (None, vec![pointer.to_owned()]));
        }
    }

    #[test]
    fn caps_and_windows_have_their_ranges() {
        let cap = |template: Option<&str>, at_most, within_seconds| FrequencyCap {
            template_id: template.map(|id| id.parse().unwrap()),
            at_most,
            within_seconds,
        };
        let rules = |options: AccountOptions| {
            let mut wrong = Vec::new();
            check(&options, &mut wrong);
            wrong.into_iter().map(|v| v.pointer).collect::<Vec<_>>()
        };
        let good = AccountOptions {
            frequency_caps: vec![
                cap(None, 1, 1),
                cap(Some("t"), 1, 1),
                cap(None, 1, 2_678_400),
            ],
            deduplicate_seconds: Some(1),
            reserve_for_high_percent: 90,
            ..AccountOptions::default()
        };
        assert!(rules(good).is_empty());
        let bad = AccountOptions {
            frequency_caps: vec![
                cap(None, 0, 0),
                cap(Some("t"), 1, 2_678_401),
                cap(Some("t"), 2, 2_678_401),
            ],
            deduplicate_seconds: Some(0),
            reserve_for_high_percent: 91,
            ..AccountOptions::default()
        };
        assert_eq!(
            rules(bad),
            [
                "/frequency_caps/0/at_most",
                "/frequency_caps/0/within_seconds",
                "/frequency_caps/1/within_seconds",
                "/frequency_caps/2/within_seconds",
                "/frequency_caps/2",
                "/deduplicate_seconds",
                "/reserve_for_high_percent",
            ]
        );
    }
}
