//! Measures the gateway against the sandbox on this machine. See `README.md`
//! beside `Cargo.toml` for what is measured and how to repeat it.

mod arrivals;
mod broadcasts;
mod callbacks;
mod child;
mod control;
mod cpu;
mod failure;
mod figures;
mod flags;
mod goals;
mod http;
mod latency;
mod load;
mod measure;
mod past;
mod peers;
mod plan;
mod postgres;
mod process;
mod report;
mod script;
mod stage;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hongyan_domain::clock::{Clock, SystemClock};

use failure::{Failure, system};
use figures::{Failed, Figures, Run};
use flags::{Database, Flags};
use measure::measure;
use plan::Case;
use postgres::Postgres;
use stage::Place;

/// Where results of the repository lie.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");

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
        None => child::beside_us(".")?,
    };
    // The programs run inside it, where a relative path means another place.
    let dir = std::fs::canonicalize(&dir).map_err(system(dir.display().to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(system("cannot start"))?;
    if flags.callbacks {
        return runtime.block_on(async {
            tokio::select! {
                done = callbacks_alone(&flags, &binary, &dir) => done,
                () = asked_to_stop() => Err(Failure::Interrupted),
            }
        });
    }
    if flags.broadcasts {
        return runtime.block_on(async {
            tokio::select! {
                done = broadcasts_alone(&flags, &binary, &dir) => done,
                () = asked_to_stop() => Err(Failure::Interrupted),
            }
        });
    }
    let run = runtime.block_on(async {
        tokio::select! {
            run = all(&flags, &binary, &dir) => run,
            () = asked_to_stop() => Err(Failure::Interrupted),
        }
    })?;
    publish(&run)?;
    match run.failed.len() {
        0 => Ok(()),
        failed => Err(Failure::Cases {
            failed,
            all: failed + run.cases.len(),
        }),
    }
}

/// Measures callbacks and prints their table.
async fn callbacks_alone(flags: &Flags, binary: &Path, dir: &Path) -> Result<(), Failure> {
    let place = Place {
        binary,
        dir,
        postgres: None,
    };
    let case = plan::base(flags, Database::Sqlite);
    let stage = stage::Stage::set(&place, case, flags.max_in_flight).await?;
    let measured = callbacks::measure(flags, &stage, &say).await?;
    let table = measured.markdown();
    if flags.write {
        let date: String = SystemClock.now().to_string().chars().take(10).collect();
        let path = PathBuf::from(RESULTS).join(format!("{date}-callbacks.md"));
        write(&path, &table)?;
    }
    print(&table)
}

/// Measures broadcasts and prints their table.
async fn broadcasts_alone(flags: &Flags, binary: &Path, dir: &Path) -> Result<(), Failure> {
    let place = Place {
        binary,
        dir,
        postgres: None,
    };
    let measured = broadcasts::measure(flags, &place, &say).await?;
    let table = broadcasts::markdown(&measured);
    if flags.write {
        let date: String = SystemClock.now().to_string().chars().take(10).collect();
        let path = PathBuf::from(RESULTS).join(format!("{date}-broadcasts.md"));
        write(&path, &table)?;
    }
    print(&table)
}

/// Measures all cases. One that fails does not keep the others from it.
async fn all(flags: &Flags, binary: &Path, dir: &Path) -> Result<Run, Failure> {
    let cases = plan::cases(flags);
    say(&match cases.len() {
        1 => "one case: a minute or two".to_owned(),
        _ if flags.preset == "full" => format!("{} cases: this may take an hour", cases.len()),
        number => format!("{number} cases, each of a minute or more"),
    });
    let size = std::fs::metadata(binary).map_err(system("cannot read the program"))?;
    let mut run = Run {
        date: SystemClock.now().to_string().chars().take(10).collect(),
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        flags: flags.clone(),
        postgres: None,
        binary_bytes: size.len(),
        cases: Vec::new(),
        failed: Vec::new(),
    };
    let mut postgres = None;
    for (number, &case) in cases.iter().enumerate() {
        say(&format!("case {} of {}: {case}", number + 1, cases.len()));
        if case.database == Database::Postgres && postgres.is_none() {
            say("starting PostgreSQL");
            let started = Postgres::start(dir).await;
            run.postgres = started.as_ref().ok().map(|server| server.about.clone());
            postgres = Some(started.map_err(|failure| failure.to_string()));
        }
        let server = match (case.database, &postgres) {
            (Database::Postgres, Some(Ok(server))) => Ok(Some(server)),
            (Database::Postgres, Some(Err(why))) => Err(Failure::Wrong(why.clone())),
            _ => Ok(None),
        };
        let with_peers = flags.peers && number == 0;
        let measured = match server {
            Ok(server) => one(flags, case, (binary, dir), server, number, with_peers).await,
            Err(failure) => Err(failure),
        };
        match measured {
            Ok(figures) => run.cases.push(figures),
            Err(failure) => {
                let why = failure.to_string();
                say(&format!("no figures: {why}"));
                run.failed.push(Failed { case, why });
            }
        }
    }
    Ok(run)
}

/// Measures a case, on a database of its own.
async fn one(
    flags: &Flags,
    case: Case,
    (binary, dir): (&Path, &Path),
    server: Option<&Postgres>,
    number: usize,
    with_peers: bool,
) -> Result<Figures, Failure> {
    let database = match server {
        Some(server) => Some(server.database(number).await?),
        None => None,
    };
    let place = Place {
        binary,
        dir,
        postgres: database.as_ref(),
    };
    let figures = measure(flags, case, &place, server, with_peers, &say).await;
    if let (Some(server), Some(database)) = (server, &database) {
        server.remove(database).await?;
    }
    figures
}

fn publish(run: &Run) -> Result<(), Failure> {
    let (tables, name) = (run.markdown(), file_name(run));
    let goals = goals::goals(run);
    let json = serde_json::to_string_pretty(&serde_json::json!({ "run": run, "goals": goals }))
        .map(|json| format!("{json}\n"))
        .map_err(|error| Failure::Wrong(error.to_string()))?;
    if let Some(path) = &run.flags.json {
        write(path, &json)?;
    }
    if run.flags.write {
        let path = |ending: &str| PathBuf::from(RESULTS).join(format!("{name}.{ending}"));
        write(&path("md"), &tables)?;
        write(&path("json"), &json)?;
    }
    print(&tables)
}

/// The day and what was measured: the preset where it was taken as it is.
fn file_name(run: &Run) -> String {
    let Flags {
        preset,
        databases,
        nodes,
        messages,
        old,
        ..
    } = &run.flags;
    let preset_alone = ["--preset", preset].map(str::to_owned);
    let usual = Flags::read(preset_alone.into_iter()).ok().flatten();
    let is_usual = usual.is_some_and(|usual| {
        (&usual.databases, &usual.nodes, &usual.messages, &usual.old)
            == (databases, nodes, messages, old)
    });
    if is_usual {
        return format!("{}-{preset}", run.date);
    }
    let list = |numbers: &[u64]| {
        let all: Vec<_> = numbers.iter().map(u64::to_string).collect();
        all.join("-")
    };
    let databases: Vec<_> = databases
        .iter()
        .map(|one| one.name().to_lowercase())
        .collect();
    let nodes: Vec<_> = nodes.iter().map(usize::to_string).collect();
    format!(
        "{}-{}-nodes-{}-messages-{}-old-{}",
        run.date,
        databases.join("-"),
        nodes.join("-"),
        list(messages),
        list(old)
    )
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(system(format!("cannot write {}", path.display())))
}

fn print(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(system("cannot print"))
}

/// Progress goes to standard error; standard output has the tables alone.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_named_by_what_was_measured() {
        for (line, name) in [
            ("--seconds 5", "2026-11-21-quick"),
            ("--old 0,1000000,5000000 --preset full", "2026-11-21-full"),
            (
                "--database postgres --nodes 1,2",
                "2026-11-21-postgresql-nodes-1-2-messages-100000-old-0",
            ),
        ] {
            assert_eq!(file_name(&report::tests::run(line, Vec::new())), name);
        }
    }
}
