//! Logs, metrics and traces of the real binary.

use std::time::{Duration, Instant};

use hongyan_api::{SendOptions, Sent, Status};
use hongyan_testkit::scrape::Scrape;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

use crate::stage::{Receiver, Stage};

const TRACE: [u8; 16] = [
    0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36,
];
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[test]
fn the_callers_trace_is_exported_from_request_to_send_also_at_the_last_moment() {
    let collector = Receiver::start("200 OK");
    let config = format!(
        "[telemetry]\notlp_endpoint = \"{}\"\nservice_name = \"geese\"\nsample_ratio = 0.0\n",
        collector.url
    );
    let stage = Stage::open(
        &config,
        &[(
            "HONGYAN_TELEMETRY__OTLP_HEADERS",
            "authorization=Bearer%20hush-hush",
        )],
    );
    let message = serde_json::to_string(&stage.message()).unwrap();
    let headers = [("traceparent", PARENT), ("tracestate", "rojo=1")];
    assert_eq!(stage.post("/v1/messages?wait=30", &headers, message), 200);
    let mut secrets = stage.secrets();
    let (code, log) = stage.end();
    assert_eq!(code, Some(0));

    let exports = collector.exports();
    let mut spans: Vec<Span> = Vec::new();
    for export in exports.iter() {
        assert!(
            export.head.starts_with("POST /v1/traces HTTP/1.1\r\n"),
            "{}",
            export.head
        );
        let head = export.head.to_lowercase();
        assert!(
            head.contains("content-type: application/x-protobuf\r\n"),
            "{head}"
        );
        assert!(
            head.contains("authorization: bearer hush-hush\r\n"),
            "{head}"
        );
        for secret in &secrets {
            let found = export
                .body
                .windows(secret.len())
                .any(|w| w == secret.as_bytes());
            assert!(!found, "exported: {secret}");
        }
        for resource in export.decode().resource_spans {
            let attributes = resource.resource.unwrap().attributes;
            assert_eq!(text(&attributes, "service.name"), Some("geese"));
            spans.extend(
                resource
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans),
            );
        }
    }
    secrets.push("hush-hush".to_owned());
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "logged: {secret}");
    }
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (request, accept) = (named("POST /v1/messages"), named("hongyan.accept"));
    let send = named("hongyan.send");
    assert_eq!(
        spans.len(),
        3,
        "the share of our own traces is nothing: {spans:?}"
    );
    assert_eq!(
        request.parent_span_id,
        [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]
    );
    assert_eq!(accept.parent_span_id, request.span_id);
    assert_eq!(send.parent_span_id, accept.span_id);
    assert_eq!(request.kind(), SpanKind::Server);
    assert_eq!(send.kind(), SpanKind::Client);
    assert_eq!(text(&send.attributes, "hongyan.outcome"), Some("accepted"));
    for span in &spans {
        assert_eq!(span.trace_id, TRACE);
        assert_eq!(span.trace_state, "rojo=1");
        assert!(span.start_time_unix_nano > 0);
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    }
}

#[test]
fn a_collector_that_takes_nothing_costs_spans_and_no_message() {
    let collector = Receiver::start("400 Bad Request");
    let config = format!("[telemetry]\notlp_endpoint = \"{}\"\n", collector.url);
    let stage = Stage::open(&config, &[]);
    let send = || {
        let wait = SendOptions {
            wait: Some(30),
            ..SendOptions::default()
        };
        let sent = stage.block_on(stage.client().send(&stage.message(), &wait));
        assert!(matches!(sent, Ok(Sent::Known(known)) if known.status == Status::Accepted));
    };
    let dropped = || {
        let labels = [("result", "dropped")];
        stage
            .scrape()
            .value("hongyan_trace_spans_total", &labels)
            .unwrap()
    };
    // Twice a batch that is refused, and one warning.
    for _ in 0..2 {
        let before = dropped();
        send();
        let deadline = Instant::now() + Duration::from_secs(30);
        while dropped() < before + 3.0 {
            assert!(Instant::now() < deadline, "nothing was exported");
        }
    }
    let (code, log) = stage.end();
    assert_eq!(code, Some(0));
    assert_eq!(log.matches("traces are lost").count(), 1, "{log}");
    assert!(log.contains("400 Bad Request"), "{log}");
}

#[test]
fn metrics_can_have_a_listener_of_their_own() {
    let stage = Stage::open(
        "[telemetry]\nmetrics_listen = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n",
        &[],
    );
    let log = stage.log();
    let said: Value = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|line: &Value| line["message"] == "metrics have a listener of their own")
        .unwrap();
    let url = format!("http://{}", said["address"].as_str().unwrap());
    let get = |url: String| {
        stage.block_on(async {
            let client = hongyan_testkit::http();
            client.get(url).send().await.unwrap().status().as_u16()
        })
    };
    assert_eq!(get(format!("{}/metrics", stage.url)), 404);
    assert_eq!(get(format!("{url}/v1/accounts")), 404);
    let scrape = stage.block_on(Scrape::of(&url));
    let missed = [("route", "none"), ("method", "GET"), ("status", "4xx")];
    assert_eq!(
        scrape.value("hongyan_http_requests_total", &missed),
        Some(1.0),
        "it tells of the other listener"
    );
    assert_eq!(stage.end().0, Some(0));
}

#[test]
fn metrics_can_be_switched_off() {
    let stage = Stage::open("[telemetry]\nmetrics = false\n", &[]);
    let answer = stage.block_on(stage.client().call_raw("GET", "/metrics", None::<&Value>));
    assert_eq!(answer.unwrap_err().status, Some(404));
}

#[test]
fn lines_name_account_and_message_and_keep_secrets_in_both_formats() {
    for format in ["text", "json"] {
        let stage = Stage::open(
            &format!("[log]\nlevel = \"trace\"\nformat = \"{format}\"\n"),
            &[],
        );
        let wait = SendOptions {
            wait: Some(30),
            ..SendOptions::default()
        };
        let nobody = stage.message_to("oNobodyHereKnowsThisOne00000");
        let sent = stage.block_on(stage.client().send(&nobody, &wait)).unwrap();
        // Calls that go wrong with the token in their URL.
        for effect in [json!({"drop": "before"}), json!({"http_status": 502})] {
            let fault =
                json!({"path": "/cgi-bin/message/template/send", "times": 1, "effect": effect});
            stage
                .sandbox
                .add_fault(serde_json::from_value(fault).unwrap())
                .unwrap();
            let sent = stage.block_on(stage.client().send(&stage.message(), &wait));
            assert!(sent.is_ok(), "{sent:?}");
        }
        let (secrets, id) = (stage.secrets(), sent.id().to_owned());
        let (code, log) = stage.end();
        assert_eq!(code, Some(0));
        for secret in &secrets {
            assert!(!log.contains(secret.as_str()), "{format}: logged {secret}");
        }
        if format == "json" {
            let lines: Vec<Value> = log
                .lines()
                .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
                .collect();
            let refusal = lines
                .iter()
                .find(|line| line["message"] == "WeChat refused a message")
                .unwrap();
            assert_eq!(refusal["account"], "shop");
            assert_eq!(refusal["message_id"], *id);
            assert_eq!(refusal["errcode"], 40003);
            assert_eq!(refusal["level"], "INFO");
        } else {
            let line = log
                .lines()
                .find(|line| line.contains("WeChat refused a message"));
            let line = line.unwrap();
            assert!(line.contains("account=shop"), "{line}");
            assert!(line.contains(&format!("message_id={id}")), "{line}");
            assert!(!line.contains('\u{1b}'), "colours in a file: {line}");
        }
    }
}
