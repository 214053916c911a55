//! Taking messages in. Calls that run at the same time share a transaction: a
//! few tasks take whatever waits, write it with statements of many rows, commit
//! once and then answer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hongyan_domain::MessageId;
use hongyan_domain::port::{StoreError, Usage};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::fault::{Fault, Outcome, clash};
use super::idempotency::{self, Answer};
use super::insert::{NewRow, insert_and_commit};
use super::link::{Db, Link, closed};
use super::row::message_id;

/// Tasks that write: while one waits for the disk, the other works.
pub(super) const BATCHERS: usize = 2;
/// Calls that wait at most, and their rows; further callers wait to be let in.
const QUEUE: usize = 1024;
const ROWS_WAITING: usize = 16 * 1024;
/// Calls in one transaction at most, and rows after which no further call joins
/// it: both bound how long a caller waits for the others.
const CALLS_PER_COMMIT: usize = 512;
const ROWS_PER_COMMIT: usize = 2000;

/// What became of a call.
#[derive(Debug, Clone)]
pub(super) enum Taken {
    Stored,
    Earlier(Answer),
    KeyReused,
}

/// What a caller wants written.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) rows: Vec<NewRow>,
    pub(super) answer: Option<Answer>,
    /// The time to note; `None` = the database's.
    pub(super) by_hand: Option<i64>,
}

struct Waiting {
    call: Call,
    reply: oneshot::Sender<Result<Taken, StoreError>>,
}

/// The way to the tasks that write.
pub(super) struct Intake {
    link: Link,
    inbox: Mutex<Option<mpsc::Sender<Waiting>>>,
    room: Semaphore,
    waiting: AtomicU32,
    batchers: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Intake {
    pub(super) fn start(link: Link) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let batchers = (0..BATCHERS)
            .map(|_| tokio::spawn(serve(link.clone(), Arc::clone(&receiver))))
            .collect();
        Self {
            link,
            inbox: Mutex::new(Some(sender)),
            room: Semaphore::new(ROWS_WAITING),
            waiting: AtomicU32::default(),
            batchers: tokio::sync::Mutex::new(batchers),
        }
    }

    /// Has a call written; returns once it is on disk.
    pub(super) async fn take(&self, call: Call) -> Result<Taken, StoreError> {
        if call.rows.is_empty() && call.answer.is_none() {
            return Ok(Taken::Stored);
        }
        let _counted = Counted::new(&self.waiting);
        let rows = call.rows.len().clamp(1, ROWS_WAITING);
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let limit = self.link.statement_limit();
        let room = timeout(limit, self.room.acquire_many(rows)).await;
        let _room = room
            .map_err(|_| StoreError::Unavailable {
                reason: format!("too many messages wait to be taken in, for {limit:?}"),
            })?
            .map_err(|_| closed())?;
        let inbox = self.inbox().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { call, reply };
        inbox.send(waiting).await.map_err(|_| closed())?;
        drop(inbox);
        answer.await.map_err(|_| closed())?
    }

    fn inbox(&self) -> Option<mpsc::Sender<Waiting>> {
        self.inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            waiting: self.waiting.load(Ordering::Relaxed),
            ..self.link.usage()
        }
    }

    /// Writes what waits and takes nothing more.
    pub(super) async fn stop(&self) {
        self.inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for batcher in self.batchers.lock().await.drain(..) {
            if batcher.await.is_err() {
                tracing::error!("a task that takes messages in had panicked");
            }
        }
    }

    pub(super) fn close(&self) {
        self.link.close();
    }
}

/// Counts a caller as long as it waits.
struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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

/// What waits, as far as it fits into one transaction. Calls under a key that is
/// in it already are held back for the next one.
async fn gather(inbox: &Inbox, held_back: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut batch = Batch::default();
    for waiting in std::mem::take(held_back) {
        batch.add(waiting, held_back);
    }
    // Who has something to do does not wait behind one who waits for work.
    let mut inbox = if batch.calls.is_empty() {
        let mut inbox = inbox.lock().await;
        match inbox.recv().await {
            Some(waiting) => batch.add(waiting, held_back),
            None => return Vec::new(),
        }
        inbox
    } else {
        match inbox.try_lock() {
            Ok(inbox) => inbox,
            Err(_) => return batch.calls,
        }
    };
    while batch.has_room()
        && let Ok(waiting) = inbox.try_recv()
    {
        batch.add(waiting, held_back);
    }
    batch.calls
}

