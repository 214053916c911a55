//! Load: so many connections, one request under way on each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hongyan_domain::clock::{Clock, SystemClock};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::http::{Answer, Connection};

/// After so many failures a load gives up.
const MOST_FAILURES: u64 = 100;

/// What to ask, and what to expect.
pub(crate) trait Script: Send + Sync + 'static {
    /// Writes the whole request of this number into the empty buffer.
    fn write(&self, number: u64, request: &mut Vec<u8>);
    /// Whether the answer is as it must be. Ids it tells are added to `ids`.
    fn read(&self, answer: &Answer<'_>, ids: &mut Vec<u128>) -> bool;
}

/// How much load.
#[derive(Debug, Clone)]
pub(crate) struct Amount {
    /// Requests under way, at most; in turn to each of the addresses.
    pub(crate) lanes: usize,
    /// When it is enough.
    pub(crate) until: Until,
    /// Requests a second; `None` = as fast as they are answered. Each begins at
    /// its time, however long the ones before take, as long as a lane is free.
    pub(crate) pace: Option<f64>,
}

/// When a load ends.
#[derive(Debug, Clone)]
pub(crate) enum Until {
    /// After so many requests.
    Count(u64),
    /// After so long.
    Time(Duration),
    /// After so long, or when this becomes true.
    Told(Duration, Arc<AtomicBool>),
}

impl Until {
    fn is_over(&self, number: u64, began: Instant) -> bool {
        match self {
            Self::Count(count) => number >= *count,
            Self::Time(time) => began.elapsed() >= *time,
            Self::Told(time, enough) => began.elapsed() >= *time || enough.load(Ordering::Relaxed),
        }
    }
}

/// What a load did.
#[derive(Debug)]
pub(crate) struct Done {
    /// Requests that were answered as they must be.
    pub(crate) answered: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// The ids of messages that were accepted.
    pub(crate) ids: Vec<u128>,
    /// When the answer with each of them came; of a load with a pace.
    pub(crate) at: Vec<Timestamp>,
}

impl Done {
    /// Requests a second.
    pub(crate) fn per_second(&self) -> f64 {
        per_second(self.answered, self.elapsed)
    }
}

/// So many in such a time, as a rate.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(0.001)
}

/// Such a time divided among so many, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn micros_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// When the request of this number begins.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn due_after(number: u64, pace: f64) -> Duration {
    Duration::from_secs_f64(number as f64 / pace.max(1.0))
}

struct Shared<S> {
    script: S,
    amount: Amount,
    began: Instant,
    next: AtomicU64,
    failed: AtomicU64,
}

/// Runs a script to its end against one or more servers.
///
/// # Errors
/// When connecting fails, or any request was not answered as it must be.
pub(crate) async fn run<S: Script>(
    load: &'static str,
    addresses: &[SocketAddr],
    amount: Amount,
    script: S,
) -> Result<Done, Failure> {
    let mut connections = Vec::with_capacity(amount.lanes);
    for &address in addresses.iter().cycle().take(amount.lanes) {
        let connection = Connection::open(address)
            .await
            .map_err(crate::failure::system(format!(
                "cannot connect to {address}"
            )))?;
        connections.push((address, connection));
    }
    let began = Instant::now();
    let shared = Arc::new(Shared {
        script,
        amount,
        began,
        next: AtomicU64::new(0),
        failed: AtomicU64::new(0),
    });
    let lanes: Vec<_> = connections
        .into_iter()
        .map(|(address, connection)| tokio::spawn(lane(Arc::clone(&shared), address, connection)))
        .collect();
    let mut done = Done {
        answered: 0,
        elapsed: Duration::ZERO,
        ids: Vec::new(),
        at: Vec::new(),
    };
    let mut first_failure = None;
    for lane in lanes {
        let lane = lane
            .await
            .map_err(|error| Failure::Wrong(error.to_string()))?;
        done.answered += lane.answered;
        done.ids.extend(lane.ids);
        done.at.extend(lane.at);
        first_failure = first_failure.or(lane.first_failure);
    }
    done.elapsed = began.elapsed();
    match first_failure {
        None => Ok(done),
        Some(first) => Err(Failure::Load {
            load,
            failed: shared.failed.load(Ordering::Relaxed),
            first,
        }),
    }
}

