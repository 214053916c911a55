//! The measurements, in order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::arrivals::{self, Arrivals};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::load::{Amount, Until, run};
use crate::report::Figures;
use crate::script::{BATCH, InTurn};
use crate::stage::Stage;

/// Batches under way at once.
const BATCH_LANES: usize = 4;

/// Messages posted one by one at most; the rest of a longer queue comes in
/// batches.
const MOST_SINGLES: u64 = 100_000;

/// Tells a person what is going on.
pub(crate) type Say<'a> = &'a dyn Fn(&str);

/// Measures everything once.
///
/// # Errors
/// When something fails or a message did not arrive exactly once: there are no
/// figures then.
pub(crate) async fn measure(
    flags: &Flags,
    binary: PathBuf,
    dir: &Path,
    say: Say<'_>,
) -> Result<Figures, Failure> {
    say("starting sandbox and gateway");
    let stage = Stage::set(binary, dir, flags.max_in_flight).await?;
    let ready_empty = stage.gateway.ready_after;
    let idle = stage.gateway.memory()?;
    let mut accepted = vec![first_message(&stage).await?];
    let mut arrived = Arrivals::default();
    arrivals::wait(&stage, 1).await?;
    arrived.read(&stage).await?;

    let bare = Amount {
        lanes: flags.in_flight,
        until: Until::Time(flags.time),
    };
    say("the ceiling: a bare loop to the sandbox");
    let first_ceiling = run(
        "ceiling",
        stage.sandbox.address,
        bare,
        stage.bare_loop(0).await?,
    )
    .await?;
    say("the gateway's /healthz");
    let healthz = run(
        "healthz",
        stage.gateway.address,
        bare,
        InTurn::health(stage.gateway.address),
    )
    .await?;

    say("accepting, one message a request, while the account is held back");
    stage.hold().await?;
    let batches = (flags.messages - (flags.messages / 2).min(MOST_SINGLES)) / BATCH;
    let singles = flags.messages - batches * BATCH;
    let one_by_one = post_singles(&stage, flags, singles).await?;
    say("accepting batches");
    let messages = stage.messages();
    let in_batches = run(
        "batches",
        stage.gateway.address,
        Amount {
            lanes: BATCH_LANES,
            until: Until::Count(batches),
        },
        InTurn::batches(stage.gateway.address, &stage.key, &messages),
    )
    .await?;
    accepted.extend(&one_by_one.ids);
    accepted.extend(&in_batches.ids);
    let queued = (one_by_one.ids.len() + in_batches.ids.len()) as u64;
    let full = stage.gateway.memory()?;

    say("killing the gateway and starting it again with the queue full");
    let stage = stage.restart().await?;
    let ready_full = stage.gateway.ready_after;
    let restarted = stage.gateway.memory()?;

    say("delivering the queue");
    let before = Cpu::read(&stage)?;
    stage.release().await?;
    arrivals::wait(&stage, accepted.len() as u64).await?;
    let settled_after = arrivals::settled(&stage).await?;
    let cpu = Cpu::read(&stage)?;
    let from_queue = arrived.read(&stage).await?;
    let delivering = stage.gateway.memory()?;

    say("the ceiling again");
    let second_ceiling = run(
        "ceiling",
        stage.sandbox.address,
        bare,
        stage
            .bare_loop(first_ceiling.answered + flags.in_flight as u64)
            .await?,
    )
    .await?;

    say("delivering while accepting, one message a request");
    let meanwhile = post_singles(&stage, flags, flags.messages.min(MOST_SINGLES)).await?;
    accepted.extend(&meanwhile.ids);
    arrivals::wait(&stage, accepted.len() as u64).await?;
    arrivals::settled(&stage).await?;
    let at_once = arrived.read(&stage).await?;

    say("counting");
    arrived.verify(&accepted)?;
    let stats = stage.sandbox("/stats").await?;
    let date = crate::control::text(&stage.sandbox("/clock").await?, "/now")?;
    Ok(Figures {
        date: date.chars().take(10).collect(),
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        messages: queued,
        producers: flags.producers,
        in_flight: flags.in_flight,
        max_in_flight: flags.max_in_flight,
        ceiling_per_s: [first_ceiling.per_second(), second_ceiling.per_second()],
        healthz_per_s: healthz.per_second(),
        accepted_singly_per_s: one_by_one.per_second(),
        accepted_in_batches_per_s: in_batches.per_second() * BATCH as f64,
        delivered_from_queue_per_s: from_queue.per_second(),
        settled_after_s: settled_after.as_secs_f64(),
        delivered_while_accepting_per_s: at_once.per_second(),
        accepted_while_delivering_per_s: meanwhile.per_second(),
        gateway_cpu_us_per_message: micros_each(cpu.gateway - before.gateway, queued),
        sandbox_cpu_us_per_message: micros_each(cpu.sandbox - before.sandbox, queued),
        memory_idle: idle.resident,
        memory_queue_full: full.resident,
        memory_restarted: restarted.resident,
        memory_delivering_peak: delivering.peak,
        ready_empty_s: ready_empty.as_secs_f64(),
        ready_queue_full_s: ready_full.as_secs_f64(),
        binary_bytes: stage.binary_size()?,
        accepted: accepted.len() as u64,
        delivered: arrived.count,
        sent_again: stats["duplicates"].as_u64().unwrap_or(0),
    })
}

/// Processor time used so far.
struct Cpu {
    gateway: Duration,
    sandbox: Duration,
}

impl Cpu {
    fn read(stage: &Stage) -> Result<Self, Failure> {
        Ok(Self {
            gateway: stage.gateway.cpu()?,
            sandbox: stage.sandbox.cpu()?,
        })
    }
}

fn micros_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

/// Sends one message to its end, so that everything has been used once and what
/// the gateway sends can be seen.
async fn first_message(stage: &Stage) -> Result<u128, Failure> {
    let message = stage.messages().swap_remove(0);
    let sent = stage
        .gateway("POST", "/v1/messages?wait=10", Some(&message))
        .await?;
    let id = crate::control::text(&sent, "/id")?;
    let status = crate::control::text(&sent, "/status")?;
    let number = id
        .strip_prefix("msg_")
        .and_then(|digits| u128::from_str_radix(digits, 16).ok());
    match number.filter(|_| status == "accepted") {
        Some(number) => Ok(number),
        None => Err(Failure::Wrong(format!(
            "the first message was not sent: {sent}"
        ))),
    }
}

async fn post_singles(
    stage: &Stage,
    flags: &Flags,
    count: u64,
) -> Result<crate::load::Done, Failure> {
    let amount = Amount {
        lanes: flags.producers,
        until: Until::Count(count),
    };
    let address = stage.gateway.address;
    run(
        "messages",
        address,
        amount,
        InTurn::singles(address, &stage.key, &stage.messages()),
    )
    .await
}