#[derive(Default)]
struct Batch {
    calls: Vec<Waiting>,
    rows: usize,
    keys: BTreeSet<(Uuid, String)>,
}

impl Batch {
    fn has_room(&self) -> bool {
        self.calls.len() < CALLS_PER_COMMIT && self.rows < ROWS_PER_COMMIT
    }

    fn add(&mut self, waiting: Waiting, held_back: &mut Vec<Waiting>) {
        if let Some(answer) = &waiting.call.answer
            && !self.keys.insert((answer.caller, answer.key.clone()))
        {
            held_back.push(waiting);
            return;
        }
        self.rows += waiting.call.rows.len();
        self.calls.push(waiting);
    }
}

/// Writes calls in one transaction, or each in its own where one of them spoils
/// it for the others.
async fn write(link: &Link, calls: &[Call]) -> Vec<Result<Taken, StoreError>> {
    let all: Vec<&Call> = calls.iter().collect();
    match together(link, &all).await {
        Ok(Some(results)) => return results,
        Ok(None) if calls.len() > 1 => {}
        Ok(None) => {
            let taken = clash_of(link, &calls[0]).await;
            return vec![taken];
        }
        Err(error) => return calls.iter().map(|_| Err(error.clone())).collect(),
    }
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        results.push(match together(link, &[call]).await {
            Ok(Some(mut results)) => results.pop().unwrap_or_else(|| Err(closed())),
            Ok(None) => clash_of(link, call).await,
            Err(error) => Err(error),
        });
    }
    results
}

/// Results in order; `None` = an id is taken, nothing was written.
type Results = Option<Vec<Result<Taken, StoreError>>>;

async fn together(link: &Link, calls: &[&Call]) -> Result<Results, StoreError> {
    link.run(|db, again| async move { store(&db, calls, again).await })
        .await
}

/// Why a call alone could not be written.
async fn clash_of(link: &Link, call: &Call) -> Result<Taken, StoreError> {
    let ids: Vec<Uuid> = call.rows.iter().map(|row| row.id).collect();
    let ids = &ids;
    let known: Vec<MessageId> = link
        .look(|db| async move { known(&db, ids).await })
        .await?
        .into_iter()
        .map(message_id)
        .collect();
    let what = match known.first() {
        Some(id) => format!("the id {id}"),
        None => "an id, by another message of the same batch,".to_owned(),
    };
    Err(StoreError::Taken { what })
}

