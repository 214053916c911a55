//! Callers: they post until they are answered, and remember every answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hongyan_api::{
    ApiError, BatchResult, BatchResults, Client, Data, Kind, Message, MessageBatch, NewMessage,
    OnUnknown, Priority, Recipient, SendOptions, Sent, SlotValue, Status,
};
use jiff::Timestamp;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::judge::{Fault, Promise, Reference, Wrong};
use crate::node::SharedNode;
use crate::sandbox::Account;

/// Callers that post at the same time.
const POSTERS: u32 = 6;
/// How long one try may take. Anything that is up answers sooner.
const TRY_PATIENCE: Duration = Duration::from_secs(10);
/// How long a caller may be left without an answer, however often it tries.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of its pace a caller that was held up makes good.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What is posted in how much time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// What the messages are drawn from.
    pub(crate) seed: u64,
    /// Messages in a second, over all callers.
    pub(crate) rate: u32,
    /// Whether messages may be given an end: not where clocks are turned, or a
    /// gateway would find it in the past.
    pub(crate) may_expire: bool,
}

/// What the callers know.
#[derive(Debug)]
pub(crate) struct Load {
    pace: Pace,
    nodes: Vec<SharedNode>,
    accounts: Vec<Account>,
    /// What was accepted.
    pub(crate) promises: Mutex<HashMap<Reference, Promise>>,
    /// What should not have been answered.
    pub(crate) faults: Mutex<Vec<Fault>>,
    /// Messages that were accepted.
    pub(crate) accepted: AtomicU64,
    /// Requests that had to be repeated, because no good answer came.
    pub(crate) repeated: AtomicU64,
    /// The number of the next message.
    next: AtomicU64,
}

/// A request that is repeated until it is answered.
enum Request {
    Single(Box<NewMessage>),
    Batch(MessageBatch),
    Cancel(String),
}

enum Answer {
    /// Ids in the order of the request.
    Accepted(Vec<String>),
    Canceled(Box<Message>),
}

impl Request {
    async fn ask(&self, client: &Client, key: &str) -> Result<Answer, ApiError> {
        let key = key.to_owned();
        match self {
            Self::Single(message) => {
                let options = SendOptions {
                    idempotency_key: Some(key),
                    ..SendOptions::default()
                };
                let sent: Sent = client.send(message, &options).await?;
                Ok(Answer::Accepted(vec![sent.id().to_owned()]))
            }
            Self::Batch(batch) => {
                let results: BatchResults = client.send_batch(batch, Some(&key)).await?;
                let ids = results.results.into_iter().map(|result| match result {
                    BatchResult::Accepted(accepted) => Ok(accepted.id),
                    BatchResult::Refused { problem } => Err(ApiError {
                        status: Some(problem.status),
                        reason: format!("{}: {}", problem.code, problem.detail),
                        problem: Some(problem),
                    }),
                });
                ids.collect::<Result<_, _>>().map(Answer::Accepted)
            }
            Self::Cancel(id) => client
                .cancel(id)
                .await
                .map(|message| Answer::Canceled(Box::new(message))),
        }
    }
}

impl Request {
    /// Whether a refusal is no surprise: what is to be taken back may be over or
    /// with WeChat; and what could not be posted for some time has no time left.
    fn may_be_refused(&self, error: &ApiError) -> bool {
        match self {
            Self::Cancel(_) => error.status == Some(409),
            Self::Single(_) | Self::Batch(_) => error.problem.as_ref().is_some_and(|problem| {
                !problem.violations.is_empty()
                    && problem
                        .violations
                        .iter()
                        .all(|violation| violation.pointer == "/expires_at")
            }),
        }
    }
}

impl Load {
    /// Callers that have posted nothing yet.
    pub(crate) fn new(pace: Pace, nodes: Vec<SharedNode>, accounts: Vec<Account>) -> Arc<Self> {
        Arc::new(Self {
            pace,
            nodes,
            accounts,
            promises: Mutex::default(),
            faults: Mutex::default(),
            accepted: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            next: AtomicU64::new(0),
        })
    }

