//! Traces: what happened when and for how long, as spans that continue the
//! caller's own trace from the request to the send, on whatever node that is.
//!
//! A span is made only where somebody records and the trace is sampled;
//! everything else costs a look at an option. What is recorded goes to a
//! [`SpanSink`], which must not wait: a full or broken one loses spans, never
//! messages.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hongyan_domain::MessageId;
use hongyan_domain::account::Account;
use hongyan_domain::clock::Clock;
use hongyan_domain::delivery::{Outcome, OutcomeKind};
use hongyan_domain::message::Message;
use hongyan_domain::trace::TraceContext;
use hongyan_wechat::Base;
use jiff::Timestamp;

use crate::calls::WechatClient;
use crate::chance::Chance;
use crate::{Engine, Inner};

/// Where finished spans go.
pub trait SpanSink: fmt::Debug + Send + Sync {
    /// Takes a finished span, or drops it. Returns at once.
    fn offer(&self, span: SpanRecord);

    /// What became of the spans offered so far.
    fn counts(&self) -> SpanCounts;
}

/// What became of spans since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Those the collector took.
    pub exported: u64,
    /// Those lost: the queue was full, or the collector did not take them.
    pub dropped: u64,
}

/// How traces are recorded.
#[derive(Debug, Clone, Default)]
pub struct TraceSettings {
    /// Where spans go; `None` = nothing is recorded.
    pub sink: Option<Arc<dyn SpanSink>>,
    /// The share of traces to record that begin here, 0 to 1. A trace that a
    /// caller began is recorded exactly if the caller records it.
    pub sample_ratio: f64,
}

/// What part a span plays, in OpenTelemetry's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work inside.
    Internal,
    /// We are being called.
    Server,
    /// We call.
    Client,
    /// We are handed something that others sent before.
    Consumer,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanValue {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
}

impl From<&str> for SpanValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for SpanValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for SpanValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// A finished span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanRecord {
    /// Its name, such as `POST /v1/messages`; few different ones.
    pub name: String,
    /// Its part.
    pub kind: SpanKind,
    /// Trace and span.
    pub context: TraceContext,
    /// The span it belongs to; `None` = it began the trace.
    pub parent: Option<[u8; 8]>,
    /// When it began, by the engine's clock, in whole milliseconds.
    pub began_at: Timestamp,
    /// How long it took.
    pub elapsed: Duration,
    /// What is worth knowing. No secrets and nothing of what messages say.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// Whether it failed, and why in a word.
    pub error: Option<String>,
}

/// A span under way; over when dropped.
#[derive(Debug)]
pub struct Span {
    sink: Arc<dyn SpanSink>,
    stopwatch: Instant,
    /// In a box: a send's future holds the span, and there are thousands of those.
    record: Option<Box<SpanRecord>>,
}

impl Span {
    /// What a span inside this one continues. `None` only while it is dropped.
    #[must_use]
    pub fn context(&self) -> Option<&TraceContext> {
        self.record.as_ref().map(|record| &record.context)
    }

    /// Notes an attribute.
    pub fn note(&mut self, key: &'static str, value: impl Into<SpanValue>) {
        if let Some(record) = &mut self.record {
            record.attributes.push((key, value.into()));
        }
    }

    /// Says that it failed.
    pub fn fail(&mut self, word: impl Into<String>) {
        if let Some(record) = &mut self.record {
            record.error = Some(word.into());
        }
    }

    /// Notes how a send ended.
    pub(crate) fn note_outcome(&mut self, outcome: &Outcome) {
        let kind = OutcomeKind::from(outcome);
        self.note("hongyan.outcome", kind.as_str());
        if let Outcome::Refused(refusal) = outcome {
            self.note("wechat.errcode", refusal.errcode.0);
            if let Some(rid) = &refusal.rid {
                self.note("wechat.rid", rid.as_str());
            }
        }
        if kind != OutcomeKind::Accepted {
            self.fail(kind.as_str());
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.elapsed = self.stopwatch.elapsed();
            self.sink.offer(*record);
        }
    }
}

/// Makes spans where there is somebody to take them.
#[derive(Debug)]
pub(crate) struct Tracer {
    settings: TraceSettings,
    /// WeChat's host and port, as spans name them.
    server: (String, Option<i64>),
}

impl Tracer {
    pub(crate) fn new(settings: TraceSettings, wechat: &WechatClient) -> Self {
        Self {
            settings,
            server: host_and_port(&wechat.bases().get(Base::Api).to_string()),
        }
    }

    pub(crate) fn counts(&self) -> SpanCounts {
        self.settings
            .sink
            .as_ref()
            .map(|sink| sink.counts())
            .unwrap_or_default()
    }

    /// A span that continues `parent`, or begins a trace; `None` where it would
    /// not be recorded.
    fn span(
        &self,
        clock: &dyn Clock,
        chance: &Chance,
        kind: SpanKind,
        parent: Option<&TraceContext>,
        name: impl Into<String>,
    ) -> Option<Span> {
        let sink = self.settings.sink.as_ref()?;
        let context = match parent {
            Some(parent) if parent.is_sampled() => parent.with_span(chance.span_id()),
            Some(_) => return None,
            None if chance.unit() < self.settings.sample_ratio => {
                TraceContext::root(chance.trace_id(), chance.span_id(), true)
            }
            None => return None,
        };
        Some(Span {
            sink: Arc::clone(sink),
            stopwatch: Instant::now(),
            record: Some(Box::new(SpanRecord {
                name: name.into(),
                kind,
                context,
                parent: parent.map(TraceContext::span_id),
                began_at: clock.now(),
                elapsed: Duration::ZERO,
                attributes: Vec::new(),
                error: None,
            })),
        })
    }
}

