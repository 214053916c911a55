//! Taking messages out of the queue, sending them, writing down what became of
//! them.
//!
//! Permits first, then a claim of just so many: what is claimed can be sent at
//! once, well inside its lease. HTTP and storage overlap: while some messages
//! are with WeChat, others are claimed and yet others settled in batches.

pub(crate) mod gate;
mod hands;
mod lane;
mod ledger;
mod pace;
mod sender;
mod settler;
mod tallies;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Claimed, Settlement};
use hongyan_domain::grant::Hold;
use hongyan_domain::retry::RetryPolicy;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};

use crate::Engine;
use crate::broadcast::{Desk, Step};
use gate::Admission;
use hands::Hands;
use lane::{Lane, Permits};

/// How sending works.
#[derive(Debug, Clone)]
pub struct DispatchSettings {
    /// How long a claimed message is held. Must be well above twice the time a
    /// call to WeChat may take.
    pub lease: Duration,
    /// How long one call to WeChat may take; the transport is built with the
    /// same figure.
    pub request_timeout: Duration,
    /// How often the queue is looked at without being told to.
    pub poll_interval: Duration,
    /// How many messages one claim takes at most.
    pub claim_batch: usize,
    /// How many outcomes one settlement writes at most.
    pub settle_batch: usize,
    /// How often and how patiently to try.
    pub retry: RetryPolicy,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            request_timeout: Duration::from_secs(10),
            poll_interval: Duration::from_secs(1),
            claim_batch: 256,
            settle_batch: 512,
            retry: RetryPolicy::default(),
        }
    }
}

/// While messages trickle in, the dispatcher lets so much time pass between two
/// claims: a claim of many costs hardly more than a claim of one.
const GATHER: Duration = Duration::from_millis(2);

/// What was claimed for an account, with the ledger's word on each.
type Taken = (Arc<Account>, Arc<Lane>, Vec<(Claimed, Hold)>);

/// What is due within this time although it was not handed out waits for others
/// to end.
const HELD_BACK: Duration = Duration::from_millis(50);

/// What one look at all lanes brought.
#[derive(Default)]
struct Round {
    taken: Vec<Taken>,
    /// Whether storage was asked at all.
    looked: bool,
    /// Whether some lane has more than could be claimed.
    more: bool,
    /// When to look again at the latest.
    look_again_at: Timestamp,
}

/// What the dispatcher does before it looks again.
enum Pause {
    None,
    Gather,
    UntilWoken(Duration),
}

/// The lanes and what wakes their driver.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pub(crate) settings: DispatchSettings,
    lanes: Mutex<HashMap<AccountId, Arc<Lane>>>,
    hands: Hands,
    wake: Notify,
}

impl Dispatcher {
    pub(crate) fn new(settings: DispatchSettings) -> Self {
        Self {
            settings,
            lanes: Mutex::default(),
            hands: Hands::default(),
            wake: Notify::new(),
        }
    }

    fn lane(&self, id: AccountId) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(id).or_default())
    }

    /// How many messages of this account are being sent here.
    pub(crate) fn in_flight(&self, id: AccountId) -> usize {
        self.lane(id).in_flight()
    }

    /// Something of this account becomes due at `at`.
    pub(crate) fn wake_account_at(&self, id: AccountId, at: Timestamp, now: Timestamp) {
        if at <= now {
            self.wake_account(id);
        } else {
            // No need to wake anybody now: the poll comes by before long.
            self.lane(id).look_by(at);
        }
    }

    /// Something urgent of this account is due: it does not wait until others have
    /// gone.
    pub(crate) fn wake_urgent(&self, id: AccountId) {
        self.lane(id).look_for_urgent();
        self.wake.notify_one();
    }

    /// The part of its speed an account's lane goes at here, from 1/64 to 1.
    pub(crate) fn pace(&self, id: AccountId, now: Timestamp) -> f64 {
        self.lane(id).pace(now)
    }

    /// Something of this account may be due.
    pub(crate) fn wake_account(&self, id: AccountId) {
        self.lane(id).look_at_once();
        self.wake.notify_one();
    }
}

