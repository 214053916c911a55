//! The PostgreSQL server: a durable one of our own, or one that is named, and a
//! database on it for each case.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::child::{beside_us, tail};
use crate::failure::{Failure, system};
use crate::process::{self, Stat};

/// Seconds it may take until nobody is in a database any more.
const REMOVED_WITHIN: u32 = 60;

/// Names a running server.
const NAMED: &str = "HONGYAN_BENCH_POSTGRES";

/// Starts a server and ends it when its input is closed; built with this program.
const STARTER: &str = "hongyan-test-postgres";

/// A server. Dropping it ends it if it is ours.
pub(crate) struct Postgres {
    /// With a database that is there, where others are made.
    url: String,
    client: Client,
    /// Its first process, if it runs on this machine.
    first: Option<u32>,
    /// Version and how durable it is, for people.
    pub(crate) about: String,
    _ours: Option<Ours>,
}

/// A database for one case.
#[derive(Debug)]
pub(crate) struct Database {
    name: String,
    /// As `[database] url` has it.
    pub(crate) url: String,
}

impl Postgres {
    /// Starts one whose data lies in `dir`, or connects to the one that is named.
    pub(crate) async fn start(dir: &Path) -> Result<Self, Failure> {
        let (url, ours) = match std::env::var(NAMED) {
            Ok(url) if !url.is_empty() => (url, None),
            _ => {
                let (url, ours) = Ours::start(dir)?;
                (url, Some(ours))
            }
        };
        let client = connect(&url).await?;
        let process = text(&client, "SELECT pg_backend_pid()::text").await?;
        let version = text(&client, "SHOW server_version").await?;
        let fsync = text(&client, "SHOW fsync").await?;
        let commit = text(&client, "SHOW synchronous_commit").await?;
        Ok(Self {
            url,
            client,
            first: process.parse().ok().and_then(first_process),
            about: format!("PostgreSQL {version}, fsync {fsync}, synchronous_commit {commit}"),
            _ours: ours,
        })
    }

    /// Makes an empty database.
    pub(crate) async fn database(&self, number: usize) -> Result<Database, Failure> {
        let name = format!("hongyan_bench_{}_{number}", std::process::id());
        run(&self.client, &format!("CREATE DATABASE {name}")).await?;
        let url = at(&self.url, &name);
        Ok(Database { name, url })
    }

    /// Removes a database, whoever is still connected to it.
    pub(crate) async fn remove(&self, database: &Database) -> Result<(), Failure> {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", database.name);
        // The server's own housekeeping may be in it, which only the server's owner
        // may end; it goes by itself.
        for _ in 0..REMOVED_WITHIN {
            if run(&self.client, &sql).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        run(&self.client, &sql).await
    }

    /// Processor time of all its processes; `None` = it runs elsewhere.
    pub(crate) fn cpu(&self) -> Result<Option<Duration>, Failure> {
        self.first.map(process::cpu_of_family).transpose()
    }
}

/// Brings a database to where the server's own housekeeping would have brought
/// it, had it grown slowly.
pub(crate) async fn tidy(database: &Database) -> Result<(), Failure> {
    run(&connect(&database.url).await?, "VACUUM (ANALYZE)").await
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .map_err(refused("cannot connect"))?;
    // It ends with the client; what breaks it fails the next statement.
    tokio::spawn(connection);
    Ok(client)
}

async fn run(client: &Client, sql: &str) -> Result<(), Failure> {
    client.batch_execute(sql).await.map_err(refused(sql))
}

async fn text(client: &Client, sql: &str) -> Result<String, Failure> {
    let row = client.query_one(sql, &[]).await.map_err(refused(sql))?;
    row.try_get(0).map_err(refused(sql))
}

fn refused(what: &str) -> impl FnOnce(tokio_postgres::Error) -> Failure {
    let what = what.to_owned();
    move |error| {
        let said = match error.as_db_error() {
            Some(said) => said.message().to_owned(),
            None => match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        };
        Failure::Postgres { what, said }
    }
}

/// The first process of the server one of whose processes this is, if it is one
/// of this machine.
fn first_process(backend: u32) -> Option<u32> {
    let backend = Stat::read(backend).ok()?;
    let is_server = |stat: &Stat| stat.is("postgres");
    let first = Some(backend).filter(is_server)?.parent;
    Stat::read(first).ok().filter(is_server).map(|_| first)
}

/// The same URL for another database.
fn at(url: &str, database: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let server = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{server}/{database}{query}")
}

/// The process that keeps a server of our own.
#[derive(Debug)]
struct Ours {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    /// Where the server's folder is. It may run as somebody who cannot remove its
    /// folder from here.
    _dir: TempDir,
}

impl Ours {
    fn start(dir: &Path) -> Result<(String, Self), Failure> {
        let program = beside_us(STARTER)?;
        let told = || format!("cannot make a directory in {}", dir.display());
        let dir = TempDir::with_prefix_in("hongyan-bench-", dir).map_err(system(told()))?;
        // Others may pass through it, to a folder of their own.
        let passage = Permissions::from_mode(0o711);
        std::fs::set_permissions(dir.path(), passage).map_err(system(told()))?;
        let log = dir.path().join("starter.log");
        let errors = File::create(&log).map_err(system("cannot write a log"))?;
        let mut child = Command::new(&program)
            .arg("--durable")
            .env("TMPDIR", dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            // Ctrl-C in a terminal goes to us alone: we end it in order.
            .process_group(0)
            .spawn()
            .map_err(system(format!(
                "cannot start {} (build it with `cargo build --release -p {STARTER}`)",
                program.display()
            )))?;
        let mut url = String::new();
        let stdout = child.stdout.take().map(BufReader::new);
        match stdout.map(|mut stdout| (stdout.read_line(&mut url), stdout)) {
            Some((Ok(1..), stdout)) => {
                let ours = Self {
                    child,
                    _stdout: stdout,
                    _dir: dir,
                };
                Ok((url.trim().to_owned(), ours))
            }
            _ => {
                // Both fail only where it has ended already.
                let _ = child.kill();
                let _ = child.wait();
                Err(Failure::Postgres {
                    what: "no server could be started".to_owned(),
                    said: tail(&log),
                })
            }
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // It ends the server and removes its files before it ends itself.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_turned_to_another_database() {
        assert_eq!(at("postgres://u@h:1/d", "x"), "postgres://u@h:1/x");
        assert_eq!(at("postgres://u:p@h", "x"), "postgres://u:p@h/x");
        assert_eq!(
            at("postgresql://h/d?sslmode=disable", "x"),
            "postgresql://h/x?sslmode=disable"
        );
    }

    #[test]
    fn a_process_that_is_no_server_has_no_first_process() {
        assert_eq!(first_process(std::process::id()), None);
    }
}
