//! A run: rounds of breaking, resting and comparing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::chaos::{Chaos, Done};
use crate::crowd::Crowd;
use crate::failure::{Failure, system};
use crate::flags::Flags;
use crate::judge::{Fault, Verdict, judge};
use crate::load::{Load, Pace};
use crate::sandbox::ACCOUNT_COUNT;
use crate::stage::Stage;
use crate::{audit, plan, report};

/// Between two rounds: the tokens end, and a new day's allowances begin.
const A_DAY_MS: u64 = 25 * 60 * 60 * 1000;
/// How many messages are shown with all that happened to them.
const HISTORIES: usize = 20;

/// What came out.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How often what was done.
    pub(crate) done: Arc<Done>,
    /// The last comparison, which is of everything.
    pub(crate) verdict: Verdict,
    /// Messages that were accepted.
    pub(crate) accepted: u64,
    /// Requests that had to be repeated.
    pub(crate) repeated: u64,
    /// Repeats that WeChat dropped.
    pub(crate) dropped_repeats: u64,
    /// How long it all took.
    pub(crate) time: Duration,
}

/// Carries out the plan of the flags. Stops after the first round in which
/// something is wrong, and keeps the folder with databases and logs then.
///
/// # Errors
/// When this program cannot do its work.
pub(crate) async fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let stage = Stage::set(flags).await?;
    let outcome = rounds(flags, &stage).await;
    let faults = outcome.as_ref().map(|outcome| &*outcome.verdict.faults);
    let is_well = matches!(faults, Ok([]));
    if let Ok(faults @ [_, ..]) = faults {
        write_down(&stage, faults).await?;
    }
    stage.end().await;
    if flags.keep || !is_well {
        let Stage { dir, .. } = stage;
        report::kept(&dir.keep());
    }
    outcome
}

async fn rounds(flags: &Flags, stage: &Stage) -> Result<Outcome, Failure> {
    let rounds = plan::draw(flags, ACCOUNT_COUNT);
    let began = Instant::now();
    let deadline = began + Duration::from_secs(60 * flags.minutes);
    let pace = Pace {
        seed: flags.seed,
        rate: flags.rate,
        may_expire: !flags.clocks,
    };
    let load = Load::new(pace, stage.nodes.clone(), stage.accounts.clone());
    let chaos = Chaos::new(stage);
    let crowd = match (flags.broadcast, stage.accounts.first()) {
        (1.., Some(account)) => {
            Some(Crowd::gather(&stage.sandbox, account, flags.broadcast).await?)
        }
        _ => None,
    };
    let (mut effects, mut since) = (Vec::new(), 0);
    let mut verdict = Verdict::default();
    let share = flags.messages.div_ceil(rounds.len().max(1) as u64);
    for (number, steps) in (1..).zip(&rounds) {
        let enough = watch::Sender::new(false);
        let posting = tokio::spawn(Arc::clone(&load).run(number, enough.subscribe()));
        let telling = crowd
            .clone()
            .map(|crowd| tokio::spawn(crowd.tell(stage.nodes.clone(), number)));
        let trace = stage.dir.path().join(format!("round-{number}.log"));
        chaos.run(steps, deadline, &trace).await?;
        while load.accepted.load(Ordering::Relaxed) < share * number && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
        stage.sandbox.calm().await?;
        stage.recover().await?;
        enough.send_replace(true);
        posting
            .await
            .map_err(|error| Failure::Odd(format!("the callers broke off: {error}")))?;

        let told =
            match telling {
                None => None,
                Some(telling) => Some(telling.await.map_err(|error| {
                    Failure::Odd(format!("the broadcast broke off: {error}"))
                })??),
            };
        if let Some(told) = &told {
            told.ends(&stage.nodes).await?;
        }
        // Whoever does not come to rest is found among the listed.
        let _ = audit::rest(&stage.nodes).await?;
        since = stage.sandbox.effects(since, &mut effects).await?;
        let listed = audit::list(&stage.nodes).await?;
        verdict = judge(&load.promises.lock(), &listed, &effects);
        if let Some(told) = &told {
            verdict.faults.append(&mut told.forgotten(&listed));
        }
        verdict.faults.append(&mut load.faults.lock());
        verdict.faults.append(&mut chaos.faults.lock());
        report::round(number, rounds.len(), &chaos.done, &verdict, began.elapsed());
        if !verdict.faults.is_empty() || Instant::now() > deadline {
            break;
        }
        let day = json!({ "advance_ms": A_DAY_MS });
        stage.sandbox.insist("POST", "/clock", Some(&day)).await?;
    }
    Ok(Outcome {
        done: Arc::clone(&chaos.done),
        accepted: load.accepted.load(Ordering::Relaxed),
        repeated: load.repeated.load(Ordering::Relaxed),
        dropped_repeats: stage.sandbox.dropped_repeats().await,
        time: began.elapsed(),
        verdict,
    })
}

/// Writes down what is wrong, and all that happened to the messages concerned.
async fn write_down(stage: &Stage, faults: &[Fault]) -> Result<(), Failure> {
    let mut text = String::new();
    for fault in faults {
        text.push_str(&format!("{fault}\n"));
    }
    if let Ok(client) = stage.client() {
        let ids = faults.iter().filter_map(|fault| fault.id.as_deref());
        for id in ids.take(HISTORIES) {
            text.push_str(&format!("\n{}\n", audit::history(&client, id).await));
        }
    }
    let path = stage.dir.path().join("faults.txt");
    std::fs::write(&path, text).map_err(system("cannot write faults.txt"))
}
