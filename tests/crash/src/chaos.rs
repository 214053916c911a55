//! Carrying out the steps of a plan.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::judge::Fault;
use crate::node::SharedNode;
use crate::plan::{Action, Step};
use crate::stage::Stage;

/// How often the nodes are looked after.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// How often what was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Gateways that ran and were killed.
    pub(crate) kills: AtomicU32,
    /// Gateways that were asked to end.
    pub(crate) stops: AtomicU32,
    /// Gateways and databases that were held still.
    pub(crate) freezes: AtomicU32,
    /// Times the database was killed.
    pub(crate) database_kills: AtomicU32,
    /// Times the sandbox was killed.
    pub(crate) sandbox_kills: AtomicU32,
    /// Times connections were cut.
    pub(crate) cuts: AtomicU32,
    /// Faults programmed.
    pub(crate) faults: AtomicU32,
    /// Tokens stolen.
    pub(crate) thefts: AtomicU32,
    /// Clocks turned.
    pub(crate) turns: AtomicU32,
}

/// Who breaks things, and what came to light by that.
pub(crate) struct Chaos<'a> {
    stage: &'a Stage,
    /// How often what was done.
    pub(crate) done: Arc<Done>,
    /// What a program did that it should not have done.
    pub(crate) faults: Arc<Mutex<Vec<Fault>>>,
    /// Those who start gateways again that fall; they end with this.
    _watches: JoinSet<()>,
}

impl<'a> Chaos<'a> {
    /// Breaks things of this stage, when told, and looks after its gateways from
    /// now on.
    pub(crate) fn new(stage: &'a Stage) -> Self {
        let faults = Arc::default();
        Self {
            stage,
            done: Arc::default(),
            _watches: watch(&stage.nodes, &faults),
            faults,
        }
    }

    /// Carries out the steps, until `deadline` at most; what was broken is up again,
    /// or will be, when this ends.
    ///
    /// # Errors
    /// When this program cannot do its work.
    pub(crate) async fn run(
        &self,
        steps: &[Step],
        deadline: Instant,
        trace: &Path,
    ) -> Result<(), Failure> {
        let mut work = JoinSet::new();
        let began = Instant::now();
        let mut log = String::new();
        for step in steps {
            sleep(Duration::from_millis(step.pause_ms)).await;
            if Instant::now() > deadline {
                break;
            }
            log.push_str(&format!(
                "{:>10.3} {}\n",
                began.elapsed().as_secs_f64(),
                step.action
            ));
            self.act(&step.action, &mut work).await?;
            while let Some(ended) = work.try_join_next() {
                self.ended(ended)?;
            }
        }
        while let Some(ended) = work.join_next().await {
            self.ended(ended)?;
        }
        // Nothing depends on it but somebody who looks for a cause.
        let _ = std::fs::write(trace, log);
        Ok(())
    }

    fn ended(
        &self,
        ended: Result<Result<Option<Fault>, Failure>, tokio::task::JoinError>,
    ) -> Result<(), Failure> {
        let fault = ended.map_err(|error| Failure::Odd(format!("a step broke off: {error}")))??;
        self.faults.lock().extend(fault);
        Ok(())
    }

    async fn act(
        &self,
        action: &Action,
        work: &mut JoinSet<Result<Option<Fault>, Failure>>,
    ) -> Result<(), Failure> {
        let sandbox = &self.stage.sandbox;
        let count = |counter: &AtomicU32| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        let ms = Duration::from_millis;
        match *action {
            Action::Kill { node, down_ms } => {
                let (node, done) = (self.node(node), Arc::clone(&self.done));
                // Waits for its turn here, so that steps do not pile up.
                let mut process = node.program.hold().await;
                work.spawn(async move {
                    if node.program.kill(&mut process).await {
                        done.kills.fetch_add(1, Ordering::Relaxed);
                    }
                    sleep(ms(down_ms)).await;
                    node.program.start(&mut process).map(|()| None)
                });
            }
            Action::Stop { node, down_ms } => {
                count(&self.done.stops);
                let node = self.node(node);
                let mut process = node.program.hold().await;
                work.spawn(async move {
                    let fault = node.stop(&mut process).await?;
                    sleep(ms(down_ms)).await;
                    node.program.start(&mut process).map(|()| fault)
                });
            }
            Action::Freeze { node, ms: time } => {
                count(&self.done.freezes);
                let node = self.node(node);
                let mut process = node.program.hold().await;
                work.spawn(async move {
                    process.signal("STOP").await?;
                    sleep(ms(time)).await;
                    process.signal("CONT").await.map(|()| None)
                });
            }
            Action::TurnNode { node, seconds } => {
                count(&self.done.turns);
                self.node(node).turn_clock(seconds)?;
            }
            Action::KillDatabase { down_ms } => {
                count(&self.done.database_kills);
                let database = Arc::clone(&self.stage.database);
                work.spawn(async move { database.kill(ms(down_ms)).await.map(|()| None) });
            }
            Action::FreezeDatabase { ms: time } => {
                count(&self.done.freezes);
                let database = Arc::clone(&self.stage.database);
                work.spawn(async move { database.freeze(ms(time)).await.map(|()| None) });
            }
            Action::CutDatabase => {
                count(&self.done.cuts);
                self.stage.database.cut();
            }
            Action::KillSandbox { down_ms } => {
                count(&self.done.sandbox_kills);
                sandbox.kill(ms(down_ms)).await?;
            }
            Action::CutSandbox => {
                count(&self.done.cuts);
                sandbox.relay.cut();
            }
            Action::Fault {
                path,
                times,
                effect,
            } => {
                count(&self.done.faults);
                let fault = json!({ "path": path, "times": times, "effect": effect.json() });
                sandbox.insist("POST", "/faults", Some(&fault)).await?;
            }
            Action::Steal { account } => {
                count(&self.done.thefts);
                sandbox.steal(&self.stage.accounts[account]).await;
            }
            Action::TurnSandbox { ms } => {
                count(&self.done.turns);
                let advance = json!({ "advance_ms": ms });
                sandbox.insist("POST", "/clock", Some(&advance)).await?;
            }
        }
        Ok(())
    }

    fn node(&self, number: usize) -> SharedNode {
        Arc::clone(&self.stage.nodes[number])
    }
}

/// Starts gateways again that fall, as whoever runs them would.
fn watch(nodes: &[SharedNode], faults: &Arc<Mutex<Vec<Fault>>>) -> JoinSet<()> {
    let mut watches = JoinSet::new();
    for node in nodes {
        let (node, faults) = (Arc::clone(node), Arc::clone(faults));
        watches.spawn(async move {
            loop {
                match node.watch().await {
                    Ok(fault) => faults.lock().extend(fault),
                    Err(failure) => faults.lock().push(Fault::other(failure.to_string())),
                }
                sleep(WATCH_EVERY).await;
            }
        });
    }
    watches
}
