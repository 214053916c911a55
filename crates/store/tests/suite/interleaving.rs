//! The ledger under whatever comes in whatever order, on a real store, against
//! the figures WeChat would keep.

use std::collections::BTreeMap;
use std::time::Duration;

use hongyan_domain::callback::Effect;
use hongyan_domain::delivery::{Claimed, Decision};
use hongyan_domain::grant::{Consent, Hold, Source, Use};
use hongyan_domain::message::{OnUnknown, Priority, State};
use hongyan_domain::port::{Settled, Store};
use hongyan_domain::{AccountId, MessageId};
use hongyan_wechat::MsgId;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::receipts::receipt;
use super::{Kit, over};

/// A lease that ends only when its holder is gone.
const LONG: Duration = Duration::from_secs(1_000_000);

/// One thing that happens. Numbers choose among what is there.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A tap on yes, told by WeChat, by the mini program, or by both.
    Tap { by_event: bool, by_report: bool },
    /// Storage is asked for messages, and each is let through or not.
    Send,
    /// WeChat answers one that is under way: it takes it while it has a consent.
    /// One that holds none is refused: what it used would be anybody's guess.
    Answered(usize),
    /// It turns out not to have been sent.
    Returned(usize),
    /// Nobody knows; WeChat took it or not.
    Doubtful { which: usize, took: bool },
    /// Whoever held the messages is gone.
    Crash,
    /// What an earlier holder says.
    Late(usize),
    /// WeChat's last word on one it took.
    Receipt(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..8_usize;
    prop_oneof![
        3 => (any::<bool>(), any::<bool>())
            .prop_map(|(by_event, by_report)| Step::Tap { by_event, by_report }),
        4 => Just(Step::Send),
        4 => which.clone().prop_map(Step::Answered),
        2 => which.clone().prop_map(Step::Returned),
        1 => (which.clone(), any::<bool>())
            .prop_map(|(which, took)| Step::Doubtful { which, took }),
        1 => Just(Step::Crash),
        2 => which.clone().prop_map(Step::Late),
        2 => which.prop_map(Step::Receipt),
    ]
}

/// What happened so far, as WeChat and the holders of messages know it.
#[derive(Default)]
struct World {
    /// Consents WeChat has.
    real: u32,
    /// Messages under way, and whether each holds a consent.
    under_way: Vec<(Claimed, bool)>,
    /// Claims whose holders are gone: their messages hold what they held.
    lost: Vec<Claimed>,
    holds: BTreeMap<MessageId, bool>,
    /// Numbers of messages WeChat took and said nothing about yet.
    taken: Vec<u64>,
    msgid: u64,
}

struct Stage<'a> {
    store: &'a dyn Store,
    kit: &'a Kit,
    account: AccountId,
    world: World,
}

