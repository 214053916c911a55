//! When and how often people may be disturbed.

use std::time::Duration;

use hongyan_wechat::TemplateId;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// The longest span of a cap or a de-duplication window: 31 days. Counts are kept
/// for so long.
pub const LONGEST_SPAN: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// What happens to a message that would go out in quiet hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuietAction {
    /// It waits for their end.
    #[default]
    Defer,
    /// It is not sent at all.
    Drop,
}

/// Hours of the day in which an account does not disturb anybody. Messages of high
/// priority go out all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// When they begin, by the clock on the wall.
    pub from: Time,
    /// When they end; before `from` = on the day after. Never equal to `from`.
    pub to: Time,
    /// Which wall: an IANA name such as `Asia/Shanghai`.
    pub time_zone: String,
    /// What happens to messages in them.
    #[serde(default)]
    pub action: QuietAction,
}

impl QuietHours {
    /// When the quiet hours end in which `at` lies; `None` = it lies in none. A time
    /// zone that is not known makes no quiet hours (it is checked when it is set).
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.time_zone).ok()?;
        let local = at.to_zoned(zone.clone());
        let now = local.time();
        let spans_midnight = self.to < self.from;
        let (is_quiet, ends_tomorrow) = if spans_midnight {
            (now >= self.from || now < self.to, now >= self.from)
        } else {
            (now >= self.from && now < self.to, false)
        };
        if !is_quiet {
            return None;
        }
        let day = if ends_tomorrow {
            local.date().checked_add(1.day()).ok()?
        } else {
            local.date()
        };
        let end = day.to_datetime(self.to).to_zoned(zone).ok()?.timestamp();
        // Where clocks are put back the end may lie behind us already.
        (end > at).then_some(end)
    }
}

/// How often one person may get messages of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrequencyCap {
    /// Only messages of this template are counted; absent = each template by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<TemplateId>,
    /// So many at most, from 1 on.
    pub at_most: u32,
    /// In so many seconds, from 1 to [`LONGEST_SPAN`].
    pub within_seconds: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: &str, to: &str) -> QuietHours {
        QuietHours {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            time_zone: "Asia/Shanghai".to_owned(),
            action: QuietAction::Defer,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn nights_end_on_the_morning_after() {
        let night = quiet("22:00", "08:00");
        let morning = at("2026-11-22T08:00:00+08:00");
        assert_eq!(night.until(at("2026-11-21T22:00:00+08:00")), Some(morning));
        assert_eq!(night.until(at("2026-11-22T07:59:59+08:00")), Some(morning));
        assert_eq!(night.until(morning), None);
        assert_eq!(night.until(at("2026-11-21T21:59:59+08:00")), None);
    }

    #[test]
    fn a_rest_at_noon_ends_the_same_day() {
        let noon = quiet("12:00", "14:00");
        assert_eq!(
            noon.until(at("2026-11-21T13:00:00+08:00")),
            Some(at("2026-11-21T14:00:00+08:00"))
        );
        assert_eq!(noon.until(at("2026-11-21T14:00:00+08:00")), None);
    }

    #[test]
    fn a_zone_that_puts_clocks_forward_ends_by_its_wall() {
        let mut night = quiet("22:00", "08:00");
        night.time_zone = "Europe/Berlin".to_owned();
        // The night of 2026-03-28 is an hour shorter.
        assert_eq!(
            night.until(at("2026-03-28T22:30:00+01:00")),
            Some(at("2026-03-29T08:00:00+02:00"))
        );
    }
}
