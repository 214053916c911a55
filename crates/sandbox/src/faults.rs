//! Programmed failures.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::ids::mix;

/// Longest delay a fault may ask for.
const MAX_DELAY_MS: u64 = 600_000;
/// Faults that may stand at once, spent ones included.
const MAX_FAULTS: usize = 1000;

/// A failure to programme.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFault {
    /// Path it strikes; `*` at the end stands for anything.
    pub path: String,
    /// How often it strikes; for ever where absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// Chance of striking each call, 0 to 1; certain where absent.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What happens.
    pub effect: FaultEffect,
}

/// What a fault does. At least one field must be set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultEffect {
    /// Answer this errcode instead of doing the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i32>,
    /// Text of that answer; the catalogue's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errmsg: Option<String>,
    /// HTTP status of the answer; alone, the answer has no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// Wait so long (real time) before anything else happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Close the connection without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<DropMoment>,
    /// With `errcode` or `http_status`: the work is done all the same, only
    /// the answer lies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub took_effect: bool,
}

/// When the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropMoment {
    /// Before the call takes effect.
    Before,
    /// After it took effect.
    After,
}

/// A fault that stands.
#[derive(Debug, Clone, Serialize)]
pub struct FaultView {
    /// `fault_…`.
    pub fault_id: String,
    /// Path it strikes.
    pub path: String,
    /// Strikes left; `null` is for ever.
    pub remaining: Option<u32>,
    /// Chance of striking.
    pub probability: Option<f64>,
    /// What happens.
    pub effect: FaultEffect,
    /// How often it has struck.
    pub fired: u64,
}

/// All faults in the order they were programmed.
#[derive(Debug)]
pub(crate) struct Faults {
    /// Faults with strikes left: calls look no further while it is 0.
    live: AtomicUsize,
    list: Mutex<List>,
}

#[derive(Debug)]
struct List {
    faults: Vec<FaultView>,
    next_id: u64,
    chance: u64,
}

/// What strikes one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) delay_ms: u64,
    pub(crate) effect: Option<FaultEffect>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let list = List {
            faults: Vec::new(),
            next_id: 1,
            chance: seed,
        };
        Self {
            live: AtomicUsize::new(0),
            list: Mutex::new(list),
        }
    }

    /// Adds a fault, or says what is wrong with it.
    pub(crate) fn add(&self, new: NewFault) -> Result<FaultView, String> {
        check(&new)?;
        let mut list = self.list.lock();
        if list.faults.len() >= MAX_FAULTS {
            return Err(format!(
                "there are {MAX_FAULTS} faults already; DELETE /sandbox/v1/faults first"
            ));
        }
        let fault = FaultView {
            fault_id: format!("fault_{}", list.next_id),
            path: new.path,
            remaining: new.times,
            probability: new.probability,
            effect: new.effect,
            fired: 0,
        };
        list.next_id += 1;
        list.faults.push(fault.clone());
        self.count(&list);
        Ok(fault)
    }

    pub(crate) fn list(&self) -> Vec<FaultView> {
        self.list.lock().faults.clone()
    }

    /// Removes one fault, or all; tells how many there were.
    pub(crate) fn remove(&self, fault_id: Option<&str>) -> usize {
        let mut list = self.list.lock();
        let before = list.faults.len();
        list.faults
            .retain(|fault| fault_id.is_some_and(|id| fault.fault_id != id));
        self.count(&list);
        before - list.faults.len()
    }

    /// What strikes a call of the path. Delays of all faults that fire add up;
    /// of their other effects the oldest counts and the rest stay unspent.
    pub(crate) fn strike(&self, path: &str) -> Strike {
        if self.live.load(Ordering::Relaxed) == 0 {
            return Strike::default();
        }
        let mut guard = self.list.lock();
        let list = &mut *guard;
        let mut strike = Strike::default();
        for fault in &mut list.faults {
            let only_delay = fault.effect.is_only_delay();
            if fault.remaining == Some(0)
                || !matches(&fault.path, path)
                || (strike.effect.is_some() && !only_delay)
            {
                continue;
            }
            if let Some(probability) = fault.probability {
                list.chance = list.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
                // 53 bits make an even number between 0 and 1.
                let drawn = (mix(list.chance) >> 11) as f64 / (1_u64 << 53) as f64;
                if drawn >= probability {
                    continue;
                }
            }
            fault.fired += 1;
            fault.remaining = fault.remaining.map(|left| left - 1);
            strike.delay_ms += fault.effect.delay_ms.unwrap_or(0);
            if !only_delay {
                strike.effect = Some(fault.effect.clone());
            }
        }
        self.count(list);
        strike
    }

    fn count(&self, list: &List) {
        let live = list
            .faults
            .iter()
            .filter(|fault| fault.remaining != Some(0))
            .count();
        self.live.store(live, Ordering::Relaxed);
    }
}

