//! The process itself, under the names every Prometheus client library uses, and
//! which binary it is.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Reads the process's figures at each scrape. Where there is no `/proc`, they
/// are left out.
#[derive(Debug)]
pub(super) struct Process;

/// The figures, in the units Prometheus uses: seconds and bytes.
#[derive(Debug, PartialEq)]
struct Figures {
    cpu_seconds: f64,
    started_at: f64,
    resident_bytes: f64,
    threads: f64,
    open_files: f64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut build = encoder.encode_descriptor(
            "hongyan_build_info",
            "Always 1; its label says which version runs.",
            None,
            MetricType::Gauge,
        )?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        build.encode_family(&version)?.encode_gauge(&1_u64)?;
        let Some(figures) = read() else {
            return Ok(());
        };
        ConstCounter::new(figures.cpu_seconds).encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            "Time the process has spent computing, in user and system mode.",
            None,
            MetricType::Counter,
        )?)?;
        for (name, help, value) in [
            (
                "process_start_time_seconds",
                "When the process started, in seconds since 1970.",
                figures.started_at,
            ),
            (
                "process_resident_memory_bytes",
                "Memory of the process that is in RAM.",
                figures.resident_bytes,
            ),
            (
                "process_threads",
                "Threads of the process.",
                figures.threads,
            ),
            (
                "process_open_fds",
                "Files and sockets the process has open.",
                figures.open_files,
            ),
        ] {
            ConstGauge::new(value).encode(encoder.encode_descriptor(
                name,
                help,
                None,
                MetricType::Gauge,
            )?)?;
        }
        Ok(())
    }
}

/// The figures of this process (proc(5)).
fn read() -> Option<Figures> {
    let file = |path| std::fs::read_to_string(path).ok();
    let open_files = std::fs::read_dir("/proc/self/fd").ok()?.count();
    figures(
        &file("/proc/self/stat")?,
        &file("/proc/self/status")?,
        &file("/proc/stat")?,
        open_files,
    )
}

fn figures(stat: &str, status: &str, system: &str, open_files: usize) -> Option<Figures> {
    /// Linux reports to programs in hundredths of a second whatever its own
    /// clock does.
    const TICKS: f64 = 100.0;
    // The name of the program stands in brackets and may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // Fields are counted from 1 there, and the first after the name is the third.
    let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let line = |text: &str, name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))?
            .split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
    };
    Some(Figures {
        cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS,
        started_at: line(system, "btime ")? + ticks(22)? / TICKS,
        resident_bytes: line(status, "VmRSS:")? * 1024.0,
        threads: line(status, "Threads:")?,
        // The one that lists the folder is among them.
        open_files: f64::from(u32::try_from(open_files.saturating_sub(1)).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_where_they_stand() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 7 0 1234 1000 20 9";
        let status = "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t7\n";
        let expected = Figures {
            cpu_seconds: 3.0,
            started_at: 1_700_000_012.34,
            resident_bytes: 2_097_152.0,
            threads: 7.0,
            open_files: 10.0,
        };
        let system = "cpu 1 2\nbtime 1700000000\n";
        assert_eq!(figures(stat, status, system, 11), Some(expected));
        assert_eq!(figures("", status, system, 11), None);
    }
}
