//! The queue of pushes nobody waits for.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::body::Push;
use super::exchange::Post;
use super::receipt::Receipt;
use crate::state::World;
use crate::state::account::Account;

/// Pushes out of the queue that are in flight at once.
const IN_FLIGHT: usize = 64;

/// One push that waits.
#[derive(Debug)]
pub(crate) enum Job {
    /// Kept small: there may be as many as there were sends.
    Receipt(Receipt),
    Push {
        account: Arc<Account>,
        push: Box<Push>,
    },
}

/// What is on its way out.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    idle: Notify,
    pub(super) post: Post,
    /// Requests sent and those that failed.
    pub(crate) requests: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// The next `MsgId` of a person's message.
    pub(crate) message_ids: AtomicU64,
    /// The second of each person's last event of each kind.
    seconds: Mutex<HashMap<String, i64>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Option<Instant>, Job)>,
    /// Workers that run.
    busy: usize,
    /// Where workers run once the sandbox is served.
    runtime: Option<Handle>,
}

impl Outbox {
    /// `MsgId`s start at `first_message_id`.
    pub(crate) fn new(first_message_id: u64) -> Self {
        Self {
            queue: Mutex::default(),
            idle: Notify::new(),
            post: Post::default(),
            requests: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            message_ids: AtomicU64::new(first_message_id),
            seconds: Mutex::default(),
        }
    }

    /// The `CreateTime` of a person's event: now, or the second after their last
    /// one of that kind.
    pub(crate) fn own_second(&self, appid: &str, openid: &str, event: &str, now: i64) -> i64 {
        let mut seconds = self.seconds.lock();
        let last = seconds
            .entry(format!("{appid} {openid} {event}"))
            .or_insert(i64::MIN);
        *last = now.max(last.saturating_add(1));
        *last
    }

    /// Pushes that wait or are in flight.
    pub(crate) fn waiting(&self) -> u64 {
        let queue = self.queue.lock();
        (queue.waiting.len() + queue.busy) as u64
    }

    /// Resolves as soon as nothing waits and nothing is in flight.
    pub(crate) async fn settled(&self) {
        loop {
            let idle = self.idle.notified();
            if self.waiting() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl World {
    /// Lets what waits go out on this runtime, and all that follows.
    pub(crate) fn start_pushing(&self, runtime: Handle) {
        let waiting = {
            let mut queue = self.outbox.queue.lock();
            queue.runtime = Some(runtime);
            queue.waiting.len()
        };
        for _ in 0..waiting.min(IN_FLIGHT) {
            self.hire();
        }
    }

    /// Queues a push. Without a runtime it waits for [`World::start_pushing`].
    pub(crate) fn enqueue(&self, due: Option<Instant>, job: Job) {
        self.outbox.queue.lock().waiting.push_back((due, job));
        self.hire();
    }

    /// Starts one more worker if there is room.
    fn hire(&self) {
        let Some(world) = self.me.upgrade() else {
            return;
        };
        let runtime = {
            let mut queue = self.outbox.queue.lock();
            if queue.busy >= IN_FLIGHT || queue.waiting.is_empty() {
                return;
            }
            // The caller's runtime may end with the caller.
            let served = queue.runtime.clone();
            let Some(runtime) = served.or_else(|| Handle::try_current().ok()) else {
                return;
            };
            queue.busy += 1;
            runtime
        };
        let worker = Worker { world, done: false };
        runtime.spawn(worker.run());
    }
}

/// One of the workers; dropped with its runtime it gives its place back.
struct Worker {
    world: Arc<World>,
    done: bool,
}

impl Worker {
    async fn run(mut self) {
        while let Some((due, job)) = self.next() {
            if let Some(due) = due {
                tokio::time::sleep_until(due).await;
            }
            match job {
                Job::Receipt(receipt) => {
                    if let Some((account, push)) = self.world.receipt_push(&receipt) {
                        self.world.push(&account, &push).await;
                    }
                }
                Job::Push { account, push } => {
                    self.world.push(&account, &push).await;
                }
            }
        }
    }

    /// The next job; the place is given back in the same breath as the queue
    /// is found empty, so that a job queued now starts a worker.
    fn next(&mut self) -> Option<(Option<Instant>, Job)> {
        let mut queue = self.world.outbox.queue.lock();
        let job = queue.waiting.pop_front();
        if job.is_none() {
            self.done = true;
            leave(&mut queue, &self.world.outbox.idle);
        }
        job
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.done {
            leave(&mut self.world.outbox.queue.lock(), &self.world.outbox.idle);
        }
    }
}

fn leave(queue: &mut Queue, idle: &Notify) {
    queue.busy -= 1;
    if queue.busy == 0 && queue.waiting.is_empty() {
        idle.notify_waiters();
    }
}
