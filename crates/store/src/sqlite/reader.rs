//! A few threads that read, each on a connection of its own that cannot write.
//! They see the last commit and wait for nobody.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use hongyan_domain::port::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::Outcome;

/// Questions that wait at most; further callers wait to be let in.
const QUEUE: usize = 256;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the reading threads.
#[derive(Debug)]
pub(super) struct Readers {
    questions: Option<mpsc::Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
    busy: Arc<AtomicU32>,
}

impl Readers {
    /// Starts one thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> io::Result<Self> {
        let (questions, inbox) = mpsc::channel::<Question>(QUEUE);
        let inbox = Arc::new(Mutex::new(inbox));
        let mut readers = Self {
            questions: Some(questions),
            threads: Vec::new(),
            busy: Arc::default(),
        };
        for db in connections {
            let inbox = Arc::clone(&inbox);
            let busy = Arc::clone(&readers.busy);
            let serve = move || {
                loop {
                    // One thread waits at the inbox, the others for their turn.
                    let question = inbox
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .blocking_recv();
                    match question {
                        Some(question) => {
                            busy.fetch_add(1, Ordering::Relaxed);
                            question(&db);
                            busy.fetch_sub(1, Ordering::Relaxed);
                        }
                        None => break,
                    }
                }
            };
            let name = "store-reader".to_owned();
            readers
                .threads
                .push(thread::Builder::new().name(name).spawn(serve)?);
        }
        Ok(readers)
    }

    /// How many threads there are, how many are at work, how many callers wait.
    pub(super) fn usage(&self) -> (u32, u32, u32) {
        let waiting = self.questions.as_ref().map_or(0, |questions| {
            questions.max_capacity() - questions.capacity()
        });
        (
            u32::try_from(self.threads.len()).unwrap_or(u32::MAX),
            self.busy.load(Ordering::Relaxed),
            u32::try_from(waiting).unwrap_or(u32::MAX),
        )
    }

    /// Asks `question` of one state of the database.
    pub(super) async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let ask = move |db: &Connection| {
            let result = consistently(db, question).map_err(StoreError::from);
            // A caller that has gone away needs no answer.
            let _ = reply.send(result);
        };
        let questions = self.questions.as_ref().ok_or_else(stopped)?;
        questions.send(Box::new(ask)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.questions = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that reads from the database had panicked");
            }
        }
    }
}

/// Several statements see the same state only inside a transaction.
fn consistently<T>(
    db: &Connection,
    question: impl FnOnce(&Connection) -> Outcome<T>,
) -> Outcome<T> {
    db.prepare_cached("BEGIN")?.execute([])?;
    let result = question(db);
    if !db.is_autocommit() {
        db.prepare_cached("ROLLBACK")?.execute([])?;
    }
    result
}

fn stopped() -> StoreError {
    StoreError::Unavailable {
        reason: "it is closed".to_owned(),
    }
}
