//! Recording what is traced.

use std::sync::{Arc, Mutex};

use hongyan_engine::trace::{SpanCounts, SpanRecord, SpanSink};
use hongyan_testkit::{TestApp, Wishes};

/// Keeps all spans.
#[derive(Debug, Default)]
pub(crate) struct Spans(Mutex<Vec<SpanRecord>>);

impl SpanSink for Spans {
    fn offer(&self, span: SpanRecord) {
        self.0.lock().unwrap().push(span);
    }

    fn counts(&self) -> SpanCounts {
        SpanCounts::default()
    }
}

impl Spans {
    pub(crate) fn all(&self) -> Vec<SpanRecord> {
        self.0.lock().unwrap().clone()
    }
}

/// An app that records, of the traces that begin with it, this share.
pub(crate) async fn recording(sample_ratio: f64) -> (TestApp, Arc<Spans>) {
    let spans = Arc::new(Spans::default());
    let mut wishes = Wishes::default();
    wishes.engine.trace.sink = Some(Arc::clone(&spans) as Arc<dyn SpanSink>);
    wishes.engine.trace.sample_ratio = sample_ratio;
    (TestApp::start_with(wishes).await, spans)
}
