use std::io::Read;

use clap::{Args, Subcommand};
use hongyan_api::{
    Account, AccountKind, ChangeAccount, CheckReport, NewAccount, PageQuery, Secret, TokenMode,
};

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use super::send::word as parse_word;
use crate::failure::Failure;

/// The accounts a gateway sends with.
#[derive(Debug, Args)]
pub(super) struct Accounts {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All accounts and how they are
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// One account
    Show(One),
    /// Add an account
    Add(Add),
    /// Change an account's settings
    Set(Set),
    /// Remove an account
    Remove {
        /// Its name
        name: String,
    },
    /// Prove step by step that an account works
    Check(One),
}

#[derive(Debug, Args)]
struct One {
    /// The account's name
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const SECRET_HELP: &str = "Where to read the AppSecret from: a file, or - for standard input. The environment variable HONGYAN_APP_SECRET works too; a secret on the command line would stay in the shell's history";

#[derive(Debug, Args)]
struct Add {
    /// Its name with us
    name: String,
    /// official_account or mini_program
    #[arg(long, value_parser = parse_word::<AccountKind>)]
    kind: AccountKind,
    /// Its appid
    #[arg(long)]
    appid: String,
    #[arg(long, value_name = "FILE", help = SECRET_HELP)]
    secret_file: Option<String>,
    /// Its original id, gh_…
    #[arg(long, value_name = "ID")]
    original_id: Option<String>,
    /// stable or classic
    #[arg(long, value_parser = parse_word::<TokenMode>)]
    token_mode: Option<TokenMode>,
    /// Sends a second at most
    #[arg(long, value_name = "NUMBER")]
    rate_per_second: Option<u32>,
    /// Sends under way at once at most
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Set {
    /// The account's name
    name: String,
    /// Its appid
    #[arg(long)]
    appid: Option<String>,
    #[arg(long, value_name = "FILE", help = SECRET_HELP)]
    secret_file: Option<String>,
    /// stable or classic
    #[arg(long, value_parser = parse_word::<TokenMode>)]
    token_mode: Option<TokenMode>,
    /// Sends a second at most; 0 = no limit
    #[arg(long, value_name = "NUMBER")]
    rate_per_second: Option<u32>,
    /// Sends under way at once at most
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<u32>,
    /// Switch it off (true) or on (false)
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Accounts {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List { json } => list(&connection, json).await,
            Verb::Show(one) => {
                let account = connection
                    .account(&one.name)
                    .await
                    .map_err(|e| explained(&e))?;
                if one.json {
                    output::json(&account)
                } else {
                    show(&account)
                }
            }
            Verb::Add(add) => add.run(&connection).await,
            Verb::Set(set) => set.run(&connection).await,
            Verb::Remove { name } => {
                connection
                    .remove_account(&name)
                    .await
                    .map_err(|e| explained(&e))?;
                output::text(&format!("{name} is removed"))
            }
            Verb::Check(one) => {
                let report = connection
                    .check_account(&one.name)
                    .await
                    .map_err(|e| explained(&e))?;
                if one.json {
                    output::json(&report)?;
                } else {
                    show_report(&report)?;
                }
                if report.ok {
                    Ok(())
                } else {
                    Err(Failure::new(format!("{} does not work yet", one.name)))
                }
            }
        }
    }
}

impl Add {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let secret = secret(self.secret_file.as_deref())?.ok_or_else(|| {
            Failure::usage(
                "the AppSecret is missing: give --secret-file, or set HONGYAN_APP_SECRET",
            )
        })?;
        let account = NewAccount {
            name: self.name,
            kind: self.kind,
            appid: self.appid,
            secret,
            original_id: self.original_id,
            token_mode: self.token_mode,
            callback: None,
            rate_per_second: self.rate_per_second,
            max_in_flight: self.max_in_flight,
            disabled: None,
        };
        let account = connection
            .add_account(&account, None)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            output::json(&account)
        } else {
            show(&account)
        }
    }
}

impl Set {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let change = ChangeAccount {
            appid: self.appid,
            secret: secret(self.secret_file.as_deref())?,
            original_id: None,
            token_mode: self.token_mode,
            callback: None,
            rate_per_second: self.rate_per_second.map(|rate| (rate > 0).then_some(rate)),
            max_in_flight: self.max_in_flight.map(Some),
            disabled: self.disabled,
        };
        if change == ChangeAccount::default() {
            return Err(Failure::usage("nothing to change is given"));
        }
        let account = connection
            .change_account(&self.name, &change)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            output::json(&account)
        } else {
            show(&account)
        }
    }
}

/// The secret from a file, standard input or the environment.
fn secret(file: Option<&str>) -> Result<Option<Secret>, Failure> {
    let text = match file {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?,
        None => match std::env::var("HONGYAN_APP_SECRET") {
            Ok(text) => text,
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(Secret::from(text.trim())))
}

async fn list(connection: &Connection, json: bool) -> Result<(), Failure> {
    let mut page = PageQuery::default();
    let mut accounts = Vec::new();
    loop {
        let part = connection
            .accounts(&page)
            .await
            .map_err(|error| explained(&error))?;
        accounts.extend(part.items);
        page.cursor = part.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    if json {
        return output::json(&accounts);
    }
    let rows = accounts
        .iter()
        .map(|account| {
            vec![
                account.name.clone(),
                word(&account.kind),
                account.appid.clone(),
                word(&account.health.status),
                account.health.reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(
        &["name", "kind", "appid", "health", "reason"],
        rows,
        "no account yet: add one with `hongyan accounts add`",
    )
}

fn show(account: &Account) -> Result<(), Failure> {
    let health = &account.health;
    output::facts(&[
        ("name", account.name.clone()),
        ("kind", word(&account.kind)),
        ("appid", account.appid.clone()),
        (
            "original id",
            account.original_id.clone().unwrap_or_default(),
        ),
        ("token mode", word(&account.token_mode)),
        ("rate a second", maybe(account.rate_per_second)),
        ("max in flight", account.max_in_flight.to_string()),
        ("health", word(&health.status)),
        ("reason", health.reason.clone().unwrap_or_default()),
        ("seen ip", health.seen_ip.clone().unwrap_or_default()),
        ("next try", time(health.next_try_at)),
        (
            "what to do",
            health
                .diagnosis
                .as_ref()
                .map(|d| d.fix.clone())
                .unwrap_or_default(),
        ),
    ])
}

/// The steps of a check, as a table.
pub(super) fn show_report(report: &CheckReport) -> Result<(), Failure> {
    let rows = report
        .steps
        .iter()
        .map(|step| {
            vec![
                step.name.clone(),
                word(&step.state),
                step.detail.clone(),
                step.fix.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(&["step", "", "what was seen", "what to do"], rows, "")
}
