//! What arrived at the sandbox, when, and whether each message did so exactly
//! once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;

use crate::failure::Failure;
use crate::load::per_second;
use crate::stage::Stage;

/// Without a further arrival for so long the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the sandbox is asked; each question costs what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Deliveries read at once.
const PAGE: usize = 10_000;

/// Statuses of messages that are not over.
const OPEN: [&str; 4] = ["scheduled", "queued", "sending", "retrying"];

/// Statuses no message may end in here.
const BAD: [&str; 3] = ["failed", "unknown", "expired"];

/// All deliveries read so far.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    since: u64,
    ids: HashSet<u128>,
    /// Deliveries, more than `ids` where one came twice.
    pub(crate) count: u64,
}

/// Deliveries of one measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Span {
    /// From the first to the last delivery, by the sandbox's clock. The first
    /// one begins the time and is not counted.
    pub(crate) fn per_second(&self) -> f64 {
        let elapsed = self.last.duration_since(self.first);
        per_second(self.count.saturating_sub(1), elapsed.unsigned_abs())
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next_since: u64,
}

#[derive(Deserialize)]
struct Item {
    client_msg_id: Option<String>,
    at: Timestamp,
}

/// How many messages have arrived in all.
pub(crate) async fn total(stage: &Stage) -> Result<u64, Failure> {
    let target = format!("/deliveries?appid={}&limit=0", stage.appid());
    Ok(stage.sandbox(&target).await?["total"].as_u64().unwrap_or(0))
}

/// Waits until so many messages have arrived in all.
pub(crate) async fn wait(stage: &Stage, expected: u64) -> Result<(), Failure> {
    let (mut arrived, mut since) = (0, Instant::now());
    loop {
        let total = total(stage).await?;
        if total >= expected {
            return Ok(());
        }
        if total > arrived {
            (arrived, since) = (total, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return Err(Failure::Stalled {
                arrived,
                expected,
                seconds: PATIENCE.as_secs(),
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until the gateway has written down what became of every message, and
/// tells how long that took.
pub(crate) async fn settled(stage: &Stage) -> Result<Duration, Failure> {
    let began = Instant::now();
    for status in OPEN {
        while has(stage, status).await? {
            if began.elapsed() > PATIENCE {
                return Err(Failure::Wrong(format!(
                    "a message that arrived stays {status}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let elapsed = began.elapsed();
    for status in BAD {
        if has(stage, status).await? {
            return Err(Failure::Wrong(format!(
                "a message that arrived is called {status}"
            )));
        }
    }
    Ok(elapsed)
}

async fn has(stage: &Stage, status: &str) -> Result<bool, Failure> {
    let since = stage.since();
    let target =
        format!("/v1/messages?account=bench&status={status}&created_after={since}&limit=1");
    let found = stage.gateway("GET", &target, None).await?;
    Ok(found["items"]
        .as_array()
        .is_some_and(|items| !items.is_empty()))
}

impl Arrivals {
    /// Reads what arrived since the last look; `each` is told every arrival.
    pub(crate) async fn read(
        &mut self,
        stage: &Stage,
        mut each: impl FnMut(u128, Timestamp),
    ) -> Result<Span, Failure> {
        let mut span: Option<Span> = None;
        loop {
            let target = format!(
                "/deliveries?appid={}&limit={PAGE}&since={}",
                stage.appid(),
                self.since
            );
            let page = stage.sandbox(&target).await?;
            let page = Page::deserialize(page)
                .map_err(|error| Failure::Wrong(format!("deliveries cannot be read: {error}")))?;
            if page.items.is_empty() {
                return span.ok_or_else(|| Failure::Wrong("nothing has arrived".to_owned()));
            }
            self.since = page.next_since;
            for item in page.items {
                let span = span.get_or_insert(Span {
                    count: 0,
                    first: item.at,
                    last: item.at,
                });
                span.count += 1;
                span.last = item.at;
                each(self.add(item.client_msg_id.as_deref())?, item.at);
            }
        }
    }

    fn add(&mut self, client_msg_id: Option<&str>) -> Result<u128, Failure> {
        let id = client_msg_id
            .and_then(|digits| u128::from_str_radix(digits, 16).ok())
            .ok_or_else(|| Failure::Wrong(format!("a delivery has the id {client_msg_id:?}")))?;
        self.count += 1;
        self.ids.insert(id);
        Ok(id)
    }

    /// Holds what arrived against what was accepted.
    ///
    /// # Errors
    /// [`Failure::Wrong`] unless each of `accepted` arrived, once, and nothing
    /// else did.
    pub(crate) fn verify(&self, accepted: &[u128]) -> Result<(), Failure> {
        let distinct: HashSet<u128> = accepted.iter().copied().collect();
        let missing = distinct.difference(&self.ids).count();
        let strange = self.ids.difference(&distinct).count();
        let twice = self.count - self.ids.len() as u64;
        let same = accepted.len() - distinct.len();
        if (missing, strange, twice, same) == (0, 0, 0, 0) {
            return Ok(());
        }
        Err(Failure::Wrong(format!(
            "of {} accepted messages {missing} did not arrive and {twice} arrived again; \
             {strange} arrived that nobody asked for; {same} ids were given twice",
            accepted.len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(ids: &[&str]) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for id in ids {
            arrivals.add(Some(id)).unwrap();
        }
        arrivals
    }

    #[test]
    fn exactly_once_is_neither_less_nor_more() {
        assert!(arrived(&["a", "b"]).verify(&[10, 11]).is_ok());
        for (ids, words) in [
            (&["a"][..], "1 did not arrive"),
            (&["a", "b", "b"], "1 arrived again"),
            (&["a", "b", "c"], "1 arrived that nobody asked for"),
        ] {
            let text = arrived(ids).verify(&[10, 11]).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
        assert!(arrived(&["a"]).verify(&[10, 10]).is_err());
        assert!(Arrivals::default().add(None).is_err());
    }

    #[test]
    fn a_rate_counts_from_the_first_to_the_last() {
        let at = |text: &str| text.parse().unwrap();
        let span = Span {
            count: 101,
            first: at("2026-11-21T00:00:00Z"),
            last: at("2026-11-21T00:00:02Z"),
        };
        assert!((span.per_second() - 50.0).abs() < 1e-9);
    }
}
