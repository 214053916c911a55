//! Words for people.
#![expect(
    clippy::print_stdout,
    reason = "a command-line program: its table is what it is for"
)]

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::chaos::Done;
use crate::flags::Flags;
use crate::judge::{Care, Verdict, Wrong};
use crate::run::Outcome;
use crate::{plan, sandbox};

/// How many faults are printed; all of them are in the kept folder.
const SHOWN: usize = 30;

/// Prints the plan.
pub(crate) fn plan(flags: &Flags) {
    for (number, steps) in (1..).zip(plan::draw(flags, sandbox::ACCOUNT_COUNT)) {
        println!("round {number}");
        for step in steps {
            println!("{:>6} ms  {}", step.pause_ms, step.action);
        }
    }
}

/// Prints why a run came to nothing.
pub(crate) fn failure(failure: &dyn Display) -> ExitCode {
    eprintln!("crash: {failure}");
    ExitCode::FAILURE
}

/// Prints how far the run has come.
pub(crate) fn round(number: u64, of: usize, done: &Done, verdict: &Verdict, time: Duration) {
    let messages: u64 = verdict.tallies.values().map(|tally| tally.messages).sum();
    eprintln!(
        "round {number} of {of}: {} kills, {messages} messages, {} wrong, {} s",
        count(&done.kills),
        verdict.faults.len(),
        time.as_secs()
    );
}

/// Prints where to look for causes.
pub(crate) fn kept(folder: &Path) {
    eprintln!(
        "databases, logs and what is wrong (faults.txt) are kept in {}",
        folder.display()
    );
}

/// Prints the table and tells the exit code.
pub(crate) fn outcome(flags: &Flags, outcome: &Outcome) -> ExitCode {
    let done = &outcome.done;
    println!(
        "{} with {} gateway(s), seed {}, {} s",
        flags.database.name(),
        flags.nodes,
        flags.seed,
        outcome.time.as_secs()
    );
    let rows = [
        ("gateways killed", count(&done.kills)),
        ("gateways stopped", count(&done.stops)),
        ("processes frozen", count(&done.freezes)),
        ("database killed", count(&done.database_kills)),
        ("sandbox killed", count(&done.sandbox_kills)),
        ("connections cut", count(&done.cuts)),
        ("faults of the sandbox", count(&done.faults)),
        ("tokens stolen", count(&done.thefts)),
        ("clocks turned", count(&done.turns)),
        ("messages accepted", outcome.accepted),
        ("requests repeated", outcome.repeated),
        ("repeats dropped by WeChat", outcome.dropped_repeats),
    ];
    for (name, number) in rows {
        println!("{name:<28}{number:>9}");
    }
    println!();
    println!(
        "{:<20}{:>10}{:>11}{:>12}{:>10}{:>11}{:>13}",
        "kind", "messages", "effective", "told again", "unknown", "withdrawn", "tried again"
    );
    for care in Care::ALL {
        let tally = outcome
            .verdict
            .tallies
            .get(&care)
            .copied()
            .unwrap_or_default();
        println!(
            "{care:<20}{:>10}{:>11}{:>12}{:>10}{:>11}{:>13}",
            tally.messages,
            tally.effective,
            tally.repeats,
            tally.unknown,
            tally.withdrawn,
            tally.tried_again
        );
    }
    println!();
    let faults = &outcome.verdict.faults;
    for wrong in Wrong::ALL {
        let count = faults.iter().filter(|fault| fault.wrong == wrong).count();
        println!("{wrong:<28}{count:>9}");
    }
    for fault in faults.iter().take(SHOWN) {
        println!("{fault}");
    }
    if faults.len() > SHOWN {
        println!("and {} more", faults.len() - SHOWN);
    }
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn count(counter: &AtomicU32) -> u64 {
    counter.load(Ordering::Relaxed).into()
}
