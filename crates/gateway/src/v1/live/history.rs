use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use hongyan_api::{Happenings, History, HistoryQuery, HistoryStep};
use hongyan_domain::clock::{after, from_millisecond};
use jiff::Timestamp;

use super::add;
use crate::extract::{Caller, CanRead, Query, invalid};
use crate::problem::Problem;
use crate::v1::ok;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest stretch: what is kept.
const LONGEST: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Steps of one answer at most.
const STEPS_AT_MOST: i64 = 2000;

/// Steps of an answer whose step was left to us, about.
const STEPS_WISHED: i64 = 100;

/// The steps we choose from, in minutes.
const STEPS: [u32; 9] = [1, 5, 10, 15, 30, 60, 180, 360, 1440];

const MINUTE_MS: i64 = 60_000;

/// What happened over time: messages, refusals by code, callbacks, tokens. Kept for 90
/// days.
#[utoipa::path(
    get, path = "/v1/stats/history", tag = "stats", operation_id = "history",
    params(HistoryQuery),
    responses((status = 200, description = "By time.", body = History)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn history(
    caller: Caller<CanRead>,
    mut query: Query,
) -> Result<Response, Problem> {
    const TIME: (&str, &str) = (
        "a time such as 2026-11-20T10:00:00Z",
        "时间，如 2026-11-20T10:00:00Z",
    );
    let account = query.text("account");
    let from: Option<Timestamp> = query.read("from", TIME);
    let to: Option<Timestamp> = query.read("to", TIME);
    let step: Option<u32> = query.read(
        "step_minutes",
        ("a number of minutes from 1 to 1440", "1 到 1440 的分钟数"),
    );
    query.done()?;
    let to = to.unwrap_or_else(|| caller.engine().clock().now());
    let from = from.unwrap_or_else(|| {
        from_millisecond(to.as_millisecond() - i64::try_from(DAY.as_millis()).unwrap_or(0))
    });
    let span = (to.as_millisecond() - from.as_millisecond()).max(0);
    let refuse = |pointer: &'static str, rule: &'static str, en: &'static str, zh: &'static str| {
        Problem::invalid(vec![invalid(pointer, rule, en, zh)])
    };
    if to <= from || to > after(from, LONGEST) {
        return Err(refuse(
            "from",
            "range",
            "from lies before to, and at most 90 days before",
            "from 须早于 to，且最多早 90 天",
        ));
    }
    let step = step.unwrap_or_else(|| {
        let fits = |step: &u32| span / (i64::from(*step) * MINUTE_MS) <= STEPS_WISHED;
        STEPS.into_iter().find(fits).unwrap_or(1440)
    });
    if !(1..=1440).contains(&step) || span / (i64::from(step) * MINUTE_MS) > STEPS_AT_MOST {
        return Err(refuse(
            "step_minutes",
            "range",
            "a step is 1 to 1440 minutes, and an answer has at most 2000 steps",
            "step_minutes 为 1 到 1440，且结果最多 2000 段",
        ));
    }
    let accounts = match &account {
        Some(name) => Some(vec![caller.account(name)?.id]),
        None if caller.is_restricted() => {
            Some(caller.accounts().iter().map(|account| account.id).collect())
        }
        None => None,
    };
    let counts = caller
        .engine()
        .history(
            accounts.as_deref(),
            from,
            to,
            Duration::from_secs(u64::from(step) * 60),
        )
        .await?;
    let mut steps: BTreeMap<Timestamp, Happenings> = BTreeMap::new();
    for count in counts {
        let happened = steps.entry(count.at).or_default();
        add(happened, count.what, count.errcode, count.times);
    }
    ok(&History {
        from,
        to,
        step_minutes: step,
        items: steps
            .into_iter()
            .map(|(at, happened)| HistoryStep { at, happened })
            .collect(),
    })
}
