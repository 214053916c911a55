//! Secrets stay secret: at rest, in logs, in errors.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hongyan_api::{ChangeAccount, Secret, TokenMode};
use hongyan_testkit::TestApp;
use hongyan_testkit::scrape::Scrape;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::traces;

/// Everything any test of this binary logs, at every level, in both formats.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let text = tracing_subscriber::fmt::layer().with_writer(log.clone());
            let json = tracing_subscriber::fmt::layer().with_writer(log.clone());
            tracing_subscriber::registry()
                .with(text)
                .with(json.json().flatten_event(true))
                .init();
            log
        })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn secrets_of(app: &TestApp) -> Vec<String> {
    let mut secrets: Vec<String> = app
        .sandbox
        .accounts()
        .into_iter()
        .map(|account| account.secret)
        .collect();
    secrets.push(app.api_key.clone());
    secrets.push(
        app.client
            .access_token("oa")
            .await
            .unwrap()
            .access_token
            .expose()
            .to_owned(),
    );
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_logged_counted_or_traced_however_things_go_wrong() {
    let log = Log::start();
    let (app, spans) = traces::recording(1.0).await;
    let mut secrets = secrets_of(&app).await;
    let send = "/cgi-bin/message/template/send";
    for effect in [
        json!({"errcode": 40001, "errmsg": "invalid credential"}),
        json!({"drop": "before"}),
        json!({"http_status": 500}),
        json!({"http_status": 404}),
    ] {
        app.fault(json!({"path": send, "times": 1, "effect": effect}));
        app.send_and_pump(&app.message()).await;
        app.advance(Duration::from_secs(30));
    }
    secrets.extend(secrets_of(&app).await);
    // A token endpoint that fails, with the secret in its URL.
    for effect in [
        json!({"drop": "before"}),
        json!({"http_status": 502}),
        json!({"errcode": 40164}),
    ] {
        let classic = ChangeAccount {
            token_mode: Some(TokenMode::Classic),
            ..Default::default()
        };
        app.client.change_account("oa", &classic).await.unwrap();
        app.fault(json!({"path": "/cgi-bin/token", "times": 1, "effect": effect}));
        app.engine.maintain().await;
        let stable = ChangeAccount {
            token_mode: Some(TokenMode::Stable),
            ..Default::default()
        };
        app.client.change_account("oa", &stable).await.unwrap();
    }
    let wrong = "0123456789abcdef0123456789abcdef";
    let change = ChangeAccount {
        secret: Some(Secret::from(wrong)),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    let refused = app.client.access_token("oa").await.unwrap_err();
    secrets.push(wrong.to_owned());
    let text = log.text();
    for format in ["account unhealthy", "\"message\":\"account unhealthy"] {
        assert!(text.contains(format), "nothing was logged");
    }
    let metrics = Scrape::of(&app.url).await;
    let told = format!("{:?} {:?}", metrics.samples, spans.all());
    assert!(told.contains("POST /v1/messages") && told.contains("hongyan_attempts_total"));
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "logged: {secret}");
        assert!(
            !told.contains(secret.as_str()),
            "counted or traced: {secret}"
        );
        assert!(
            !format!("{refused:?} {refused}").contains(secret.as_str()),
            "in an error: {secret}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_on_disk() {
    let app = TestApp::start().await;
    app.send_and_pump(&app.message()).await;
    let secrets = secrets_of(&app).await;
    let mut files = 0;
    for entry in std::fs::read_dir(app.dir()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let contains = |needle: &str| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
        files += usize::from(contains("oa"));
        for secret in &secrets {
            assert!(!contains(secret), "{} holds {secret}", path.display());
        }
    }
    assert!(files > 0, "the database was not looked at");
}
