//! OTLP over HTTP, protobuf (OpenTelemetry Protocol 1.x).

use std::time::Duration;

use hongyan_engine::trace::{SpanKind, SpanRecord, SpanValue};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message;
use prost::bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode, Url};

use crate::config::{Endpoint, Headers};
use crate::failure::Failure;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Recorded traces carry this flag (W3C Trace Context, `sampled`).
const SAMPLED: u32 = 1;

/// Who takes the spans.
pub(super) struct Collector {
    http: Client,
    url: Url,
    resource: Resource,
}

/// Why spans were not taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// What happened, without secrets.
    pub(super) reason: String,
    /// Whether trying again can help.
    pub(super) again: bool,
}

impl Collector {
    pub(super) fn new(
        endpoint: &Endpoint,
        headers: &Headers,
        service_name: &str,
    ) -> Result<Self, Failure> {
        // The HTTP client takes the process's provider of cryptography; whoever
        // came first has named one already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .user_agent(concat!("hongyan/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers.0.clone())
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE);
        if is_this_machine(&endpoint.0) {
            builder = builder.no_proxy();
        }
        let http = builder.build()?;
        let resource = Resource {
            attributes: vec![
                attribute("service.name", SpanValue::from(service_name)),
                attribute("service.version", env!("CARGO_PKG_VERSION").into()),
            ],
            ..Resource::default()
        };
        Ok(Self {
            http,
            url: endpoint.0.clone(),
            resource,
        })
    }

    pub(super) fn encode(&self, spans: Vec<SpanRecord>) -> Bytes {
        let spans = ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "hongyan".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            }),
            spans: spans.into_iter().map(encode).collect(),
            ..ScopeSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![spans],
                ..ResourceSpans::default()
            }],
        };
        request.encode_to_vec().into()
    }

    /// Posts spans; how many of them the collector rejected.
    pub(super) async fn post(&self, body: Bytes) -> Result<u64, Refused> {
        let refused = |error: reqwest::Error| Refused {
            // The address may hold a token.
            reason: crate::failure::chain(&error.without_url()),
            again: true,
        };
        let response = self
            .http
            .post(self.url.clone())
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-protobuf"),
            )
            .body(body)
            .send()
            .await
            .map_err(refused)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Refused {
                reason: format!("the collector answered {status}"),
                // OTLP/HTTP, "Retryable Response Codes".
                again: matches!(
                    status,
                    StatusCode::TOO_MANY_REQUESTS
                        | StatusCode::BAD_GATEWAY
                        | StatusCode::SERVICE_UNAVAILABLE
                        | StatusCode::GATEWAY_TIMEOUT
                ),
            });
        }
        let answer = response.bytes().await.map_err(refused)?;
        // An answer that cannot be read took the spans all the same.
        let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |part| part.rejected_spans);
        Ok(u64::try_from(rejected).unwrap_or(0))
    }
}

/// Whether the address means the machine itself, which no proxy can reach for us.
fn is_this_machine(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

fn encode(record: SpanRecord) -> Span {
    let began = u64::try_from(record.began_at.as_nanosecond()).unwrap_or(0);
    let elapsed = u64::try_from(record.elapsed.as_nanos()).unwrap_or(u64::MAX);
    Span {
        trace_id: record.context.trace_id().to_vec(),
        span_id: record.context.span_id().to_vec(),
        trace_state: record.context.state().unwrap_or_default().to_owned(),
        parent_span_id: record.parent.map(Vec::from).unwrap_or_default(),
        flags: SAMPLED,
        name: record.name,
        kind: match record.kind {
            SpanKind::Internal => span::SpanKind::Internal,
            SpanKind::Server => span::SpanKind::Server,
            SpanKind::Client => span::SpanKind::Client,
            SpanKind::Consumer => span::SpanKind::Consumer,
        }
        .into(),
        start_time_unix_nano: began,
        end_time_unix_nano: began.saturating_add(elapsed),
        attributes: record
            .attributes
            .into_iter()
            .map(|(key, value)| attribute(key, value))
            .collect(),
        status: record.error.map(|message| Status {
            message,
            code: SpanStatus::Error.into(),
        }),
        ..Span::default()
    }
}

fn attribute(key: &str, value: SpanValue) -> KeyValue {
    let value = match value {
        SpanValue::Text(text) => any_value::Value::StringValue(text),
        SpanValue::Integer(number) => any_value::Value::IntValue(number),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
