//! The measurements, in order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::arrivals::{self, Arrivals};
use crate::child;
use crate::control::text;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::load::{self, Amount, Done, Script, Until};
use crate::report::{CpuEach, Figures, Rate};
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
    let mut stage = Stage::set(binary, dir, flags.max_in_flight).await?;
    let ready_empty = stage.gateway.ready_after;
    let idle = stage.gateway.memory()?;
    let mut accepted = vec![first_message(&stage).await?];
    let mut arrived = Arrivals::default();
    arrivals::wait(&stage, 1).await?;
    arrived.read(&stage).await?;

    say("the ceiling: a bare loop to the sandbox");
    let (first_ceiling, sent) = ceiling(&stage, flags, 0).await?;
    say("the gateway's /healthz");
    let healthz = healthz(&stage, flags).await?;

    say("accepting, one message a request, while the account is held back");
    stage.hold().await?;
    let batches = (flags.messages - (flags.messages / 2).min(MOST_SINGLES)) / BATCH;
    let before = Cpu::read(&stage)?;
    let singles = post_singles(&stage, flags, flags.messages - batches * BATCH).await?;
    let accepted_singly = before.rate(&stage, &singles, 1)?;
    accepted.extend(&singles.ids);
    say("accepting batches");
    let before = Cpu::read(&stage)?;
    let many = post_batches(&stage, batches).await?;
    let accepted_in_batches = before.rate(&stage, &many, BATCH)?;
    accepted.extend(&many.ids);
    let full = stage.gateway.memory()?;

    say("killing the gateway and starting it again with the queue full");
    stage = stage.restart().await?;
    let ready_full = stage.gateway.ready_after;
    let restarted = stage.gateway.memory()?;

    say("delivering the queue");
    let before = Cpu::read(&stage)?;
    stage.release().await?;
    arrivals::wait(&stage, accepted.len() as u64).await?;
    let settled_after = arrivals::settled(&stage).await?;
    let cpu = before.each(&stage, flags.messages)?;
    let delivering = stage.gateway.memory()?;
    let per_s = arrived.read(&stage).await?.per_second();
    let delivered_from_queue = Rate { per_s, cpu };

    say("the ceiling again");
    let (second_ceiling, _) = ceiling(&stage, flags, sent).await?;

    say("delivering while accepting, one message a request");
    let before = Cpu::read(&stage)?;
    let meanwhile = post_singles(&stage, flags, flags.messages.min(MOST_SINGLES)).await?;
    accepted.extend(&meanwhile.ids);
    arrivals::wait(&stage, accepted.len() as u64).await?;
    arrivals::settled(&stage).await?;
    let cpu = before.each(&stage, meanwhile.answered)?;
    let per_s = arrived.read(&stage).await?.per_second();

    say("counting");
    arrived.verify(&accepted)?;
    let stats = stage.sandbox("/stats").await?;
    let now = text(&stage.sandbox("/clock").await?, "/now")?;
    Ok(Figures {
        date: now.chars().take(10).collect(),
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        flags: flags.clone(),
        ceiling: [first_ceiling, second_ceiling],
        healthz,
        accepted_singly,
        accepted_in_batches,
        delivered_from_queue,
        settled_after_s: settled_after.as_secs_f64(),
        delivered_while_accepting: Rate { per_s, cpu },
        accepted_while_delivering_per_s: meanwhile.per_second(),
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

/// Sends one message to its end, so that everything has been used once and what
/// the gateway sends can be seen.
async fn first_message(stage: &Stage) -> Result<u128, Failure> {
    let message = stage.messages().swap_remove(0);
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
async fn ceiling(stage: &Stage, flags: &Flags, first: u64) -> Result<(Rate, u64), Failure> {
    let script = stage.bare_loop(first).await?;
    let before = Cpu::read(stage)?;
    let done = in_flight("ceiling", stage.sandbox.address, flags, script).await?;
    let rate = before.rate(stage, &done, 1)?;
    Ok((rate, first + done.answered))
}

async fn healthz(stage: &Stage, flags: &Flags) -> Result<Rate, Failure> {
    let address = stage.gateway.address;
    let before = Cpu::read(stage)?;
    let done = in_flight("healthz", address, flags, InTurn::health(address)).await?;
    before.rate(stage, &done, 1)
}

async fn in_flight(
    load: &'static str,
    address: std::net::SocketAddr,
    flags: &Flags,
    script: impl Script,
) -> Result<Done, Failure> {
    let amount = Amount {
        lanes: flags.in_flight,
        until: Until::Time(flags.time),
    };
    load::run(load, address, amount, script).await
}

async fn post_singles(stage: &Stage, flags: &Flags, count: u64) -> Result<Done, Failure> {
    let amount = Amount {
        lanes: flags.producers,
        until: Until::Count(count),
    };
    let address = stage.gateway.address;
    let script = InTurn::singles(address, &stage.key, &stage.messages());
    load::run("messages", address, amount, script).await
}

async fn post_batches(stage: &Stage, count: u64) -> Result<Done, Failure> {
    let amount = Amount {
        lanes: BATCH_LANES,
        until: Until::Count(count),
    };
    let address = stage.gateway.address;
    let script = InTurn::batches(address, &stage.key, &stage.messages());
    load::run("batches", address, amount, script).await
}

/// Processor time used so far by the gateway, the sandbox, and this program.
struct Cpu([Duration; 3]);

impl Cpu {
    fn read(stage: &Stage) -> Result<Self, Failure> {
        Ok(Self([
            stage.gateway.cpu()?,
            stage.sandbox.cpu()?,
            child::cpu_of("self")?,
        ]))
    }

    /// What was used since, for each of so many messages or requests.
    fn each(&self, stage: &Stage, count: u64) -> Result<CpuEach, Failure> {
        let now = Self::read(stage)?;
        let [gateway_us, sandbox_us, load_us] = std::array::from_fn(|n| {
            let used = now.0[n].saturating_sub(self.0[n]);
            load::micros_each(used, count)
        });
        Ok(CpuEach {
            gateway_us,
            sandbox_us,
            load_us,
        })
    }

    /// The rate of a load that has ended, where each request was about so many
    /// messages.
    fn rate(&self, stage: &Stage, done: &Done, messages: u64) -> Result<Rate, Failure> {
        let count = done.answered * messages;
        let per_s = load::per_second(count, done.elapsed);
        Ok(Rate {
            per_s,
            cpu: self.each(stage, count)?,
        })
    }
}
