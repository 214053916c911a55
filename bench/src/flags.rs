//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Measures accepting, delivering, latency and memory of `hongyan serve` against
`hongyan sandbox` on this machine, beside the ceiling of a bare HTTP loop in the same run.

Usage: cargo run --release -p hongyan-bench -- [OPTIONS]

  --preset quick      SQLite, one node, 100000 messages, and the peers: some minutes (default)
  --preset full       both databases, 1, 2 and 4 nodes, 10000 to 1000000 messages, 0 to
                      5000000 old ones, and the peers: about an hour

What is measured; each option replaces what the preset says:
  --database WHICH    sqlite, postgres or both
  --nodes LIST        gateways on one PostgreSQL, such as 1,2,4
  --messages LIST     messages in the queue, such as 10000,100000
  --old LIST          messages in the database that are over before it begins, such as 0,1000000
  --no-peers          leave the SDKs out that one would use instead
  --callbacks         nothing of that, but callbacks in safe mode, beside wechatpy with Flask
                      under gunicorn
  --broadcasts        nothing of that, but broadcasts to as many people as --messages says
                      (10000,100000,1000000), with urgent messages beside them

Of each list the usual value (1, 100000, 0), or the first, is the base. Every other value is
measured with the base of all other lists.

  --producers N       callers that post at once (64)
  --in-flight N       requests under way in the loops without a queue (64)
  --max-in-flight N   the gateway account's max_in_flight (256, its default)
  --seconds N         how long each loop without a queue runs; twice that at half load (3)
  --dir DIR           where the databases lie; must be a real disk (beside this program)
  --json FILE         write the figures there as JSON
  --write             write tables and figures to bench/results/<date>-<what>.md and .json
  --help              this text

HONGYAN_BIN names the program to measure; the one beside this program when left out.
HONGYAN_BENCH_POSTGRES is the URL of a running PostgreSQL whose user may make databases; one is
started when left out.";

/// Where messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Database {
    /// One file, one node.
    Sqlite,
    /// A server, any number of nodes.
    Postgres,
}

impl Database {
    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Flags {
    /// The preset's name.
    pub(crate) preset: &'static str,
    /// On which databases.
    pub(crate) databases: Vec<Database>,
    /// How many gateways.
    pub(crate) nodes: Vec<usize>,
    /// How many messages are in the queue that is delivered.
    pub(crate) messages: Vec<u64>,
    /// How many messages were over before.
    pub(crate) old: Vec<u64>,
    /// Whether SDKs are measured beside.
    pub(crate) peers: bool,
    /// Whether callbacks are measured, and nothing else.
    pub(crate) callbacks: bool,
    /// Whether broadcasts are measured, and nothing else.
    pub(crate) broadcasts: bool,
    /// Callers that post messages at once.
    pub(crate) producers: usize,
    /// Requests under way in the loops that bypass the queue.
    pub(crate) in_flight: usize,
    /// The account's `max_in_flight`.
    pub(crate) max_in_flight: u32,
    /// How long each of those loops runs.
    pub(crate) time: Duration,
    /// Where the databases lie.
    #[serde(skip)]
    pub(crate) dir: Option<PathBuf>,
    /// Where to write the figures as JSON.
    #[serde(skip)]
    pub(crate) json: Option<PathBuf>,
    /// Whether to write the tables into the repository.
    #[serde(skip)]
    pub(crate) write: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            preset: "quick",
            databases: vec![Database::Sqlite],
            nodes: vec![1],
            messages: vec![100_000],
            old: vec![0],
            peers: true,
            callbacks: false,
            broadcasts: false,
            producers: 64,
            in_flight: 64,
            max_in_flight: 256,
            time: Duration::from_secs(3),
            dir: None,
            json: None,
            write: false,
        }
    }
}

/// The lists as the command line gave them, if it did.
#[derive(Default)]
struct Lists {
    databases: Option<Vec<Database>>,
    nodes: Option<Vec<usize>>,
    messages: Option<Vec<u64>>,
    old: Option<Vec<u64>>,
}

