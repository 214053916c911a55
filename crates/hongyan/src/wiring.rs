//! Putting the crates together.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hongyan_domain::account::{AccountKind, AccountSettings};
use hongyan_domain::clock::{Clock, SystemClock};
use hongyan_domain::port::{Store, StoreError};
use hongyan_domain::rule::RuleSet;
use hongyan_engine::chance::Chance;
use hongyan_engine::trace::TraceSettings;
use hongyan_engine::{CredentialSettings, Engine, EngineSettings, RulesRejection};
use hongyan_gateway::GatewaySettings;
use hongyan_store::{OpenError, OpenOptions, PostgresOptions, PostgresStore, Seal, SqliteStore};
use hongyan_wechat::{Client, HyperTransport};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;

use crate::config::{Config, Database, DatabaseUrl};
use crate::failure::Failure;
use crate::rules_file;
use crate::telemetry::{self, Exporter};

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be the one gateway on it; made if there is none.
    Gateway,
    /// To add something, beside a running gateway or not; made if there is none.
    Add,
    /// To look; nothing is made.
    Look,
}

/// A store, and the clock that goes with it.
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn Store>,
    /// The database's where several nodes share one, so that all mean the same
    /// time; else this machine's.
    pub(crate) clock: Arc<dyn Clock>,
}

/// The store of a configuration.
pub(crate) async fn open_store(config: &Config, purpose: Purpose) -> Result<OpenStore, Failure> {
    match &config.database.url {
        DatabaseUrl::Sqlite(path) => open_sqlite(config, &config.resolve(path), purpose),
        DatabaseUrl::Postgres(url) => open_postgres(config, url, purpose).await,
    }
}

