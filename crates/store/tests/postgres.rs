//! The suite's way to a PostgreSQL store, and what is particular to it.

mod answers;
mod broadcasts;
mod broken;
mod nodes;
mod proxy;
mod refusals;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use hongyan_domain::clock::Clock;
use hongyan_domain::port::Store;
use hongyan_store::{PostgresOptions, PostgresStore, Seal};
use hongyan_test_postgres::{Database, KEY, Server};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::suite::{Case, Kit};

/// Runs a case on a database of its own.
pub(crate) fn run(case: impl Case) {
    let database = Server::shared().database();
    let kit = Kit::default();
    runtime().block_on(async {
        let store = open(&database, kit.clock.clone()).await;
        case.call(&store, &kit).await;
        store.shutdown().await;
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Opens a store whose time is turned by hand.
async fn open(database: &Database, clock: Arc<dyn Clock>) -> PostgresStore {
    let options = PostgresOptions {
        clock: Some(clock),
        pool_size: 4,
        ..options(database.url())
    };
    PostgresStore::open(options).await.unwrap()
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url, Seal::new(&KEY))
}

/// A way to the database beside the store.
async fn visit(database: &Database) -> Client {
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

/// What must happen soon, by another task or process, whose moment nobody tells.
async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within ten seconds");
}
