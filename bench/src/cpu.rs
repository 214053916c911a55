//! What processor time is used up while something is measured.

use std::time::Duration;

use crate::failure::Failure;
use crate::figures::{CpuEach, Rate};
use crate::load::{self, Done};
use crate::postgres::Postgres;
use crate::process;
use crate::stage::Stage;

/// Processor time used so far by everything that takes part.
pub(crate) struct Cpu<'a> {
    postgres: Option<&'a Postgres>,
    used: Used,
}

struct Used {
    gateway: Duration,
    sandbox: Duration,
    load: Duration,
    /// `None` = no server, or elsewhere.
    postgres: Option<Duration>,
}

impl Used {
    fn read(stage: &Stage, postgres: Option<&Postgres>) -> Result<Self, Failure> {
        Ok(Self {
            gateway: stage.cpu()?,
            sandbox: stage.sandbox.cpu()?,
            load: process::cpu_of("self")?,
            postgres: postgres.map(Postgres::cpu).transpose()?.flatten(),
        })
    }
}

impl<'a> Cpu<'a> {
    /// What has been used up to now.
    pub(crate) fn read(stage: &Stage, postgres: Option<&'a Postgres>) -> Result<Self, Failure> {
        Ok(Self {
            postgres,
            used: Used::read(stage, postgres)?,
        })
    }

    /// What was used since, for each of so many messages or requests.
    pub(crate) fn each(&self, stage: &Stage, count: u64) -> Result<CpuEach, Failure> {
        let (before, now) = (&self.used, Used::read(stage, self.postgres)?);
        let each =
            |before: Duration, now: Duration| load::micros_each(now.saturating_sub(before), count);
        Ok(CpuEach {
            gateway_us: each(before.gateway, now.gateway),
            sandbox_us: each(before.sandbox, now.sandbox),
            load_us: each(before.load, now.load),
            postgres_us: before
                .postgres
                .zip(now.postgres)
                .map(|(before, now)| each(before, now)),
        })
    }

    /// The rate of a load that has ended, where each request was about so many
    /// messages.
    pub(crate) fn rate(&self, stage: &Stage, done: &Done, messages: u64) -> Result<Rate, Failure> {
        let count = done.answered * messages;
        let per_s = load::per_second(count, done.elapsed);
        let cpu = self.each(stage, count)?;
        Ok(Rate { per_s, cpu })
    }
}