    /// Posts until `enough` says so and every request is answered. `round` makes
    /// the messages of each round others.
    pub(crate) async fn run(self: Arc<Self>, round: u64, enough: watch::Receiver<bool>) {
        let mut posters = JoinSet::new();
        for number in 0..POSTERS {
            let seed = self.pace.seed ^ (round << 32) ^ (u64::from(number) << 48);
            let rng = StdRng::seed_from_u64(seed);
            posters.spawn(Arc::clone(&self).post(rng, enough.clone()));
        }
        // A poster that panics is a fault of this program: let it be seen.
        while let Some(ended) = posters.join_next().await {
            if let Err(error) = ended {
                self.fault(Fault::other(format!("a caller ended early: {error}")));
            }
        }
    }

    fn fault(&self, fault: Fault) {
        self.faults.lock().push(fault);
    }

    async fn post(self: Arc<Self>, mut rng: StdRng, enough: watch::Receiver<bool>) {
        let each = Duration::from_secs(1) * POSTERS / self.pace.rate;
        let mut due = Instant::now();
        let mut cancels = JoinSet::new();
        while !*enough.borrow() {
            sleep_until(due).await;
            let count = if rng.random_ratio(1, 4) {
                rng.random_range(2..=20)
            } else {
                1
            };
            due = due.max(Instant::now() - CATCH_UP) + each * count;
            let messages: Vec<_> = (0..count).map(|_| self.compose(&mut rng)).collect();
            let promised: Vec<_> = messages
                .iter()
                .map(|message| {
                    (
                        message.reference.clone().unwrap_or_default(),
                        message.send_at.is_some(),
                    )
                })
                .collect();
            let Some(ids) = self.accepted(&mut rng, messages).await else {
                continue;
            };
            for ((reference, scheduled), id) in promised.into_iter().zip(ids) {
                let cancel = rng.random_ratio(if scheduled { 50 } else { 2 }, 100);
                let promise = Promise {
                    id: id.clone(),
                    cancel_asked: cancel,
                    cancel_promised: false,
                };
                self.promises.lock().insert(reference.clone(), promise);
                if cancel {
                    let pause = Duration::from_millis(rng.random_range(0..2500));
                    let rng = StdRng::seed_from_u64(rng.random());
                    cancels.spawn(Arc::clone(&self).cancel(rng, reference, id, pause));
                }
            }
        }
        while cancels.join_next().await.is_some() {}
    }

    /// The ids of messages that were accepted, however often that took.
    async fn accepted(
        &self,
        rng: &mut StdRng,
        mut messages: Vec<NewMessage>,
    ) -> Option<Vec<String>> {
        let key = format!("crash-{}", messages.first()?.reference.as_deref()?);
        let request = if messages.len() == 1 {
            Request::Single(Box::new(messages.pop()?))
        } else {
            Request::Batch(MessageBatch { messages })
        };
        let Answer::Accepted(ids) = self.insist(rng, &request, &key).await? else {
            return None;
        };
        self.accepted.fetch_add(ids.len() as u64, Ordering::Relaxed);
        // A caller that asks again, although it need not, hears the same.
        if rng.random_ratio(1, 25)
            && let Some(Answer::Accepted(again)) = self.insist(rng, &request, &key).await
            && again != ids
        {
            self.fault(Fault {
                wrong: Wrong::Doubled,
                id: ids.first().cloned(),
                detail: format!(
                    "the repeat of a request was answered with other ids: {again:?} after {ids:?}"
                ),
            });
        }
        Some(ids)
    }

