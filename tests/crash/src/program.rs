//! A program that is started, killed, and started again.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, OwnedMutexGuard, TryLockError, watch};

use crate::failure::{Failure, system};

/// How long a program may take until it says that it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to start a program.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// What people call it.
    pub(crate) name: String,
    /// The executable.
    pub(crate) binary: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Variables it sees besides those of ours that are not meant for it.
    pub(crate) environment: Vec<(String, String)>,
    /// Where its standard error goes; each start adds to it.
    pub(crate) log: PathBuf,
}

/// A program that says in its first line where it listens. It is killed when this
/// is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    /// How it is started.
    pub(crate) recipe: Recipe,
    /// Where the process that runs now listens; `None` = it is not ready.
    address: watch::Sender<Option<SocketAddr>>,
    process: Arc<Mutex<Process>>,
}

/// The process behind a program. Whoever holds it decides over its life.
#[derive(Debug, Default)]
pub(crate) struct Process {
    child: Option<Child>,
    /// Whether this very child has said that it is ready.
    was_ready: Arc<AtomicBool>,
}

/// How a process ended that nobody had ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fall {
    /// What the system says.
    pub(crate) status: ExitStatus,
    /// Whether it had been ready.
    pub(crate) was_ready: bool,
}

impl Program {
    /// A program that does not run yet.
    pub(crate) fn new(recipe: Recipe) -> Self {
        Self {
            recipe,
            address: watch::Sender::new(None),
            process: Arc::default(),
        }
    }

    /// Where it listens at this moment.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        *self.address.borrow()
    }

    /// The right to decide over its life; waits while somebody else has it.
    pub(crate) async fn hold(&self) -> OwnedMutexGuard<Process> {
        Arc::clone(&self.process).lock_owned().await
    }

    /// The same where nobody else has it.
    pub(crate) fn try_hold(&self) -> Result<OwnedMutexGuard<Process>, TryLockError> {
        Arc::clone(&self.process).try_lock_owned()
    }

    /// Starts it; it is ready some time later.
    ///
    /// # Errors
    /// When the executable or the log cannot be opened.
    pub(crate) fn start(&self, process: &mut Process) -> Result<(), Failure> {
        let recipe = &self.recipe;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&recipe.log)
            .map_err(system("cannot write a log"))?;
        let mut command = command(&recipe.binary);
        let mut child = command
            .args(&recipe.arguments)
            .envs(recipe.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(system(format!("cannot start {}", recipe.binary.display())))?;
        self.address.send_replace(None);
        if let Some(stdout) = child.stdout.take() {
            let address = self.address.clone();
            process.was_ready = Arc::default();
            let was_ready = Arc::clone(&process.was_ready);
            tokio::spawn(async move {
                let mut stdout = BufReader::new(stdout);
                let mut line = String::new();
                // A program that dies ends the line; there is no address in it then.
                if stdout.read_line(&mut line).await.is_ok()
                    && let Some(found) = address_in(&line)
                {
                    was_ready.store(true, Ordering::SeqCst);
                    address.send_replace(Some(found));
                    // Until it ends, or what it prints later would fail.
                    let _ = stdout.read_to_end(&mut Vec::new()).await;
                    address.send_if_modified(|now| now.take_if(|now| *now == found).is_some());
                }
            });
        }
        process.child = Some(child);
        Ok(())
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// [`Failure::Start`] when it takes too long.
    pub(crate) async fn ready(&self) -> Result<SocketAddr, Failure> {
        let mut address = self.address.subscribe();
        let found = tokio::time::timeout(PATIENCE, address.wait_for(Option::is_some)).await;
        match found.ok().and_then(Result::ok).and_then(|found| *found) {
            Some(found) => Ok(found),
            None => Err(Failure::Start {
                name: self.recipe.name.clone(),
                log: tail(&self.recipe.log),
            }),
        }
    }

    /// Ends it as a power failure of its own would. Whether it ran.
    pub(crate) async fn kill(&self, process: &mut Process) -> bool {
        self.address.send_replace(None);
        let Some(mut child) = process.child.take() else {
            return false;
        };
        let ran = matches!(child.try_wait(), Ok(None));
        // Fails only where it has ended already.
        let _ = child.kill().await;
        ran
    }

    /// Asks it to end and waits so long; `None` = it does not end and was killed.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub(crate) async fn terminate(
        &self,
        process: &mut Process,
        patience: Duration,
    ) -> Result<Option<ExitStatus>, Failure> {
        process.signal("TERM").await?;
        let Some(child) = &mut process.child else {
            return Ok(None);
        };
        let ended = tokio::time::timeout(patience, child.wait()).await;
        if ended.is_err() {
            self.kill(process).await;
        }
        self.address.send_replace(None);
        process.child = None;
        Ok(ended.ok().and_then(Result::ok))
    }

    /// How it ended, if it has without anybody's doing.
    pub(crate) fn fallen(&self, process: &mut Process) -> Option<Fall> {
        let child = process.child.as_mut()?;
        let status = child.try_wait().ok().flatten()?;
        let was_ready = process.was_ready.load(Ordering::SeqCst);
        process.child = None;
        Some(Fall { status, was_ready })
    }
}

