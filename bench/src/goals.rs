//! The project's goals for two cores, beside what was measured.

use serde::Serialize;

use crate::figures::{Comparison, Figures, Ratio, Run};
use crate::flags::Database;
use crate::peers;
use crate::plan::{self, count};

const MIB: f64 = 1024.0 * 1024.0;

/// The longest queue goals speak of.
const MANY: u64 = 1_000_000;
/// The short queue it is held against.
const FEW: u64 = 10_000;
/// The old messages goals speak of.
const OLD: u64 = 5_000_000;

/// A goal and whether it is met.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Goal {
    /// What was measured, and of which case.
    pub(crate) what: String,
    pub(crate) figure: String,
    /// What it should be.
    pub(crate) goal: String,
    pub(crate) met: bool,
}

impl Goal {
    fn at_least(what: String, value: f64, least: f64, figure: String) -> Self {
        Self {
            what,
            figure,
            goal: format!("≥ {least}"),
            met: value >= least,
        }
    }

    fn at_most(what: String, value: f64, most: f64, unit: &str) -> Self {
        let figure = match unit {
            "MiB" => format!("{value:.0} {unit}"),
            "ms" => format!("{value:.1} {unit}"),
            _ => format!("{value:.2} {unit}"),
        };
        Self {
            what,
            figure,
            goal: format!("≤ {most} {unit}"),
            met: value <= most,
        }
    }

    fn part(what: String, ratio: Ratio, least: f64) -> Self {
        Self::at_least(what, ratio.plain, least, ratio_text(ratio))
    }

    fn compared(what: String, compared: Comparison, least: f64) -> Self {
        Self::at_least(what, compared.leveled, least, comparison_text(compared))
    }
}

/// A ratio, and in brackets by processor time.
pub(crate) fn ratio_text(ratio: Ratio) -> String {
    format!("{:.2} ({:.2})", ratio.plain, ratio.by_cpu)
}

/// A comparison, and in brackets as measured and by processor time.
pub(crate) fn comparison_text(compared: Comparison) -> String {
    let Comparison { leveled, ratio } = compared;
    format!(
        "{leveled:.2} (as measured {:.2}, by processor time {:.2})",
        ratio.plain, ratio.by_cpu
    )
}

/// All goals this run can tell about.
pub(crate) fn goals(run: &Run) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(main) = main_case(run) {
        of_one_case(main, &mut goals);
    }
    of_peers(run, &mut goals);
    for &database in &run.flags.databases {
        across_cases(run, database, &mut goals);
    }
    if let (Some(sqlite), Some(postgres)) = (
        one_node(run, Database::Sqlite),
        one_node(run, Database::Postgres),
    ) {
        let compared = Comparison::new(postgres, sqlite, |figures| figures.delivered_from_queue);
        let what = "delivered from the queue: PostgreSQL by SQLite".to_owned();
        goals.push(Goal::compared(what, compared, 0.6));
    }
    for &database in &run.flags.databases {
        if let Some(longest) = longest_queue(run, database) {
            of_the_longest_queue(longest, &mut goals);
        }
    }
    of_all(run, &mut goals);
    goals
}

fn of_one_case(main: &Figures, goals: &mut Vec<Goal>) {
    let case = main.case;
    let ceiling = main.ceiling();
    goals.extend([
        Goal::part(
            format!("delivered from the queue, of the ceiling ({case})"),
            main.delivered_from_queue.of(ceiling),
            0.6,
        ),
        Goal::part(
            format!("delivered while accepting, of the ceiling ({case})"),
            main.delivered_while_accepting.of(ceiling),
            0.25,
        ),
        Goal::part(
            format!("accepted singly, of /healthz ({case})"),
            main.accepted_singly.of(main.healthz),
            0.35,
        ),
    ]);
    let batches = main.accepted_in_batches.per_s;
    goals.push(Goal {
        what: format!("accepted in batches ({case})"),
        figure: format!("{:.1} k/s", batches / 1000.0),
        goal: "≥ 40 k/s".to_owned(),
        met: batches >= 40_000.0,
    });
    let waits = main.half_load_latency;
    let what = format!("p99 from 202 to WeChat at half load ({case})");
    goals.push(Goal::at_most(what, waits.p99_ms, 25.0, "ms"));
    let idle = mebibytes(main.memory_idle);
    goals.push(Goal::at_most("memory idle".to_owned(), idle, 40.0, "MiB"));
    let what = "ready, empty database".to_owned();
    goals.push(Goal::at_most(what, main.ready_empty_s, 0.5, "s"));
}