/// The right to have one send under way. Given back when dropped, also by a
/// send that fails in an unforeseen way.
struct Permit {
    engine: Engine,
    lane: Arc<Lane>,
    max_in_flight: u32,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.lane.finished_one(self.max_in_flight) {
            self.engine.dispatcher.wake.notify_one();
        }
    }
}

impl Engine {
    /// Claims what is due and may be sent now, over all accounts. Says when to
    /// look again at the latest.
    async fn claim_due(&self) -> Round {
        let now = self.clock.now();
        let settings = &self.dispatcher.settings;
        let mut look_again_at = after(now, settings.poll_interval);
        let mut round = Round::default();
        for account in self.registry.all() {
            let lane = self.dispatcher.lane(account.id);
            let parked = account
                .parked(now)
                .is_some_and(|parked| parked.kinds.is_empty());
            if account.settings.disabled || parked || lane.rests(now) {
                // Whatever ends this wakes the lane; the poll is there for the
                // rest.
                continue;
            }
            if !lane.is_due(now) {
                look_again_at = look_again_at.min(lane.due_at());
                continue;
            }
            // Without a token messages stay in the queue untouched. It is asked
            // for elsewhere, and its coming wakes the lane.
            if self.credentials.current(account.id).is_none() {
                self.credentials.need();
                continue;
            }
            let (Permits { count, least }, crowded) = match self.admit(&account, &lane, now) {
                Admission::Open { permits, crowded } => (permits, crowded),
                Admission::Closed(until) => {
                    look_again_at = look_again_at.min(until);
                    continue;
                }
            };
            if !crowded {
                lane.looked();
            }
            round.looked = true;
            self.store.sending(account.id, lane.in_flight());
            match self
                .store
                .claim(account.id, count, settings.lease, least)
                .await
            {
                Ok(batch) => {
                    let more = batch.claimed.len() == count;
                    round.more |= more;
                    if !more
                        && batch
                            .next_due_at
                            .is_some_and(|at| at <= after(now, HELD_BACK))
                    {
                        // Held back by what is under way: the next send that
                        // ends makes room.
                        lane.starve();
                    }
                    let next = match batch.next_due_at {
                        _ if more => now,
                        Some(at) => at,
                        None => after(now, settings.poll_interval),
                    };
                    if !crowded {
                        lane.look_again_at(next.min(after(now, settings.poll_interval)));
                    }
                    look_again_at = look_again_at.min(next);
                    if !batch.claimed.is_empty() {
                        match self.clear(&account, &batch.claimed).await {
                            Ok(holds) => {
                                lane.take(batch.claimed.len());
                                let taken = batch.claimed.into_iter().zip(holds).collect();
                                round.taken.push((account, lane, taken));
                            }
                            Err(error) => {
                                tracing::error!(account = %account.name(), %error, "the ledger could not be asked");
                                self.give_back_all(&batch.claimed).await;
                                lane.look_again_at(after(now, settings.poll_interval));
                            }
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(account = %account.name(), %error, "messages could not be claimed");
                    lane.look_again_at(after(now, settings.poll_interval));
                }
            }
        }
        round.look_again_at = look_again_at;
        round
    }

    /// Drives the queue until `stop` is notified: claims, sends, settles.
    pub(crate) async fn dispatch(self, stop: Arc<Notify>) {
        let capacity = self.dispatcher.settings.settle_batch * 8;
        let (outcomes, results) = mpsc::channel::<Settlement>(capacity);
        let settler = tokio::spawn(self.clone().settle_all(results));
        let stopped = stop.notified();
        tokio::pin!(stopped);
        loop {
            let woken = self.dispatcher.wake.notified();
            let round = self.claim_due().await;
            let pause = if round.more {
                Pause::None
            } else if round.looked {
                Pause::Gather
            } else {
                let left = round.look_again_at.as_millisecond() - self.clock.now().as_millisecond();
                Pause::UntilWoken(Duration::from_millis(
                    u64::try_from(left).unwrap_or(0).clamp(1, 60_000),
                ))
            };
            for (account, lane, claimed) in round.taken {
                for (item, hold) in claimed {
                    tokio::spawn(self.clone().send_and_report(
                        Arc::clone(&account),
                        Arc::clone(&lane),
                        item,
                        hold,
                        outcomes.clone(),
                    ));
                }
            }
            // What storage has not written down yet is bounded: the next claim
            // waits until there is room again.
            let room = async {
                while outcomes.capacity() < capacity / 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                () = &mut stopped => break,
                () = async {
                    room.await;
                    match pause {
                        Pause::None => tokio::task::yield_now().await,
                        Pause::Gather => tokio::time::sleep(GATHER).await,
                        Pause::UntilWoken(at_most) => tokio::select! {
                            () = woken => {}
                            () = tokio::time::sleep(at_most) => {}
                        },
                    }
                } => {}
            }
        }
        // The settler ends when the last send has reported.
        drop(outcomes);
        if let Err(error) = settler.await {
            tracing::error!(%error, "the settler failed");
        }
    }

    async fn send_and_report(
        self,
        account: Arc<Account>,
        lane: Arc<Lane>,
        claimed: Claimed,
        hold: Hold,
        outcomes: mpsc::Sender<Settlement>,
    ) {
        let permit = self.permit(&account, lane);
        let settlement = self.handle(&account, claimed, hold).await;
        drop(permit);
        if let Some(settlement) = settlement
            && outcomes.send(settlement).await.is_err()
        {
            tracing::error!("an outcome could not be handed to the settler");
        }
    }

    /// Delivers a claimed message, unless that is being done here already.
    async fn handle(&self, account: &Account, claimed: Claimed, hold: Hold) -> Option<Settlement> {
        let (id, lease_token) = (claimed.message.id, claimed.lease.token);
        let hands = &self.dispatcher.hands;
        if !hands.take(id, lease_token) {
            tracing::warn!(message_id = %id, "a lease ended while its message was in hand; the work goes on under the new one");
            return None;
        }
        let due_at = claimed.message.first_due_at();
        let settlement = self.deliver(account, claimed, hold).await;
        match &settlement {
            Some(made) => self.metrics.of(account.id).note_settlement(due_at, made),
            None => drop(hands.let_go(id, lease_token)),
        }
        settlement
    }

    fn permit(&self, account: &Account, lane: Arc<Lane>) -> Permit {
        let max_in_flight = account.settings.max_in_flight;
        Permit {
            engine: self.clone(),
            lane,
            max_in_flight,
        }
    }

    /// Works until nothing is due at this moment: for tests, in place of the
    /// background loop. Returns how many messages were handled.
    pub async fn pump(&self) -> usize {
        let mut handled = 0;
        self.maintain().await;
        self.expire_late().await;
        let mut desk = Desk::default();
        loop {
            let tended = self.tend_broadcasts(&mut desk).await;
            for account in self.registry.all() {
                self.dispatcher.lane(account.id).look_at_once();
            }
            let round = self.claim_due().await;
            if round.taken.is_empty() {
                if tended.is_ok_and(Step::goes_on) {
                    continue;
                }
                return handled;
            }
            let mut tasks = tokio::task::JoinSet::new();
            for (account, lane, claimed) in round.taken {
                for (item, hold) in claimed {
                    let (engine, account) = (self.clone(), Arc::clone(&account));
                    let permit = self.permit(&account, Arc::clone(&lane));
                    tasks.spawn(async move {
                        let settlement = engine.handle(&account, item, hold).await;
                        drop(permit);
                        settlement
                    });
                }
            }
            let settlements = tasks.join_all().await;
            let settled: Vec<_> = settlements.into_iter().flatten().collect();
            handled += settled.len();
            let stuck = settled.is_empty();
            self.write_down(settled).await;
            if stuck {
                return handled;
            }
        }
    }
}
