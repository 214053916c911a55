//! What was measured, and the arithmetic on it.

use serde::Serialize;

use crate::flags::Flags;
use crate::plan::Case;

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) date: String,
    pub(crate) version: &'static str,
    pub(crate) cores: usize,
    pub(crate) flags: Flags,
    /// Version and durability of the server, if there was one.
    pub(crate) postgres: Option<String>,
    pub(crate) binary_bytes: u64,
    pub(crate) cases: Vec<Figures>,
    pub(crate) failed: Vec<Failed>,
}

/// A case without figures.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    pub(crate) case: Case,
    /// One sentence.
    pub(crate) why: String,
}

/// What was measured of a case. Times in seconds, sizes in bytes; those of
/// several gateways are of the one that needs most.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) case: Case,
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
    /// At half of that rate, with the processor time of all.
    pub(crate) half_load: Rate,
    pub(crate) half_load_latency: Spread,
    /// `high` messages while the queue is full of `low` ones.
    pub(crate) high_latency: Spread,
    pub(crate) memory_idle: u64,
    pub(crate) memory_queue_full: u64,
    pub(crate) memory_restarted: u64,
    /// Since it was started with the queue full.
    pub(crate) memory_peak: u64,
    pub(crate) ready_empty_s: f64,
    pub(crate) ready_queue_full_s: f64,
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    /// Sends the sandbox knew already by their `client_msg_id`.
    pub(crate) sent_again: u64,
    /// What one would use instead, where it was measured.
    pub(crate) peers: Vec<Peer>,
}

impl Figures {
    /// The mean of both, because a machine's speed drifts.
    pub(crate) fn ceiling(&self) -> Rate {
        let [a, b] = self.ceiling;
        a.midpoint(b)
    }
}

/// Another way to send messages.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Messages a second, and processor time; `Err` = why there is none.
    pub(crate) result: Result<Rate, String>,
}

/// How fast, and at what cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rate {
    /// Requests or messages a second.
    pub(crate) per_s: f64,
    /// Processor time for each.
    pub(crate) cpu: CpuEach,
}

impl Rate {
    fn midpoint(self, other: Self) -> Self {
        let mid = f64::midpoint;
        Self {
            per_s: mid(self.per_s, other.per_s),
            cpu: CpuEach {
                gateway_us: mid(self.cpu.gateway_us, other.cpu.gateway_us),
                sandbox_us: mid(self.cpu.sandbox_us, other.cpu.sandbox_us),
                load_us: mid(self.cpu.load_us, other.cpu.load_us),
                postgres_us: self
                    .cpu
                    .postgres_us
                    .zip(other.cpu.postgres_us)
                    .map(|(a, b)| mid(a, b)),
            },
        }
    }

    /// This as a part of another.
    pub(crate) fn of(self, whole: Self) -> Ratio {
        Ratio {
            plain: divided(self.per_s, whole.per_s),
            by_cpu: divided(whole.cpu.all(), self.cpu.all()),
        }
    }
}

/// Processor time for each request or message, in microseconds. Unlike a rate, it
/// depends little on what else the machine does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct CpuEach {
    pub(crate) gateway_us: f64,
    pub(crate) sandbox_us: f64,
    /// Of the program that makes the load.
    pub(crate) load_us: f64,
    /// Of all processes of the server; none with SQLite or where it runs
    /// elsewhere.
    pub(crate) postgres_us: Option<f64>,
}

impl CpuEach {
    /// Of all together.
    pub(crate) fn all(&self) -> f64 {
        self.gateway_us + self.sandbox_us + self.load_us + self.postgres_us.unwrap_or(0.0)
    }
}

/// One rate by another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    /// By what was measured.
    pub(crate) plain: f64,
    /// By processor time: what it would be if nothing ever waited.
    pub(crate) by_cpu: f64,
}

/// A rate of one case by the same rate of another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    /// Each as a part of its own case's ceiling, because the machine's speed
    /// differs from one case to the other.
    pub(crate) leveled: f64,
    /// As measured.
    pub(crate) ratio: Ratio,
}