fn of_peers(run: &Run, goals: &mut Vec<Goal>) {
    for figures in &run.cases {
        for (name, least) in [(peers::LOOP, 20.0), (peers::NPM, 3.0)] {
            let peer = figures.peers.iter().find(|peer| peer.name == name);
            if let Some(Ok(rate)) = peer.map(|peer| &peer.result) {
                let what = format!("delivered from the queue, by {name} ({})", figures.case);
                let ratio = figures.delivered_from_queue.of(*rate);
                goals.push(Goal::part(what, ratio, least));
            }
        }
    }
}

fn across_cases(run: &Run, database: Database, goals: &mut Vec<Goal>) {
    let base = plan::base(&run.flags, database);
    let find = |case| run.cases.iter().find(|figures| figures.case == case);
    let mut compare = |what: String, one: Option<&Figures>, other: Option<&Figures>, least| {
        if let (Some(one), Some(other)) = (one, other) {
            let compared = Comparison::new(one, other, |figures| figures.delivered_from_queue);
            let what = format!("delivered from the queue: {what} ({})", database.name());
            goals.push(Goal::compared(what, compared, least));
        }
    };
    let queued = |messages| find(plan::Case { messages, ..base });
    compare(
        format!("{} queued by {}", count(MANY), count(FEW)),
        queued(MANY),
        queued(FEW),
        0.9,
    );
    let with_old = |old| find(plan::Case { old, ..base });
    compare(
        format!("{} old messages by none", count(OLD)),
        with_old(OLD),
        with_old(0),
        0.8,
    );
    let alone = find(plan::Case { nodes: 1, ..base });
    for &nodes in run.flags.nodes.iter().filter(|&&nodes| nodes > 1) {
        let together = find(plan::Case { nodes, ..base });
        compare(format!("{nodes} nodes by one"), together, alone, 1.0);
    }
}

fn of_the_longest_queue(longest: &Figures, goals: &mut Vec<Goal>) {
    let case = longest.case;
    let what = format!("p99 of `high` while the queue is full of `low` ({case})");
    let waits = longest.high_latency;
    goals.push(Goal::at_most(what, waits.p99_ms, 50.0, "ms"));
    let most = longest.memory_queue_full.max(longest.memory_peak);
    let what = format!("memory with the queue full and at its peak ({case})");
    goals.push(Goal::at_most(what, mebibytes(most), 200.0, "MiB"));
    let what = format!("ready with the queue full, after kill -9 ({case})");
    goals.push(Goal::at_most(what, longest.ready_queue_full_s, 2.0, "s"));
}

fn of_all(run: &Run, goals: &mut Vec<Goal>) {
    let size = mebibytes(run.binary_bytes);
    let what = "release binary".to_owned();
    goals.push(Goal::at_most(what, size, 40.0, "MiB"));
    let sum = |of: fn(&Figures) -> u64| run.cases.iter().map(of).sum::<u64>();
    let (delivered, accepted) = (sum(|one| one.delivered), sum(|one| one.accepted));
    goals.push(Goal {
        what: "delivered exactly once, in all cases".to_owned(),
        figure: format!("{delivered} of {accepted}"),
        goal: "all".to_owned(),
        // A case in which it was otherwise has no figures.
        met: delivered == accepted && run.failed.is_empty(),
    });
}

/// The base of the first database, or what comes first if it has no figures.
fn main_case(run: &Run) -> Option<&Figures> {
    run.cases.first()
}

/// The case of a database with the longest queue; of several, what comes first
/// and differs least from the base.
fn longest_queue(run: &Run, database: Database) -> Option<&Figures> {
    let of_database = run.cases.iter().filter(|one| one.case.database == database);
    // The last of equals is taken.
    of_database.rev().max_by_key(|one| one.case.messages)
}

