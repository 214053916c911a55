//! For tests: a whole Hongyan in one process, with a sandbox beside it and time
//! turned by hand. Development only; nothing of the product depends on it.
//!
//! The gateway and the sandbox are real and speak real HTTP on ports of their
//! own; the database is a real SQLite file. Nothing is sent in the background:
//! a test calls [`TestApp::pump`], which works the queue until nothing is due.

pub mod scrape;

use std::sync::Arc;
use std::time::Duration;

use hongyan_api::{
    Account, Client, Data, Kind, Message, NewAccount, NewMessage, Recipient, Secret, SendOptions,
    Sent, SlotValue,
};
use hongyan_domain::clock::{Clock, ManualClock};
use hongyan_domain::delivery::Claimed;
use hongyan_domain::key::Scope;
use hongyan_domain::port::{KeyStore, QueueStore, Store};
use hongyan_engine::chance::Chance;
use hongyan_engine::{Engine, EngineSettings};
use hongyan_gateway::GatewaySettings;
use hongyan_sandbox::{
    Action, ClockBase, MessageKind, NewTemplate, Sandbox, SandboxConfig, Subscription,
};
use hongyan_store::{OpenOptions, Seal, SqliteStore};
use hongyan_wechat::{BaseUrl, Bases, HyperSettings, HyperTransport};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// When every test begins: noon in Beijing, far from midnight.
pub const START: &str = "2026-11-21T04:00:00Z";

/// The content of the official account's template.
pub const TEMPLATE: &str = "商品名称：{{thing1.DATA}}\n发货时间：{{time2.DATA}}\n";

/// The content of the mini program's template.
pub const SUBSCRIBE: &str = "取餐码：{{character_string1.DATA}}\n门店：{{thing2.DATA}}\n";

/// A gateway with a sandbox, an official account `oa`, a mini program `mp`, a
/// template of each, and a person who follows `oa`.
pub struct TestApp {
    /// The gateway's address.
    pub url: String,
    /// The sandbox's address.
    pub sandbox_url: String,
    /// A client with a key that may do everything.
    pub client: Client,
    /// That key.
    pub api_key: String,
    /// The engine inside the gateway.
    pub engine: Engine,
    /// The emulator.
    pub sandbox: Sandbox,
    /// The gateway's clock.
    pub clock: Arc<ManualClock>,
    /// Appid of `oa`.
    pub oa: String,
    /// Appid of `mp`.
    pub mp: String,
    /// Template of `oa`.
    pub template: String,
    /// Template of `mp`, one-time.
    pub subscribe: String,
    /// The person.
    pub person: String,
    /// The person at `oa`.
    pub openid: String,
    /// The person at `mp`.
    pub mp_openid: String,
    store: Arc<SqliteStore>,
    dir: Arc<TempDir>,
}

/// What differs from the usual.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// How the engine works.
    pub engine: EngineSettings,
    /// How long a call to the sandbox may take.
    pub request_timeout: Duration,
}

impl Default for Wishes {
    fn default() -> Self {
        let mut engine = EngineSettings::default();
        // Time-outs are real time: the sandbox is slow only where a test says so.
        engine.dispatch.request_timeout = Duration::from_secs(5);
        Self {
            engine,
            request_timeout: Duration::from_secs(5),
        }
    }
}

impl TestApp {
    /// Starts everything.
    pub async fn start() -> Self {
        Self::start_with(Wishes::default()).await
    }

    /// Starts everything, a little different.
    pub async fn start_with(wishes: Wishes) -> Self {
        let start: Timestamp = START.parse().expect("START is a time");
        let sandbox = Sandbox::open(SandboxConfig {
            clock: ClockBase::Manual(start.as_millisecond()),
            seed: Some(1),
            ..SandboxConfig::default()
        })
        .expect("a sandbox in memory opens");
        let (listener, sandbox_url) = port().await;
        tokio::spawn(sandbox.clone().serve(listener, std::future::pending()));

        let oa = sandbox
            .add_account(official())
            .expect("an account is added");
        let mp = sandbox.add_account(mini()).expect("an account is added");
        let template = add_template(&sandbox, &oa.appid, MessageKind::Template, TEMPLATE);
        let subscribe = add_template(&sandbox, &mp.appid, MessageKind::Subscribe, SUBSCRIBE);
        let person = sandbox
            .add_person("小雁")
            .expect("a person is added")
            .person_id;
        let openid = sandbox
            .follow(&person, &oa.appid)
            .expect("the person follows");
        let mp_openid = sandbox
            .openid(&person, &mp.appid)
            .expect("the person is known");

        let clock = Arc::new(ManualClock::new(start));
        let dir = Arc::new(TempDir::new().expect("a folder for the test"));
        let app = Self::open(
            wishes,
            dir,
            clock,
            sandbox,
            sandbox_url,
            oa.appid.clone(),
            mp.appid.clone(),
            template,
            subscribe,
            person,
            openid,
            mp_openid,
        )
        .await;
        for (name, kind, account) in [
            ("oa", hongyan_api::AccountKind::OfficialAccount, &oa),
            ("mp", hongyan_api::AccountKind::MiniProgram, &mp),
        ] {
            let account = new_account(name, kind, &account.appid, &account.secret);
            app.client
                .add_account(&account, None)
                .await
                .expect("the account is added");
            app.client
                .sync_templates(name)
                .await
                .expect("its templates are listed");
        }
        app
    }

