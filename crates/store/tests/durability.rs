//! `kill -9` at any moment loses nothing that was acknowledged.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hongyan_domain::MessageId;
use hongyan_domain::clock::SystemClock;
use hongyan_domain::port::{MessageFilter, MessageStore, NewBatch, Page};

use crate::sqlite::open;
use crate::suite::Kit;

/// Names the database to the child process; without it the child has nothing to
/// do.
const DATABASE: &str = "HONGYAN_TEST_DATABASE";

/// Acknowledged messages after which the child is killed.
const ENOUGH: usize = 300;

#[tokio::test]
async fn what_was_acknowledged_survives_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hongyan.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["durability::accept_without_end", "--exact", "--nocapture"])
        .env(DATABASE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let id = |line: String| {
        line.split_whitespace()
            .last()
            .and_then(|id| id.parse().ok())
    };
    let mut acknowledged: BTreeSet<MessageId> =
        lines.by_ref().filter_map(id).take(ENOUGH).collect();
    child.kill().unwrap();
    // What it had said before it was killed counts, too, except a line cut off.
    acknowledged.extend(lines.filter_map(id));
    child.wait().unwrap();
    assert!(acknowledged.len() >= ENOUGH);

    let store = open(&path, Arc::new(SystemClock)).unwrap();
    let page = Page {
        limit: 1_000_000,
        after: None,
    };
    let stored = store
        .deliveries(&MessageFilter::default(), page)
        .await
        .unwrap();
    let ids: BTreeSet<_> = stored.iter().map(|delivery| delivery.message.id).collect();
    assert_eq!(ids.len(), stored.len(), "each is there once");
    assert!(acknowledged.is_subset(&ids));
}

/// Run by the test above in a process of its own: accepts messages, several at a
/// time, and names each one once it is acknowledged.
#[test]
fn accept_without_end() {
    let Some(path) = std::env::var_os(DATABASE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let kit = Kit::default();
        let store = open(Path::new(&path), kit.clock.clone()).unwrap();
        let account = kit.account(&store, "oa").await;
        let accept = async || {
            loop {
                let message = kit.message(account);
                let id = message.id;
                let batch = NewBatch {
                    messages: vec![message],
                    idempotency: None,
                };
                store.accept(batch).await.unwrap();
                // As one write, so that two lines do not mix.
                let line = format!("\n{id}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        };
        tokio::join!(accept(), accept(), accept(), accept(), accept(), accept());
    });
}
