//! The way to the server: pools of connections, and how a step is carried
//! through when one of them breaks.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use hongyan_domain::port::{StoreError, Usage};
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::fault::{Fault, Outcome, describe};
use crate::error::OpenError;

/// How often a step that got in the way of another is done again.
const CONFLICTS: u32 = 10;
/// How long connections may turn out to be broken, one after the other, for who
/// only looks.
const LOOK: Duration = Duration::from_secs(1);
/// Pauses between two looks for a server that broke off.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// To connect, and to wait for a free connection.
    pub(super) connect: Duration,
    /// A statement.
    pub(super) statement: Duration,
    /// To find out what became of a step whose connection broke, and to do it
    /// again.
    pub(super) resolve: Duration,
}

/// The settings every connection works under.
///
/// Plans must not depend on what was in the tables on the day they were made:
/// `work` is empty one minute and has a million rows the next. So plans are
/// generic and always go by an index, row by row; no statement here needs
/// anything else.
pub(super) fn session(limits: Limits) -> String {
    let statement = limits.statement.as_millis();
    let lock = limits.statement.as_millis() / 2;
    format!(
        "SET statement_timeout = {statement}; SET lock_timeout = {lock}; \
         SET idle_in_transaction_session_timeout = {statement}; \
         SET default_transaction_isolation = 'read committed'; \
         SET plan_cache_mode = force_generic_plan; SET jit = off; \
         SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
         SET enable_bitmapscan = off; \
         SET max_parallel_workers_per_gather = 0; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') = 'off'"
    )
}

/// A pool and how to use it.
#[derive(Clone)]
pub(super) struct Link {
    pool: Pool,
    limits: Limits,
    gate: Arc<Gate>,
}

impl Link {
    pub(super) fn new(
        address: &Address,
        tls: MakeRustlsConnect,
        size: usize,
        limits: Limits,
        gate: Arc<Gate>,
    ) -> Result<Self, OpenError> {
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(
            address.config.clone(),
            tls,
            ManagerConfig { recycling_method },
        );
        let settings: Arc<str> = session(limits).into();
        let prepare = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let settings = Arc::clone(&settings);
            Box::pin(async move {
                client
                    .batch_execute(&settings)
                    .await
                    .map_err(HookError::Backend)
            })
        });
        let pool = Pool::builder(manager)
            .max_size(size)
            .timeouts(Timeouts {
                wait: Some(limits.connect),
                create: Some(limits.connect),
                recycle: Some(limits.connect),
            })
            .post_create(prepare)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| OpenError::BadUrl {
                reason: error.to_string(),
            })?;
        Ok(Self { pool, limits, gate })
    }

    /// Carries a step through.
    ///
    /// `work` is told whether an earlier try may have taken effect: then it has
    /// to look before it does anything that must not happen twice. It is tried
    /// again after conflicts with others; and, when the connection breaks, on
    /// new ones until it is known what became of it or the limit is reached.
    pub(super) async fn run<T, F, Fut>(&self, work: F) -> Result<T, StoreError>
    where
        F: Fn(Db, bool) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        self.try_for(self.limits.resolve, true, work).await
    }

    /// Looks something up, or does what may be left undone. A broken connection
    /// may only be one that nobody had missed yet, so others are tried; if there
    /// is none the caller need not wait to hear so.
    pub(super) async fn look<T, F, Fut>(&self, work: F) -> Result<T, StoreError>
    where
        F: Fn(Db) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        let limit = self.limits.resolve.min(LOOK);
        self.try_for(limit, false, |db, _| work(db)).await
    }

    async fn try_for<T, F, Fut>(
        &self,
        limit: Duration,
        must_know: bool,
        work: F,
    ) -> Result<T, StoreError>
    where
        F: Fn(Db, bool) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        let _inside = self.gate.enter().await?;
        let (mut lost_at, mut pause, mut conflicts) = (None::<Instant>, FIRST_PAUSE, 0);
        loop {
            let tried = match self.connection().await {
                Ok(db) => {
                    let again = lost_at.is_some();
                    self.try_once(&db, work(Arc::clone(&db), again)).await
                }
                Err(fault) => Err(fault),
            };
            let fault = match tried {
                Ok(value) => return Ok(value),
                Err(Fault::Silent(reason)) if must_know => Fault::Lost(reason),
                Err(fault) => fault,
            };
            let goes_on = |since: Instant| since.elapsed() < limit && !self.gate.is_closed();
            match (&fault, lost_at) {
                (Fault::Conflict(reason), _) if conflicts < CONFLICTS => {
                    conflicts += 1;
                    tracing::debug!(reason, conflicts, "a step got in the way of another");
                }
                (Fault::Lost(reason), None) => {
                    tracing::debug!(reason, "a connection broke in the middle of a step");
                    lost_at = Some(Instant::now());
                }
                (Fault::Lost(_), Some(since)) if goes_on(since) => {}
                (Fault::Told(StoreError::Unavailable { .. }), Some(since))
                    if must_know && goes_on(since) =>
                {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                // Where there is no connection at first, nothing has happened
                // yet: the caller may come again.
                _ => return Err(fault.into()),
            }
        }
    }

    /// The server ends what takes too long by itself; the limit here is for one
    /// that says nothing any more.
    async fn try_once<T>(&self, db: &Db, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let grace = self.limits.statement + self.limits.connect;
        match timeout(grace, work).await {
            Ok(result) => {
                db.settle();
                result
            }
            Err(_) => Err(Fault::Silent(format!("no answer within {grace:?}"))),
        }
    }

    /// Time for one statement.
    pub(super) fn statement_limit(&self) -> Duration {
        self.limits.statement
    }

    async fn connection(&self) -> Outcome<Db> {
        match self.pool.get().await {
            Ok(object) => Ok(Arc::new(Connection {
                object: Some(object),
                in_transaction: AtomicBool::new(false),
                is_settled: AtomicBool::new(false),
            })),
            Err(error) => Err(self.no_connection(&error)),
        }
    }

    fn no_connection(&self, error: &PoolError) -> Fault {
        let within = self.limits.connect;
        let reason = match error {
            PoolError::Timeout(TimeoutType::Wait) => format!(
                "all {} connections are at work, none came free within {within:?}",
                self.pool.status().max_size
            ),
            PoolError::Timeout(_) => format!("no connection within {within:?}"),
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                describe(error)
            }
            PoolError::Closed => return Fault::Told(closed()),
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => error.to_string(),
        };
        Fault::unavailable(reason)
    }

    pub(super) fn usage(&self) -> Usage {
        let status = self.pool.status();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Usage {
            connections: number(status.size),
            busy: number(status.size.saturating_sub(status.available)),
            waiting: number(status.waiting),
        }
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable {
        reason: "it is closed".to_owned(),
    }
}

