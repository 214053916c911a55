//! What happened, in numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::api::endpoints::ENDPOINTS;

/// Counters since the start of the process.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Calls by position of the endpoint; the last one counts unknown paths.
    calls: Vec<AtomicU64>,
    errors: Mutex<BTreeMap<i32, u64>>,
    duplicates: AtomicU64,
    dropped: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            calls: (0..=ENDPOINTS.len()).map(|_| AtomicU64::new(0)).collect(),
            errors: Mutex::default(),
            duplicates: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl Counters {
    pub(crate) fn call(&self, endpoint: Option<usize>) {
        self.calls[endpoint.unwrap_or(ENDPOINTS.len())].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn error(&self, code: i32) {
        *self.errors.lock().entry(code).or_default() += 1;
    }

    pub(crate) fn duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped_connections(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.calls
            .iter()
            .map(|calls| calls.load(Ordering::Relaxed))
            .sum()
    }

    /// Paths that were called, with the number of calls.
    pub(crate) fn by_path(&self) -> BTreeMap<&'static str, u64> {
        let names = ENDPOINTS
            .iter()
            .map(|endpoint| endpoint.path)
            .chain(["(unknown)"]);
        names
            .zip(&self.calls)
            .map(|(path, calls)| (path, calls.load(Ordering::Relaxed)))
            .filter(|(_, calls)| *calls > 0)
            .collect()
    }

    pub(crate) fn by_errcode(&self) -> BTreeMap<i32, u64> {
        self.errors.lock().clone()
    }
}