impl Comparison {
    /// Compares what `rate` picks out of two cases.
    pub(crate) fn new(one: &Figures, other: &Figures, rate: impl Fn(&Figures) -> Rate) -> Self {
        let share = |figures: &Figures| rate(figures).of(figures.ceiling()).plain;
        Self {
            leveled: divided(share(one), share(other)),
            ratio: rate(one).of(rate(other)),
        }
    }
}

/// Zero where there is nothing to divide by: such a goal is not met.
fn divided(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// How times are spread, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Spread {
    /// How many times that are.
    pub(crate) count: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) most_ms: f64,
}

impl Spread {
    /// The spread of these times.
    pub(crate) fn of(mut times_ms: Vec<f64>) -> Self {
        times_ms.sort_unstable_by(f64::total_cmp);
        Self {
            count: times_ms.len(),
            p50_ms: percentile(&times_ms, 50),
            p99_ms: percentile(&times_ms, 99),
            most_ms: percentile(&times_ms, 100),
        }
    }
}

/// The least value that so many in a hundred do not exceed (nearest rank); zero
/// where there is none.
fn percentile(sorted: &[f64], hundredth: usize) -> f64 {
    let rank = (sorted.len() * hundredth).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::flags::Database;
    use crate::plan;

    /// Two cores, busy all the time.
    pub(crate) fn rate(per_s: f64) -> Rate {
        Rate {
            per_s,
            cpu: CpuEach {
                gateway_us: 2e6 / per_s,
                sandbox_us: 0.0,
                load_us: 0.0,
                postgres_us: None,
            },
        }
    }

    /// The base of a database with figures that meet some goals.
    pub(crate) fn figures(database: Database) -> Figures {
        Figures {
            case: plan::base(&Flags::default(), database),
            ceiling: [rate(100_000.0), rate(100_000.0)],
            healthz: rate(100_000.0),
            accepted_singly: rate(35_000.0),
            accepted_in_batches: rate(39_000.0),
            delivered_from_queue: rate(61_000.0),
            settled_after_s: 0.1,
            delivered_while_accepting: rate(20_000.0),
            accepted_while_delivering_per_s: 20_000.0,
            half_load: rate(10_000.0),
            half_load_latency: Spread::of(vec![3.0, 4.0]),
            high_latency: Spread::of(vec![60.0]),
            memory_idle: 20 << 20,
            memory_queue_full: 100 << 20,
            memory_restarted: 100 << 20,
            memory_peak: 100 << 20,
            ready_empty_s: 0.2,
            ready_queue_full_s: 3.0,
            accepted: 200_001,
            delivered: 200_001,
            sent_again: 0,
            peers: Vec::new(),
        }
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let spread = Spread::of((1..=200).rev().map(f64::from).collect());
        assert_eq!(
            spread,
            Spread {
                count: 200,
                p50_ms: 100.0,
                p99_ms: 198.0,
                most_ms: 200.0
            }
        );
        assert_eq!(Spread::of(vec![7.0]).p50_ms, 7.0);
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn a_ratio_by_processor_time_is_of_what_each_needs() {
        let mut half = rate(50_000.0);
        half.cpu.postgres_us = Some(half.cpu.gateway_us);
        let ratio = half.of(rate(100_000.0));
        assert!((ratio.plain - 0.5).abs() < 1e-9);
        assert!((ratio.by_cpu - 0.25).abs() < 1e-9);
        assert_eq!(rate(1.0).of(rate(0.0)).plain, 0.0);
    }

    #[test]
    fn cases_are_compared_by_their_ceilings() {
        let fast = figures(Database::Sqlite);
        let mut slow = fast.clone();
        // The whole machine is half as fast, but for what is compared.
        slow.ceiling = [rate(40_000.0), rate(60_000.0)];
        let compared = Comparison::new(&slow, &fast, |figures| figures.delivered_from_queue);
        assert!((compared.leveled - 2.0).abs() < 1e-9);
        assert!((compared.ratio.plain - 1.0).abs() < 1e-9);
    }
}
