//! Memory and processor time of processes, as Linux counts them (proc(5)).

use std::time::Duration;

use serde::Serialize;

use crate::failure::{Failure, system};

/// Ticks of a second in `/proc/<id>/stat`. The kernel scales to this whatever its
/// own rate is.
const TICKS: u64 = 100;

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: u64,
    /// The most that ever was.
    pub(crate) peak: u64,
}

/// The memory of a process.
///
/// # Errors
/// When the process is gone, or this is not Linux.
pub(crate) fn memory_of(process: u32) -> Result<Memory, Failure> {
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(&path).map_err(system(format!(
        "cannot read {path} (memory is read as on Linux)"
    )))?;
    memory_in(&text).ok_or_else(|| Failure::Wrong(format!("{path} tells no memory")))
}

/// Processor time the threads of a process have used. `process` is its id, or
/// `self`.
///
/// # Errors
/// As [`memory_of`].
pub(crate) fn cpu_of(process: &str) -> Result<Duration, Failure> {
    let path = format!("/proc/{process}/task");
    let threads = std::fs::read_dir(&path).map_err(system(format!(
        "cannot read {path} (processor time is read as on Linux)"
    )))?;
    // A thread that ends in between is passed over.
    let used = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    Ok(Duration::from_nanos(used.sum()))
}

/// Processor time of a process, the children it has, and those it had: a
/// PostgreSQL server by its first process.
///
/// # Errors
/// As [`memory_of`].
pub(crate) fn cpu_of_family(first: u32) -> Result<Duration, Failure> {
    let all = std::fs::read_dir("/proc").map_err(system("cannot read /proc"))?;
    let mut used = cpu_of(&first.to_string())? + Stat::read(first)?.waited_for;
    for entry in all.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ends in between is passed over.
        if Stat::read(process).is_ok_and(|stat| stat.parent == first)
            && let Ok(more) = cpu_of(&process.to_string())
        {
            used += more;
        }
    }
    Ok(used)
}

/// What we need of `/proc/<id>/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    name: String,
    pub(crate) parent: u32,
    /// Processor time of children that have ended.
    waited_for: Duration,
}

impl Stat {
    /// Reads it.
    ///
    /// # Errors
    /// As [`memory_of`].
    pub(crate) fn read(process: u32) -> Result<Self, Failure> {
        let path = format!("/proc/{process}/stat");
        let text = std::fs::read_to_string(&path)
            .map_err(system(format!("cannot read {path} (as on Linux)")))?;
        Self::parse(&text).ok_or_else(|| Failure::Wrong(format!("{path} cannot be read: {text}")))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name, in brackets, may hold anything.
        let (head, rest) = text.rsplit_once(") ")?;
        let (_, name) = head.split_once('(')?;
        // From the third field on: state, parent, …, the 16th and 17th are the
        // user and system time of ended children.
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = |n: usize| fields.get(n)?.parse::<u64>().ok();
        Some(Self {
            name: name.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            waited_for: Duration::from_millis((ticks(13)? + ticks(14)?) * 1000 / TICKS),
        })
    }

    /// Whether it is a program of that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

fn memory_in(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes * 1024)
    };
    Some(Memory {
        resident: bytes("VmRSS:")?,
        peak: bytes("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let memory = memory_in("Name:\thongyan\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n").unwrap();
        assert_eq!((memory.resident, memory.peak), (1 << 20, 2 << 20));
        assert!(memory_in("Name:\thongyan\n").is_none());
    }

    #[test]
    fn the_time_of_ended_children_is_read_whatever_the_name() {
        let text = "7 (a) (b) S 3 7 7 0 -1 4194304 1 2 0 0 11 12 130 70 20 0 1 0 99";
        let stat = Stat::parse(text).unwrap();
        assert!(stat.is("a) (b"));
        assert_eq!(stat.parent, 3);
        assert_eq!(stat.waited_for, Duration::from_secs(2));
        assert_eq!(Stat::parse("7 (a) S 3"), None);
    }

    #[test]
    fn a_family_has_used_what_its_first_process_has_and_more() {
        let before = cpu_of("self").unwrap();
        assert!(cpu_of_family(std::process::id()).unwrap() >= before);
    }
}
