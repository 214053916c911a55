//! The crash harness.
//!
//! Real processes are killed, held still, cut off and lied to while callers post;
//! then what was accepted is compared with what took effect at the sandbox.
//! `docs/reliability.md` says what is promised, how to run this, and what came out.

mod audit;
mod chaos;
mod crowd;
mod database;
mod failure;
mod flags;
mod judge;
mod load;
mod node;
mod plan;
mod program;
mod relay;
mod report;
mod run;
mod sandbox;
mod stage;

use std::process::ExitCode;

use clap::Parser as _;

use crate::failure::Failure;
use crate::flags::Flags;

fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.plan {
        report::plan(&flags);
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report::failure(&error),
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run::run(&flags) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    });
    match outcome {
        Ok(outcome) => report::outcome(&flags, &outcome),
        Err(failure) => report::failure(&failure),
    }
}
