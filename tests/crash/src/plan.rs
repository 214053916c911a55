//! What is broken, and in which order: drawn from the seed before the run begins.
//!
//! The same seed and flags are the same plan. When a step strikes a program is
//! left to the machine, so two runs of a plan differ in what was under way.

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::flags::{Database, Flags};

/// The gateways' time-out for a call to WeChat, in milliseconds.
pub(crate) const CALL_TIMEOUT_MS: u64 = 1000;
/// How long the gateways hold a message, in seconds: the least they allow for
/// that time-out.
pub(crate) const LEASE_S: u64 = 8;

const TEMPLATE_SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";

/// WeChat allows 20 forced refreshes a day and account. A stolen token may cost
/// two: the thief's and the gateway's. Between two rounds a day passes at the
/// sandbox.
const REFRESHES_PER_ROUND: u32 = 8;
/// An answer of 45011 makes its message wait for over a minute, so there are few,
/// early in a round, and none in a short one.
const REFUSALS_PER_ROUND: u32 = 2;
const SHORT_ROUND: u32 = 40;

/// One step: a pause, then something breaks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// In milliseconds.
    pub(crate) pause_ms: u64,
    /// What breaks.
    pub(crate) action: Action,
}

/// What breaks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// SIGKILL to a gateway; started again after so many milliseconds.
    Kill { node: usize, down_ms: u64 },
    /// SIGTERM to a gateway; it must end with code 0, then it is started again.
    Stop { node: usize, down_ms: u64 },
    /// A gateway gets no processor time for so long; it may wake up after its
    /// leases have ended.
    Freeze { node: usize, ms: u64 },
    /// A gateway's wall clock is set this many seconds off the true time.
    TurnNode { node: usize, seconds: i64 },
    /// The database server ends with SIGKILL; started again after so long.
    KillDatabase { down_ms: u64 },
    /// The database server answers nothing for so long.
    FreezeDatabase { ms: u64 },
    /// All connections to the database break, in the network.
    CutDatabase,
    /// The sandbox ends with SIGKILL; started again after so long.
    KillSandbox { down_ms: u64 },
    /// All connections to the sandbox break, in the network.
    CutSandbox,
    /// The sandbox misbehaves so many times.
    Fault {
        path: &'static str,
        times: u32,
        effect: Effect,
    },
    /// Somebody else refreshes the access token of this account.
    Steal { account: usize },
    /// The sandbox's clock goes forward.
    TurnSandbox { ms: u64 },
}

/// How the sandbox misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Answers so many milliseconds late.
    Late(u64),
    /// Breaks the connection before the call takes effect.
    DropBefore,
    /// Breaks the connection after the call took effect.
    DropAfter,
    /// Answers an errcode; nothing took effect.
    Refuse(i32),
    /// Answers an errcode although the call took effect.
    Lie(i32),
    /// Answers 502 without JSON; nothing took effect.
    Gateway,
    /// Answers 502 without JSON although the call took effect.
    LyingGateway,
}

impl Effect {
    /// As the control API takes it.
    pub(crate) fn json(self) -> Value {
        match self {
            Self::Late(ms) => json!({ "delay_ms": ms }),
            Self::DropBefore => json!({ "drop": "before" }),
            Self::DropAfter => json!({ "drop": "after" }),
            Self::Refuse(code) => json!({ "errcode": code }),
            Self::Lie(code) => json!({ "errcode": code, "took_effect": true }),
            Self::Gateway => json!({ "http_status": 502 }),
            Self::LyingGateway => json!({ "http_status": 502, "took_effect": true }),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { node, down_ms } => write!(f, "kill node {node}, down {down_ms} ms"),
            Self::Stop { node, down_ms } => write!(f, "stop node {node}, down {down_ms} ms"),
            Self::Freeze { node, ms } => write!(f, "freeze node {node} for {ms} ms"),
            Self::TurnNode { node, seconds } => {
                write!(f, "turn the clock of node {node} to {seconds:+} s")
            }
            Self::KillDatabase { down_ms } => write!(f, "kill the database, down {down_ms} ms"),
            Self::FreezeDatabase { ms } => write!(f, "freeze the database for {ms} ms"),
            Self::CutDatabase => f.write_str("cut the connections to the database"),
            Self::KillSandbox { down_ms } => write!(f, "kill the sandbox, down {down_ms} ms"),
            Self::CutSandbox => f.write_str("cut the connections to the sandbox"),
            Self::Fault {
                path,
                times,
                effect,
            } => {
                write!(f, "{times} times at {path}: {}", effect.json())
            }
            Self::Steal { account } => write!(f, "steal the token of account {account}"),
            Self::TurnSandbox { ms } => write!(f, "turn the sandbox's clock {ms} ms ahead"),
        }
    }
}

/// Draws the rounds of a run.
pub(crate) fn draw(flags: &Flags, accounts: usize) -> Vec<Vec<Step>> {
    let mut rng = StdRng::seed_from_u64(flags.seed);
    let mut left = flags.kills;
    let mut rounds = Vec::new();
    while left > 0 {
        let kills = left.min(flags.round);
        left -= kills;
        rounds.push(round(&mut rng, flags, kills, accounts));
    }
    rounds
}

