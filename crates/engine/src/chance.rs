//! Chance, from one seeded source, so that a run can be repeated.

use std::sync::{Mutex, PoisonError};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// A source of random numbers for ids and pauses. Not for secrets: those come
/// from the operating system (see [`secret_bytes`]).
#[derive(Debug)]
pub struct Chance(Mutex<SmallRng>);

impl Chance {
    /// A source that gives the same numbers for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    /// A source seeded by the operating system.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Mutex::new(SmallRng::from_os_rng()))
    }

    /// A number in 0..1.
    pub fn unit(&self) -> f64 {
        self.with(Rng::random)
    }

    /// Ten bytes, the random part of an id.
    pub fn ten_bytes(&self) -> [u8; 10] {
        self.with(Rng::random)
    }

    /// The id of a trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.with(Rng::random)
    }

    /// The id of a span in a trace.
    pub fn span_id(&self) -> [u8; 8] {
        self.with(Rng::random)
    }

    fn with<T>(&self, draw: impl FnOnce(&mut SmallRng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Thirty-two bytes nobody can guess.
///
/// # Panics
/// When the operating system has no random numbers to give; nothing secret can
/// be made then.
#[must_use]
pub fn secret_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret may be made"
    )]
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}
