//! What both back-ends need beside the ledger's rules, which are the domain's.

use hongyan_domain::delivery::{Decision, Settlement};
use hongyan_domain::grant::{Grant, Use};
use hongyan_domain::message::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Reports of consents that still wait for the other witness, as their column
/// holds them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Unpaired {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reports: Vec<i64>,
}

/// The column for a grant's unpaired reports; `None` = there are none.
pub(crate) fn unpaired_text(grant: &Grant) -> Result<Option<String>, serde_json::Error> {
    if grant.unpaired_events.is_empty() && grant.unpaired_reports.is_empty() {
        return Ok(None);
    }
    let unpaired = Unpaired {
        events: grant.unpaired_events.clone(),
        reports: grant.unpaired_reports.clone(),
    };
    serde_json::to_string(&unpaired).map(Some)
}

/// Events and reports of the column.
pub(crate) fn unpaired(text: Option<&str>) -> Result<(Vec<i64>, Vec<i64>), serde_json::Error> {
    let unpaired: Unpaired = text
        .map(serde_json::from_str)
        .transpose()?
        .unwrap_or_default();
    Ok((unpaired.events, unpaired.reports))
}

/// What becomes of a held consent when nothing else is said: who settles a
/// message that an earlier claim left behind need not know of its hold.
pub(crate) fn use_of_decision(decision: &Decision) -> Use {
    match decision {
        Decision::Settle { state, .. } => use_of_end(*state),
        Decision::RetryAt { .. } | Decision::Park { .. } | Decision::Reroute(_) => Use::Returned,
    }
}

/// Whether a message that was counted against a cap certainly did not go out, so that
/// its count is to be taken back.
pub(crate) fn takes_tally_back(settlement: &Settlement) -> bool {
    settlement.tallied
        && match settlement.decision {
            Decision::Settle { state, .. } => {
                matches!(state, State::Failed | State::Expired | State::Canceled)
            }
            Decision::Reroute(_) => true,
            Decision::RetryAt { .. } | Decision::Park { .. } => false,
        }
}

/// The same for the end of a message.
pub(crate) fn use_of_end(state: State) -> Use {
    match state {
        State::Accepted | State::Delivered | State::Undelivered => Use::Consumed,
        State::Unknown => Use::Doubtful,
        State::Open | State::Failed | State::Expired | State::Canceled => Use::Returned,
    }
}

/// The grant after a send; `None` = there is nothing to write. Where nothing is
/// known of the person (they were forgotten meanwhile) only WeChat's own word is
/// worth a note.
pub(crate) fn after_use(
    stored: Option<Grant>,
    was_held: bool,
    outcome: Use,
    at: Timestamp,
) -> Option<Grant> {
    let is_new = stored.is_none();
    let before = stored.unwrap_or_default();
    let mut grant = before.clone();
    grant.used(was_held, outcome, at);
    let is_worth_a_note = match outcome {
        Use::DeniedByWechat | Use::BannedByWechat => true,
        Use::Consumed | Use::Returned | Use::Doubtful => !is_new,
    };
    (is_worth_a_note && grant != before).then_some(grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn unpaired_reports_read_back() {
        let mut grant = Grant::default();
        assert_eq!(unpaired_text(&grant).unwrap(), None);
        assert_eq!(unpaired(None).unwrap(), (Vec::new(), Vec::new()));
        grant.unpaired_events = vec![5, 6];
        grant.unpaired_reports = vec![7];
        let text = unpaired_text(&grant).unwrap();
        assert_eq!(unpaired(text.as_deref()).unwrap(), (vec![5, 6], vec![7]));
    }

    #[test]
    fn who_is_forgotten_leaves_nothing_behind() {
        for outcome in [Use::Consumed, Use::Returned, Use::Doubtful] {
            assert_eq!(after_use(None, true, outcome, at()), None);
        }
        let denied = after_use(None, false, Use::DeniedByWechat, at()).unwrap();
        assert!(denied.refused && !denied.is_fed);
    }
}
