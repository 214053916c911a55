//! Measures the gateway against the sandbox on this machine. See `README.md`
//! beside `Cargo.toml` for what is measured and how to repeat it.

mod arrivals;
mod child;
mod control;
mod failure;
mod flags;
mod http;
mod load;
mod measure;
mod report;
mod script;
mod stage;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use failure::{Failure, system};
use flags::Flags;
use report::Figures;

/// The table of the repository.
const LATEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results/latest.md");

fn main() -> ExitCode {
    match execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::from(if matches!(failure, Failure::Usage(_)) {
                2
            } else {
                1
            })
        }
    }
}

fn execute() -> Result<(), Failure> {
    let Some(flags) = Flags::read(std::env::args().skip(1))? else {
        return print(flags::HELP);
    };
    let binary = child::binary()?;
    // Temporary directories are in memory on some systems, where syncing costs
    // nothing; what was built lies on a real disk.
    let dir = match &flags.dir {
        Some(dir) => dir.clone(),
        None => std::env::current_exe()
            .ok()
            .and_then(|program| program.parent().map(Path::to_path_buf))
            .unwrap_or_else(|| PathBuf::from(".")),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(system("cannot start"))?;
    let figures = runtime.block_on(async {
        tokio::select! {
            figures = measure::measure(&flags, binary, &dir, &say) => figures,
            () = asked_to_stop() => Err(Failure::Interrupted),
        }
    })?;
    publish(&flags, &figures)
}

fn publish(flags: &Flags, figures: &Figures) -> Result<(), Failure> {
    let table = figures.markdown();
    if let Some(path) = &flags.json {
        let json = serde_json::to_string_pretty(figures)
            .map_err(|error| Failure::Wrong(error.to_string()))?;
        write(path, &format!("{json}\n"))?;
    }
    if flags.write {
        write(Path::new(LATEST), &table)?;
    }
    print(&table)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(system(format!("cannot write {}", path.display())))
}

fn print(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(system("cannot print"))
}

/// Progress goes to standard error; standard output has the table alone.
fn say(text: &str) {
    // Nobody who reads it any more is no reason to stop.
    let _ = writeln!(io::stderr(), "bench: {text}");
}

/// Ends when the process is asked to stop: the child processes then end with it.
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