#[derive(Default)]
struct Lane {
    answered: u64,
    ids: Vec<u128>,
    at: Vec<Timestamp>,
    first_failure: Option<String>,
}

async fn lane<S: Script>(
    shared: Arc<Shared<S>>,
    address: SocketAddr,
    mut connection: Connection,
) -> Lane {
    let mut lane = Lane::default();
    let mut request = Vec::new();
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if let Some(pace) = shared.amount.pace {
            let due = shared.began + due_after(number, pace);
            tokio::time::sleep_until(due.into()).await;
        }
        let enough = shared.amount.until.is_over(number, shared.began);
        if enough || shared.failed.load(Ordering::Relaxed) >= MOST_FAILURES {
            return lane;
        }
        request.clear();
        shared.script.write(number, &mut request);
        let failure = match connection.exchange(&request).await {
            Ok(answer) if shared.script.read(&answer, &mut lane.ids) => {
                lane.answered += 1;
                if shared.amount.pace.is_some() {
                    lane.at.resize(lane.ids.len(), SystemClock.now());
                }
                continue;
            }
            Ok(answer) => answer.shown(),
            Err(error) => {
                match Connection::open(address).await {
                    Ok(anew) => connection = anew,
                    // Nothing further can be asked on this lane.
                    Err(_) => {
                        shared.failed.fetch_add(MOST_FAILURES, Ordering::Relaxed);
                    }
                }
                error.to_string()
            }
        };
        shared.failed.fetch_add(1, Ordering::Relaxed);
        lane.first_failure.get_or_insert(failure);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers every request of four bytes; the wish `fail` with 500.
    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut wish = [0; 4];
                    while stream.read_exact(&mut wish).await.is_ok() {
                        let status = if &wish == b"fail" { 500 } else { 200 };
                        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        address
    }

    struct Wish(u64);

    impl Script for Wish {
        fn write(&self, number: u64, request: &mut Vec<u8>) {
            request.extend(if number == self.0 { b"fail" } else { b"good" });
        }
        fn read(&self, answer: &Answer<'_>, ids: &mut Vec<u128>) -> bool {
            ids.push(7);
            answer.status == 200
        }
    }

    fn amount(until: Until, pace: Option<f64>) -> Amount {
        Amount {
            lanes: 3,
            until,
            pace,
        }
    }

    #[tokio::test]
    async fn a_load_asks_exactly_as_often_as_wanted() {
        let servers = [server().await, server().await];
        let done = run(
            "test",
            &servers,
            amount(Until::Count(100), None),
            Wish(u64::MAX),
        )
        .await
        .unwrap();
        assert_eq!((done.answered, done.ids.len()), (100, 100));
        assert!(done.at.is_empty());
    }

    #[tokio::test]
    async fn a_load_with_a_pace_takes_its_time_and_notes_the_answers() {
        let amount = amount(Until::Count(21), Some(1000.0));
        let done = run("test", &[server().await], amount, Wish(u64::MAX))
            .await
            .unwrap();
        assert!(done.elapsed >= Duration::from_millis(20));
        assert_eq!((done.ids.len(), done.at.len()), (21, 21));
    }

    #[tokio::test]
    async fn a_load_ends_when_it_is_told() {
        let enough = Arc::new(AtomicBool::new(true));
        let amount = amount(Until::Told(Duration::from_secs(60), enough), None);
        let done = run("test", &[server().await], amount, Wish(u64::MAX))
            .await
            .unwrap();
        assert_eq!(done.answered, 0);
    }

    #[tokio::test]
    async fn a_load_with_a_failure_counts_for_nothing() {
        let failure = run(
            "test",
            &[server().await],
            amount(Until::Count(100), None),
            Wish(50),
        )
        .await
        .unwrap_err();
        assert!(
            matches!(failure, Failure::Load { failed: 1, .. }),
            "{failure}"
        );
    }
}