impl Process {
    /// Whether it has said that it is ready and was not ended since.
    pub(crate) fn is_ready(&self) -> bool {
        self.child.is_some() && self.was_ready.load(Ordering::SeqCst)
    }

    /// Sends a signal by its name; nothing happens where nothing runs.
    ///
    /// # Errors
    /// When `kill` cannot be run.
    pub(crate) async fn signal(&mut self, name: &str) -> Result<(), Failure> {
        if let Some(id) = self.child.as_ref().and_then(Child::id) {
            Command::new("kill")
                .args([format!("-{name}"), id.to_string()])
                .stderr(Stdio::null())
                .status()
                .await
                .map_err(system("cannot run kill"))?;
        }
        Ok(())
    }
}

/// A command without the settings of our own environment.
pub(crate) fn command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HONGYAN_") {
            command.env_remove(name);
        }
    }
    command
}

/// The address in a line such as `hongyan 1 is ready at http://127.0.0.1:8600`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let word = rest.split_whitespace().next()?;
    word.trim_end_matches('/').parse().ok()
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

    fn shell(script: &str) -> (Program, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let recipe = Recipe {
            name: "shell".to_owned(),
            binary: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: Vec::new(),
            log: dir.path().join("log"),
        };
        (Program::new(recipe), dir)
    }

    #[tokio::test]
    async fn the_ready_line_tells_the_address_until_the_kill() {
        let (program, _dir) = shell("echo is ready at http://127.0.0.1:5; exec sleep 600");
        let mut process = program.hold().await;
        program.start(&mut process).unwrap();
        assert_eq!(program.ready().await.unwrap().port(), 5);
        assert!(program.kill(&mut process).await);
        assert_eq!(program.address(), None);
        assert!(!program.kill(&mut process).await, "it ran no more");
    }

    #[tokio::test]
    async fn a_polite_end_is_told_from_a_stubborn_one() {
        let polite = "trap 'exit 7' TERM; echo http://127.0.0.1:5; while :; do sleep 0.01; done";
        let stubborn = "trap '' TERM; echo http://127.0.0.1:5; while :; do sleep 0.01; done";
        for (script, patience, code) in [(polite, 60_000, Some(7)), (stubborn, 1, None)] {
            let (program, _dir) = shell(script);
            let mut process = program.hold().await;
            program.start(&mut process).unwrap();
            program.ready().await.unwrap();
            let patience = Duration::from_millis(patience);
            let ended = program.terminate(&mut process, patience).await.unwrap();
            assert_eq!(ended.and_then(|status| status.code()), code);
        }
    }
}
