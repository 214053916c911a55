//! The figures, beside the goals.

use std::fmt::Write;

use serde::Serialize;

use crate::flags::Flags;

const MIB: f64 = 1024.0 * 1024.0;

/// What was measured. Times in seconds, sizes in bytes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) date: String,
    pub(crate) version: &'static str,
    pub(crate) cores: usize,
    pub(crate) flags: Flags,
    /// Before and after the queue was delivered.
    pub(crate) ceiling: [Rate; 2],
    pub(crate) healthz: Rate,
    pub(crate) accepted_singly: Rate,
    pub(crate) accepted_in_batches: Rate,
    /// Accepting was before; its processor time includes settling.
    pub(crate) delivered_from_queue: Rate,
    /// From the last delivery seen to the last outcome written down.
    pub(crate) settled_after_s: f64,
    /// Its processor time includes accepting.
    pub(crate) delivered_while_accepting: Rate,
    pub(crate) accepted_while_delivering_per_s: f64,
    pub(crate) memory_idle: u64,
    pub(crate) memory_queue_full: u64,
    pub(crate) memory_restarted: u64,
    pub(crate) memory_delivering_peak: u64,
    pub(crate) ready_empty_s: f64,
    pub(crate) ready_queue_full_s: f64,
    pub(crate) binary_bytes: u64,
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    /// Sends the sandbox knew already by their `client_msg_id`.
    pub(crate) sent_again: u64,
}

/// How fast, and at what cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Rate {
    /// Requests or messages a second.
    pub(crate) per_s: f64,
    /// Processor time for each.
    pub(crate) cpu: CpuEach,
}

/// Processor time for each request or message, in microseconds. Unlike a rate, it
/// depends little on what else the machine does meanwhile.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CpuEach {
    pub(crate) gateway_us: f64,
    pub(crate) sandbox_us: f64,
    /// Of the program that makes the load.
    pub(crate) load_us: f64,
}

impl CpuEach {
    fn all(&self) -> f64 {
        self.gateway_us + self.sandbox_us + self.load_us
    }
}

/// The cells of the table's head.
const HEAD: [&str; 6] = [
    "measured",
    "figure",
    "µs of processor each: gateway + sandbox + load",
    "ratio (by processor time)",
    "goal",
    "met",
];

/// A line of the table.
#[derive(Default)]
struct Row {
    what: String,
    figure: String,
    cpu: String,
    ratio: String,
    goal: String,
    met: Option<bool>,
}

impl Row {
    fn new(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            figure: figure.into(),
            ..Self::default()
        }
    }

    fn rate(what: impl Into<String>, rate: Rate) -> Self {
        let CpuEach {
            gateway_us,
            sandbox_us,
            load_us,
        } = rate.cpu;
        let mut row = Self::new(what, thousands(rate.per_s));
        row.cpu = format!(
            "{:.1}: {gateway_us:.1} + {sandbox_us:.1} + {load_us:.1}",
            rate.cpu.all()
        );
        row
    }

    /// A rate against another, of which it should be so much at least.
    fn of(what: impl Into<String>, part: Rate, whole: Rate, name: &str, least: f64) -> Self {
        let mut row = Self::rate(what, part);
        let ratio = part.per_s / whole.per_s;
        row.ratio = format!(
            "{ratio:.2} of {name} ({:.2})",
            whole.cpu.all() / part.cpu.all()
        );
        row.goal(format!("≥ {least:.2}"), ratio >= least)
    }

    fn seconds(what: impl Into<String>, seconds: f64, most: f64) -> Self {
        Self::new(what, format!("{seconds:.2} s")).goal(format!("≤ {most} s"), seconds <= most)
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    fn size(what: impl Into<String>, bytes: u64, most: f64) -> Self {
        let size = bytes as f64 / MIB;
        Self::new(what, format!("{size:.0} MiB")).goal(format!("≤ {most} MiB"), size <= most)
    }

    fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goal = goal.into();
        self.met = Some(met);
        self
    }

    fn cells(&self) -> [&str; 6] {
        let met = match self.met {
            None => "",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        [
            &self.what,
            &self.figure,
            &self.cpu,
            &self.ratio,
            &self.goal,
            met,
        ]
    }
}

fn thousands(per_second: f64) -> String {
    format!("{:.1} k/s", per_second / 1000.0)
}

impl Figures {
    /// The mean of both, because a machine's speed drifts.
    fn ceiling(&self) -> Rate {
        let [a, b] = self.ceiling;
        Rate {
            per_s: f64::midpoint(a.per_s, b.per_s),
            cpu: CpuEach {
                gateway_us: f64::midpoint(a.cpu.gateway_us, b.cpu.gateway_us),
                sandbox_us: f64::midpoint(a.cpu.sandbox_us, b.cpu.sandbox_us),
                load_us: f64::midpoint(a.cpu.load_us, b.cpu.load_us),
            },
        }
    }

