//! The one thread that writes. It takes whatever commands wait, runs them in
//! one transaction, commits once and then answers them all: many callers share
//! the cost of one flush to disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hongyan_domain::port::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::{Fault, Outcome};
use super::purge::{self, Purge};

/// Commands that wait at most; further callers wait to be let in.
const QUEUE: usize = 1024;
/// Commands in one transaction at most, and rows after which no further command
/// joins it: both bound how long a caller waits for the others.
const COMMANDS_PER_COMMIT: usize = 512;
const ROWS_PER_COMMIT: usize = 2000;

/// Something to do in a transaction, and somebody who waits for the answer.
trait Command: Send {
    /// How many messages it is about, roughly.
    fn rows(&self) -> usize;
    /// Does it; whether it succeeded. What it wrote before failing is undone by
    /// the writer. It may be run a second time, after the first was undone.
    fn run(&mut self, db: &Connection) -> bool;
    /// Tells the caller, once it is known whether the transaction was committed.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

struct Call<F, T> {
    rows: usize,
    work: F,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Command for Call<F, T>
where
    F: Fn(&Connection) -> Outcome<T> + Send,
    T: Send,
{
    fn rows(&self) -> usize {
        self.rows
    }

    fn run(&mut self, db: &Connection) -> bool {
        self.result = Some((self.work)(db).map_err(StoreError::from));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let result = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(shared)) => Err(shared.clone()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(stopped()),
        };
        // A caller that has gone away needs no answer.
        let _ = self.reply.send(result);
    }
}

enum Mail {
    Command(Box<dyn Command>),
    /// Finish what waits, close the database, say so.
    Stop(oneshot::Sender<()>),
}

/// The way to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    mail: Option<mpsc::Sender<Mail>>,
    thread: Option<JoinHandle<()>>,
    busy: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread on a connection of its own. With `is_alone` it folds the
    /// log into the database when it ends; a visitor leaves that to the gateway,
    /// which it would hold up.
    pub(super) fn start(db: Connection, purge: Purge, is_alone: bool) -> io::Result<Self> {
        let (mail, inbox) = mpsc::channel(QUEUE);
        let busy = Arc::<AtomicBool>::default();
        let at_work = Arc::clone(&busy);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let waiting_for_stop = serve(&db, inbox, &purge, &at_work);
                close(db, is_alone);
                for done in waiting_for_stop {
                    let _ = done.send(());
                }
            })?;
        Ok(Self {
            mail: Some(mail),
            thread: Some(thread),
            busy,
        })
    }

    /// Runs `work` in a transaction; returns once it is on disk. `rows` is how
    /// many messages it is about.
    pub(super) async fn run<T, F>(&self, rows: usize, work: F) -> Result<T, StoreError>
    where
        F: Fn(&Connection) -> Outcome<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call = Call {
            rows,
            work,
            result: None,
            reply,
        };
        let mail = self.mail.as_ref().ok_or_else(stopped)?;
        mail.send(Mail::Command(Box::new(call)))
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Whether the thread is at work (0 or 1), and how many callers wait.
    pub(super) fn usage(&self) -> (u32, u32) {
        let waiting = self
            .mail
            .as_ref()
            .map_or(0, |mail| mail.max_capacity() - mail.capacity());
        (
            self.busy.load(Ordering::Relaxed).into(),
            u32::try_from(waiting).unwrap_or(u32::MAX),
        )
    }

    /// Lets the commands that wait finish, then closes the database. Later
    /// commands are refused.
    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if let Some(mail) = &self.mail
            && mail.send(Mail::Stop(done)).await.is_ok()
        {
            // An error means that the thread has ended, which is what we want.
            let _ = stopped.await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.mail = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes to the database had panicked");
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable {
        reason: "it is closed".to_owned(),
    }
}

/// Works until the inbox is closed and empty; returns who wants to know.
fn serve(
    db: &Connection,
    mut inbox: mpsc::Receiver<Mail>,
    purge: &Purge,
    at_work: &AtomicBool,
) -> Vec<oneshot::Sender<()>> {
    let mut waiting_for_stop = Vec::new();
    let mut batch = Vec::new();
    while let Some(first) = next(&mut inbox, db, purge) {
        at_work.store(true, Ordering::Relaxed);
        let (mut mail, mut rows) = (Some(first), 0);
        while let Some(one) = mail.take() {
            match one {
                Mail::Command(command) => {
                    rows = command.rows().saturating_add(rows);
                    batch.push(command);
                }
                Mail::Stop(done) => {
                    inbox.close();
                    waiting_for_stop.push(done);
                }
            }
            if batch.len() < COMMANDS_PER_COMMIT && rows < ROWS_PER_COMMIT {
                mail = inbox.try_recv().ok();
            }
        }
        let committed = if batch.is_empty() {
            Ok(())
        } else {
            commit(db, &mut batch)
        };
        for command in batch.drain(..) {
            command.answer(&committed);
        }
        at_work.store(false, Ordering::Relaxed);
    }
    waiting_for_stop
}

/// The next mail. While nobody asks for anything, messages of removed accounts
/// are cleared away, a few at a time.
fn next(inbox: &mut mpsc::Receiver<Mail>, db: &Connection, purge: &Purge) -> Option<Mail> {
    while purge.is_due() {
        match inbox.try_recv() {
            Ok(mail) => return Some(mail),
            Err(mpsc::error::TryRecvError::Disconnected) => return None,
            Err(mpsc::error::TryRecvError::Empty) => {}
        }
        if let Err(fault) = transaction(db, || purge::step(db, purge)) {
            let error = StoreError::from(fault);
            tracing::warn!(%error, "messages of a removed account could not be cleared away");
            purge.put_off();
        }
    }
    inbox.blocking_recv()
}

