//! The measured programs, as child processes that end with us.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, system};
use crate::http::{Connection, request};
use crate::process::{self, Memory};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `hongyan serve` or `hongyan sandbox`. Dropping it kills it, as a power
/// failure would.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Held so that what it prints later does not fail.
    _stdout: BufReader<ChildStdout>,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first answer of the probed path.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts `binary command arguments…` in a folder and waits until `probe` is
    /// answered with 200. What it logs goes to a file of that name there.
    pub(crate) async fn start(
        binary: &Path,
        command: &'static str,
        arguments: &[&str],
        probe: &str,
        (dir, log): (&Path, &str),
    ) -> Result<Self, Failure> {
        let log = dir.join(log);
        let log_file = File::create(&log).map_err(system("cannot write a log"))?;
        let began = Instant::now();
        let mut child = hongyan(binary)
            .arg(command)
            .args(arguments)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(system(format!("cannot start {}", binary.display())))?;
        let gone = |how: &str| Failure::Child {
            command,
            how: how.to_owned(),
            log: tail(&log),
        };
        let Some(stdout) = child.stdout.take() else {
            return Err(gone("has no standard output"));
        };
        // It says where it listens in its first line; a program that dies ends it.
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = stdout.read_line(&mut line);
        let address = read.ok().and_then(|_| address_in(&line));
        let mut server = Self {
            child,
            _stdout: stdout,
            address: address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            ready_after: Duration::ZERO,
        };
        if address.is_none() {
            return Err(gone("did not become ready"));
        }
        while !server.answers(probe).await {
            if began.elapsed() > PATIENCE {
                return Err(gone("does not answer"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.ready_after = began.elapsed();
        Ok(server)
    }

    async fn answers(&mut self, probe: &str) -> bool {
        let request = request("GET", probe, self.address, &[], "");
        match Connection::open(self.address).await {
            Ok(mut connection) => connection
                .exchange(&request)
                .await
                .is_ok_and(|answer| answer.status == 200),
            Err(_) => false,
        }
    }

    /// Its memory.
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        process::memory_of(self.child.id())
    }

    /// Processor time it has used.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        process::cpu_of(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes an API key on the database of the configuration.
pub(crate) fn make_key(binary: &Path, config: &Path) -> Result<String, Failure> {
    let output = hongyan(binary)
        .args([
            "keys", "create", "--name", "bench", "--scope", "admin", "--config",
        ])
        .arg(config)
        .output()
        .map_err(system(format!("cannot start {}", binary.display())))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Failure::Child {
        command: "keys create",
        how: "failed".to_owned(),
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The program without the settings of our own environment.
fn hongyan(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HONGYAN_") {
            command.env_remove(name);
        }
    }
    command
}

/// The program to measure.
pub(crate) fn binary() -> Result<PathBuf, Failure> {
    let binary = match std::env::var_os("HONGYAN_BIN") {
        Some(path) => PathBuf::from(path),
        None => beside_us("hongyan")?,
    };
    std::fs::canonicalize(&binary).map_err(|_| Failure::NoBinary(binary.display().to_string()))
}

/// The program of that name that was built with this one.
pub(crate) fn beside_us(name: &str) -> Result<PathBuf, Failure> {
    let us = std::env::current_exe().map_err(system("cannot tell where this program is"))?;
    Ok(us.with_file_name(name))
}

/// The address in a line such as `hongyan 1 is ready at http://127.0.0.1:8600`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    rest.split_whitespace()
        .next()?
        .trim_end_matches('/')
        .parse()
        .ok()
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_ready_line() {
        let line =
            "hongyan 0.1.0 is ready at http://127.0.0.1:8600 (listening on 127.0.0.1:8600)\n";
        assert_eq!(
            address_in(line),
            Some(SocketAddr::from(([127, 0, 0, 1], 8600)))
        );
        assert_eq!(address_in("hongyan: cannot listen"), None);
    }

    #[tokio::test]
    async fn a_program_that_dies_is_told_with_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let failure = Server::start(
            Path::new("/bin/false"),
            "serve",
            &[],
            "/",
            (dir.path(), "log"),
        )
        .await
        .unwrap_err();
        assert!(matches!(failure, Failure::Child { .. }), "{failure}");
    }
}
