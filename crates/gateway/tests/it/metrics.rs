//! `/metrics`: where it answers, and what it says of requests.

use hongyan_domain::key::Scope;
use hongyan_gateway::GatewaySettings;

use crate::app::{App, good};

#[tokio::test]
async fn metrics_need_no_key_and_name_their_format() {
    let app = App::new().await;
    let answer = app.raw("GET", "/metrics", &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(answer.text.ends_with("# EOF\n"));
    let version = concat!(
        "hongyan_build_info{version=\"",
        env!("CARGO_PKG_VERSION"),
        "\"} 1\n"
    );
    assert!(answer.text.contains(version), "{}", answer.text);
    for line in [
        "process_cpu_seconds_total ",
        "process_start_time_seconds 1",
        "process_open_fds ",
    ] {
        assert!(answer.text.contains(line), "{line}");
    }
    app.raw("POST", "/metrics", &[], "")
        .await
        .problem(405, "method_not_allowed");
}

#[tokio::test]
async fn metrics_can_be_left_out() {
    let app = App::with(GatewaySettings {
        metrics: false,
        ..GatewaySettings::default()
    })
    .await;
    app.raw("GET", "/metrics", &[], "")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn repeated_requests_are_counted_and_so_is_what_is_refused() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    for _ in 0..3 {
        app.post_once(&key, "/v1/messages", "once", &good())
            .await
            .is(202);
    }
    app.raw("POST", "/v1/messages", &[], "{}")
        .await
        .problem(401, "missing_key");
    let text = app.raw("GET", "/metrics", &[], "").await.text;
    for line in [
        "hongyan_http_idempotent_replays_total 2",
        "hongyan_messages_accepted_total{account=\"demo-oa\",kind=\"template\",priority=\"normal\"} 1",
        "hongyan_http_requests_total{route=\"/v1/messages\",method=\"POST\",status=\"2xx\"} 3",
        "hongyan_http_requests_total{route=\"/v1/messages\",method=\"POST\",status=\"4xx\"} 1",
        "hongyan_http_request_duration_seconds_count{route=\"/v1/messages\",method=\"POST\"} 4",
    ] {
        assert!(
            text.lines().any(|one| one == line),
            "{line} is not in\n{text}"
        );
    }
}