/// Host and port of an address such as `http://127.0.0.1:8700/prefix`.
fn host_and_port(base: &str) -> (String, Option<i64>) {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => {
            (host.to_owned(), port.parse().ok())
        }
        _ => (authority.to_owned(), None),
    }
}

impl Engine {
    /// A span of a request to us, named `METHOD route`, that continues the
    /// caller's trace; `None` where it is not recorded.
    #[must_use]
    pub fn request_span(
        &self,
        method: &str,
        route: &str,
        caller: Option<&TraceContext>,
    ) -> Option<Span> {
        // The name is made only where it is needed.
        self.tracer.settings.sink.as_ref()?;
        let name = format!("{method} {route}");
        let mut span = self.span(SpanKind::Server, caller, name)?;
        span.note("http.request.method", method);
        span.note("http.route", route);
        Some(span)
    }

    /// A span of WeChat's later word on a message, `hongyan.receipt`, in the
    /// trace under which the message was accepted; `None` where there is none.
    #[must_use]
    pub fn receipt_span(
        &self,
        accepted_in: Option<&TraceContext>,
        message: MessageId,
        status: &str,
    ) -> Option<Span> {
        let mut span = self.span(SpanKind::Consumer, Some(accepted_in?), "hongyan.receipt")?;
        span.note("hongyan.message_id", message.to_string());
        span.note("wechat.receipt", status);
        Some(span)
    }
}

impl Inner {
    fn span(
        &self,
        kind: SpanKind,
        parent: Option<&TraceContext>,
        name: impl Into<String>,
    ) -> Option<Span> {
        self.tracer
            .span(&*self.clock, &self.chance, kind, parent, name)
    }

    /// A span of messages being stored, under the request they came with.
    pub(crate) fn accept_span(
        &self,
        request: Option<&TraceContext>,
        messages: &[Message],
    ) -> Option<Span> {
        let mut span = self.span(SpanKind::Internal, Some(request?), "hongyan.accept")?;
        if let [message] = messages {
            span.note("hongyan.message_id", message.id.to_string());
        }
        let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
        span.note("hongyan.messages", count);
        Some(span)
    }

    /// A span of one call to WeChat, in the trace under which the message was
    /// accepted.
    pub(crate) fn send_span(
        &self,
        accepted_in: Option<&TraceContext>,
        account: &Account,
        message: &Message,
    ) -> Option<Span> {
        let mut span = self.span(SpanKind::Client, Some(accepted_in?), "hongyan.send")?;
        let (host, port) = &self.tracer.server;
        span.note("server.address", host.as_str());
        if let Some(port) = port {
            span.note("server.port", *port);
        }
        span.note("hongyan.account", account.name().as_str());
        span.note("hongyan.message_id", message.id.to_string());
        span.note("hongyan.kind", message.kind().as_str());
        Some(span)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hongyan_domain::clock::ManualClock;

    use super::*;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<SpanRecord>>);

    impl SpanSink for Kept {
        fn offer(&self, span: SpanRecord) {
            self.0.lock().unwrap().push(span);
        }

        fn counts(&self) -> SpanCounts {
            SpanCounts::default()
        }
    }

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

    fn tracer(kept: &Arc<Kept>, sample_ratio: f64) -> Tracer {
        Tracer {
            settings: TraceSettings {
                sink: Some(Arc::clone(kept) as Arc<dyn SpanSink>),
                sample_ratio,
            },
            server: (String::new(), None),
        }
    }

    fn made(tracer: &Tracer, parent: Option<&TraceContext>, chance: &Chance) -> bool {
        let clock = ManualClock::new("2026-11-21T00:00:00Z".parse().unwrap());
        tracer
            .span(&clock, chance, SpanKind::Internal, parent, "x")
            .is_some()
    }

    #[test]
    fn the_caller_decides_about_its_trace_and_the_ratio_about_ours() {
        let (kept, chance) = (Arc::new(Kept::default()), Chance::seeded(1));
        let sampled: TraceContext = format!("{PARENT}-01").parse().unwrap();
        let ignored: TraceContext = format!("{PARENT}-00").parse().unwrap();
        assert!(made(&tracer(&kept, 0.0), Some(&sampled), &chance));
        assert!(!made(&tracer(&kept, 1.0), Some(&ignored), &chance));
        assert!(made(&tracer(&kept, 1.0), None, &chance));
        assert!(!made(&tracer(&kept, 0.0), None, &chance));
        let quarter = tracer(&kept, 0.25);
        let count = (0..4000).filter(|_| made(&quarter, None, &chance)).count();
        assert!((900..1100).contains(&count), "{count} of 4000");
        let spans = kept.0.lock().unwrap();
        assert_eq!(spans[0].context.trace_id(), sampled.trace_id());
        assert_eq!(spans[0].parent, Some(sampled.span_id()));
        assert_ne!(spans[0].context.span_id(), sampled.span_id());
        assert_eq!(spans[1].parent, None);
    }

    #[test]
    fn nothing_is_made_where_nobody_records() {
        let tracer = Tracer {
            settings: TraceSettings::default(),
            server: (String::new(), None),
        };
        let sampled: TraceContext = format!("{PARENT}-01").parse().unwrap();
        assert!(!made(&tracer, Some(&sampled), &Chance::seeded(1)));
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (base, host, port) in [
            ("https://api.weixin.qq.com", "api.weixin.qq.com", None),
            ("http://127.0.0.1:8700/wechat", "127.0.0.1", Some(8700)),
            ("http://[::1]:8700", "[::1]", Some(8700)),
            ("http://[::1]", "[::1]", None),
        ] {
            assert_eq!(host_and_port(base), (host.to_owned(), port), "{base}");
        }
    }
}
