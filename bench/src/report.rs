//! The tables.

use std::fmt::Write;

use crate::figures::{Comparison, CpuEach, Figures, Rate, Run, Spread};
use crate::flags::Database;
use crate::goals::{comparison_text, goals, mebibytes, ratio_text};
use crate::plan::{self, Case, count};
use crate::table::Table;

impl Run {
    /// Everything, in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = self.about();
        for (title, table) in [
            ("Throughput, a second", self.throughput()),
            ("Latency, memory, readiness", self.latency()),
            (
                "Processor time of each message or request, µs: gateway + sandbox + load \
                 (+ PostgreSQL)",
                self.cpu(),
            ),
            ("Instead of the gateway", self.instead()),
            ("Cases by each other", self.comparisons()),
            ("Goals", self.goals()),
        ] {
            if let Some(table) = table {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n**{title}**\n\n{table}");
            }
        }
        for failed in &self.failed {
            let _ = write!(text, "\n{} has no figures: {}\n", failed.case, failed.why);
        }
        text
    }

    fn about(&self) -> String {
        let mut text = format!(
            "{}, hongyan {}, {} cores for load, gateway, sandbox{} together; {} producers, {} in \
             flight, `max_in_flight` {}; ",
            self.date,
            self.version,
            self.cores,
            match self.postgres {
                Some(_) => " and database",
                None => "",
            },
            self.flags.producers,
            self.flags.in_flight,
            self.flags.max_in_flight
        );
        let sqlite = "SQLite, synchronous FULL".to_owned();
        let has_sqlite = self.flags.databases.contains(&Database::Sqlite);
        let databases = has_sqlite.then_some(sqlite).into_iter();
        let databases: Vec<_> = databases.chain(self.postgres.clone()).collect();
        text.push_str(&databases.join("; "));
        text.push_str(".\nBehind a ratio, in brackets: the same by processor time.\n");
        text
    }

    fn throughput(&self) -> Option<String> {
        let mut table = Table::new([
            "case",
            "ceiling: bare loop",
            "`/healthz`",
            "accepted singly",
            "of `/healthz`",
            "in batches",
            "delivered from the queue",
            "of the ceiling",
            "while accepting",
            "of the ceiling",
        ]);
        for figures in &self.cases {
            let ceiling = figures.ceiling();
            let of = |part: Rate, whole| ratio_text(part.of(whole));
            table.push([
                figures.case.to_string(),
                thousands(ceiling),
                thousands(figures.healthz),
                thousands(figures.accepted_singly),
                of(figures.accepted_singly, figures.healthz),
                thousands(figures.accepted_in_batches),
                thousands(figures.delivered_from_queue),
                of(figures.delivered_from_queue, ceiling),
                thousands(figures.delivered_while_accepting),
                of(figures.delivered_while_accepting, ceiling),
            ]);
        }
        shown(&table)
    }

    fn latency(&self) -> Option<String> {
        let mut table = Table::new([
            "case",
            "half load",
            "202 to arrival p50 / p99",
            "`high` among `low` p50 / p99",
            "last outcome after last delivery",
            "MiB idle / queued / restarted / peak",
            "ready empty / queue full",
            "exactly once",
        ]);
        for figures in &self.cases {
            let memory = [
                figures.memory_idle,
                figures.memory_queue_full,
                figures.memory_restarted,
                figures.memory_peak,
            ];
            let memory = memory.map(|bytes| format!("{:.0}", mebibytes(bytes)));
            let mut once = format!("{} of {}", figures.delivered, figures.accepted);
            if figures.sent_again > 0 {
                let _ = write!(once, ", {} sent again", figures.sent_again);
            }
            table.push([
                figures.case.to_string(),
                thousands(figures.half_load),
                spread(figures.half_load_latency),
                spread(figures.high_latency),
                format!("{:.2} s", figures.settled_after_s),
                memory.join(" / "),
                format!(
                    "{:.2} / {:.2} s",
                    figures.ready_empty_s, figures.ready_queue_full_s
                ),
                once,
            ]);
        }
        shown(&table)
    }

    fn cpu(&self) -> Option<String> {
        let mut table = Table::new([
            "case",
            "ceiling",
            "accepted singly",
            "in batches",
            "delivered from the queue",
            "accepted and delivered",
            "at half load",
        ]);
        for figures in &self.cases {
            table.push([
                figures.case.to_string(),
                parts(figures.ceiling().cpu),
                parts(figures.accepted_singly.cpu),
                parts(figures.accepted_in_batches.cpu),
                parts(figures.delivered_from_queue.cpu),
                parts(figures.delivered_while_accepting.cpu),
                parts(figures.half_load.cpu),
            ]);
        }
        shown(&table)
    }

    fn instead(&self) -> Option<String> {
        let mut table = Table::new([
            "the same messages to the same sandbox",
            "a second",
            "µs of processor each: sandbox + program",
            "the gateway's queue by this",
        ]);
        for figures in &self.cases {
            for peer in &figures.peers {
                let name = peer.name.to_owned();
                let nothing = String::new;
                table.push(match &peer.result {
                    Ok(rate) => [
                        name,
                        thousands(*rate),
                        format!("{:.0} + {:.0}", rate.cpu.sandbox_us, rate.cpu.load_us),
                        ratio_text(figures.delivered_from_queue.of(*rate)),
                    ],
                    Err(why) => [name, why.clone(), nothing(), nothing()],
                });
            }
        }
        shown(&table)
    }

    fn comparisons(&self) -> Option<String> {
        let mut table = Table::new([
            "each by its own ceiling",
            "accepted singly",
            "in batches",
            "delivered from the queue",
            "while accepting",
        ]);
        for (what, one, other) in self.pairs() {
            let find = |case| self.cases.iter().find(|figures| figures.case == case);
            let (Some(one), Some(other)) = (find(one), find(other)) else {
                continue;
            };
            let by =
                |rate: fn(&Figures) -> Rate| comparison_text(Comparison::new(one, other, rate));
            table.push([
                what,
                by(|figures| figures.accepted_singly),
                by(|figures| figures.accepted_in_batches),
                by(|figures| figures.delivered_from_queue),
                by(|figures| figures.delivered_while_accepting),
            ]);
        }
        shown(&table)
    }

    /// Which cases are held against which, and what differs.
    fn pairs(&self) -> Vec<(String, Case, Case)> {
        let mut pairs = Vec::new();
        for &database in &self.flags.databases {
            let name = database.name();
            let base = plan::base(&self.flags, database);
            if let Some(&few) = self.flags.messages.iter().min() {
                let short = Case {
                    messages: few,
                    ..base
                };
                for &messages in self.flags.messages.iter().filter(|&&many| many > few) {
                    let what = format!("{name}: {} queued by {}", count(messages), count(few));
                    pairs.push((what, Case { messages, ..base }, short));
                }
            }
            for &old in self.flags.old.iter().filter(|&&old| old != base.old) {
                let what = format!("{name}: {} old by {}", count(old), count(base.old));
                pairs.push((what, Case { old, ..base }, base));
            }
            if database == Database::Postgres {
                for &nodes in self
                    .flags
                    .nodes
                    .iter()
                    .filter(|&&nodes| nodes != base.nodes)
                {
                    let what = format!("{name}: {nodes} nodes by {}", base.nodes);
                    pairs.push((what, Case { nodes, ..base }, base));
                }
            }
        }
        if let [Database::Sqlite, Database::Postgres] = self.flags.databases[..] {
            let [sqlite, postgres] = [Database::Sqlite, Database::Postgres]
                .map(|database| plan::base(&self.flags, database));
            pairs.push(("PostgreSQL by SQLite".to_owned(), postgres, sqlite));
        }
        pairs
    }

    fn goals(&self) -> Option<String> {
        if self.cases.is_empty() {
            return None;
        }
        let mut table = Table::new(["measured", "figure", "goal", "met"]);
        for goal in goals(self) {
            let met = if goal.met { "yes" } else { "**no**" };
            table.push([goal.what, goal.figure, goal.goal, met.to_owned()]);
        }
        shown(&table)
    }
}

