//! The store on PostgreSQL: many nodes, one database.
//!
//! Any node accepts and any node sends. The database's clock decides what is due
//! and when leases end, `SKIP LOCKED` hands each message to one node, and the
//! row of an account in `lane` holds all nodes together to the account's limits.
//! Hints between nodes only save waiting. See ADR 0007.
//!
//! Plain PostgreSQL 14: no extensions, no rights beyond those of a user who owns
//! a schema.

mod accounts;
mod address;
mod broadcasts;
mod claim;
mod clock;
mod consent;
mod console;
mod contact;
mod credentials;
mod expand;
mod fault;
mod followers;
mod forward;
mod hints;
mod history;
mod housekeeping;
mod idempotency;
mod inbox;
mod insert;
mod intake;
mod keys;
mod ledger;
mod link;
mod media;
mod menus;
mod messages;
mod news;
mod open;
mod outgoing;
mod people;
mod queue;
mod quotas;
mod receipt;
mod receive;
mod reception;
mod reroute;
mod retention;
mod row;
mod rules;
mod search;
mod settle;
mod tally;
mod template_history;
mod templates;
mod tls;

mod tried;
mod users;
mod web;
mod webhook;
mod webhooks;
mod window;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::Clock;
use hongyan_domain::port::{Hint, Store, StoreError, Usage};
use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::address::Address;
use self::claim::LostClaims;
use self::clock::DatabaseClock;
use self::fault::{Fault, Outcome};
use self::hints::{Hints, Topic};
use self::housekeeping::Housekeeping;
use self::intake::Intake;
use self::link::{Db, Gate, Limits, Link};
use self::receipt::Joins;
use self::reception::Reception;
use self::retention::Walk;
use self::row::now;
use crate::error::OpenError;
use crate::seal::Seal;

/// How long the database may take to say that it is there.
const PING: Duration = Duration::from_secs(3);

/// How long it may take at most to find out what became of a step whose
/// connection broke, and to do it again.
const RESOLVE: Duration = Duration::from_secs(10);

/// How often the database is asked for its time.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_secs(1);

/// How to open a database on a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?…` with the parameters
    /// of PostgreSQL's own clients, `sslmode` and `sslrootcert` among them. Never
    /// shown.
    pub url: SecretString,
    /// Whether to make what is missing of our tables. A visitor that only looks
    /// leaves this out.
    pub migrate: bool,
    /// Connections at most, beside one for hints and those that take messages
    /// in.
    pub pool_size: usize,
    /// Time to connect, and to wait for a free connection.
    pub connect_timeout: Duration,
    /// Time for one statement.
    pub statement_timeout: Duration,
    /// Seals the secrets. The same key on every node.
    pub seal: Seal,
    /// Tests only: tells the time instead of the database.
    pub clock: Option<Arc<dyn Clock>>,
}

impl PostgresOptions {
    /// The usual: tables are made, 16 connections, 5 seconds to connect and 30
    /// for a statement.
    #[must_use]
    pub fn new(url: impl Into<SecretString>, seal: Seal) -> Self {
        Self {
            url: url.into(),
            migrate: true,
            pool_size: 16,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            seal,
            clock: None,
        }
    }
}