    /// Ends this gateway without a word, as a crash would, and starts another on
    /// the same database. The sandbox goes on.
    pub async fn crash_and_restart(self) -> Self {
        let Self {
            sandbox,
            sandbox_url,
            clock,
            oa,
            mp,
            template,
            subscribe,
            person,
            openid,
            mp_openid,
            store,
            dir,
            engine,
            ..
        } = self;
        drop(engine);
        store.shutdown().await;
        drop(store);
        Self::open(
            Wishes::default(),
            dir,
            clock,
            sandbox,
            sandbox_url,
            oa,
            mp,
            template,
            subscribe,
            person,
            openid,
            mp_openid,
        )
        .await
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "it puts the fields together, in their order"
    )]
    async fn open(
        wishes: Wishes,
        dir: Arc<TempDir>,
        clock: Arc<ManualClock>,
        sandbox: Sandbox,
        sandbox_url: String,
        oa: String,
        mp: String,
        template: String,
        subscribe: String,
        person: String,
        openid: String,
        mp_openid: String,
    ) -> Self {
        let seal = Seal::load_or_create(&dir.path().join("key")).expect("a key file is made");
        let options = OpenOptions {
            exclusive: false,
            create: true,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            seal,
        };
        let store = SqliteStore::open(&dir.path().join("test.db"), options).expect("a database");
        let store = Arc::new(store);
        let keys = store.keys().await.expect("keys").len() as u64;
        // Another process draws other numbers.
        let seed = clock.now().as_millisecond().unsigned_abs() + keys;
        let engine = engine(&store, &clock, &sandbox_url, wishes, seed).await;
        let (listener, url) = port().await;
        let router = hongyan_gateway::router(engine.clone(), GatewaySettings::default());
        tokio::spawn(async move {
            hongyan_gateway::serve(listener, router, std::future::pending()).await
        });
        let name = format!("test {keys}");
        let (key, text) = engine.new_key(name, vec![Scope::Admin], Vec::new(), None);
        engine.add_key(&key, None).await.expect("the key is stored");
        let api_key = text.expose().to_owned();
        let client = Client::new(&url, &api_key).expect("a client");
        Self {
            url,
            sandbox_url,
            client,
            api_key,
            engine,
            sandbox,
            clock,
            oa,
            mp,
            template,
            subscribe,
            person,
            openid,
            mp_openid,
            store,
            dir,
        }
    }

    /// Another node on the same database: an engine of its own, with nothing
    /// running and nothing answering.
    pub async fn another_node(&self) -> Engine {
        let seed = self.clock.now().as_millisecond().unsigned_abs() + 1_000_000;
        engine(
            &self.store,
            &self.clock,
            &self.sandbox_url,
            Wishes::default(),
            seed,
        )
        .await
    }

    /// Turns both clocks forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.sandbox
            .advance(by)
            .expect("the sandbox's clock is turned");
    }

    /// The folder of the gateway's files.
    #[must_use]
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Works the queue until nothing is due.
    pub async fn pump(&self) -> usize {
        self.engine.pump().await
    }

    /// A template message to the person that breaks no rule.
    #[must_use]
    pub fn message(&self) -> NewMessage {
        NewMessage::new(
            "oa",
            Kind::Template,
            Recipient::openid(&self.openid),
            &self.template,
            data(&[("thing1", "耳机"), ("time2", "2026-11-20 10:00")]),
        )
    }

    /// A subscribe message to the person that breaks no rule.
    #[must_use]
    pub fn subscribe_message(&self) -> NewMessage {
        NewMessage::new(
            "mp",
            Kind::Subscribe,
            Recipient::openid(&self.mp_openid),
            &self.subscribe,
            data(&[("character_string1", "A-42"), ("thing2", "人民广场店")]),
        )
    }

    /// Takes a message in; its id.
    pub async fn send(&self, message: &NewMessage) -> String {
        match self.client.send(message, &SendOptions::default()).await {
            Ok(Sent::Queued(accepted)) => accepted.id,
            other => panic!("expected 202, got {other:?}"),
        }
    }

    /// Takes a message in and works until it is settled or waits.
    pub async fn send_and_pump(&self, message: &NewMessage) -> Message {
        let id = self.send(message).await;
        self.pump().await;
        self.get(&id).await
    }

    /// The message as the API shows it.
    pub async fn get(&self, id: &str) -> Message {
        self.client.message(id).await.expect("the message is there")
    }

    /// The account as the API shows it.
    pub async fn account(&self, name: &str) -> Account {
        self.client
            .account(name)
            .await
            .expect("the account is there")
    }

    /// Lets the person accept the mini program's one-time template once.
    pub fn consent(&self) {
        let choices = [(self.subscribe.clone(), "accept".to_owned())]
            .into_iter()
            .collect();
        self.sandbox
            .act(&self.person, &self.mp, &Action::SubscribePopup(choices))
            .expect("the person consents");
    }

    /// Makes the sandbox misbehave: the body of `POST /sandbox/v1/faults`.
    pub fn fault(&self, fault: serde_json::Value) {
        let fault = serde_json::from_value(fault).expect("a fault");
        self.sandbox.add_fault(fault).expect("the fault is set");
    }

    /// How many sends took effect at the sandbox.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.sandbox
            .deliveries(&Default::default())
            .expect("deliveries")
            .total
    }

    /// How many calls of a path the sandbox has seen.
    #[must_use]
    pub fn calls(&self, path: &str) -> usize {
        self.sandbox.requests(Some(path), 10_000).len()
    }

    /// Claims what is due at an account, as a gateway does that then dies.
    pub async fn claim(&self, account: &str) -> Vec<Claimed> {
        let account = self
            .engine
            .account(account)
            .expect("the account is known")
            .id;
        let lease = Duration::from_secs(60);
        self.store
            .claim(account, 1000, lease)
            .await
            .expect("a claim")
            .claimed
    }

    /// Calls one of WeChat's paths at the sandbox, as another program would.
    pub async fn call_sandbox(
        &self,
        path: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> serde_json::Value {
        let url = format!("{}{path}?access_token={token}", self.sandbox_url);
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let response = client.post(url).json(body).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    /// Sends anything to the gateway: method, path, JSON text; status and answer.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Vec<u8>>,
    ) -> (u16, serde_json::Value) {
        let method = method.parse().expect("a method");
        let response = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client")
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.api_key)
            .header("content-type", "application/json")
            .body(body.into())
            .send()
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        let bytes = response.bytes().await.expect("a body");
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null),
        )
    }
}