    fn rows(&self) -> Vec<Row> {
        let ceiling = self.ceiling();
        let Flags {
            messages,
            producers,
            in_flight,
            ..
        } = self.flags;
        let [before, after] = self.ceiling.map(|rate| thousands(rate.per_s));
        let mut bare = Row::rate(
            format!("ceiling: bare loop, {in_flight} in flight"),
            ceiling,
        );
        bare.figure.push_str(&format!(" ({before}, {after})"));
        let batches = self.accepted_in_batches.per_s;
        let mut delivered = Row::new(
            "delivered exactly once",
            format!("{} of {}", self.delivered, self.accepted),
        )
        .goal("all", self.delivered == self.accepted);
        if self.sent_again > 0 {
            delivered.ratio = format!("{} were sent twice", self.sent_again);
        }
        vec![
            bare,
            Row::rate(format!("`/healthz`, {in_flight} in flight"), self.healthz),
            Row::of(
                format!("accepted durably, one POST each, {producers} producers"),
                self.accepted_singly,
                self.healthz,
                "`/healthz`",
                0.35,
            ),
            Row::rate(
                "accepted durably, batches of 1000",
                self.accepted_in_batches,
            )
            .goal("≥ 40 k/s", batches >= 40_000.0),
            Row::of(
                format!("delivered from a queue of {messages}"),
                self.delivered_from_queue,
                ceiling,
                "ceiling",
                0.60,
            ),
            Row::of(
                format!("delivered while accepting, one POST each, {producers} producers"),
                self.delivered_while_accepting,
                ceiling,
                "ceiling",
                0.25,
            ),
            Row::new(
                "accepted meanwhile",
                thousands(self.accepted_while_delivering_per_s),
            ),
            Row::new(
                "from the last delivery to the last outcome on disk",
                format!("{:.2} s", self.settled_after_s),
            ),
            Row::size("resident memory: idle", self.memory_idle, 40.0),
            Row::size(
                format!("resident memory: {messages} queued"),
                self.memory_queue_full,
                200.0,
            ),
            Row::size(
                format!("resident memory: {messages} queued, restarted"),
                self.memory_restarted,
                200.0,
            ),
            Row::size(
                "resident memory: peak while delivering",
                self.memory_delivering_peak,
                200.0,
            ),
            Row::seconds("ready: empty database", self.ready_empty_s, 0.5),
            Row::seconds(
                format!("ready: {messages} queued, after kill -9"),
                self.ready_queue_full_s,
                2.0,
            ),
            Row::size("release binary", self.binary_bytes, 40.0),
            delivered,
        ]
    }

    /// The table with a line on how it came about, in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let rows = self.rows();
        let cells: Vec<_> = std::iter::once(HEAD)
            .chain(rows.iter().map(Row::cells))
            .collect();
        let mut widths = [3; HEAD.len()];
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = format!(
            "{}, hongyan {}, {} cores for load, gateway and sandbox together, \
             `max_in_flight` {}\n\n",
            self.date, self.version, self.cores, self.flags.max_in_flight
        );
        for (n, row) in cells.iter().enumerate() {
            line(&mut text, row, widths);
            if n == 0 {
                let dashes = widths.map(|width| "-".repeat(width));
                line(&mut text, &dashes.each_ref().map(String::as_str), widths);
            }
        }
        text
    }
}

fn line<const N: usize>(text: &mut String, cells: &[&str; N], widths: [usize; N]) {
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a String cannot fail.
        let _ = write!(text, "| {cell:width$} ");
    }
    text.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_s: f64) -> Rate {
        // Two cores, busy all the time.
        let each = 2e6 / per_s;
        Rate {
            per_s,
            cpu: CpuEach {
                gateway_us: each,
                sandbox_us: 0.0,
                load_us: 0.0,
            },
        }
    }

    fn figures() -> Figures {
        Figures {
            date: "2026-11-21".to_owned(),
            version: "0.1.0",
            cores: 2,
            flags: Flags::default(),
            ceiling: [rate(100_000.0), rate(100_000.0)],
            healthz: rate(100_000.0),
            accepted_singly: rate(35_000.0),
            accepted_in_batches: rate(39_000.0),
            delivered_from_queue: rate(61_000.0),
            settled_after_s: 0.1,
            delivered_while_accepting: rate(20_000.0),
            accepted_while_delivering_per_s: 20_000.0,
            memory_idle: 20 << 20,
            memory_queue_full: 100 << 20,
            memory_restarted: 100 << 20,
            memory_delivering_peak: 100 << 20,
            ready_empty_s: 0.2,
            ready_queue_full_s: 3.0,
            binary_bytes: 14 << 20,
            accepted: 200_001,
            delivered: 200_001,
            sent_again: 0,
        }
    }

    #[test]
    fn goals_stand_beside_what_was_measured() {
        let text = figures().markdown();
        let row = |start: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("| {start}")))
                .unwrap();
            line.split('|')
                .map(str::trim)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let queue = row("delivered from");
        assert_eq!(queue[2], "61.0 k/s");
        assert_eq!(queue[4..7], ["0.61 of ceiling (0.61)", "≥ 0.60", "yes"]);
        assert_eq!(
            row("delivered while")[4..7],
            ["0.20 of ceiling (0.20)", "≥ 0.25", "**no**"]
        );
        assert_eq!(row("accepted durably, batches")[6], "**no**");
        assert_eq!(row("ready: 100000")[6], "**no**");
        assert_eq!(row("delivered exactly")[2], "200001 of 200001");
    }

    #[test]
    fn every_line_of_the_table_is_as_wide_as_the_others() {
        let text = figures().markdown();
        let widths: Vec<_> = text
            .lines()
            .skip(2)
            .map(|line| line.chars().count())
            .collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }
}
