//! A gateway that others break.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hongyan_api::Client;
use parking_lot::Mutex;

use crate::failure::{Failure, call, system};
use crate::judge::Fault;
use crate::plan::{CALL_TIMEOUT_MS, LEASE_S};
use crate::program::{Program, Recipe, command, tail};

/// How long sends under way may take after SIGTERM, in seconds.
const DRAIN_S: u64 = 5;
/// How long a gateway may take to end after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(DRAIN_S + 10);
/// How long a gateway may fail to start, because its database is away.
const START_PATIENCE: Duration = Duration::from_secs(45);

/// What all gateways of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The executable.
    pub(crate) binary: PathBuf,
    /// Where the files of the run are.
    pub(crate) dir: PathBuf,
    /// `[database] url`.
    pub(crate) database_url: String,
    /// Where WeChat answers.
    pub(crate) wechat_url: String,
    /// The library that turns clocks, if they are to be turned.
    pub(crate) faketime: Option<PathBuf>,
}

impl Settings {
    /// Writes the configuration file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndrain_s = {DRAIN_S}\n\
             [database]\nurl = \"{}\"\n\
             [wechat]\napi_base = \"{}\"\nconnect_timeout_ms = 500\n\
             request_timeout_ms = {CALL_TIMEOUT_MS}\ntoken_budget = 1000000\n\
             [dispatch]\nlease_s = {LEASE_S}\npoll_interval_ms = 200\nretry_first_pause_ms = 100\n\
             retry_longest_pause_s = 2\nmax_attempts = 100000\n\
             [log]\nlevel = \"warn\"\n",
            self.database_url, self.wechat_url,
        );
        std::fs::write(self.config(), text).map_err(system("cannot write hongyan.toml"))
    }

    fn config(&self) -> PathBuf {
        self.dir.join("hongyan.toml")
    }

    /// Makes an API key on the database itself.
    ///
    /// # Errors
    /// When the command fails.
    pub(crate) async fn make_key(&self) -> Result<String, Failure> {
        let output = command(&self.binary)
            .args([
                "keys", "create", "--name", "crash", "--scope", "admin", "--config",
            ])
            .arg(self.config())
            .output()
            .await
            .map_err(system(format!("cannot start {}", self.binary.display())))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(Failure::Start {
            name: "`hongyan keys create`".to_owned(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// A gateway.
#[derive(Debug)]
pub(crate) struct Node {
    /// The process.
    pub(crate) program: Program,
    key: String,
    clock_file: PathBuf,
    client: Mutex<Option<(SocketAddr, Client)>>,
    /// Since when it has failed to start, if it does.
    failing_since: Mutex<Option<Instant>>,
}

/// Shared by those who break it and those who talk to it.
pub(crate) type SharedNode = Arc<Node>;

impl Node {
    /// The gateway of this number; it does not run yet.
    pub(crate) fn new(settings: &Settings, number: usize, key: &str) -> SharedNode {
        let clock_file = settings.dir.join(format!("clock-{number}"));
        let environment = settings
            .faketime
            .iter()
            .flat_map(|library| fake_time(library, &clock_file))
            .collect();
        let config = settings.config().display().to_string();
        let program = Program::new(Recipe {
            name: format!("node {number}"),
            binary: settings.binary.clone(),
            arguments: vec!["serve".to_owned(), "--config".to_owned(), config],
            environment,
            log: settings.dir.join(format!("node-{number}.log")),
        });
        Arc::new(Self {
            program,
            key: key.to_owned(),
            clock_file,
            client: Mutex::default(),
            failing_since: Mutex::default(),
        })
    }

    /// A client of the process that runs now, if it is ready.
    pub(crate) fn client(&self) -> Option<Client> {
        let address = self.program.address()?;
        let mut known = self.client.lock();
        if let Some((at, client)) = &*known
            && *at == address
        {
            return Some(client.clone());
        }
        let client = Client::new(&format!("http://{address}"), &self.key).ok()?;
        *known = Some((address, client.clone()));
        Some(client)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) async fn start(&self) -> Result<(), Failure> {
        self.turn_clock(0)?;
        let mut process = self.program.hold().await;
        self.program.start(&mut process)?;
        drop(process);
        let address = self.program.ready().await?;
        let client = Client::new(&format!("http://{address}"), &self.key)
            .map_err(call("the gateway's client"))?;
        client.ready().await.map_err(call("GET /readyz"))
    }

    /// Its wall clock is so many seconds off the true time from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn turn_clock(&self, seconds: i64) -> Result<(), Failure> {
        // Put in place in one step: it is read at any moment.
        let new = self.clock_file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n"))
            .and_then(|()| std::fs::rename(&new, &self.clock_file))
            .map_err(system("cannot write a clock file"))
    }

    /// SIGTERM: it must end in time, with code 0.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub(crate) async fn stop(
        &self,
        process: &mut crate::program::Process,
    ) -> Result<Option<Fault>, Failure> {
        // Before it listens to signals it ends as any program does.
        if !process.is_ready() {
            self.program.kill(process).await;
            return Ok(None);
        }
        let name = &self.program.recipe.name;
        let ended = self.program.terminate(process, STOP_PATIENCE).await?;
        Ok(match ended {
            Some(status) if status.success() => None,
            Some(status) => Some(Fault::other(format!(
                "{name} ended with {status} after SIGTERM"
            ))),
            None => Some(Fault::other(format!(
                "{name} had not ended {} s after SIGTERM",
                STOP_PATIENCE.as_secs()
            ))),
        })
    }

    /// Starts it again if it has fallen, and says so if it had no reason to.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn watch(&self) -> Result<Option<Fault>, Failure> {
        let Ok(mut process) = self.program.try_hold() else {
            return Ok(None);
        };
        let Some(fall) = self.program.fallen(&mut process) else {
            if process.is_ready() {
                *self.failing_since.lock() = None;
            }
            return Ok(None);
        };
        let name = &self.program.recipe.name;
        let fault = if fall.was_ready {
            Some(Fault::other(format!(
                "{name} ended by itself with {}",
                fall.status
            )))
        } else {
            let mut since = self.failing_since.lock();
            let since = since.get_or_insert_with(Instant::now);
            (since.elapsed() > START_PATIENCE).then(|| {
                *since = Instant::now();
                let log = tail(&self.program.recipe.log);
                Fault::other(format!("{name} does not start; the end of its log:\n{log}"))
            })
        };
        // Nobody restarts a program faster than that, either.
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.program.start(&mut process)?;
        Ok(fault)
    }
}

/// What libfaketime wants to see: the file is read again for every look at the
/// clock, and only the wall clock is turned, as on a real machine.
fn fake_time(library: &Path, file: &Path) -> Vec<(String, String)> {
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