/// An HTTP client that takes no way around this machine.
#[must_use]
pub fn http() -> reqwest::Client {
    // reqwest takes the process's provider of cryptography; whoever came first has
    // named one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

/// Slot keys and values.
#[must_use]
pub fn data(pairs: &[(&str, &str)]) -> Data {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), SlotValue::from(*value)))
        .collect()
}

/// The body of a request that adds an account.
#[must_use]
pub fn new_account(
    name: &str,
    kind: hongyan_api::AccountKind,
    appid: &str,
    secret: &str,
) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        kind,
        appid: appid.to_owned(),
        secret: Secret::from(secret),
        original_id: None,
        token_mode: None,
        callback: None,
        rate_per_second: None,
        max_in_flight: None,
        disabled: None,
    }
}

fn official() -> hongyan_sandbox::NewAccount {
    let mut account =
        hongyan_sandbox::NewAccount::new(hongyan_sandbox::AccountKind::OfficialAccount);
    account.open_platform = Some("test".to_owned());
    account
}

fn mini() -> hongyan_sandbox::NewAccount {
    let mut account = hongyan_sandbox::NewAccount::new(hongyan_sandbox::AccountKind::MiniProgram);
    account.open_platform = Some("test".to_owned());
    account
}

fn add_template(sandbox: &Sandbox, appid: &str, kind: MessageKind, content: &str) -> String {
    let mut template = NewTemplate::new(kind, "通知", content);
    if kind == MessageKind::Subscribe {
        template.subscription = Some(Subscription::OneTime);
    }
    sandbox
        .add_template(appid, template)
        .expect("a template is added")
        .template_id
}

async fn port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

async fn engine(
    store: &Arc<SqliteStore>,
    clock: &Arc<ManualClock>,
    sandbox_url: &str,
    wishes: Wishes,
    seed: u64,
) -> Engine {
    let transport = HyperTransport::new(HyperSettings {
        total_timeout: wishes.request_timeout,
        ..HyperSettings::default()
    })
    .expect("a transport");
    let base = BaseUrl::parse(sandbox_url).expect("the sandbox's address");
    Engine::open(
        Arc::clone(store) as Arc<dyn Store>,
        hongyan_wechat::Client::new(transport, Bases::all_at(&base)),
        Arc::clone(clock) as Arc<dyn Clock>,
        Chance::seeded(seed),
        wishes.engine,
    )
    .await
    .expect("the engine opens")
}
