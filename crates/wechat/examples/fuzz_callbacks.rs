//! Feeds changed callbacks to everything that reads them, for as long as one likes.
//!
//! ```text
//! cargo run -p hongyan-wechat --example fuzz_callbacks -- --runs 1000000 --seed 7
//! ```
//! A failure is a panic; the same numbers repeat it.

#![expect(clippy::unwrap_used, reason = "a failure is what it looks for")]

use std::{env, process::ExitCode};

#[path = "../tests/callback/fuzz.rs"]
mod fuzz;
#[path = "../tests/callback/pushes.rs"]
mod pushes;

/// Between two lines of output.
const ROUND: u64 = 100_000;

fn main() -> ExitCode {
    let Some((runs, seed)) = arguments() else {
        eprintln!("usage: fuzz_callbacks [--runs N] [--seed S]");
        return ExitCode::from(2);
    };
    let mut done = 0;
    while done < runs {
        let round = ROUND.min(runs - done);
        // Every round has its own seed, so that a failure late in a run is soon repeated.
        let seed = seed.wrapping_add(done / ROUND);
        eprintln!("seed {seed}: {}", fuzz::run(round, seed));
        done += round;
    }
    ExitCode::SUCCESS
}

fn arguments() -> Option<(u64, u64)> {
    let (mut runs, mut seed) = (ROUND, 1);
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next()?.parse().ok()?;
        match name.as_str() {
            "--runs" => runs = value,
            "--seed" => seed = value,
            _ => return None,
        }
    }
    Some((runs, seed))
}
