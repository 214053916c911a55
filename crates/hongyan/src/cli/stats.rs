use clap::Args;
use hongyan_api::{AccountStats, HealthStatus, Priority};

use super::connection::{Connection, explained};
use super::output::{self, word};
use super::quota::outlook;
use crate::failure::Failure;

/// How the accounts fare.
#[derive(Debug, Args)]
pub(super) struct Stats {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let stats = connection
            .stats()
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&stats);
        }
        let rows = stats.accounts.iter().map(row).collect();
        output::table(
            &[
                "account",
                "health",
                "high",
                "normal",
                "low",
                "sending",
                "a minute",
                "pace",
                "allowance",
            ],
            rows,
            "no account yet: add one with `hongyan accounts add`",
        )
    }
}

fn row(account: &AccountStats) -> Vec<String> {
    let open = |priority| {
        let depth = account.queue.iter().find(|it| it.priority == priority);
        depth.map_or(0, |it| it.open).to_string()
    };
    vec![
        account.account.clone(),
        health(account),
        open(Priority::High),
        open(Priority::Normal),
        open(Priority::Low),
        account.in_flight.to_string(),
        account.sends_per_minute.to_string(),
        format!("{:.0} %", account.pace * 100.0),
        allowances(account),
    ]
}

fn health(account: &AccountStats) -> String {
    let health = &account.health;
    let status = word(&health.status);
    match (health.status, health.errcode, &health.reason) {
        (HealthStatus::Healthy, ..) => status,
        (_, Some(code), _) => format!("{status}: errcode {code}"),
        (_, None, Some(reason)) => format!("{status}: {reason}"),
        (_, None, None) => status,
    }
}

/// The allowances that are known, one a line.
fn allowances(account: &AccountStats) -> String {
    let lines = account.quotas.iter().filter_map(|quota| {
        let (left, limit) = (quota.left?, quota.limit?);
        let outlook = outlook(quota);
        let comma = if outlook.is_empty() { "" } else { ", " };
        Some(format!("{} {left} of {limit}{comma}{outlook}", quota.path))
    });
    lines.collect::<Vec<_>>().join("\n")
}