impl Stage<'_> {
    async fn take(&mut self, step: Step) {
        let (store, kit, account) = (self.store, self.kit, self.account);
        match step {
            Step::Tap {
                by_event,
                by_report,
            } => {
                self.world.real += 1;
                let mut consent: Consent = kit.consent(account, "oPerson");
                if by_event || !by_report {
                    let event = Effect::Answered(consent.clone());
                    let callback = kit.callback(account);
                    for _ in 0..2 {
                        let told = std::slice::from_ref(&event);
                        store.receive(&callback, told, &[]).await.unwrap();
                    }
                }
                if by_report {
                    consent.source = Source::Report;
                    store.answered(&[consent]).await.unwrap();
                }
            }
            Step::Send => self.send().await,
            Step::Answered(which) => match self.pick(which) {
                Some((claimed, true)) if self.world.real > 0 => {
                    self.world.real -= 1;
                    self.world.msgid += 1;
                    let msgid = self.world.msgid;
                    let decision = Decision::Settle {
                        state: State::Accepted,
                        msgid: Some(MsgId(msgid)),
                    };
                    self.settle(&claimed, Some(Use::Consumed), decision).await;
                    self.world.taken.push(msgid);
                }
                Some((claimed, _)) if self.world.real == 0 => {
                    let denied = Some(Use::DeniedByWechat);
                    self.settle(&claimed, denied, over(State::Failed)).await;
                }
                Some((claimed, _)) => self.settle(&claimed, None, over(State::Failed)).await,
                None => {}
            },
            Step::Returned(which) => {
                if let Some((claimed, _)) = self.pick(which) {
                    let again = Decision::RetryAt { at: kit.now() };
                    self.settle(&claimed, Some(Use::Returned), again).await;
                }
            }
            Step::Doubtful { which, took } => {
                if let Some((claimed, holds)) = self.pick(which) {
                    if took && holds {
                        self.world.real -= 1;
                    }
                    self.settle(&claimed, None, over(State::Unknown)).await;
                }
            }
            Step::Crash => {
                let gone = self.world.under_way.drain(..).map(|(claimed, _)| claimed);
                self.world.lost.extend(gone);
                kit.clock.advance(LONG);
            }
            Step::Late(which) => {
                let lost = &self.world.lost;
                if let Some(claimed) = lost.get(which % lost.len().max(1)).cloned()
                    && self
                        .world
                        .under_way
                        .iter()
                        .any(|(now, _)| now.message.id == claimed.message.id)
                {
                    let late = kit.used(&claimed, Some(Use::Consumed), over(State::Accepted));
                    let settled = store.settle([late].into()).await.unwrap();
                    assert_eq!(settled, [Settled::LeaseLost]);
                }
            }
            Step::Receipt(which) => {
                let taken = &mut self.world.taken;
                if !taken.is_empty() {
                    let msgid = taken.swap_remove(which % taken.len());
                    let word = Effect::Receipt(receipt(kit, msgid, true));
                    kit.told(store, account, &[word]).await;
                }
            }
        }
        self.look(step).await;
    }

    /// Takes one that is under way out of the hands.
    fn pick(&mut self, which: usize) -> Option<(Claimed, bool)> {
        let under_way = &mut self.world.under_way;
        (!under_way.is_empty()).then(|| under_way.swap_remove(which % under_way.len()))
    }

    async fn send(&mut self) {
        let (store, kit, account) = (self.store, self.kit, self.account);
        kit.queue_with(store, account, |m| m.on_unknown = OnUnknown::Keep)
            .await;
        let claimed = store
            .claim(account, 2, LONG, Priority::Low)
            .await
            .unwrap()
            .claimed;
        let asks = kit.asks(&claimed);
        let answers = store.clear(account, &asks).await.unwrap();
        for (claimed, answer) in claimed.into_iter().zip(answers) {
            let held_before = self.world.holds.get(&claimed.message.id) == Some(&true);
            match answer {
                Hold::Held | Hold::Free => {
                    let holds = answer == Hold::Held;
                    assert!(holds || !held_before, "a hold was lost");
                    self.world.holds.insert(claimed.message.id, holds);
                    self.world.under_way.push((claimed, holds));
                }
                Hold::Withheld(_) => {
                    assert!(!held_before, "a hold was lost");
                    self.settle(&claimed, None, over(State::Failed)).await;
                }
            }
        }
    }

    async fn settle(&mut self, claimed: &Claimed, outcome: Option<Use>, decision: Decision) {
        self.world.holds.remove(&claimed.message.id);
        let mut settlement = self.kit.used(claimed, outcome, decision);
        settlement.awaits_receipt = true;
        // An answer that is lost is asked for again.
        for _ in 0..2 {
            let settled = self
                .store
                .settle([settlement.clone()].into())
                .await
                .unwrap();
            assert_eq!(settled, [Settled::Written]);
        }
    }

    async fn look(&self, step: Step) {
        let grant = self.kit.grant(self.store, self.account).await;
        let held = self.world.holds.values().filter(|&&holds| holds).count();
        let real = self.world.real;
        assert_eq!(grant.held as usize, held, "{step:?}: {grant:?}");
        assert!(grant.held <= grant.count, "{step:?}: {grant:?}");
        // Sends that are under way may be refused, but no more is promised than
        // WeChat lets through, and what is in doubt covers what is missing.
        assert!(grant.left() <= real, "{step:?}: {grant:?}, really {real}");
        if !grant.refused {
            let most = grant.count + grant.in_doubt;
            assert!(real <= most, "{step:?}: {grant:?}, really {real}");
        }
    }
}

async fn run(store: &dyn Store, kit: &Kit, cases: u32) {
    let config = Config::default();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let strategy = proptest::collection::vec(step(), 1..40);
    for case in 0..cases {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let account = kit.account(store, &format!("case-{case}")).await;
        let mut stage = Stage {
            store,
            kit,
            account,
            world: World::default(),
        };
        for &step in &steps {
            // Witnesses of two taps must not be taken for those of one.
            kit.advance(1_000);
            stage.take(step).await;
        }
    }
}

async fn many(store: &dyn Store, kit: &Kit) {
    run(store, kit, 64).await;
}

async fn some(store: &dyn Store, kit: &Kit) {
    run(store, kit, 16).await;
}

#[test]
fn sqlite() {
    crate::sqlite::run(many);
}

#[test]
fn postgres() {
    crate::postgres::run(some);
}