    async fn cancel(
        self: Arc<Self>,
        mut rng: StdRng,
        reference: Reference,
        id: String,
        pause: Duration,
    ) {
        sleep(pause).await;
        if let Some(Answer::Canceled(message)) =
            self.insist(&mut rng, &Request::Cancel(id), "").await
            && let Some(promise) = self.promises.lock().get_mut(&reference)
        {
            promise.cancel_promised = message.status == Status::Canceled;
        }
    }

    /// Repeats a request at one node or another until it is answered. `None` = it
    /// was refused; a refusal that cannot be right is noted.
    async fn insist(&self, rng: &mut StdRng, request: &Request, key: &str) -> Option<Answer> {
        let began = Instant::now();
        // Some callers hang up at once and ask again.
        let mut patience = if rng.random_ratio(1, 30) {
            Duration::from_micros(rng.random_range(0..15_000))
        } else {
            TRY_PATIENCE
        };
        loop {
            let last = match self.a_client(rng) {
                None => "no gateway is up".to_owned(),
                Some(client) => match timeout(patience, request.ask(&client, key)).await {
                    Ok(Ok(answer)) => return Some(answer),
                    Ok(Err(error)) if is_final(&error) => {
                        if !request.may_be_refused(&error) {
                            self.fault(Fault::other(format!("{key} was refused: {error}")));
                        }
                        return None;
                    }
                    Ok(Err(error)) => error.reason,
                    Err(_) => format!("no answer in {} ms", patience.as_millis()),
                },
            };
            if began.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                self.fault(Fault::other(format!(
                    "{key} was not answered in {seconds} s; at last: {last}"
                )));
                return None;
            }
            patience = TRY_PATIENCE;
            self.repeated.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(rng.random_range(5..60))).await;
        }
    }

    fn a_client(&self, rng: &mut StdRng) -> Option<Client> {
        let first = rng.random_range(0..self.nodes.len());
        let (before, after) = self.nodes.split_at(first);
        after.iter().chain(before).find_map(|node| node.client())
    }

    fn compose(&self, rng: &mut StdRng) -> NewMessage {
        // Half of them by the first account.
        let account = match rng.random_range(0..4) {
            0 => &self.accounts[0],
            _ => self.accounts.choose(rng).unwrap_or(&self.accounts[0]),
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let reference = format!("{}-{number}", self.pace.seed);
        let mut data = Data::new();
        data.insert("thing1".to_owned(), SlotValue::from(&*reference));
        data.insert("time2".to_owned(), SlotValue::from("2026-11-20 10:00"));
        let openid = account.openids.choose(rng).cloned().unwrap_or_default();
        let mut message = NewMessage::new(
            account.name,
            account.kind,
            Recipient::openid(openid),
            &account.template_id,
            data,
        );
        message.reference = Some(reference);
        message.priority = [None, Some(Priority::High), Some(Priority::Low)]
            .choose(rng)
            .copied()
            .flatten();
        if account.kind == Kind::Subscribe && rng.random() {
            message.on_unknown = Some(OnUnknown::Resend);
        }
        match rng.random_range(0..100) {
            0..8 => message.send_at = Some(in_ms(rng.random_range(200..4000))),
            8..12 if self.pace.may_expire => {
                message.expires_at = Some(in_ms(rng.random_range(3000..15_000)));
            }
            _ => {}
        }
        message
    }
}

/// Whether asking again is of no use.
fn is_final(error: &ApiError) -> bool {
    match error.status {
        None | Some(408 | 429) => false,
        // An answer that broke off half way has the status of a success.
        Some(status) => (400..500).contains(&status),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "real processes on real time: there is no clock to ask"
)]
fn in_ms(ms: i64) -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond() + ms).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_asked_again() {
        let error = |status| ApiError {
            status,
            problem: None,
            reason: String::new(),
        };
        for status in [None, Some(200), Some(408), Some(429), Some(500), Some(503)] {
            assert!(!is_final(&error(status)), "{status:?}");
        }
        for status in [400, 401, 404, 409, 422] {
            assert!(is_final(&error(Some(status))), "{status}");
        }
    }
}
