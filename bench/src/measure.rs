//! The measurements of a case, in order.

use std::net::SocketAddr;

use crate::arrivals::{self, Arrivals};
use crate::control::text;
use crate::cpu::Cpu;
use crate::failure::Failure;
use crate::figures::{Figures, Rate};
use crate::flags::Flags;
use crate::load::{self, Amount, Done, Script, Until};
use crate::plan::Case;
use crate::postgres::Postgres;
use crate::script::{BATCH, InTurn};
use crate::stage::{Place, Stage};
use crate::{latency, peers};

/// Batches under way at once.
const BATCH_LANES: usize = 4;

/// Messages posted one by one at most; the rest of a longer queue comes in
/// batches.
const MOST_SINGLES: u64 = 100_000;

/// Tells a person what is going on.
pub(crate) type Say<'a> = &'a dyn Fn(&str);

/// A case while it is measured.
pub(crate) struct Measure<'a> {
    pub(crate) flags: &'a Flags,
    pub(crate) case: Case,
    pub(crate) stage: Stage,
    /// The server the case's database is on.
    pub(crate) postgres: Option<&'a Postgres>,
}

/// Measures a case once, with the peers if they are asked for.
///
/// # Errors
/// When something fails or a message did not arrive exactly once: there are no
/// figures then.
pub(crate) async fn measure(
    flags: &Flags,
    case: Case,
    place: &Place<'_>,
    postgres: Option<&Postgres>,
    with_peers: bool,
    say: Say<'_>,
) -> Result<Figures, Failure> {
    say("starting sandbox and gateway");
    if case.old > 0 {
        say("and making the old messages: a minute or two for each million");
    }
    let mut measure = Measure {
        flags,
        case,
        stage: Stage::set(place, case, flags.max_in_flight).await?,
        postgres,
    };
    let ready_empty_s = measure.stage.ready_empty.as_secs_f64();
    let idle = measure.stage.memory()?;
    let mut accepted = vec![first_message(&measure.stage).await?];
    let mut arrived = Arrivals::default();
    arrivals::wait(&measure.stage, 1).await?;
    arrived.read(&measure.stage, |_, _| {}).await?;

    say("the ceiling: a bare loop to the sandbox");
    let (first_ceiling, sent) = ceiling(&measure, 0).await?;
    say("the gateway's /healthz");
    let healthz = healthz(&measure).await?;
    let peers = if with_peers {
        say("what one would use instead");
        peers::measure(&measure.stage, flags.time).await?
    } else {
        Vec::new()
    };

    say("accepting, one message a request, while the account is held back");
    measure.stage.hold().await?;
    let batches = (case.messages - (case.messages / 2).min(MOST_SINGLES)) / BATCH;
    let before = Cpu::read(&measure.stage, postgres)?;
    let singles = post_singles(&measure, case.messages - batches * BATCH).await?;
    let accepted_singly = before.rate(&measure.stage, &singles, 1)?;
    accepted.extend(&singles.ids);
    say("accepting batches");
    let before = Cpu::read(&measure.stage, postgres)?;
    let many = post_batches(&measure, batches, "normal").await?;
    let accepted_in_batches = before.rate(&measure.stage, &many, BATCH)?;
    accepted.extend(&many.ids);
    let full = measure.stage.memory()?;

    say("killing the gateway and starting it again with the queue full");
    measure.stage.restart().await?;
    let ready_queue_full_s = measure.stage.ready_after().as_secs_f64();
    let restarted = measure.stage.memory()?;
    if arrivals::total(&measure.stage).await? != 1 {
        let text = "messages went out while the account was held back";
        return Err(Failure::Wrong(text.to_owned()));
    }

    say("delivering the queue");
    let before = Cpu::read(&measure.stage, postgres)?;
    measure.stage.release().await?;
    arrivals::wait(&measure.stage, accepted.len() as u64).await?;
    let settled_after = arrivals::settled(&measure.stage).await?;
    let cpu = before.each(&measure.stage, case.messages)?;
    let per_s = arrived.read(&measure.stage, |_, _| {}).await?.per_second();
    let delivered_from_queue = Rate { per_s, cpu };

    say("the ceiling again");
    let (second_ceiling, _) = ceiling(&measure, sent).await?;

    say("delivering while accepting, one message a request");
    let before = Cpu::read(&measure.stage, postgres)?;
    let meanwhile = post_singles(&measure, case.messages.min(MOST_SINGLES)).await?;
    accepted.extend(&meanwhile.ids);
    arrivals::wait(&measure.stage, accepted.len() as u64).await?;
    arrivals::settled(&measure.stage).await?;
    let cpu = before.each(&measure.stage, meanwhile.answered)?;
    let per_s = arrived.read(&measure.stage, |_, _| {}).await?.per_second();
    let delivered_while_accepting = Rate { per_s, cpu };

    say("half of that");
    let (half_load, half_load_latency) =
        latency::at_half_load(&measure, per_s, &mut accepted, &mut arrived).await?;
    say("messages of high priority while the queue is full of low ones");
    let high_latency = latency::high_among_low(&measure, &mut accepted, &mut arrived).await?;

    say("counting");
    arrived.verify(&accepted)?;
    let stats = measure.stage.sandbox("/stats").await?;
    Ok(Figures {
        case,
        ceiling: [first_ceiling, second_ceiling],
        healthz,
        accepted_singly,
        accepted_in_batches,
        delivered_from_queue,
        settled_after_s: settled_after.as_secs_f64(),
        delivered_while_accepting,
        accepted_while_delivering_per_s: meanwhile.per_second(),
        half_load,
        half_load_latency,
        high_latency,
        memory_idle: idle.resident,
        memory_queue_full: full.resident,
        memory_restarted: restarted.resident,
        memory_peak: measure.stage.memory()?.peak,
        ready_empty_s,
        ready_queue_full_s,
        accepted: accepted.len() as u64,
        delivered: arrived.count,
        sent_again: stats["duplicates"].as_u64().unwrap_or(0),
        peers,
    })
}