/// The base of a database, if it is of one node.
fn one_node(run: &Run, database: Database) -> Option<&Figures> {
    let base = plan::Case {
        nodes: 1,
        ..plan::base(&run.flags, database)
    };
    run.cases.iter().find(|figures| figures.case == base)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::{figures, rate};
    use crate::figures::{Failed, Peer};
    use crate::report::tests::run;

    fn find<'a>(goals: &'a [Goal], start: &str) -> Vec<&'a Goal> {
        let found = goals.iter().filter(|goal| goal.what.starts_with(start));
        found.collect()
    }

    #[test]
    fn goals_of_one_case_stand_beside_what_was_measured() {
        let run = run("", vec![figures(Database::Sqlite)]);
        let goals = goals(&run);
        let queue = find(&goals, "delivered from the queue")[0];
        assert_eq!(queue.figure, "0.61 (0.61)");
        assert_eq!((queue.goal.as_str(), queue.met), ("≥ 0.6", true));
        for (start, met) in [
            ("delivered while", false),
            ("accepted singly", true),
            ("accepted in batches", false),
            ("p99 from 202", true),
            ("p99 of `high`", false),
            ("memory idle", true),
            ("ready with the queue full", false),
            ("release binary", true),
            ("delivered exactly once", true),
        ] {
            assert_eq!(find(&goals, start)[0].met, met, "{start}");
        }
    }

    #[test]
    fn cases_are_held_against_each_other() {
        let line = "--database both --nodes 1,2 --messages 100000,10000,1000000 --old 0,5000000";
        let mut all = Vec::new();
        for case in plan::cases(&run(line, Vec::new()).flags) {
            let mut figures = figures(case.database);
            figures.case = case;
            let slower = match (case.database, case.nodes, case.old) {
                (Database::Sqlite, ..) => 1.0,
                (_, 2, _) => 0.4,
                (_, _, OLD) => 0.3,
                _ => 0.5,
            };
            figures.delivered_from_queue = rate(61_000.0 * slower);
            all.push(figures);
        }
        let goals = goals(&run(line, all));
        for (words, met) in [
            (
                "delivered from the queue: 1 M queued by 10 k (SQLite)",
                true,
            ),
            (
                "delivered from the queue: 5 M old messages by none (SQLite)",
                true,
            ),
            (
                "delivered from the queue: 5 M old messages by none (Post",
                false,
            ),
            ("delivered from the queue: 2 nodes by one (Post", false),
            ("delivered from the queue: PostgreSQL by SQLite", false),
        ] {
            let found = find(&goals, words);
            assert_eq!(found.len(), 1, "{words}");
            assert_eq!(found[0].met, met, "{words}");
        }
    }

    #[test]
    fn a_long_queue_is_told_of_each_database_with_nothing_else_changed() {
        let line = "--database both --nodes 1,4 --messages 100000,1000000";
        let cases = plan::cases(&run(line, Vec::new()).flags);
        let all = cases.into_iter().map(|case| Figures {
            case,
            ..figures(case.database)
        });
        let goals = goals(&run(line, all.collect()));
        let told: Vec<_> = find(&goals, "p99 of `high`")
            .iter()
            .map(|goal| goal.what.rsplit_once('(').unwrap().1)
            .collect();
        assert_eq!(told, ["SQLite, 1 M)", "PostgreSQL, 1 M)"]);
        // Of equally long ones, that of one node.
        let line = "--database postgres --nodes 1,4";
        let cases = plan::cases(&run(line, Vec::new()).flags);
        let all = cases.into_iter().map(|case| Figures {
            case,
            ..figures(case.database)
        });
        let run = run(line, all.collect());
        let longest = longest_queue(&run, Database::Postgres).unwrap();
        assert_eq!(longest.case.nodes, 1);
    }

    #[test]
    fn peers_that_were_measured_are_goals_and_others_are_not() {
        let mut with_peers = figures(Database::Sqlite);
        with_peers.peers = vec![
            Peer {
                name: peers::LOOP,
                result: Ok(rate(2_000.0)),
            },
            Peer {
                name: peers::NPM,
                result: Err("not installed".to_owned()),
            },
        ];
        let goals = goals(&run("", vec![with_peers]));
        assert!(find(&goals, "delivered from the queue, by wechatpy")[0].met);
        assert!(find(&goals, "delivered from the queue, by co-wechat-api").is_empty());
    }

    #[test]
    fn a_case_without_figures_is_no_exactly_once() {
        let mut run = run("", vec![figures(Database::Sqlite)]);
        run.failed.push(Failed {
            case: run.cases[0].case,
            why: "it broke".to_owned(),
        });
        assert!(!find(&goals(&run), "delivered exactly once")[0].met);
    }
}