fn round(rng: &mut StdRng, flags: &Flags, kills: u32, accounts: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut left = kills;
    let mut refreshes = REFRESHES_PER_ROUND;
    let mut refusals = if kills < SHORT_ROUND {
        0
    } else {
        REFUSALS_PER_ROUND
    };
    while left > 0 {
        let action = loop {
            let drawn = action(rng, flags, accounts);
            let spare = match drawn {
                Action::Steal { .. }
                | Action::Fault {
                    effect: Effect::Refuse(40001),
                    ..
                } => &mut refreshes,
                Action::Fault {
                    effect: Effect::Refuse(45011),
                    ..
                } => {
                    // So that it has waited before the round ends.
                    if left < kills / 2 {
                        refusals = 0;
                    }
                    &mut refusals
                }
                Action::Kill { .. } => &mut left,
                _ => break drawn,
            };
            if let Some(rest) = spare.checked_sub(1) {
                *spare = rest;
                break drawn;
            }
        };
        let pause_ms = rng.random_range(10..=2 * flags.pause_ms - 10);
        steps.push(Step { pause_ms, action });
    }
    steps
}

fn action(rng: &mut StdRng, flags: &Flags, accounts: usize) -> Action {
    let node = rng.random_range(0..flags.nodes) as usize;
    let postgres = flags.database == Database::Postgres;
    match rng.random_range(0..100) {
        0..40 => Action::Kill {
            node,
            down_ms: rng.random_range(0..300),
        },
        40..45 => Action::Stop {
            node,
            down_ms: rng.random_range(0..300),
        },
        // Past the end of its leases, where somebody else can take them over.
        45..47 if flags.nodes > 1 => {
            let ms = LEASE_S * 1000 + rng.random_range(500..4000);
            Action::Freeze { node, ms }
        }
        45..48 => Action::Freeze {
            node,
            ms: rng.random_range(100..1500),
        },
        48..50 if postgres => Action::KillDatabase {
            down_ms: rng.random_range(0..1500),
        },
        50..52 if postgres => Action::FreezeDatabase {
            ms: rng.random_range(300..3000),
        },
        52..54 if postgres => Action::CutDatabase,
        54..58 => Action::KillSandbox {
            down_ms: rng.random_range(0..500),
        },
        58..62 => Action::CutSandbox,
        62..65 => Action::Steal {
            account: rng.random_range(0..accounts),
        },
        65..68 => Action::TurnSandbox {
            ms: rng.random_range(1..20_000),
        },
        68..72 if flags.clocks => {
            // On SQLite the gateway's own clock decides, so it stays within what
            // the rules for repeating allow clocks to differ.
            let most = if postgres { 3600 } else { 20 };
            Action::TurnNode {
                node,
                seconds: rng.random_range(-most..=most),
            }
        }
        _ => fault(rng),
    }
}

fn fault(rng: &mut StdRng) -> Action {
    let path = *[TEMPLATE_SEND, SUBSCRIBE_SEND, SUBSCRIBE_SEND, "/cgi-bin/*"]
        .choose(rng)
        .unwrap_or(&TEMPLATE_SEND);
    let mut times = rng.random_range(2..=12);
    let effect = match rng.random_range(0..100) {
        0..15 => Effect::Late(rng.random_range(50..CALL_TIMEOUT_MS - 200)),
        15..25 => Effect::Late(CALL_TIMEOUT_MS + rng.random_range(50..1500)),
        25..38 => Effect::DropBefore,
        38..60 => Effect::DropAfter,
        60..68 => Effect::Refuse(-1),
        68..78 => Effect::Lie(-1),
        78..83 => Effect::Gateway,
        83..92 => Effect::LyingGateway,
        92..97 => {
            times = 1;
            Effect::Refuse(40001)
        }
        _ => {
            times = times.min(3);
            Effect::Refuse(45011)
        }
    };
    Action::Fault {
        path,
        times,
        effect,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn flags(line: &str) -> Flags {
        Flags::parse_from(std::iter::once("crash").chain(line.split_whitespace()))
    }

    fn kills(steps: &[Step]) -> usize {
        steps
            .iter()
            .filter(|step| matches!(step.action, Action::Kill { .. }))
            .count()
    }

    #[test]
    fn a_seed_is_a_plan() {
        let one = draw(&flags("--seed 7 --kills 60"), 3);
        assert_eq!(one, draw(&flags("--seed 7 --kills 60"), 3));
        assert_ne!(one, draw(&flags("--seed 8 --kills 60"), 3));
    }

    #[test]
    fn the_kills_are_those_asked_for_in_rounds() {
        let rounds = draw(&flags("--kills 25 --round 10"), 3);
        let counts: Vec<_> = rounds.iter().map(|steps| kills(steps)).collect();
        assert_eq!(counts, [10, 10, 5]);
    }

    #[test]
    fn a_day_s_refreshes_are_not_used_up() {
        for seed in 0..20 {
            let line = format!("--seed {seed} --kills 250 --nodes 3 --database postgres");
            let costs: u32 = draw(&flags(&line), 3)[0]
                .iter()
                .filter(|step| {
                    matches!(
                        step.action,
                        Action::Steal { .. }
                            | Action::Fault {
                                effect: Effect::Refuse(40001),
                                ..
                            }
                    )
                })
                .map(|_| 2)
                .sum();
            assert!((1..20).contains(&costs), "{costs}");
        }
    }

    #[test]
    fn only_what_is_there_is_broken() {
        let sqlite = draw(&flags("--kills 300"), 3).concat();
        assert!(sqlite.iter().all(|step| !matches!(
            step.action,
            Action::KillDatabase { .. }
                | Action::FreezeDatabase { .. }
                | Action::CutDatabase
                | Action::TurnNode { .. }
        )));
        let postgres = draw(
            &flags("--kills 300 --nodes 3 --database postgres --clocks"),
            3,
        )
        .concat();
        for wanted in [
            "kill the database",
            "cut the connections to the d",
            "turn the clock of node 2",
        ] {
            let found = postgres
                .iter()
                .any(|step| step.action.to_string().starts_with(wanted));
            assert!(found, "{wanted}");
        }
    }
}
