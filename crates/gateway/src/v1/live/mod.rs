//! What happens, as curves and as a stream.

pub(crate) mod events;
pub(crate) mod history;

use hongyan_api::Happenings;
use hongyan_domain::history::Happening;

/// Adds to what happened.
fn add(to: &mut Happenings, what: Happening, errcode: i64, times: u64) {
    let place = match what {
        Happening::TakenIn => &mut to.taken_in,
        Happening::Accepted => &mut to.accepted,
        Happening::Delivered => &mut to.delivered,
        Happening::Undelivered => &mut to.undelivered,
        Happening::Failed => &mut to.failed,
        Happening::Dropped => &mut to.dropped,
        Happening::Refused => to.refused.entry(errcode).or_default(),
        Happening::CalledBack => &mut to.callbacks,
        Happening::TokenRenewed => &mut to.token_renewals,
        Happening::TokenDisturbed => &mut to.token_disturbances,
    };
    *place += times;
}
