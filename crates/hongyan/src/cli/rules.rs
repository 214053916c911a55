use std::path::PathBuf;

use clap::{Args, Subcommand};
use hongyan_api::rule::RuleSet;
use hongyan_domain::account::AccountKind;

use super::connection::{Connection, explained};
use super::send::word as parse_word;
use super::{output, talk};
use crate::failure::Failure;
use crate::rules_file;

/// What is answered in WeChat to what people do.
#[derive(Debug, Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// An account's rules, as TOML that `set` takes
    Show {
        /// The account's name
        account: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace an account's rules with those of a file
    Set {
        /// The account's name
        account: String,
        /// The file, .toml or .json
        file: PathBuf,
    },
    /// Check a file of rules; no gateway is needed
    Check {
        /// The file, .toml or .json
        file: PathBuf,
        /// official_account or mini_program
        #[arg(long, value_parser = parse_word::<AccountKind>, default_value = "official_account")]
        kind: AccountKind,
    },
}

impl Rules {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Show { account, json } => talk(|connection| show(connection, account, json)),
            Verb::Set { account, file } => talk(|connection| set(connection, account, file)),
            Verb::Check { file, kind } => {
                let rules = rules_file::read(&file)?;
                rules_file::check(&file, &rules, kind)?;
                let (count, file) = (rules.rules.len(), file.display());
                output::text(&format!("{file} is fine: {count} rules"))
            }
        }
    }
}

async fn show(connection: Connection, account: String, json: bool) -> Result<(), Failure> {
    let rules = connection
        .reply_rules(&account)
        .await
        .map_err(|error| explained(&error))?;
    if json {
        output::json(&rules)
    } else {
        output::text(&toml::to_string(&rules)?)
    }
}

async fn set(connection: Connection, account: String, file: PathBuf) -> Result<(), Failure> {
    // Read into the rules' own type, whose faults have better words.
    let rules = serde_json::to_value(rules_file::read(&file)?)?;
    let rules: RuleSet = serde_json::from_value(rules)?;
    let now = connection
        .replace_reply_rules(&account, &rules)
        .await
        .map_err(|error| explained(&error))?;
    let count = now.rules.len();
    output::text(&format!("{account} answers by {count} rules now"))
}
