//! The suite's way to a PostgreSQL store.

use std::sync::Arc;

use hongyan_domain::clock::Clock;
use hongyan_domain::port::Store;
use hongyan_store::{PostgresOptions, PostgresStore, Seal};
use hongyan_test_postgres::{KEY, Server};
use tokio::runtime::Runtime;

use crate::suite::{Case, Kit};

/// Runs a case on a database of its own.
pub(crate) fn run(case: impl Case) {
    let database = Server::shared().database();
    let kit = Kit::default();
    runtime().block_on(async {
        let store = open(database.url(), kit.clock.clone()).await;
        case.call(&store, &kit).await;
        store.shutdown().await;
    });
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Opens a store whose time is turned by hand.
pub(crate) async fn open(url: &str, clock: Arc<dyn Clock>) -> PostgresStore {
    let options = PostgresOptions {
        clock: Some(clock),
        pool_size: 4,
        ..PostgresOptions::new(url, Seal::new(&KEY))
    };
    PostgresStore::open(options).await.unwrap()
}