/// Which of these messages are there.
async fn known(db: &Db, ids: &[Uuid]) -> Outcome<BTreeSet<Uuid>> {
    let find = db
        .prepare_cached("-- intake.known\nSELECT id FROM message WHERE id = ANY($1)")
        .await?;
    let rows = db.query(&find, &[&ids]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn store(db: &Db, calls: &[&Call], again: bool) -> Outcome<Results> {
    let mut results: Vec<Option<Result<Taken, StoreError>>> = vec![None; calls.len()];
    if again {
        note_what_is_there(db, calls, &mut results).await?;
    }
    let open = |results: &[Option<_>]| -> Vec<usize> {
        (0..results.len())
            .filter(|&i| results[i].is_none())
            .collect()
    };
    loop {
        let rest = open(&results);
        if rest.is_empty() {
            break;
        }
        let accounts: BTreeSet<i64> = rest
            .iter()
            .flat_map(|&i| calls[i].rows.iter().map(|row| row.account))
            .collect();
        let accounts: Vec<i64> = accounts.into_iter().collect();
        let found = begin(db, &accounts).await?;
        let mut is_whole = true;
        for &i in &rest {
            if calls[i]
                .rows
                .iter()
                .any(|row| !found.contains(&row.account))
            {
                results[i] = Some(Err(Fault::missing("the account").into()));
                is_whole = false;
            }
        }
        if !is_whole {
            db.roll_back().await?;
            continue;
        }
        keep_answers(db, calls, &rest, &mut results).await?;
        let rest = open(&results);
        let rows: Vec<&NewRow> = rest.iter().flat_map(|&i| &calls[i].rows).collect();
        if let Err(error) = insert_and_commit(db, &rows).await {
            if clash(&error).is_none() {
                return Err(error.into());
            }
            db.roll_back().await?;
            if again {
                // The try before this one may have come through while this one
                // waited for it.
                note_what_is_there(db, calls, &mut results).await?;
                if open(&results).is_empty() {
                    break;
                }
            }
            return Ok(None);
        }
        for i in rest {
            results[i] = Some(Ok(Taken::Stored));
        }
    }
    Ok(Some(
        results
            .into_iter()
            .map(|result| result.unwrap_or_else(|| Err(closed())))
            .collect(),
    ))
}

/// Finds what an earlier try wrote: it wrote all or nothing, so one message
/// stands for its whole call, or the answer where a call has no message.
async fn note_what_is_there(
    db: &Db,
    calls: &[&Call],
    results: &mut [Option<Result<Taken, StoreError>>],
) -> Outcome<()> {
    let firsts: Vec<Uuid> = calls
        .iter()
        .filter_map(|call| call.rows.first().map(|row| row.id))
        .collect();
    let known = known(db, &firsts).await?;
    for (result, call) in results.iter_mut().zip(calls) {
        let is_there = match (call.rows.first(), &call.answer) {
            (Some(row), _) => known.contains(&row.id),
            (None, Some(answer)) => {
                let find = db
                    .prepare_cached(
                        "-- intake.answered\n\
                         SELECT 1 FROM idempotency WHERE caller = $1 AND key = $2 AND body = $3",
                    )
                    .await?;
                db.query_opt(&find, &[&answer.caller, &answer.key, &answer.body])
                    .await?
                    .is_some()
            }
            (None, None) => true,
        };
        if is_there {
            *result = Some(Ok(Taken::Stored));
        }
    }
    Ok(())
}

/// Begins a transaction in which these accounts stay, and tells which of them
/// are there.
pub(super) async fn begin(db: &Db, accounts: &[i64]) -> Outcome<BTreeSet<i64>> {
    let hold = db
        .prepare_cached(
            "-- intake.accounts\n\
             SELECT id FROM account WHERE id = ANY($1) ORDER BY id FOR KEY SHARE",
        )
        .await?;
    let ((), rows) = tokio::try_join!(db.begin(), async { db.query(&hold, &[&accounts]).await })?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Keeps the calls' answers; those whose keys are in use have their results
/// then.
async fn keep_answers(
    db: &Db,
    calls: &[&Call],
    rest: &[usize],
    results: &mut [Option<Result<Taken, StoreError>>],
) -> Outcome<()> {
    let with_answer: Vec<(usize, &Answer)> = rest
        .iter()
        .filter_map(|&i| calls[i].answer.as_ref().map(|answer| (i, answer)))
        .collect();
    let Some(&(first, _)) = with_answer.first() else {
        return Ok(());
    };
    let answers: Vec<&Answer> = with_answer.iter().map(|&(_, answer)| answer).collect();
    let kept = idempotency::keep(db, &answers, calls[first].by_hand).await?;
    let in_use: Vec<(usize, &Answer)> = with_answer
        .into_iter()
        .zip(kept)
        .filter_map(|(one, kept)| (!kept).then_some(one))
        .collect();
    for (i, answer) in in_use {
        let find = db
            .prepare_cached(
                "-- intake.earlier\n\
                 SELECT caller, key, fingerprint, status, body FROM idempotency \
                 WHERE caller = $1 AND key = $2",
            )
            .await?;
        let row = db.query_one(&find, &[&answer.caller, &answer.key]).await?;
        let earlier = idempotency::answer(&row)?;
        let is_same = earlier.fingerprint == answer.fingerprint;
        results[i] = Some(Ok(if is_same {
            Taken::Earlier(earlier)
        } else {
            Taken::KeyReused
        }));
    }
    Ok(())
}
