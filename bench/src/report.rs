//! The figures, beside the goals.

use std::fmt::Write;

use serde::Serialize;

const MIB: f64 = 1024.0 * 1024.0;

/// What was measured. Times in seconds, sizes in bytes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) date: String,
    pub(crate) version: &'static str,
    pub(crate) cores: usize,
    pub(crate) messages: u64,
    pub(crate) producers: usize,
    pub(crate) in_flight: usize,
    pub(crate) max_in_flight: u32,
    /// Before and after the queue was delivered.
    pub(crate) ceiling_per_s: [f64; 2],
    pub(crate) healthz_per_s: f64,
    pub(crate) accepted_singly_per_s: f64,
    pub(crate) accepted_in_batches_per_s: f64,
    pub(crate) delivered_from_queue_per_s: f64,
    /// From the last delivery seen to the last outcome written down.
    pub(crate) settled_after_s: f64,
    /// Processor time for each message delivered from the queue; settling
    /// included, accepting not.
    pub(crate) gateway_cpu_us_per_message: f64,
    pub(crate) sandbox_cpu_us_per_message: f64,
    pub(crate) delivered_while_accepting_per_s: f64,
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

/// A line of the table.
struct Row {
    what: String,
    figure: String,
    ratio: String,
    goal: String,
    met: Option<bool>,
}

impl Row {
    fn new(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            figure: figure.into(),
            ratio: String::new(),
            goal: String::new(),
            met: None,
        }
    }

    /// A ratio with the least it should be.
    fn of(mut self, whole: &str, ratio: f64, least: f64) -> Self {
        self.ratio = format!("{ratio:.2} of {whole}");
        self.goal = format!("≥ {least:.2}");
        self.met = Some(ratio >= least);
        self
    }

    fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goal = goal.into();
        self.met = Some(met);
        self
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn rate(per_second: f64) -> String {
    format!("{:.1} k/s", per_second / 1000.0)
}

impl Figures {
    fn ceiling(&self) -> f64 {
        f64::midpoint(self.ceiling_per_s[0], self.ceiling_per_s[1])
    }

    fn rows(&self) -> Vec<Row> {
        let (ceiling, queue) = (self.ceiling(), self.messages);
        let memory = |what: &str, bytes, most: f64| {
            Row::new(what, format!("{:.0} MiB", mib(bytes)))
                .goal(format!("≤ {most:.0} MiB"), mib(bytes) <= most)
        };
        let ready = |what: &str, seconds: f64, most: f64| {
            Row::new(what, format!("{seconds:.2} s")).goal(format!("≤ {most} s"), seconds <= most)
        };
        let [before, after] = self.ceiling_per_s;
        let mut delivered = Row::new(
            "messages delivered exactly once",
            format!("{} of {}", self.delivered, self.accepted),
        )
        .goal("all", self.delivered == self.accepted);
        if self.sent_again > 0 {
            delivered.ratio = format!("{} sent again, recognised by WeChat", self.sent_again);
        }
        vec![
            Row::new(
                format!(
                    "ceiling: bare loop to the sandbox, {} in flight",
                    self.in_flight
                ),
                format!("{} ({}, {})", rate(ceiling), rate(before), rate(after)),
            ),
            Row::new(
                format!("`/healthz` of the gateway, {} in flight", self.in_flight),
                rate(self.healthz_per_s),
            ),
            Row::new(
                format!(
                    "accepted durably, one POST each, {} producers",
                    self.producers
                ),
                rate(self.accepted_singly_per_s),
            )
            .of(
                "/healthz",
                self.accepted_singly_per_s / self.healthz_per_s,
                0.35,
            ),
            Row::new(
                "accepted durably, batches of 1000",
                rate(self.accepted_in_batches_per_s),
            )
            .goal("≥ 40 k/s", self.accepted_in_batches_per_s >= 40_000.0),
            Row::new(
                format!("delivered from a queue of {queue}"),
                rate(self.delivered_from_queue_per_s),
            )
            .of("ceiling", self.delivered_from_queue_per_s / ceiling, 0.60),
            Row::new(
                "processor time for each: gateway, sandbox",
                format!(
                    "{:.1} µs, {:.1} µs",
                    self.gateway_cpu_us_per_message, self.sandbox_cpu_us_per_message
                ),
            ),
            Row::new(
                format!(
                    "delivered while accepting, one POST each, {} producers",
                    self.producers
                ),
                rate(self.delivered_while_accepting_per_s),
            )
            .of(
                "ceiling",
                self.delivered_while_accepting_per_s / ceiling,
                0.25,
            ),
            Row::new(
                "accepted meanwhile",
                rate(self.accepted_while_delivering_per_s),
            ),
            memory("resident memory, idle", self.memory_idle, 40.0),
            memory(
                &format!("resident memory, {queue} queued"),
                self.memory_queue_full,
                200.0,
            ),
            memory("the same after a restart", self.memory_restarted, 200.0),
            Row::new(
                "its peak while delivering",
                format!("{:.0} MiB", mib(self.memory_delivering_peak)),
            ),
            ready("ready after start, empty database", self.ready_empty_s, 0.5),
            ready(
                &format!("ready after kill -9 with {queue} queued"),
                self.ready_queue_full_s,
                2.0,
            ),
            Row::new("all outcomes on disk after the last delivery", {
                format!("{:.2} s", self.settled_after_s)
            }),
            memory("release binary", self.binary_bytes, 40.0),
            delivered,
        ]
    }

    /// The table with a line on how it came about, in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let rows = self.rows();
        let cells: Vec<[&str; 5]> = std::iter::once(["measured", "figure", "ratio", "goal", "met"])
            .chain(rows.iter().map(|row| {
                let met = match row.met {
                    None => "",
                    Some(true) => "yes",
                    Some(false) => "**no**",
                };
                [&*row.what, &*row.figure, &*row.ratio, &*row.goal, met]
            }))
            .collect();
        let mut widths = [3; 5];
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = format!(
            "{}, hongyan {}, {} cores with load, gateway and sandbox on them, \
             max_in_flight {}\n\n",
            self.date, self.version, self.cores, self.max_in_flight
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

fn line(text: &mut String, cells: &[&str; 5], widths: [usize; 5]) {
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a String cannot fail.
        let _ = write!(text, "| {cell:width$} ");
    }
    text.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            date: "2026-11-21".to_owned(),
            version: "0.1.0",
            cores: 2,
            messages: 100_000,
            producers: 64,
            in_flight: 64,
            max_in_flight: 256,
            ceiling_per_s: [90_000.0, 110_000.0],
            healthz_per_s: 100_000.0,
            accepted_singly_per_s: 35_000.0,
            accepted_in_batches_per_s: 39_000.0,
            delivered_from_queue_per_s: 61_000.0,
            settled_after_s: 0.1,
            gateway_cpu_us_per_message: 25.0,
            sandbox_cpu_us_per_message: 15.0,
            delivered_while_accepting_per_s: 20_000.0,
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
        assert_eq!(
            row("delivered from")[2..6],
            ["61.0 k/s", "0.61 of ceiling", "≥ 0.60", "yes"]
        );
        assert_eq!(
            row("delivered while")[3..6],
            ["0.20 of ceiling", "≥ 0.25", "**no**"]
        );
        assert_eq!(row("accepted durably, batches")[5], "**no**");
        assert_eq!(row("ready after kill")[5], "**no**");
        assert_eq!(
            row("messages delivered")[2..6],
            ["200001 of 200001", "", "all", "yes"]
        );
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
