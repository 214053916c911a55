//! Taking callbacks in. Calls that run at the same time share a transaction: a
//! few tasks take whatever waits, write it with statements of many rows, commit
//! once and then answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hongyan_domain::callback::{Callback, Effect, Received};
use hongyan_domain::port::StoreError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::link::{Link, closed};
use super::receive;
use crate::digest;

/// Tasks that write: while one waits for the disk, the other works.
const BATCHERS: usize = 2;
/// Calls that wait at most; further callers wait to be let in.
const QUEUE: usize = 1024;
/// Calls in one transaction at most: bounds how long a caller waits for the
/// others.
const CALLS_PER_COMMIT: usize = 256;

/// A callback on its way in, with what was worked out before.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) callback: Callback,
    pub(super) dedupe: Uuid,
    pub(super) effects: Vec<Effect>,
    pub(super) forward_to: Vec<String>,
    /// What time it is.
    pub(super) now: i64,
}

impl Call {
    pub(super) fn new(
        callback: &Callback,
        effects: &[Effect],
        forward_to: &[String],
        now: i64,
    ) -> Self {
        let dedupe = digest::dedupe(callback.account, &callback.dedupe_key);
        Self {
            callback: callback.clone(),
            dedupe: Uuid::from_bytes(dedupe),
            effects: effects.to_vec(),
            forward_to: forward_to.to_vec(),
            now,
        }
    }
}

struct Waiting {
    call: Call,
    reply: oneshot::Sender<Result<Received, StoreError>>,
}

/// The way to the tasks that write.
pub(super) struct Reception {
    inbox: Mutex<Option<mpsc::Sender<Waiting>>>,
    batchers: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Reception {
    pub(super) fn start(link: &Link) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let batchers = (0..BATCHERS)
            .map(|_| tokio::spawn(serve(link.clone(), Arc::clone(&receiver))))
            .collect();
        Self {
            inbox: Mutex::new(Some(sender)),
            batchers: tokio::sync::Mutex::new(batchers),
        }
    }

    /// Has a callback written; returns once it is on disk.
    pub(super) async fn take(&self, call: Call) -> Result<Received, StoreError> {
        let inbox = self
            .inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { call, reply };
        inbox.send(waiting).await.map_err(|_| closed())?;
        drop(inbox);
        answer.await.map_err(|_| closed())?
    }

    /// Writes what waits and takes nothing more.
    pub(super) async fn stop(&self) {
        self.inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for batcher in self.batchers.lock().await.drain(..) {
            if batcher.await.is_err() {
                tracing::error!("a task that takes callbacks in had panicked");
            }
        }
    }
}

type Inbox = Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting>>>;

/// Works until the inbox is closed and empty.
async fn serve(link: Link, inbox: Inbox) {
    let mut held_back = Vec::new();
    loop {
        let batch = gather(&inbox, &mut held_back).await;
        if batch.is_empty() {
            return;
        }
        let (calls, replies): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.call, waiting.reply))
            .unzip();
        let results = write(&link, &calls).await;
        for (reply, result) in replies.into_iter().zip(results) {
            // A caller that has gone away needs no answer.
            let _ = reply.send(result);
        }
    }
}

/// What waits, as far as it fits into one transaction. A repeat of a callback
/// that is in it already is held back for the next one.
async fn gather(inbox: &Inbox, held_back: &mut Vec<Waiting>) -> Vec<Waiting> {
    let (mut batch, mut inside) = (Vec::new(), BTreeSet::new());
    let mut add = |waiting: Waiting, batch: &mut Vec<Waiting>, held_back: &mut Vec<Waiting>| {
        if inside.insert(waiting.call.dedupe) {
            batch.push(waiting);
        } else {
            held_back.push(waiting);
        }
    };
    for waiting in std::mem::take(held_back) {
        add(waiting, &mut batch, held_back);
    }
    // Who has something to do does not wait behind one who waits for work.
    let mut inbox = if batch.is_empty() {
        let mut inbox = inbox.lock().await;
        match inbox.recv().await {
            Some(waiting) => add(waiting, &mut batch, held_back),
            None => return Vec::new(),
        }
        inbox
    } else {
        match inbox.try_lock() {
            Ok(inbox) => inbox,
            Err(_) => return batch,
        }
    };
    while batch.len() < CALLS_PER_COMMIT
        && let Ok(waiting) = inbox.try_recv()
    {
        add(waiting, &mut batch, held_back);
    }
    batch
}

/// Writes calls in one transaction, or each in its own where one of them spoils
/// it for the others.
async fn write(link: &Link, calls: &[Call]) -> Vec<Result<Received, StoreError>> {
    let all: Vec<&Call> = calls.iter().collect();
    match together(link, &all).await {
        Ok(results) => return results,
        Err(StoreError::Corrupt { .. } | StoreError::Taken { .. }) if calls.len() > 1 => {}
        Err(error) => return calls.iter().map(|_| Err(error.clone())).collect(),
    }
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        let alone = together(link, &[call]).await;
        results.push(alone.and_then(|mut one| one.pop().unwrap_or_else(|| Err(closed()))));
    }
    results
}

type Results = Vec<Result<Received, StoreError>>;

async fn together(link: &Link, calls: &[&Call]) -> Result<Results, StoreError> {
    link.run(|db, again| async move { receive::receive(&db, calls, again).await })
        .await
}
