//! When and how often an account may disturb people, as options of commands.

use clap::Args;
use hongyan_api::{FrequencyCap, QuietAction, QuietHours};

#[derive(Debug, Args)]
pub(super) struct Timing {
    /// When nobody is disturbed, such as 22:00-08:00@Asia/Shanghai; messages wait, or with ,drop at the end are not sent at all
    #[arg(long, value_name = "FROM-TO@ZONE", value_parser = quiet_hours)]
    pub(super) quiet_hours: Option<QuietHours>,
    /// How often one person may get a template's messages: AT_MOST/SECONDS, or AT_MOST/SECONDS:TEMPLATE for one template; repeat it for several
    #[arg(long = "frequency-cap", value_name = "CAP", value_parser = frequency_cap)]
    pub(super) frequency_caps: Vec<FrequencyCap>,
    /// Send the same content to the same person once in so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(super) deduplicate_seconds: Option<u32>,
    /// The part of a day's allowance kept for messages of high priority, in percent
    #[arg(long, value_name = "PERCENT")]
    pub(super) reserve_for_high: Option<u8>,
}

fn quiet_hours(text: &str) -> Result<QuietHours, String> {
    let (text, action) = match text.strip_suffix(",drop") {
        Some(rest) => (rest, QuietAction::Drop),
        None => (text, QuietAction::Defer),
    };
    text.split_once('@')
        .and_then(|(hours, zone)| Some((hours.split_once('-')?, zone)))
        .map(|((from, to), time_zone)| QuietHours {
            from: from.to_owned(),
            to: to.to_owned(),
            time_zone: time_zone.to_owned(),
            action,
        })
        .ok_or_else(|| "expected FROM-TO@ZONE, such as 22:00-08:00@Asia/Shanghai".to_owned())
}

fn frequency_cap(text: &str) -> Result<FrequencyCap, String> {
    let (count, template_id) = match text.split_once(':') {
        Some((count, template)) => (count, Some(template.to_owned())),
        None => (text, None),
    };
    count
        .split_once('/')
        .and_then(|(at_most, within)| Some((at_most.parse().ok()?, within.parse().ok()?)))
        .map(|(at_most, within_seconds)| FrequencyCap {
            template_id,
            at_most,
            within_seconds,
        })
        .ok_or_else(|| "expected AT_MOST/SECONDS, such as 3/86400".to_owned())
}

/// Quiet hours in the form the option takes.
pub(super) fn quiet_text(quiet: &QuietHours) -> String {
    let action = match quiet.action {
        QuietAction::Defer => "",
        QuietAction::Drop => ",drop",
    };
    format!("{}-{}@{}{action}", quiet.from, quiet.to, quiet.time_zone)
}

/// A cap in the form the option takes.
pub(super) fn cap_text(cap: &FrequencyCap) -> String {
    let template = cap.template_id.as_ref();
    let template = template.map(|id| format!(":{id}")).unwrap_or_default();
    format!("{}/{}{template}", cap.at_most, cap.within_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_given() {
        for text in [
            "22:00-08:00@Asia/Shanghai",
            "12:30-14:00@America/Argentina/Ushuaia,drop",
        ] {
            assert_eq!(quiet_text(&quiet_hours(text).unwrap()), text);
        }
        for text in ["3/86400", "1/60:TEMPLATE-id_1"] {
            assert_eq!(cap_text(&frequency_cap(text).unwrap()), text);
        }
        for bad in ["", "22:00", "22:00-08:00", "3", "x/1", "1/-1"] {
            assert!(
                quiet_hours(bad).is_err() && frequency_cap(bad).is_err(),
                "{bad}"
            );
        }
    }
}