fn shown<const N: usize>(table: &Table<N>) -> Option<String> {
    (!table.is_empty()).then(|| table.markdown())
}

/// A rate in thousands, with three digits or more.
fn thousands(rate: Rate) -> String {
    let thousands = rate.per_s / 1000.0;
    match thousands {
        10.0.. => format!("{thousands:.1} k"),
        1.0..10.0 => format!("{thousands:.2} k"),
        _ => format!("{thousands:.3} k"),
    }
}

fn spread(spread: Spread) -> String {
    match spread.count {
        0 => "none".to_owned(),
        count => format!("{:.0} / {:.0} ms of {count}", spread.p50_ms, spread.p99_ms),
    }
}

fn parts(cpu: CpuEach) -> String {
    let CpuEach {
        gateway_us,
        sandbox_us,
        load_us,
        postgres_us,
    } = cpu;
    let mut text = format!(
        "{:.1}: {gateway_us:.1} + {sandbox_us:.1} + {load_us:.1}",
        cpu.all()
    );
    if let Some(postgres_us) = postgres_us {
        let _ = write!(text, " + {postgres_us:.1}");
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::figures::tests::{figures, rate};
    use crate::figures::{Failed, Peer};
    use crate::flags::Flags;
    use crate::peers;

    /// A run of such a command line with these figures.
    pub(crate) fn run(line: &str, cases: Vec<Figures>) -> Run {
        let flags = Flags::read(line.split_whitespace().map(str::to_owned));
        Run {
            date: "2026-11-21".to_owned(),
            version: "0.1.0",
            cores: 2,
            flags: flags.unwrap().unwrap(),
            postgres: None,
            binary_bytes: 14 << 20,
            cases,
            failed: Vec::new(),
        }
    }

    #[test]
    fn a_case_is_a_line_in_each_table() {
        let text = run("", vec![figures(Database::Sqlite)]).markdown();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("| SQLite, 100 k "));
        assert_eq!(lines.count(), 3, "{text}");
        assert!(text.contains("| 61.0 k "), "{text}");
        assert!(text.contains("| 3 / 4 ms of 2 "), "{text}");
        assert!(text.contains("| 20 / 100 / 100 / 100 "), "{text}");
        assert!(
            !text.contains("Cases by each other") && !text.contains("Instead"),
            "{text}"
        );
    }

    #[test]
    fn databases_and_queues_are_held_against_each_other() {
        let line = "--database both --messages 10000,100000";
        let [sqlite, mut postgres] = [Database::Sqlite, Database::Postgres].map(figures);
        postgres.delivered_from_queue = rate(30_500.0);
        let mut short = sqlite.clone();
        short.case.messages = 10_000;
        let text = run(line, vec![sqlite, postgres, short]).markdown();
        let row = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start));
            line.unwrap().split('|').map(str::trim).nth(4).unwrap()
        };
        assert!(row("| PostgreSQL by SQLite").starts_with("0.50 "), "{text}");
        assert!(
            row("| SQLite: 100 k queued by 10 k").starts_with("1.00 "),
            "{text}"
        );
        assert!(!text.contains("PostgreSQL: 100 k queued"), "{text}");
    }

    #[test]
    fn small_rates_are_told_as_exactly_as_large_ones() {
        let told = [100_000.0, 9_876.0, 312.4].map(|per_s| thousands(rate(per_s)));
        assert_eq!(told, ["100.0 k", "9.88 k", "0.312 k"]);
    }

    #[test]
    fn what_is_missing_is_told() {
        let mut with_peers = figures(Database::Sqlite);
        let result = Err("not installed: do this".to_owned());
        let name = peers::NPM;
        with_peers.peers = vec![Peer { name, result }];
        let mut run = run("", vec![with_peers]);
        run.failed.push(Failed {
            case: plan::base(&run.flags, Database::Postgres),
            why: "no server".to_owned(),
        });
        let text = run.markdown();
        assert!(text.contains("not installed: do this"), "{text}");
        assert!(
            text.contains("PostgreSQL, 100 k has no figures: no server"),
            "{text}"
        );
    }
}
