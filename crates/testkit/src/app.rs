//! The whole of it, started and ended.

use std::sync::Arc;
use std::time::Duration;

use hongyan_api::Client;
use hongyan_domain::clock::{Clock, ManualClock};
use hongyan_domain::key::Scope;
use hongyan_domain::port::{KeyStore, Store};
use hongyan_engine::chance::Chance;
use hongyan_engine::{Engine, EngineSettings};
use hongyan_gateway::GatewaySettings;
use hongyan_sandbox::{
    AccountKind, AccountView, ClockBase, MessageKind, NewAccount, NewTemplate, Sandbox,
    SandboxConfig, Subscription,
};
use hongyan_store::{OpenOptions, Seal, SqliteStore};
use hongyan_wechat::{BaseUrl, Bases, HyperSettings, HyperTransport};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::callback::Callbacks;
use crate::{SHOP, START, SUBSCRIBE, TEMPLATE, new_account};

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
    pub(crate) store: Arc<SqliteStore>,
    stage: Stage,
}

/// What differs from the usual.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// How the engine works.
    pub engine: EngineSettings,
    /// How long a call to the sandbox may take.
    pub request_timeout: Duration,
    /// How the sandbox calls back; `None` = not at all.
    pub callbacks: Option<Callbacks>,
}

impl Default for Wishes {
    fn default() -> Self {
        let mut engine = EngineSettings::default();
        // Time-outs are real time: the sandbox is slow only where a test says so.
        engine.dispatch.request_timeout = Duration::from_secs(5);
        // The programs that are told things run beside the test.
        engine.webhooks.allow_private = true;
        Self {
            engine,
            request_timeout: Duration::from_secs(5),
            callbacks: None,
        }
    }
}

/// What stays when a gateway ends.
struct Stage {
    sandbox: Sandbox,
    sandbox_url: String,
    clock: Arc<ManualClock>,
    dir: Arc<TempDir>,
    cast: Cast,
    callbacks: Option<Callbacks>,
}

/// Who is there.
#[derive(Clone)]
struct Cast {
    oa: String,
    mp: String,
    template: String,
    subscribe: String,
    person: String,
    openid: String,
    mp_openid: String,
}

impl TestApp {
    /// Starts everything; nobody calls back.
    pub async fn start() -> Self {
        Self::start_with(Wishes::default()).await
    }

    /// Starts everything; the sandbox calls back in safe mode, in XML at `oa` and in
    /// JSON at `mp`.
    pub async fn calling_back() -> Self {
        Self::start_with(Wishes {
            callbacks: Some(Callbacks::default()),
            ..Wishes::default()
        })
        .await
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

        let oa = add_account(&sandbox, AccountKind::OfficialAccount);
        let mp = add_account(&sandbox, AccountKind::MiniProgram);
        let person = sandbox
            .add_person("小雁")
            .expect("a person is added")
            .person_id;
        let cast = Cast {
            template: add_template(&sandbox, &oa.appid, MessageKind::Template, TEMPLATE),
            subscribe: add_template(&sandbox, &mp.appid, MessageKind::Subscribe, SUBSCRIBE),
            openid: sandbox
                .follow(&person, &oa.appid)
                .expect("the person follows"),
            mp_openid: sandbox
                .openid(&person, &mp.appid)
                .expect("the person is known"),
            person,
            oa: oa.appid.clone(),
            mp: mp.appid.clone(),
        };
        let callbacks = wishes.callbacks;
        let stage = Stage {
            sandbox,
            sandbox_url,
            clock: Arc::new(ManualClock::new(start)),
            dir: Arc::new(TempDir::new().expect("a folder for the test")),
            cast,
            callbacks,
        };
        let app = Self::open(wishes, stage).await;
        for (name, kind, account) in [
            ("oa", hongyan_api::AccountKind::OfficialAccount, &oa),
            ("mp", hongyan_api::AccountKind::MiniProgram, &mp),
        ] {
            let mut new = new_account(name, kind, &account.appid, &account.secret);
            if let Some(callbacks) = callbacks {
                new.callback = Some(callbacks.at_gateway());
                new.original_id = Some(account.original_id.clone());
                new.redirects = vec![SHOP.to_owned()];
                new.js_origins = vec![SHOP.to_owned()];
            }
            app.client
                .add_account(&new, None)
                .await
                .expect("the account is added");
            app.client
                .sync_templates(name)
                .await
                .expect("its templates are listed");
        }
        app.point_callbacks_here();
        app
    }