impl FaultEffect {
    fn is_only_delay(&self) -> bool {
        self.errcode.is_none() && self.http_status.is_none() && self.drop.is_none()
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => pattern == path,
    }
}

fn check(new: &NewFault) -> Result<(), String> {
    let effect = &new.effect;
    if !new.path.starts_with(['/', '*']) {
        return Err("path must start with / as in /cgi-bin/message/template/send, or be *".into());
    }
    if effect.is_only_delay() && effect.delay_ms.is_none() {
        return Err("effect needs at least one of errcode, http_status, delay_ms, drop".into());
    }
    if effect.errmsg.is_some() && effect.errcode.is_none() {
        return Err("errmsg needs an errcode beside it".into());
    }
    if new.times == Some(0) {
        return Err("times must be at least 1; leave it out for a fault that stays".into());
    }
    if new
        .probability
        .is_some_and(|chance| !(0.0..=1.0).contains(&chance))
    {
        return Err("probability must be between 0 and 1".into());
    }
    if effect
        .http_status
        .is_some_and(|status| !(200..=599).contains(&status))
    {
        return Err("http_status must be between 200 and 599".into());
    }
    if effect.delay_ms.is_some_and(|delay| delay > MAX_DELAY_MS) {
        return Err(format!("delay_ms must be at most {MAX_DELAY_MS}"));
    }
    if effect.took_effect && effect.errcode.is_none() && effect.http_status.is_none() {
        return Err("took_effect needs an errcode or http_status to answer with".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(path: &str, effect: FaultEffect) -> NewFault {
        NewFault {
            path: path.into(),
            times: None,
            probability: None,
            effect,
        }
    }

    fn errcode(code: i32) -> FaultEffect {
        FaultEffect {
            errcode: Some(code),
            ..FaultEffect::default()
        }
    }

    #[test]
    fn times_run_out() {
        let faults = Faults::new(1);
        faults
            .add(NewFault {
                times: Some(2),
                ..fault("/a", errcode(-1))
            })
            .unwrap();
        assert_eq!(faults.strike("/b"), Strike::default());
        let struck: Vec<_> = (0..3)
            .map(|_| faults.strike("/a").effect.is_some())
            .collect();
        assert_eq!(struck, [true, true, false]);
        let seen = &faults.list()[0];
        assert_eq!((seen.fired, seen.remaining), (2, Some(0)));
        assert_eq!(faults.live.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn delays_add_up_and_the_oldest_effect_wins() {
        let faults = Faults::new(1);
        let delay = FaultEffect {
            delay_ms: Some(5),
            ..FaultEffect::default()
        };
        faults.add(fault("/cgi-bin/*", delay.clone())).unwrap();
        faults.add(fault("*", errcode(45009))).unwrap();
        faults
            .add(NewFault {
                times: Some(1),
                ..fault("/cgi-bin/x", errcode(-1))
            })
            .unwrap();
        faults.add(fault("/cgi-bin/x", delay)).unwrap();
        let strike = faults.strike("/cgi-bin/x");
        assert_eq!(
            (strike.delay_ms, strike.effect.unwrap().errcode),
            (10, Some(45009))
        );
        assert_eq!(faults.list()[2].remaining, Some(1));
        assert_eq!(faults.remove(Some("fault_2")), 1);
        assert_eq!(
            faults.strike("/cgi-bin/x").effect.unwrap().errcode,
            Some(-1)
        );
        assert_eq!(faults.remove(None), 3);
        assert_eq!(faults.strike("/cgi-bin/x"), Strike::default());
    }

    #[test]
    fn chance_follows_the_seed() {
        let run = |seed| {
            let faults = Faults::new(seed);
            let new = NewFault {
                probability: Some(0.3),
                ..fault("/a", errcode(-1))
            };
            faults.add(new).unwrap();
            (0..1000)
                .map(|_| faults.strike("/a").effect.is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        let hits = run(7).into_iter().filter(|hit| *hit).count();
        assert!((200..400).contains(&hits), "{hits}");
    }

    #[test]
    fn senseless_faults_are_refused() {
        let faults = Faults::new(1);
        let refused = |new| faults.add(new).is_err();
        assert!(refused(fault("/a", FaultEffect::default())));
        assert!(refused(fault("a", errcode(1))));
        assert!(refused(NewFault {
            times: Some(0),
            ..fault("/a", errcode(1))
        }));
        assert!(refused(NewFault {
            probability: Some(1.5),
            ..fault("/a", errcode(1))
        }));
        let status = FaultEffect {
            http_status: Some(99),
            ..FaultEffect::default()
        };
        assert!(refused(fault("/a", status)));
        let lie = FaultEffect {
            took_effect: true,
            delay_ms: Some(1),
            ..FaultEffect::default()
        };
        assert!(refused(fault("/a", lie)));
    }
}