fn open_sqlite(config: &Config, path: &Path, purpose: Purpose) -> Result<OpenStore, Failure> {
    let key = config.resolve(&config.secrets.key_file);
    let database_exists = std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if !database_exists && purpose == Purpose::Look {
        return Err(Failure::new(format!(
            "there is no database at {}: `hongyan serve` and `hongyan keys create` make one",
            path.display()
        )));
    }
    if is_database(path) && !key.exists() {
        return Err(Failure::new(format!(
            "the key file {} is missing, and the secrets in {} cannot be read without it: restore it from its backup",
            key.display(),
            path.display()
        )));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let options = OpenOptions {
        exclusive: purpose == Purpose::Gateway,
        create: purpose != Purpose::Look,
        clock: Arc::clone(&clock),
        seal: Seal::load_or_create(&key)?,
    };
    Ok(OpenStore {
        store: Arc::new(SqliteStore::open(path, options)?),
        clock,
    })
}

async fn open_postgres(
    config: &Config,
    url: &SecretString,
    purpose: Purpose,
) -> Result<OpenStore, Failure> {
    let key = config.resolve(&config.secrets.key_file);
    let key_is_new = !key.exists();
    let Database {
        pool_size,
        connect_timeout_s,
        statement_timeout_s,
        ..
    } = config.database;
    let options = PostgresOptions {
        migrate: purpose != Purpose::Look,
        pool_size: if purpose == Purpose::Gateway {
            pool_size
        } else {
            1
        },
        connect_timeout: Duration::from_secs(connect_timeout_s),
        statement_timeout: Duration::from_secs(statement_timeout_s),
        ..PostgresOptions::new(url.clone(), Seal::load_or_create(&key)?)
    };
    match PostgresStore::open(options).await {
        Ok(store) => Ok(OpenStore {
            clock: store.clock(),
            store: Arc::new(store),
        }),
        Err(error) => {
            // A key that fits nothing must not lie there as if it did.
            if key_is_new && matches!(error, OpenError::SealedOtherwise { .. }) {
                let _ = std::fs::remove_file(&key);
            }
            Err(error.into())
        }
    }
}

/// Whether the file begins as an SQLite database does (SQLite file format, 1.3).
fn is_database(path: &Path) -> bool {
    let mut magic = [0; 16];
    File::open(path)
        .is_ok_and(|mut file| file.read_exact(&mut magic).is_ok() && &magic == b"SQLite format 3\0")
}

/// The engine over a store. Nothing runs yet.
pub(crate) async fn open_engine(
    config: &Config,
    opened: &OpenStore,
    trace: TraceSettings,
) -> Result<Engine, Failure> {
    let transport = HyperTransport::new(config.wechat.transport())?;
    let dispatch = config.dispatch.settings(&config.wechat);
    let settings = EngineSettings {
        credentials: CredentialSettings {
            daily_budget: config.wechat.token_budget,
            request_timeout: dispatch.request_timeout,
        },
        dispatch,
        retention: config.retention.settings(),
        templates: config.templates.settings(),
        trace,
        webhooks: config.webhooks.settings(),
    };
    let client = Client::new(transport, config.wechat.bases());
    let OpenStore { store, clock } = opened;
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    Ok(Engine::open(store, client, clock, Chance::fresh(), settings).await?)
}

/// Brings the accounts of the configuration in line: makes those that are
/// missing, changes those that differ.
async fn declare_accounts(config: &Config, engine: &Engine) -> Result<(), Failure> {
    for declared in &config.accounts {
        let settings = declared.settings();
        let rules = declared
            .reply_rules
            .as_ref()
            .map(|path| rules_of(&config.resolve(path), settings.kind))
            .transpose()?;
        let name = settings.name.clone();
        match engine.account(settings.name.as_str()) {
            None => match engine.add_account(settings.clone(), None).await {
                Ok(_) => {}
                // Another node that starts at the same time was quicker.
                Err(StoreError::Taken { .. }) if is_known(engine, &settings).await? => {}
                Err(error) => return Err(error.into()),
            },
            Some(known) if known.settings == settings => {}
            Some(known) if known.settings.kind != settings.kind => {
                return Err(Failure::new(format!(
                    "account {} is a {} in the database and a {} in the configuration: an account's kind never changes, choose another name",
                    settings.name, known.settings.kind, settings.kind
                )));
            }
            Some(known) => drop(engine.change_account(known.id, settings).await?),
        }
        if let Some(rules) = rules {
            declare_rules(engine, name.as_str(), rules).await?;
        }
    }
    Ok(())
}

/// The reply rules of a file that the configuration names, if they can be used.
fn rules_of(path: &Path, kind: AccountKind) -> Result<RuleSet, Failure> {
    let rules = rules_file::read(path)?;
    rules_file::check(path, &rules, kind)?;
    Ok(rules)
}

/// Gives an account the rules of the configuration, where it has others.
async fn declare_rules(engine: &Engine, name: &str, rules: RuleSet) -> Result<(), Failure> {
    let Some(account) = engine.account(name) else {
        return Ok(());
    };
    if *engine.rules(&account).await? == rules {
        return Ok(());
    }
    match engine.replace_rules(&account, rules).await {
        Ok(_) => Ok(()),
        Err(RulesRejection::Store(error)) => Err(error.into()),
        // Checked when they were read.
        Err(RulesRejection::Invalid(_)) => Err(Failure::new(format!(
            "the reply rules of account {name} cannot be used"
        ))),
    }
}

/// Whether an account with these settings is there by now.
async fn is_known(engine: &Engine, settings: &AccountSettings) -> Result<bool, StoreError> {
    engine.follow().await?;
    Ok(engine
        .account(settings.name.as_str())
        .is_some_and(|known| known.settings == *settings))
}

/// Takes the address, or says who may be in the way.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there; end it or choose another port"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need more rights; choose a higher one"
            }
            _ => "choose an address of this machine",
        };
        Failure::new(format!("cannot listen on {address}: {error}; {remedy}"))
    })
}

