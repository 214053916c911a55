//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Starts sandbox, gateways and database, puts load on them, breaks them again and
/// again, then compares what was accepted with what took effect. Exit code 0:
/// nothing is wrong; 1: something is, and the folder with the logs is kept;
/// 2: wrong usage.
#[derive(Debug, Clone, Parser)]
#[command(name = "crash")]
pub(crate) struct Flags {
    /// What the plan is drawn from: the same seed is the same plan.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many times a gateway is ended with SIGKILL.
    #[arg(long, default_value_t = 50)]
    pub(crate) kills: u32,
    /// How many gateways; one on SQLite.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) nodes: u32,
    /// What the gateways store in.
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    pub(crate) database: Database,
    /// How many messages are posted at least.
    #[arg(long, default_value_t = 0)]
    pub(crate) messages: u64,
    /// To how many people a broadcast goes in every round; 0 = there is none.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) broadcast: u32,
    /// When to stop breaking things, however far the plan has come.
    #[arg(long, default_value_t = 60)]
    pub(crate) minutes: u64,
    /// How many messages are posted in a second.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// How long the pause between two steps is on average, in milliseconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(20..=600_000))]
    pub(crate) pause_ms: u64,
    /// After so many kills everything is left to come to rest and compared.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) round: u32,
    /// Turn the wall clocks of the gateways, too. Needs libfaketime.
    #[arg(long)]
    pub(crate) clocks: bool,
    /// Print the plan and do nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Keep the folder with databases and logs even if nothing is wrong.
    #[arg(long)]
    pub(crate) keep: bool,
    /// The program to break; the `hongyan` beside this one when left out.
    #[arg(long, env = "HONGYAN_BIN")]
    pub(crate) binary: Option<PathBuf>,
}

/// What the gateways store in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Database {
    /// One file, one gateway.
    Sqlite,
    /// A PostgreSQL server of the run's own.
    Postgres,
}

impl Database {
    /// Its name for a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}