/// Runs the commands in one transaction. Each that fails is undone alone. An
/// error concerns all of them: nothing was written.
fn commit(db: &Connection, batch: &mut [Box<dyn Command>]) -> Result<(), StoreError> {
    let mut one_failed = false;
    let together = transaction(db, || {
        one_failed = batch.iter_mut().any(|command| !command.run(db));
        if one_failed {
            Err(rolled_back())
        } else {
            Ok(())
        }
    });
    // Savepoints make small commands half as dear again and few commands fail:
    // they are taken only when one did.
    let result = if one_failed && batch.len() > 1 {
        apart(db, batch)
    } else {
        together
    };
    result.map_err(StoreError::from)
}

/// Runs the commands in one transaction, each of them in a savepoint.
fn apart(db: &Connection, batch: &mut [Box<dyn Command>]) -> Outcome<()> {
    transaction(db, || {
        for command in batch {
            execute(db, "SAVEPOINT command")?;
            let succeeded = command.run(db);
            if db.is_autocommit() {
                // A full disk or a failed read ends the whole transaction.
                return Err(rolled_back());
            }
            if !succeeded {
                execute(db, "ROLLBACK TO command")?;
            }
            execute(db, "RELEASE command")?;
        }
        Ok(())
    })
}

fn transaction<T>(db: &Connection, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    execute(db, "BEGIN IMMEDIATE")?;
    let result = work().and_then(|value| execute(db, "COMMIT").map(|()| value));
    if result.is_err()
        && !db.is_autocommit()
        && let Err(fault) = execute(db, "ROLLBACK")
    {
        tracing::error!(error = %StoreError::from(fault), "a transaction could not be undone");
    }
    result
}

fn execute(db: &Connection, sql: &'static str) -> Outcome<()> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn rolled_back() -> Fault {
    Fault::unavailable("the database took back the transaction")
}

fn close(db: Connection, is_alone: bool) {
    let folded = if is_alone {
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    } else {
        Ok(())
    };
    if let Err(error) = folded.and_then(|()| db.close().map_err(|(_, error)| error)) {
        tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<(), StoreError>>;

    fn command(
        work: impl Fn(&Connection) -> Outcome<()> + Send + 'static,
    ) -> (Box<dyn Command>, Answer) {
        let (reply, answer) = oneshot::channel();
        (
            Box::new(Call {
                rows: 1,
                work,
                result: None,
                reply,
            }),
            answer,
        )
    }

    fn keep(number: i64) -> impl Fn(&Connection) -> Outcome<()> + Send + 'static {
        move |db| {
            db.execute("INSERT INTO kept VALUES (?1)", [number])?;
            Ok(())
        }
    }

    /// What was kept, and the commands' answers.
    fn run(commands: Vec<(Box<dyn Command>, Answer)>) -> (Vec<i64>, Vec<Result<(), StoreError>>) {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE kept (number)").unwrap();
        let (mut batch, answers): (Vec<_>, Vec<_>) = commands.into_iter().unzip();
        let committed = commit(&db, &mut batch);
        assert!(db.is_autocommit(), "no transaction stays open");
        for command in batch {
            command.answer(&committed);
        }
        let mut kept = db
            .prepare("SELECT number FROM kept ORDER BY number")
            .unwrap();
        let kept = kept
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        (
            kept,
            answers
                .into_iter()
                .map(|mut answer| answer.try_recv().unwrap())
                .collect(),
        )
    }

    #[test]
    fn one_that_fails_is_undone_alone() {
        let fails = |db: &Connection| {
            keep(2)(db)?;
            Err(Fault::missing("it"))
        };
        let (kept, answers) = run(vec![command(keep(1)), command(fails), command(keep(3))]);
        assert_eq!(kept, [1, 3]);
        assert_eq!(answers, [Ok(()), Err(Fault::missing("it").into()), Ok(())]);

        let (kept, answers) = run(vec![command(fails)]);
        assert!(kept.is_empty());
        assert_eq!(answers, [Err(Fault::missing("it").into())]);
    }

    /// As SQLite does when the disk is full.
    #[test]
    fn when_the_transaction_is_lost_nobody_is_told_otherwise() {
        let loses = |db: &Connection| {
            db.execute_batch("ROLLBACK")?;
            Err(Fault::unavailable("disk full"))
        };
        let (kept, answers) = run(vec![command(keep(1)), command(loses), command(keep(3))]);
        assert!(kept.is_empty());
        let unavailable =
            |answer: &Result<_, _>| matches!(answer, Err(StoreError::Unavailable { .. }));
        assert!(answers.iter().all(unavailable), "{answers:?}");
        assert_eq!(answers[1], Err(Fault::unavailable("disk full").into()));
    }

    #[tokio::test]
    async fn callers_that_come_together_share_a_commit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("CREATE TABLE kept (number)").unwrap();
        let rows = |db: &Connection| -> i64 {
            db.query_row("SELECT count(*) FROM kept", [], |row| row.get(0))
                .unwrap()
        };
        let writer = Writer::start(db, Purge::default(), true).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = writer.run(1, move |db| {
            wait.recv().unwrap();
            keep(0)(db)
        });
        let stranger = Connection::open(&path).unwrap();
        let last = writer.run(1, move |db| {
            keep(3)(db)?;
            Ok((rows(db), rows(&stranger)))
        });
        // While the first is at work, the others gather.
        let (first, second, third, last, ()) = tokio::join!(
            first,
            writer.run(1, keep(1)),
            writer.run(1, keep(2)),
            last,
            async { go.send(()).unwrap() }
        );
        first.and(second).and(third).unwrap();
        let (seen, committed) = last.unwrap();
        assert_eq!(seen, 4);
        assert!(
            committed <= 1,
            "no others but the first were committed before the last"
        );
    }
}