/// A gateway that answers.
pub(crate) struct Gateway {
    pub(crate) listener: TcpListener,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Engine,
    /// Where it answers on this machine.
    pub(crate) url: String,
    /// Where others reach it.
    pub(crate) public_url: String,
    metrics: bool,
    metrics_listener: Option<TcpListener>,
    exporter: Option<Exporter>,
    phone_url: Option<String>,
    unready: Duration,
    drain: Duration,
}

impl Gateway {
    /// Opens everything; nothing answers or sends yet.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        // The port first: when it is taken, the database stays untouched.
        let listener = listen(config.server.listen).await?;
        let address = listener.local_addr()?;
        let telemetry = &config.telemetry;
        let metrics_listener = match telemetry.metrics_listen.filter(|_| telemetry.metrics) {
            Some(address) => {
                let listener = listen(address).await?;
                let address = listener.local_addr()?;
                tracing::info!(%address, "metrics have a listener of their own");
                Some(listener)
            }
            None => None,
        };
        let opened = open_store(config, Purpose::Gateway).await?;
        let (trace, exporter) = telemetry::start(telemetry)?;
        let engine = open_engine(config, &opened, trace).await?;
        let store = opened.store;
        declare_accounts(config, &engine).await?;
        let url = format!("http://{}", reachable(address));
        let public_url = config
            .server
            .public_url
            .clone()
            .unwrap_or_else(|| url.clone());
        engine.set_public_url(&public_url);
        Ok(Self {
            listener,
            store,
            engine,
            public_url,
            url,
            metrics: telemetry.metrics && metrics_listener.is_none(),
            metrics_listener,
            exporter,
            phone_url: config.phone_url.clone(),
            unready: Duration::from_secs(config.server.unready_s),
            drain: Duration::from_secs(config.server.drain_s),
        })
    }

    /// The link that lets the first person into the console; `None` = somebody was let
    /// in already. Its secret stands behind `#`, which browsers send to nobody.
    pub(crate) async fn setup_link(&self) -> Result<Option<String>, Failure> {
        let secret = self.engine.setup_secret().await?;
        Ok(secret.map(|secret| format!("{}/#/setup/{}", self.public_url, secret.expose_secret())))
    }

    /// Answers and sends until told to stop; then lets what is under way end.
    pub(crate) async fn run(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Failure> {
        let running = self.engine.start();
        let settings = GatewaySettings {
            metrics: self.metrics,
            secure_cookies: self.public_url.starts_with("https://"),
            phone_url: self.phone_url,
            ..GatewaySettings::default()
        };
        let routers = hongyan_gateway::routers(self.engine.clone(), settings);
        // Metrics are there until the last send is over.
        let (stop_metrics, stopped) = tokio::sync::oneshot::channel::<()>();
        let metrics = self.metrics_listener.map(|listener| {
            let stopped = async { drop(stopped.await) };
            tokio::spawn(hongyan_gateway::serve(listener, routers.metrics, stopped))
        });
        let (engine, unready) = (self.engine.clone(), self.unready);
        let stop = async move {
            stop.await;
            engine.announce_stop();
            tokio::time::sleep(unready).await;
        };
        hongyan_gateway::serve(self.listener, routers.main, stop).await?;
        if !running.stop(self.drain).await {
            tracing::warn!(
                drain_s = self.drain.as_secs(),
                "some sends did not end in time; their messages are taken up again when their leases end"
            );
        }
        self.store.shutdown().await;
        drop(stop_metrics);
        if let Some(metrics) = metrics {
            metrics.await??;
        }
        if let Some(exporter) = self.exporter {
            exporter.stop().await;
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// An address a browser on this machine can open.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// The wish that the process stop (SIGTERM, or Ctrl-C). Heard from the moment
/// this is made, so make it before saying that anything is ready.
pub(crate) struct StopSignal {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Ends when the process is asked to stop.
    #[cfg(unix)]
    pub(crate) async fn heard(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Ends when the process is asked to stop.
    #[cfg(not(unix))]
    pub(crate) async fn heard(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