impl Flags {
    /// Reads the arguments after the program's name. `None` = help is wanted.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an unknown flag, a missing value or one out of range,
    /// and for several nodes without PostgreSQL.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, Failure> {
        let (mut flags, mut lists) = (Self::default(), Lists::default());
        let mut arguments = arguments;
        while let Some(flag) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| Failure::Usage(format!("{flag} needs a value")))
            };
            match flag.as_str() {
                "--help" | "-h" => return Ok(None),
                "--preset" => flags.take_preset(&value()?)?,
                "--database" => lists.databases = Some(databases(&value()?)?),
                "--nodes" => lists.nodes = Some(numbers(&flag, &value()?, 1, 16)?),
                "--messages" => {
                    lists.messages = Some(numbers(&flag, &value()?, 2_000, 100_000_000)?);
                }
                "--old" => lists.old = Some(numbers(&flag, &value()?, 0, 100_000_000)?),
                "--peers" => flags.peers = true,
                "--no-peers" => flags.peers = false,
                "--write" => flags.write = true,
                "--callbacks" => flags.callbacks = true,
                "--broadcasts" => flags.broadcasts = true,
                "--producers" => flags.producers = number(&flag, &value()?, 1, 4_096)?,
                "--in-flight" => flags.in_flight = number(&flag, &value()?, 1, 4_096)?,
                "--max-in-flight" => flags.max_in_flight = number(&flag, &value()?, 1, 10_000)?,
                "--seconds" => {
                    flags.time = Duration::from_secs(number(&flag, &value()?, 1, 600)?);
                }
                "--dir" => flags.dir = Some(value()?.into()),
                "--json" => flags.json = Some(value()?.into()),
                unknown => {
                    return Err(Failure::Usage(format!("there is no {unknown}; see --help")));
                }
            }
        }
        flags.databases = lists.databases.unwrap_or(flags.databases);
        flags.nodes = lists.nodes.unwrap_or(flags.nodes);
        if flags.broadcasts {
            flags.messages = vec![10_000, 100_000, 1_000_000];
        }
        flags.messages = lists.messages.unwrap_or(flags.messages);
        flags.old = lists.old.unwrap_or(flags.old);
        if flags.nodes != [1] && !flags.databases.contains(&Database::Postgres) {
            let text = "several nodes share a PostgreSQL: add --database postgres";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(Some(flags))
    }

    fn take_preset(&mut self, name: &str) -> Result<(), Failure> {
        let usual = Self::default();
        (
            self.preset,
            self.databases,
            self.nodes,
            self.messages,
            self.old,
        ) = match name {
            "quick" => (
                "quick",
                usual.databases,
                usual.nodes,
                usual.messages,
                usual.old,
            ),
            "full" => (
                "full",
                vec![Database::Sqlite, Database::Postgres],
                vec![1, 2, 4],
                vec![10_000, 100_000, 1_000_000],
                vec![0, 1_000_000, 5_000_000],
            ),
            unknown => {
                let text = format!("there is no preset {unknown:?}; there are quick and full");
                return Err(Failure::Usage(text));
            }
        };
        Ok(())
    }
}

fn databases(text: &str) -> Result<Vec<Database>, Failure> {
    match text {
        "sqlite" => Ok(vec![Database::Sqlite]),
        "postgres" => Ok(vec![Database::Postgres]),
        "both" => Ok(vec![Database::Sqlite, Database::Postgres]),
        other => Err(Failure::Usage(format!(
            "--database is sqlite, postgres or both, not {other:?}"
        ))),
    }
}

/// A list of numbers, each of them once, in the order given.
fn numbers<T>(flag: &str, text: &str, least: T, most: T) -> Result<Vec<T>, Failure>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    let mut all = Vec::new();
    for one in text.split(',') {
        let one = number(flag, one.trim(), least, most)?;
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Ok(all)
}

fn number<T>(flag: &str, text: &str, least: T, most: T) -> Result<T, Failure>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    text.parse()
        .ok()
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| {
            Failure::Usage(format!(
                "{flag} takes whole numbers from {least} to {most}, not {text:?}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Flags>, Failure> {
        Flags::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_are_read() {
        let flags = read("--messages 5000,6000,5000 --seconds 2 --json out.json --write")
            .unwrap()
            .unwrap();
        assert_eq!(flags.messages, [5000, 6000]);
        assert_eq!(flags.time, Duration::from_secs(2));
        assert_eq!(flags.json, Some("out.json".into()));
        assert!(flags.write && flags.peers);
        assert_eq!(read("").unwrap(), Some(Flags::default()));
        assert_eq!(read("--messages 5000 --help").unwrap(), None);
    }

    #[test]
    fn an_option_replaces_a_dimension_of_the_preset_wherever_it_stands() {
        for line in ["--preset full --old 0", "--old 0 --preset full"] {
            let flags = read(line).unwrap().unwrap();
            assert_eq!((flags.preset, flags.old.as_slice()), ("full", &[0][..]));
            assert_eq!(flags.nodes, [1, 2, 4]);
            assert_eq!(flags.databases, [Database::Sqlite, Database::Postgres]);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (line, word) in [
            ("--message 5", "--message"),
            ("--messages", "value"),
            ("--messages 5", "2000"),
            ("--messages 5000,", "whole numbers"),
            ("--preset slow", "quick"),
            ("--database oracle", "sqlite"),
            ("--nodes 1,2", "--database postgres"),
        ] {
            let text = read(line).unwrap_err().to_string();
            assert!(text.contains(word), "{text}");
        }
    }
}
