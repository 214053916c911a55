use clap::{Args, Subcommand};
use hongyan_api::{AccountQuota, Quota};

use super::connection::{Connection, explained};
use super::output::{self, maybe, time};
use crate::failure::Failure;

/// What an account may still do today.
#[derive(Debug, Args)]
pub(super) struct QuotaCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Calls made and left today, by API
    Show(Of),
    /// Ask WeChat now
    Sync(Of),
    /// Have WeChat set today's counts to zero: ten times a month, the console's button included
    Clear {
        #[command(flatten)]
        of: Of,
        /// Yes, take one of the month's clearings
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Of {
    /// The account's name
    account: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl QuotaCommand {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let (found, json) = match self.verb {
            Verb::Show(of) => (connection.quota(&of.account).await, of.json),
            Verb::Sync(of) => (connection.sync_quota(&of.account).await, of.json),
            Verb::Clear { of, yes: true } => (connection.clear_quota(&of.account).await, of.json),
            Verb::Clear { of, yes: false } => return ask_first(&connection, &of.account).await,
        };
        let quota = found.map_err(|error| explained(&error))?;
        if json {
            output::json(&quota)
        } else {
            show(&quota)
        }
    }
}

/// A clearing is not done by accident.
async fn ask_first(connection: &Connection, account: &str) -> Result<(), Failure> {
    let quota = connection
        .quota(account)
        .await
        .map_err(|error| explained(&error))?;
    let clearings = quota.clearings;
    Err(Failure::usage(format!(
        "{} of {} clearings of {account} were used this month (those by WeChat's console not counted); give --yes to use one",
        clearings.used_this_month, clearings.allowance
    )))
}

fn show(quota: &AccountQuota) -> Result<(), Failure> {
    let rows = quota.quotas.iter().map(row).collect();
    output::table(
        &HEAD,
        rows,
        "nothing was called today: `hongyan quota sync` asks WeChat",
    )?;
    output::text(&format!(
        "the day turns at {}; {} of {} clearings used this month",
        quota.resets_at, quota.clearings.used_this_month, quota.clearings.allowance
    ))
}

const HEAD: [&str; 7] = [
    "api", "limit", "used", "left", "a minute", "asked", "outlook",
];

fn row(quota: &Quota) -> Vec<String> {
    vec![
        quota.path.clone(),
        maybe(quota.limit),
        quota.used.to_string(),
        maybe(quota.left),
        quota.per_minute.to_string(),
        time(quota.synced_at),
        outlook(quota),
    ]
}

/// How long an allowance lasts, in words.
pub(super) fn outlook(quota: &Quota) -> String {
    let forecast = quota.forecast;
    let mut words = Vec::new();
    if quota.left == Some(0) {
        words.push("used up".to_owned());
    } else if let Some(at) = forecast.exhausted_at {
        words.push(format!("used up at {at}"));
    }
    if forecast.enough_for_queue == Some(false) {
        words.push("not enough for the queue".to_owned());
    }
    words.join("; ")
}
