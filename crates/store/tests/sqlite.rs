//! The suite's way to an SQLite store.

use std::path::Path;
use std::sync::Arc;

use hongyan_domain::clock::Clock;
use hongyan_store::{OpenError, OpenOptions, Seal, SqliteStore};

use crate::suite::{Case, Kit};

/// Runs a case on a store of its own.
pub(crate) fn run(case: impl Case) {
    let directory = tempfile::tempdir().unwrap();
    let kit = Kit::default();
    let store = open(&directory.path().join("hongyan.db"), kit.clock.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(case.call(&store, &kit));
}

/// Opens a store as a gateway does.
pub(crate) fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, options(clock))
}

pub(crate) fn options(clock: Arc<dyn Clock>) -> OpenOptions {
    OpenOptions {
        exclusive: true,
        create: true,
        clock,
        seal: Seal::new(&[7; 32]),
    }
}