    /// Ends this gateway without a word, as a crash would, and starts another on
    /// the same database. The sandbox goes on.
    pub async fn crash_and_restart(self) -> Self {
        let Self {
            stage,
            store,
            engine,
            ..
        } = self;
        drop(engine);
        store.shutdown().await;
        drop(store);
        let app = Self::open(Wishes::default(), stage).await;
        app.point_callbacks_here();
        app
    }

    async fn open(wishes: Wishes, stage: Stage) -> Self {
        let Stage {
            sandbox,
            sandbox_url,
            clock,
            dir,
            cast,
            ..
        } = &stage;
        let seal = Seal::load_or_create(&dir.path().join("key")).expect("a key file is made");
        let options = OpenOptions {
            exclusive: false,
            create: true,
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            seal,
        };
        let store = SqliteStore::open(&dir.path().join("test.db"), options).expect("a database");
        let store = Arc::new(store);
        let keys = store.keys().await.expect("keys").len() as u64;
        // Another process draws other numbers.
        let seed = clock.now().as_millisecond().unsigned_abs() + keys;
        let engine = engine(&store, clock, sandbox_url, wishes, seed).await;
        let url = serve(&engine).await;
        engine.set_public_url(&url);
        let name = format!("test {keys}");
        let (key, text) = engine.new_key(name, vec![Scope::Admin], Vec::new(), None);
        engine.add_key(&key, None).await.expect("the key is stored");
        let api_key = text.expose().to_owned();
        let cast = cast.clone();
        Self {
            client: Client::new(&url, &api_key).expect("a client"),
            url,
            sandbox_url: sandbox_url.clone(),
            api_key,
            engine,
            sandbox: sandbox.clone(),
            clock: Arc::clone(clock),
            oa: cast.oa,
            mp: cast.mp,
            template: cast.template,
            subscribe: cast.subscribe,
            person: cast.person,
            openid: cast.openid,
            mp_openid: cast.mp_openid,
            store,
            stage,
        }
    }

    /// Another node on the same database: an engine of its own, with nothing
    /// running and nothing answering. It says the same public address.
    pub async fn another_node(&self) -> Engine {
        let seed = self.clock.now().as_millisecond().unsigned_abs() + 1_000_000;
        let engine = engine(
            &self.store,
            &self.clock,
            &self.sandbox_url,
            Wishes::default(),
            seed,
        )
        .await;
        engine.set_public_url(&self.url);
        engine
    }

    /// Lets another node answer; its address.
    pub async fn serve(&self, engine: &Engine) -> String {
        serve(engine).await
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
        self.stage.dir.path()
    }

    /// Makes another template at the sandbox and has the gateway list it. Its id.
    pub async fn add_template(
        &self,
        account: &str,
        kind: MessageKind,
        subscription: Option<Subscription>,
        content: &str,
    ) -> String {
        let mut template = NewTemplate::new(kind, "另一个通知", content);
        template.subscription = subscription;
        let made = self
            .sandbox
            .add_template(&self.appid(account), template)
            .expect("a template is added");
        self.client
            .sync_templates(account)
            .await
            .expect("the templates are listed");
        made.template_id
    }

    fn point_callbacks_here(&self) {
        if let Some(callbacks) = self.stage.callbacks {
            self.point_callbacks(&self.url, callbacks);
        }
    }
}

fn add_account(sandbox: &Sandbox, kind: AccountKind) -> AccountView {
    let mut account = NewAccount::new(kind);
    account.open_platform = Some("test".to_owned());
    sandbox.add_account(account).expect("an account is added")
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

pub(crate) async fn port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

async fn serve(engine: &Engine) -> String {
    let (listener, url) = port().await;
    let router = hongyan_gateway::router(engine.clone(), GatewaySettings::default());
    tokio::spawn(
        async move { hongyan_gateway::serve(listener, router, std::future::pending()).await },
    );
    url
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