/// Lets steps in until it is closed, and tells when the last one is out.
#[derive(Debug, Default)]
pub(super) struct Gate {
    inside: RwLock<()>,
    is_closed: AtomicBool,
}

impl Gate {
    async fn enter(&self) -> Result<RwLockReadGuard<'_, ()>, StoreError> {
        if self.is_closed() {
            return Err(closed());
        }
        let guard = self.inside.read().await;
        if self.is_closed() {
            return Err(closed());
        }
        Ok(guard)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Lets nobody in any more; waits until all are out.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        drop(self.inside.write().await);
    }
}

/// A connection that a step has for itself.
pub(super) type Db = Arc<Connection>;

/// A connection of the pool. It goes back only when nothing is under way on it
/// any more: a step that was given up in the middle, by its caller or by a time
/// limit, takes its connection with it.
pub(super) struct Connection {
    object: Option<Object>,
    in_transaction: AtomicBool,
    is_settled: AtomicBool,
}

impl Connection {
    /// Begins a transaction. With [`tokio::try_join!`] it travels together with
    /// the statements after it.
    pub(super) async fn begin(&self) -> Result<(), tokio_postgres::Error> {
        self.in_transaction.store(true, Ordering::Relaxed);
        self.batch_execute("BEGIN").await
    }

    pub(super) async fn commit(&self) -> Result<(), tokio_postgres::Error> {
        self.batch_execute("COMMIT").await?;
        self.in_transaction.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(super) async fn roll_back(&self) -> Result<(), tokio_postgres::Error> {
        self.batch_execute("ROLLBACK").await?;
        self.in_transaction.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// What was asked on it was answered.
    fn settle(&self) {
        self.is_settled.store(true, Ordering::Relaxed);
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        match &self.object {
            Some(object) => object,
            // It is only taken out when the connection is dropped.
            None => unreachable!("a connection is whole until it is dropped"),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let is_clean =
            self.is_settled.load(Ordering::Relaxed) && !self.in_transaction.load(Ordering::Relaxed);
        if let Some(object) = self.object.take()
            && (!is_clean || object.is_closed())
        {
            drop(Object::take(object));
        }
    }
}
