//! Traces, handed to an OpenTelemetry collector.
//!
//! Spans wait in a bounded queue; one task sends them. Nothing waits for it: where
//! the collector is slow or away, spans are lost, counted and said once a minute.

mod otlp;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hongyan_engine::trace::{SpanCounts, SpanRecord, SpanSink, TraceSettings};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::Telemetry;
use crate::failure::Failure;
use otlp::{Collector, Refused};

/// How many spans wait at most; some 10 MB.
const CAPACITY: usize = 16 * 1024;

/// How many go in one request.
const BATCH: usize = 1024;

/// How long a span waits at most before it is sent.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a batch is tried, and the pause before the second time; it doubles.
const TRIES: u32 = 3;
const FIRST_REST: Duration = Duration::from_secs(1);

/// At most one warning in this time.
const QUIET: Duration = Duration::from_secs(60);

/// How long the last spans may take when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The spans that wait.
#[derive(Debug)]
struct Queue {
    spans: mpsc::Sender<SpanRecord>,
    /// There is enough for a request.
    filled: Notify,
    exported: AtomicU64,
    dropped: AtomicU64,
}

impl SpanSink for Queue {
    fn offer(&self, span: SpanRecord) {
        if self.spans.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if self.spans.capacity() < CAPACITY - BATCH {
            self.filled.notify_one();
        }
    }

    fn counts(&self) -> SpanCounts {
        SpanCounts {
            exported: self.exported.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// The task that sends spans.
#[derive(Debug)]
pub(crate) struct Exporter {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

/// Starts what the configuration asks for: how to trace, and who sends it away.
///
/// # Errors
/// When no HTTP client can be made.
pub(crate) fn start(telemetry: &Telemetry) -> Result<(TraceSettings, Option<Exporter>), Failure> {
    let Some(endpoint) = &telemetry.otlp_endpoint else {
        return Ok((TraceSettings::default(), None));
    };
    let collector = Collector::new(endpoint, &telemetry.otlp_headers, &telemetry.service_name)?;
    let (sender, spans) = mpsc::channel(CAPACITY);
    let queue = Arc::new(Queue {
        spans: sender,
        filled: Notify::new(),
        exported: AtomicU64::default(),
        dropped: AtomicU64::default(),
    });
    let stop = Arc::new(Notify::new());
    let courier = Courier {
        queue: Arc::clone(&queue),
        collector,
        warned_at: None,
    };
    let task = tokio::spawn(courier.run(spans, Arc::clone(&stop)));
    let settings = TraceSettings {
        sink: Some(queue),
        sample_ratio: telemetry.sample_ratio.0,
    };
    Ok((settings, Some(Exporter { stop, task })))
}

impl Exporter {
    /// Sends what still waits, for a few seconds at most.
    pub(crate) async fn stop(self) {
        self.stop.notify_one();
        let aborted = self.task.abort_handle();
        if tokio::time::timeout(LAST_WORDS, self.task).await.is_err() {
            aborted.abort();
            tracing::warn!("the last traces could not be handed over in time");
        }
    }
}

/// Carries spans to the collector.
struct Courier {
    queue: Arc<Queue>,
    collector: Collector,
    warned_at: Option<Instant>,
}

impl Courier {
    async fn run(mut self, mut spans: mpsc::Receiver<SpanRecord>, stop: Arc<Notify>) {
        let mut batch = Vec::new();
        loop {
            let last = tokio::select! {
                () = stop.notified() => true,
                () = tokio::time::sleep(PAUSE) => false,
                () = self.queue.filled.notified() => false,
            };
            loop {
                while batch.len() < BATCH
                    && let Ok(span) = spans.try_recv()
                {
                    batch.push(span);
                }
                if batch.is_empty() {
                    break;
                }
                self.deliver(std::mem::take(&mut batch)).await;
            }
            if last {
                return;
            }
        }
    }

    async fn deliver(&mut self, batch: Vec<SpanRecord>) {
        let count = batch.len() as u64;
        let body = self.collector.encode(batch);
        let mut rest = FIRST_REST;
        for n in 1..=TRIES {
            match self.collector.post(body.clone()).await {
                Ok(rejected) => {
                    let lost = rejected.min(count);
                    self.queue
                        .exported
                        .fetch_add(count - lost, Ordering::Relaxed);
                    self.lose(lost, "the collector rejected them");
                    return;
                }
                Err(Refused { reason, again }) if !again || n == TRIES => {
                    self.lose(count, &reason);
                    return;
                }
                Err(_) => {
                    tokio::time::sleep(rest).await;
                    rest *= 2;
                }
            }
        }
    }

    fn lose(&mut self, count: u64, reason: &str) {
        if count == 0 {
            return;
        }
        self.queue.dropped.fetch_add(count, Ordering::Relaxed);
        if self.warned_at.is_none_or(|at| at.elapsed() >= QUIET) {
            self.warned_at = Some(Instant::now());
            let lost = self.queue.dropped.load(Ordering::Relaxed);
            tracing::warn!(lost, reason, "traces are lost; messages are not affected");
        }
    }
}
