//! A gateway with its own database, a clock turned by hand, one official account
//! `demo-oa` with a template, one mini program `demo-mp`, and a key for each
//! scope.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hongyan_domain::clock::ManualClock;
use hongyan_domain::key::Scope;
use hongyan_domain::message::Kind;
use hongyan_domain::port::{AccountStore, TemplateStore};
use hongyan_domain::template::{Template, fields_of};
use hongyan_engine::chance::Chance;
use hongyan_engine::{Engine, EngineSettings, WechatClient};
use hongyan_gateway::{GatewaySettings, router};
use hongyan_store::{OpenOptions, Seal, SqliteStore};
use hongyan_wechat::{BaseUrl, Bases, HyperSettings, HyperTransport};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const TEMPLATE: &str = "tplShipped";

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Asserts a problem of this code and returns it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        let in_chinese = |text: &str| text.contains(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(
            problem["detail_zh"].as_str().is_some_and(in_chinese),
            "{problem}"
        );
        problem
    }

    /// Asserts an answer of this status and returns it.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/json");
        self.json()
    }
}

pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<SqliteStore>,
    _directory: tempfile::TempDir,
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(GatewaySettings::default()).await
    }

    pub(crate) async fn with(settings: GatewaySettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-21T04:00:00Z".parse().unwrap()));
        let store = SqliteStore::open(
            &directory.path().join("hongyan.db"),
            OpenOptions {
                exclusive: true,
                create: true,
                clock: clock.clone(),
                seal: Seal::new(&[7; 32]),
            },
        )
        .unwrap();
        let store = Arc::new(store);
        seed(&store).await;
        // Nobody listens there: what needs WeChat fails at once.
        let bases = Bases::all_at(&BaseUrl::parse("http://127.0.0.1:1").unwrap());
        let wechat = WechatClient::new(
            HyperTransport::new(HyperSettings::default()).unwrap(),
            bases,
        );
        let engine = Engine::open(
            store.clone(),
            wechat,
            clock.clone(),
            Chance::seeded(1),
            EngineSettings::default(),
        )
        .await
        .unwrap();
        let router = router(engine.clone(), settings);
        Self {
            router,
            engine,
            clock,
            store,
            _directory: directory,
        }
    }

    /// A new key of one scope, restricted to `accounts` if there are any.
    pub(crate) async fn key(&self, scope: Scope, accounts: &[&str]) -> String {
        let accounts: Vec<String> = accounts.iter().map(|name| (*name).to_owned()).collect();
        let name = format!("{scope} {}", self.engine.keys().await.unwrap().len());
        let (key, text) = self.engine.new_key(name, vec![scope], accounts, None);
        self.engine.add_key(&key, None).await.unwrap();
        text.expose().to_owned()
    }

    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.raw(
            "GET",
            path,
            &[("authorization", &format!("Bearer {key}"))],
            "",
        )
        .await
    }

    pub(crate) async fn delete(&self, key: &str, path: &str) -> Answer {
        self.raw(
            "DELETE",
            path,
            &[("authorization", &format!("Bearer {key}"))],
            "",
        )
        .await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {key}");
        self.raw(
            "POST",
            path,
            &[("authorization", &bearer)],
            body.to_string(),
        )
        .await
    }

    pub(crate) async fn patch(&self, key: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {key}");
        self.raw(
            "PATCH",
            path,
            &[("authorization", &bearer)],
            body.to_string(),
        )
        .await
    }

    pub(crate) async fn put(&self, key: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {key}");
        self.raw("PUT", path, &[("authorization", &bearer)], body.to_string())
            .await
    }

    pub(crate) async fn post_once(
        &self,
        key: &str,
        path: &str,
        once: &str,
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("idempotency-key", once),
        ];
        self.raw("POST", path, &headers, body.to_string()).await
    }

    /// How many messages there are.
    pub(crate) async fn count(&self) -> usize {
        let page = hongyan_domain::port::Page {
            limit: 10_000,
            after: None,
        };
        self.engine
            .deliveries(&Default::default(), page)
            .await
            .unwrap()
            .len()
    }
}

async fn seed(store: &SqliteStore) {
    let account = |name: &str, kind, appid: &str| hongyan_domain::account::AccountSettings {
        name: name.parse().unwrap(),
        kind,
        appid: appid.parse().unwrap(),
        secret: hongyan_wechat::AppSecret::new("seeded-secret"),
        original_id: None,
        token_mode: Default::default(),
        callback: None,
        rate_per_second: None,
        max_in_flight: 8,
        disabled: false,
        options: Default::default(),
    };
    use hongyan_domain::account::AccountKind::{MiniProgram, OfficialAccount};
    let oa = store
        .add_account(&account("demo-oa", OfficialAccount, "wx01"), None)
        .await
        .unwrap();
    store
        .add_account(&account("demo-mp", MiniProgram, "wx02"), None)
        .await
        .unwrap();
    store
        .replace_templates(oa.id, &[template()], &[])
        .await
        .unwrap();
}

fn template() -> Template {
    let content = "商品：{{thing1.DATA}}\n时间：{{time2.DATA}}\n";
    Template {
        id: TEMPLATE.parse().unwrap(),
        kind: Kind::Template,
        title: "发货通知".to_owned(),
        content: content.to_owned(),
        example: String::new(),
        fields: fields_of(content),
        subscription: None,
        synced_at: "2026-11-21T00:00:00Z".parse().unwrap(),
    }
}

/// A message that is as it should be.
pub(crate) fn good() -> Value {
    json!({
        "account": "demo-oa", "kind": "template", "to": {"openid": "oPerson"},
        "template_id": TEMPLATE,
        "data": {"thing1": "Parcel", "time2": {"value": "2026-11-20 10:00", "color": "#173177"}},
    })
}

/// The same with some fields set otherwise.
pub(crate) fn good_but(changes: Value) -> Value {
    let mut message = good();
    for (name, value) in changes.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}