/// The store in a database of a PostgreSQL server.
///
/// It works on the tokio runtime it was opened on. Dropping it ends its tasks;
/// what was not answered by then may or may not have been written.
/// [`Store::shutdown`] waits for it.
pub struct PostgresStore {
    link: Link,
    intake: Intake,
    reception: Reception,
    gate: Arc<Gate>,
    hints: Arc<Hints>,
    housekeeping: Arc<Housekeeping>,
    lost_claims: LostClaims,
    /// This node, among those that share the database.
    node: i64,
    /// What it is sending, by account.
    sending: std::sync::Mutex<HashMap<AccountId, i64>>,
    walk: Walk,
    joins: Joins,
    seal: Seal,
    clock: Arc<dyn Clock>,
    /// Set in tests: then it decides instead of the database.
    by_hand: Option<Arc<dyn Clock>>,
    tasks: std::sync::Mutex<JoinSet<()>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens the database and brings its schema up to date if that is allowed.
    /// Must be called on a tokio runtime with time and I/O. A large database is
    /// opened no slower than a small one.
    ///
    /// # Errors
    /// [`OpenError`]; the database is then as it was before.
    pub async fn open(options: PostgresOptions) -> Result<Self, OpenError> {
        let PostgresOptions {
            url,
            migrate,
            pool_size,
            connect_timeout,
            statement_timeout,
            seal,
            clock: by_hand,
        } = options;
        let address = Address::parse(&url, connect_timeout)?;
        let tls = tls::connector(&address.proof)?;
        let opened = open::open(&address, &tls, migrate, &seal).await?;
        let limits = Limits {
            connect: connect_timeout,
            statement: statement_timeout,
            resolve: RESOLVE.min(statement_timeout),
        };
        let gate = Arc::new(Gate::default());
        let link = |size| Link::new(&address, tls.clone(), size, limits, Arc::clone(&gate));
        let (link, intake_link) = (link(pool_size.max(2))?, link(intake::BATCHERS)?);
        let mut tasks = JoinSet::new();
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| OpenError::ServerUnavailable {
            server: address.endpoint.clone(),
            reason: error.to_string(),
        })?;
        let hints = Arc::new(Hints::new(u64::from_ne_bytes(random), opened.schema));
        let database_clock = Arc::new(DatabaseClock::new(opened.now, opened.asked));
        let clock: Arc<dyn Clock> = match &by_hand {
            Some(clock) => Arc::clone(clock),
            None => {
                tasks.spawn(follow(link.clone(), Arc::clone(&database_clock)));
                database_clock
            }
        };
        tasks.spawn(hints::exchange(address, tls, Arc::clone(&hints)));
        let housekeeping = Arc::new(Housekeeping::default());
        tasks.spawn(housekeeping::keep(link.clone(), Arc::clone(&housekeeping)));
        Ok(Self {
            intake: Intake::start(intake_link),
            reception: Reception::start(&link),
            link,
            gate,
            hints,
            housekeeping,
            lost_claims: LostClaims::default(),
            node: i64::from_ne_bytes(random),
            sending: std::sync::Mutex::default(),
            walk: Walk::default(),
            joins: Joins::default(),
            seal,
            clock,
            by_hand,
            tasks: std::sync::Mutex::new(tasks),
        })
    }

    /// The time all nodes on this database agree on: the database's, up to half
    /// the time of an answer. The machine's own clock plays no part.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// What this node is sending for an account.
    fn sending_for(&self, account: AccountId) -> i64 {
        let sending = self
            .sending
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sending.get(&account).copied().unwrap_or(0)
    }

    /// The time statements are to take for now; `None` = the database's.
    fn by_hand(&self) -> Option<i64> {
        self.by_hand
            .as_ref()
            .map(|clock| clock.now().as_millisecond())
    }

    fn tell(&self, topic: Topic, account: i64) {
        self.hints.tell(topic, account);
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn ping(&self) -> Result<(), StoreError> {
        match timeout(PING, self.link.look(ping)).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unavailable {
                reason: format!("no answer within {PING:?}"),
            }),
        }
    }

    async fn hint(&self) -> Hint {
        self.hints.next().await
    }

    fn sending(&self, account: AccountId, count: usize) {
        let mut sending = self
            .sending
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sending.insert(account, row::number(count));
    }

    fn usage(&self) -> Usage {
        let (one, other) = (self.link.usage(), self.intake.usage());
        Usage {
            connections: one.connections + other.connections,
            busy: one.busy + other.busy,
            waiting: one.waiting + other.waiting,
        }
    }

    async fn shutdown(&self) {
        self.intake.stop().await;
        self.reception.stop().await;
        // What was not sent by now is not sent here any more.
        let node = self.node;
        let left = self.link.look(|db| async move { leave(&db, node).await });
        if let Ok(Err(error)) = timeout(PING, left).await {
            tracing::debug!(%error, "the lanes could not be left; that ends by itself");
        }
        self.gate.close().await;
        self.link.close();
        self.intake.close();
        let mut tasks = std::mem::take(
            &mut *self
                .tasks
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        tasks.shutdown().await;
    }
}

/// Ends what this node said about its sends.
async fn leave(db: &Db, node: i64) -> Outcome<()> {
    let leave = db
        .prepare_cached("-- store.leave\nDELETE FROM lane_node WHERE node = $1")
        .await?;
    db.execute(&leave, &[&node]).await?;
    Ok(())
}

async fn ping(db: Db) -> Outcome<()> {
    let find = db
        .prepare_cached(
            "-- store.ping\n\
             SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'",
        )
        .await?;
    let row = db.query_one(&find, &[]).await?;
    if row.try_get(0)? {
        return Err(Fault::unavailable(
            "the server is a standby and takes no writes",
        ));
    }
    if row.try_get(1)? {
        return Err(Fault::unavailable("the database is set to read-only"));
    }
    Ok(())
}

/// Keeps the clock with the database's.
async fn follow(link: Link, clock: Arc<DatabaseClock>) {
    loop {
        tokio::time::sleep(LOOK_AT_THE_CLOCK).await;
        let asked = link
            .look(|db| async move {
                let find = db
                    .prepare_cached(concat!("-- store.now\nSELECT ", now!("$1")))
                    .await?;
                let asked = Instant::now();
                let row = db.query_one(&find, &[&None::<i64>]).await?;
                Ok((row.try_get(0)?, asked))
            })
            .await;
        match asked {
            Ok((millisecond, asked)) => clock.hear(millisecond, asked),
            // It goes on by itself meanwhile.
            Err(error) => tracing::debug!(%error, "the database was not asked for its time"),
        }
    }
}
