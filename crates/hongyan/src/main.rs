//! The one binary: it reads the configuration, puts the crates together, and
//! talks to people on the command line. It contains wiring, no rules.

mod cli;
mod config;
mod demo;
mod document;
mod failure;
mod logging;
mod rules_file;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
