//! Load: so many connections, one request under way on each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    /// Requests under way.
    pub(crate) lanes: usize,
    /// When it is enough.
    pub(crate) until: Until,
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After so many requests.
    Count(u64),
    /// After so long.
    Time(Duration),
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

struct Shared<S> {
    script: S,
    address: SocketAddr,
    until: Until,
    began: Instant,
    next: AtomicU64,
    failed: AtomicU64,
}

/// Runs a script to its end.
///
/// # Errors
/// When connecting fails, or any request was not answered as it must be.
pub(crate) async fn run<S: Script>(
    load: &'static str,
    address: SocketAddr,
    amount: Amount,
    script: S,
) -> Result<Done, Failure> {
    let mut connections = Vec::with_capacity(amount.lanes);
    for _ in 0..amount.lanes {
        let connection = Connection::open(address)
            .await
            .map_err(crate::failure::system(format!(
                "cannot connect to {address}"
            )))?;
        connections.push(connection);
    }
    let began = Instant::now();
    let shared = Arc::new(Shared {
        script,
        address,
        until: amount.until,
        began,
        next: AtomicU64::new(0),
        failed: AtomicU64::new(0),
    });
    let lanes: Vec<_> = connections
        .into_iter()
        .map(|connection| tokio::spawn(lane(Arc::clone(&shared), connection)))
        .collect();
    let mut done = Done {
        answered: 0,
        elapsed: Duration::ZERO,
        ids: Vec::new(),
    };
    let mut first_failure = None;
    for lane in lanes {
        let lane = lane
            .await
            .map_err(|error| Failure::Wrong(error.to_string()))?;
        done.answered += lane.answered;
        done.ids.extend(lane.ids);
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
    first_failure: Option<String>,
}

async fn lane<S: Script>(shared: Arc<Shared<S>>, mut connection: Connection) -> Lane {
    let mut lane = Lane::default();
    let mut request = Vec::new();
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let enough = match shared.until {
            Until::Count(count) => number >= count,
            Until::Time(time) => shared.began.elapsed() >= time,
        };
        if enough || shared.failed.load(Ordering::Relaxed) >= MOST_FAILURES {
            return lane;
        }
        request.clear();
        shared.script.write(number, &mut request);
        let failure = match connection.exchange(&request).await {
            Ok(answer) if shared.script.read(&answer, &mut lane.ids) => {
                lane.answered += 1;
                continue;
            }
            Ok(answer) => answer.shown(),
            Err(error) => {
                match Connection::open(shared.address).await {
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

    #[tokio::test]
    async fn a_load_asks_exactly_as_often_as_wanted() {
        let amount = Amount {
            lanes: 3,
            until: Until::Count(100),
        };
        let done = run("test", server().await, amount, Wish(u64::MAX))
            .await
            .unwrap();
        assert_eq!((done.answered, done.ids.len()), (100, 100));
    }

    #[tokio::test]
    async fn a_load_with_a_failure_counts_for_nothing() {
        let amount = Amount {
            lanes: 3,
            until: Until::Count(100),
        };
        let failure = run("test", server().await, amount, Wish(50))
            .await
            .unwrap_err();
        assert!(
            matches!(failure, Failure::Load { failed: 1, .. }),
            "{failure}"
        );
    }
}