/// Sends one message to its end, so that everything has been used once and what
/// the gateway sends can be seen.
async fn first_message(stage: &Stage) -> Result<u128, Failure> {
    let message = stage.messages("normal").swap_remove(0);
    let sent = stage
        .gateway("POST", "/v1/messages?wait=10", Some(&message))
        .await?;
    let (id, status) = (text(&sent, "/id")?, text(&sent, "/status")?);
    id.strip_prefix("msg_")
        .and_then(|digits| u128::from_str_radix(digits, 16).ok())
        .filter(|_| status == "accepted")
        .ok_or_else(|| Failure::Wrong(format!("the first message was not sent: {sent}")))
}

/// The bare loop; also the number its next run must begin with.
async fn ceiling(measure: &Measure<'_>, first: u64) -> Result<(Rate, u64), Failure> {
    let stage = &measure.stage;
    let script = stage.bare_loop(first).await?;
    let before = Cpu::read(stage, measure.postgres)?;
    let done = in_flight("ceiling", &[stage.sandbox.address], measure.flags, script).await?;
    let rate = before.rate(stage, &done, 1)?;
    Ok((rate, first + done.answered))
}

async fn healthz(measure: &Measure<'_>) -> Result<Rate, Failure> {
    let stage = &measure.stage;
    let addresses = stage.addresses();
    let before = Cpu::read(stage, measure.postgres)?;
    let script = InTurn::health(addresses[0]);
    let done = in_flight("healthz", &addresses, measure.flags, script).await?;
    before.rate(stage, &done, 1)
}

async fn in_flight(
    load: &'static str,
    addresses: &[SocketAddr],
    flags: &Flags,
    script: impl Script,
) -> Result<Done, Failure> {
    let amount = Amount {
        lanes: flags.in_flight,
        until: Until::Time(flags.time),
        pace: None,
    };
    load::run(load, addresses, amount, script).await
}

async fn post_singles(measure: &Measure<'_>, count: u64) -> Result<Done, Failure> {
    let stage = &measure.stage;
    let amount = Amount {
        lanes: measure.flags.producers,
        until: Until::Count(count),
        pace: None,
    };
    let addresses = stage.addresses();
    let script = InTurn::singles(addresses[0], &stage.key, &stage.messages("normal"));
    load::run("messages", &addresses, amount, script).await
}

/// Posts so many batches.
pub(crate) async fn post_batches(
    measure: &Measure<'_>,
    count: u64,
    priority: &str,
) -> Result<Done, Failure> {
    let stage = &measure.stage;
    let amount = Amount {
        lanes: BATCH_LANES,
        until: Until::Count(count),
        pace: None,
    };
    let addresses = stage.addresses();
    let script = InTurn::batches(addresses[0], &stage.key, &stage.messages(priority));
    load::run("batches", &addresses, amount, script).await
}
