//! The caller's trace goes on through the queue to the send.

use std::sync::{Arc, Mutex};

use hongyan_engine::trace::{SpanCounts, SpanKind, SpanRecord, SpanSink, SpanValue};
use hongyan_testkit::{TestApp, Wishes};
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SEND: &str = "/cgi-bin/message/template/send";

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

    /// The spans of this name, in the order of their ends.
    fn named(&self, name: &str) -> Vec<SpanRecord> {
        let mut spans = self.all();
        spans.retain(|span| span.name == name);
        spans
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

/// Posts with headers of one's own.
async fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], body: &Value) {
    let client = hongyan_testkit::http();
    let mut request = client
        .post(format!("{}{path}", app.url))
        .bearer_auth(&app.api_key)
        .json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{response:?}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute<'a>(span: &'a SpanRecord, key: &str) -> Option<&'a SpanValue> {
    span.attributes
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

fn text(value: &str) -> SpanValue {
    SpanValue::from(value)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_send_joins_the_callers_trace() {
    let (app, spans) = recording(0.0).await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("traceparent", &*parent), ("tracestate", "rojo=1,congo=2")];
    let message = serde_json::to_value(app.message()).unwrap();
    post(&app, "/v1/messages", &headers, &message).await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 45011}}));
    app.pump().await;
    app.advance(std::time::Duration::from_secs(90));
    app.pump().await;

    let request = &spans.named("POST /v1/messages")[0];
    assert_eq!(hex(&request.parent.unwrap()), "00f067aa0ba902b7");
    assert_eq!(request.kind, SpanKind::Server);
    assert_eq!(
        attribute(request, "http.response.status_code"),
        Some(&202.into())
    );
    let accept = &spans.named("hongyan.accept")[0];
    assert_eq!(accept.parent, Some(request.context.span_id()));
    let sends = spans.named("hongyan.send");
    assert_eq!(sends.len(), 2, "one for each call");
    for send in &sends {
        assert_eq!(send.parent, Some(accept.context.span_id()));
        assert_eq!(send.kind, SpanKind::Client);
        assert_eq!(attribute(send, "server.address"), Some(&text("127.0.0.1")));
        assert_eq!(attribute(send, "hongyan.account"), Some(&text("oa")));
        assert!(send.began_at >= accept.began_at);
    }
    assert_eq!(attribute(&sends[0], "wechat.errcode"), Some(&45011.into()));
    assert_eq!(sends[0].error.as_deref(), Some("refused"));
    assert_eq!(
        attribute(&sends[1], "hongyan.outcome"),
        Some(&text("accepted"))
    );
    assert_eq!(sends[1].error, None);
    for span in spans.all() {
        assert_eq!(hex(&span.context.trace_id()), TRACE);
        assert_eq!(span.context.state(), Some("rojo=1,congo=2"));
    }

    // WeChat's word on it, which comes later still.
    let id = attribute(accept, "hongyan.message_id").unwrap().clone();
    let SpanValue::Text(id) = id else {
        panic!("{id:?}")
    };
    let delivery = app
        .engine
        .delivery(id.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let stored = delivery.message;
    let accepted_in = stored.trace_context.as_ref();
    drop(app.engine.receipt_span(accepted_in, stored.id, "success"));
    let receipt = &spans.named("hongyan.receipt")[0];
    assert_eq!(receipt.parent, Some(accept.context.span_id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_does_not_record_is_not_recorded() {
    let (app, spans) = recording(1.0).await;
    app.pump().await;
    spans.0.lock().unwrap().clear();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let message = serde_json::to_value(app.message()).unwrap();
    post(&app, "/v1/messages", &[("traceparent", &parent)], &message).await;
    app.pump().await;
    assert_eq!(spans.all(), []);
    let page = hongyan_domain::port::Page {
        limit: 9,
        after: None,
    };
    let stored = app
        .engine
        .deliveries(&Default::default(), page)
        .await
        .unwrap();
    assert_eq!(stored[0].message.trace_context, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_caller_a_trace_begins_here_and_a_batch_shares_its_acceptance() {
    let (app, spans) = recording(1.0).await;
    let messages: Vec<_> = (0..3).map(|_| app.message()).collect();
    // A traceparent that is none begins a trace like no traceparent at all.
    let body = json!({"messages": messages});
    post(
        &app,
        "/v1/messages/batch",
        &[("traceparent", "00-bad")],
        &body,
    )
    .await;
    app.pump().await;
    let request = &spans.named("POST /v1/messages/batch")[0];
    assert_eq!(request.parent, None);
    let accepts = spans.named("hongyan.accept");
    assert_eq!(accepts.len(), 1);
    assert_eq!(attribute(&accepts[0], "hongyan.messages"), Some(&3.into()));
    let sends = spans.named("hongyan.send");
    assert_eq!(sends.len(), 3);
    for send in sends {
        assert_eq!(send.context.trace_id(), request.context.trace_id());
        assert_eq!(send.parent, Some(accepts[0].context.span_id()));
    }
    // Looks at us are no work.
    app.client.healthy().await.unwrap();
    assert!(
        spans
            .all()
            .iter()
            .all(|span| !span.name.contains("healthz"))
    );
}
