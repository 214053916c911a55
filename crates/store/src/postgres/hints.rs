//! Hints from node to node, by LISTEN and NOTIFY.
//!
//! They leave on the listener's own connection after the commit they are about,
//! not in its transaction: commits that notify wait for one another in the whole
//! server (PostgreSQL holds a lock over them until they are on disk), and a hint
//! may be lost anyway.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::port::Hint;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::fault::describe;

const CHANNEL: &str = "hongyan";

/// Hints that wait at most.
const MOST_WAITING: usize = 1024;
/// Hints about the same that come within this time leave as one.
const GATHER: Duration = Duration::from_millis(5);
/// How often a silent connection is asked whether it still lives, and how long
/// it may take to answer.
const ASK_EVERY: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Pauses between two tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a hint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Due,
    Changed,
}

/// Hints that came in and those that are to go out.
#[derive(Debug)]
pub(super) struct Hints {
    /// `node:schema`, to leave out what this node or another schema said.
    node: String,
    schema: String,
    incoming: Mutex<VecDeque<Hint>>,
    arrived: Notify,
    outgoing: Mutex<BTreeSet<(Topic, i64)>>,
    leaving: Notify,
}

impl Hints {
    pub(super) fn new(node: u64, schema: String) -> Self {
        Self {
            node: format!("{node:016x}"),
            schema,
            incoming: Mutex::default(),
            arrived: Notify::new(),
            outgoing: Mutex::default(),
            leaving: Notify::new(),
        }
    }

    /// Lets the other nodes know, soon.
    pub(super) fn tell(&self, topic: Topic, account: i64) {
        let mut outgoing = lock(&self.outgoing);
        // Where nobody can be told for a long time, others find out by looking.
        if outgoing.len() < MOST_WAITING && outgoing.insert((topic, account)) {
            self.leaving.notify_one();
        }
    }

    /// The next hint of another node.
    pub(super) async fn next(&self) -> Hint {
        loop {
            let arrived = self.arrived.notified();
            if let Some(hint) = lock(&self.incoming).pop_front() {
                return hint;
            }
            arrived.await;
        }
    }

    fn take(&self, hint: Hint) {
        let mut incoming = lock(&self.incoming);
        if incoming.contains(&hint) || incoming.contains(&Hint::Missed) {
            return;
        }
        if hint == Hint::Missed || incoming.len() >= MOST_WAITING {
            incoming.clear();
            incoming.push_back(Hint::Missed);
        } else {
            incoming.push_back(hint);
        }
        self.arrived.notify_one();
    }

    fn hear(&self, payload: &str) {
        let mut parts = payload.splitn(4, ':');
        let (Some(topic), Some(account), Some(node), Some(schema)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let Ok(account) = account.parse().map(AccountId) else {
            return;
        };
        if node == self.node || schema != self.schema {
            return;
        }
        match topic {
            "due" => self.take(Hint::Due(account)),
            "changed" => self.take(Hint::Changed(account)),
            // A newer node may know more.
            _ => {}
        }
    }

    fn payloads(&self) -> Vec<String> {
        let outgoing = std::mem::take(&mut *lock(&self.outgoing));
        let payload = |(topic, account)| {
            let mut text = String::from(match topic {
                Topic::Due => "due:",
                Topic::Changed => "changed:",
            });
            // Writing to a string does not fail.
            let _ = write!(text, "{account}:{}:{}", self.node, self.schema);
            text
        };
        outgoing.into_iter().map(payload).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens and tells as long as the store lives; connects anew when the
/// connection breaks.
pub(super) async fn exchange(address: Address, tls: MakeRustlsConnect, hints: Arc<Hints>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match connected(&address, &tls, &hints, &mut pause).await {
            Ok(()) => tracing::debug!("the connection for hints was closed"),
            Err(error) => {
                tracing::debug!(error, "no connection for hints");
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn connected(
    address: &Address,
    tls: &MakeRustlsConnect,
    hints: &Arc<Hints>,
    pause: &mut Duration,
) -> Result<(), String> {
    let connect = address.config.connect(tls.clone());
    let (client, mut connection) = connect.await.map_err(|error| describe(&error))?;
    let ear = Arc::clone(hints);
    let listen = async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notification(said)) if said.channel() == CHANNEL => {
                    ear.hear(said.payload());
                }
                Ok(_) => {}
                Err(error) => return Err(describe(&error)),
            }
        }
        Ok(())
    };
    let speak = async {
        // Hints need not be on disk before others hear them.
        client
            .batch_execute(
                "SET synchronous_commit = off; SET statement_timeout = 5000; LISTEN hongyan",
            )
            .await
            .map_err(|error| describe(&error))?;
        // What was said while nobody listened is lost.
        hints.take(Hint::Missed);
        *pause = FIRST_PAUSE;
        loop {
            speak(&client, hints).await?;
        }
    };
    tokio::select! {
        ended = listen => ended,
        ended = speak => ended,
    }
}

/// Waits until there is something to tell, or until it is time to ask whether
/// the connection still lives.
async fn speak(client: &Client, hints: &Hints) -> Result<(), String> {
    let waited = timeout(ASK_EVERY, hints.leaving.notified()).await;
    if waited.is_ok() {
        sleep(GATHER).await;
    }
    let payloads = hints.payloads();
    let told = async {
        if payloads.is_empty() {
            return client.batch_execute("").await;
        }
        client
            .execute(
                "-- hints.tell\nSELECT pg_notify('hongyan', said) FROM unnest($1::text[]) said",
                &[&payloads],
            )
            .await
            .map(drop)
    };
    match timeout(ANSWER_WITHIN, told).await {
        Ok(result) => result.map_err(|error| describe(&error)),
        // Whoever does not answer is taken for gone.
        Err(_) => Err(format!("no answer within {ANSWER_WITHIN:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(node: u64) -> Hints {
        Hints::new(node, "a:schema".to_owned())
    }

    fn waiting(hints: &Hints) -> Vec<Hint> {
        lock(&hints.incoming).iter().copied().collect()
    }

    #[test]
    fn nodes_understand_each_other_but_not_themselves() {
        let (one, other) = (hints(1), hints(2));
        one.tell(Topic::Due, 7);
        one.tell(Topic::Due, 7);
        one.tell(Topic::Changed, 8);
        for payload in one.payloads() {
            one.hear(&payload);
            other.hear(&payload);
            Hints::new(3, "public".to_owned()).hear(&payload);
        }
        assert!(one.payloads().is_empty(), "told once");
        assert!(waiting(&one).is_empty());
        let heard = [Hint::Due(AccountId(7)), Hint::Changed(AccountId(8))];
        assert_eq!(waiting(&other), heard);
        for noise in ["", "due", "due:x:2:a:schema", "new:1:2:a:schema"] {
            one.hear(noise);
        }
        assert!(waiting(&one).is_empty());
    }

    #[test]
    fn too_many_hints_are_one() {
        let hints = hints(1);
        for account in 0..2000 {
            hints.take(Hint::Due(AccountId(account)));
            hints.take(Hint::Due(AccountId(account)));
        }
        assert_eq!(waiting(&hints), [Hint::Missed]);
    }
}
