//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Failure;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Measures accepting, delivering and memory of `hongyan serve` against `hongyan sandbox`
on this machine, beside the ceiling of a bare HTTP loop in the same run.

Usage: cargo run --release -p hongyan-bench -- [OPTIONS]

  --messages N        messages in the queue (100000)
  --producers N       callers that post at once (64)
  --in-flight N       requests under way in the loops without a queue (64)
  --max-in-flight N   the gateway account's max_in_flight (256, its default)
  --seconds N         how long each loop without a queue runs (3)
  --dir DIR           where the databases lie; must be a real disk (beside this program)
  --json FILE         write the figures there as JSON
  --write             write the table to bench/results/latest.md
  --help              this text

HONGYAN_BIN names the program to measure; the one beside this program when left out.";

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Flags {
    /// Messages in the queue that is delivered.
    pub(crate) messages: u64,
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
    /// Whether to write the table into the repository.
    #[serde(skip)]
    pub(crate) write: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            messages: 100_000,
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

impl Flags {
    /// Reads the arguments after the program's name. `None` = help is wanted.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an unknown flag, a missing value or one out of range.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, Failure> {
        let mut flags = Self::default();
        let mut arguments = arguments;
        while let Some(flag) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| Failure::Usage(format!("{flag} needs a value")))
            };
            match flag.as_str() {
                "--help" | "-h" => return Ok(None),
                "--write" => flags.write = true,
                "--messages" => flags.messages = number(&flag, &value()?, 2_000, 100_000_000)?,
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
        Ok(Some(flags))
    }
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
                "{flag} is a whole number from {least} to {most}, not {text:?}"
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
        let flags = read("--messages 5000 --seconds 2 --json out.json --write")
            .unwrap()
            .unwrap();
        assert_eq!(flags.messages, 5000);
        assert_eq!(flags.time, Duration::from_secs(2));
        assert_eq!(flags.json, Some("out.json".into()));
        assert!(flags.write);
        assert_eq!(read("").unwrap(), Some(Flags::default()));
        assert_eq!(read("--messages 5000 --help").unwrap(), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, word) in [
            ("--message 5", "--message"),
            ("--messages", "value"),
            ("--messages 5", "2000"),
        ] {
            let text = read(line).unwrap_err().to_string();
            assert!(text.contains(word), "{text}");
        }
    }
}
