//! Which cases a run measures.

use std::fmt;

use serde::Serialize;

use crate::flags::{Database, Flags};

/// One stage, measured from start to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Case {
    /// Where messages are kept.
    pub(crate) database: Database,
    /// Gateways on it.
    pub(crate) nodes: usize,
    /// Messages in the queue that is delivered.
    pub(crate) messages: u64,
    /// Messages that were over before.
    pub(crate) old: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database,
            nodes,
            messages,
            old,
        } = self;
        write!(f, "{}, {}", database.name(), count(*messages))?;
        if *nodes > 1 {
            write!(f, ", {nodes} nodes")?;
        }
        if *old > 0 {
            write!(f, ", {} old", count(*old))?;
        }
        Ok(())
    }
}

/// A number as people say it: `100 k`, `5 M`.
pub(crate) fn count(number: u64) -> String {
    match number {
        _ if number >= 1_000_000 && number.is_multiple_of(100_000) => {
            let (whole, tenth) = (number / 1_000_000, number / 100_000 % 10);
            match tenth {
                0 => format!("{whole} M"),
                _ => format!("{whole}.{tenth} M"),
            }
        }
        _ if number >= 1_000 && number.is_multiple_of(1_000) => format!("{} k", number / 1_000),
        _ => number.to_string(),
    }
}

/// The case that all others of its database differ from in one respect.
pub(crate) fn base(flags: &Flags, database: Database) -> Case {
    Case {
        database,
        nodes: match database {
            Database::Sqlite => 1,
            Database::Postgres => usual(&flags.nodes, 1),
        },
        messages: usual(&flags.messages, 100_000),
        old: usual(&flags.old, 0),
    }
}

/// All cases, those of a database together, its base first.
pub(crate) fn cases(flags: &Flags) -> Vec<Case> {
    let mut cases = Vec::new();
    for &database in &flags.databases {
        let base = base(flags, database);
        let mut of_database = vec![base];
        of_database.extend(
            flags
                .messages
                .iter()
                .map(|&messages| Case { messages, ..base }),
        );
        of_database.extend(flags.old.iter().map(|&old| Case { old, ..base }));
        if database == Database::Postgres {
            of_database.extend(flags.nodes.iter().map(|&nodes| Case { nodes, ..base }));
        }
        for case in of_database {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    cases
}

fn usual<T: Copy + PartialEq>(list: &[T], usual: T) -> T {
    match list.first() {
        Some(&first) if !list.contains(&usual) => first,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(line: &str) -> Vec<String> {
        let flags = Flags::read(line.split_whitespace().map(str::to_owned));
        let cases = cases(&flags.unwrap().unwrap());
        cases.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_value_is_measured_once_with_the_base_of_the_others() {
        assert_eq!(planned(""), ["SQLite, 100 k"]);
        assert_eq!(
            planned("--database postgres --nodes 1,2 --old 0,1500000 --messages 10000,100000"),
            [
                "PostgreSQL, 100 k",
                "PostgreSQL, 10 k",
                "PostgreSQL, 100 k, 1.5 M old",
                "PostgreSQL, 100 k, 2 nodes",
            ]
        );
        assert_eq!(planned("--preset full").len(), 5 + 7);
    }

    #[test]
    fn the_first_value_is_the_base_where_the_usual_one_is_missing() {
        assert_eq!(
            planned("--database both --nodes 3,4 --messages 20000,2500"),
            [
                "SQLite, 20 k",
                "SQLite, 2500",
                "PostgreSQL, 20 k, 3 nodes",
                "PostgreSQL, 2500, 3 nodes",
                "PostgreSQL, 20 k, 4 nodes",
            ]
        );
    }
}
