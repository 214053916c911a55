//! Allowances and how accounts fare, as the API shows them.

use hongyan_api as api;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::message::Priority;
use hongyan_domain::quota::CLEARINGS_A_MONTH;
use hongyan_engine::{AccountStats, QuotaLine, QuotaReport};

use super::account::token_refreshes;

/// What an account may still do today.
pub(crate) fn account_quota(account: &Account, report: QuotaReport) -> api::AccountQuota {
    api::AccountQuota {
        account: account.name().to_string(),
        resets_at: report.resets_at,
        clearings: clearings(report.clearings),
        quotas: report.lines.into_iter().map(quota).collect(),
    }
}

/// How an account fares; `health` says what stands in its way.
pub(crate) fn account_stats(stats: AccountStats, health: api::Health) -> api::AccountStats {
    api::AccountStats {
        account: stats.account.name().to_string(),
        kind: match stats.account.settings.kind {
            AccountKind::OfficialAccount => api::AccountKind::OfficialAccount,
            AccountKind::MiniProgram => api::AccountKind::MiniProgram,
        },
        health,
        queue: stats
            .depths
            .iter()
            .map(|depth| api::QueueDepth {
                priority: match depth.priority {
                    Priority::High => api::Priority::High,
                    Priority::Normal => api::Priority::Normal,
                    Priority::Low => api::Priority::Low,
                },
                open: depth.open,
                oldest_due_at: depth.oldest_due_at,
            })
            .collect(),
        in_flight: stats.in_flight as u64,
        pace: stats.pace,
        sends_per_minute: stats.sends_per_minute,
        clearings: clearings(stats.quotas.clearings),
        token_refreshes: token_refreshes(stats.refreshes),
        quotas: stats.quotas.lines.into_iter().map(quota).collect(),
    }
}

fn clearings(used_this_month: u32) -> api::Clearings {
    api::Clearings {
        used_this_month,
        allowance: CLEARINGS_A_MONTH,
    }
}

fn quota(line: QuotaLine) -> api::Quota {
    let reported = line.quota.reported.map(|(reported, _)| reported);
    api::Quota {
        limit: reported.map(|reported| reported.daily_limit),
        used: line.quota.used(),
        left: line.quota.left(),
        ours: line.quota.ours,
        synced_at: reported.map(|reported| reported.at),
        per_minute: line.per_minute,
        forecast: api::Forecast {
            exhausted_at: line.exhausted_at,
            enough_for_queue: line.enough_for_queue,
        },
        path: line.quota.path,
    }
}
