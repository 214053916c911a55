//! Use-cases and loops: what happens between a request to our API and a call to
//! WeChat.
//!
//! Invariants
//! - The only crate that spawns tasks for work in the background.
//! - No SQL, no HTTP server, no configuration files; storage is behind
//!   [`hongyan_domain::port`], WeChat behind [`hongyan_wechat::Client`].
//! - A message is sent only by the holder of its lease, and what became of it is
//!   decided by [`hongyan_domain::retry`].
//! - Nothing is unbounded: sends under way, unsettled answers and batches all
//!   have limits.

mod accounts;
mod ask;
mod broadcast;
mod calls;
pub mod chance;
mod check;
mod console;
mod credentials;
mod dispatch;
mod follow;
mod followers;
mod history;
mod inbox;
mod intake;
mod keys;
mod media;
mod menu;
mod metrics;
mod people;
mod post;
mod qrcode;
mod quota;
mod reach;
mod receipts;
mod registry;
mod retention;
mod rules;
mod service;
mod stats;
mod tags;
mod templates;
pub mod trace;
mod waiters;
mod ways;
mod web;
mod webhooks;

pub use ask::ManageError;
pub use broadcast::{
    BroadcastPreview, BroadcastProgress, NewBroadcast, PersonPreview, PlannedBroadcast, Steered,
    Upload, UploadRefusal,
};
pub use calls::WechatClient;
pub use check::{CheckReport, CheckStep, Sentence, StepState};
pub use console::{ConsoleRefusal, SignedIn, hash_password, make_operator, make_password};
pub use credentials::{Credential, CredentialError, CredentialSettings};
pub use dispatch::DispatchSettings;
pub use history::{Happened, Totals};
pub use inbox::{CallbackAnswer, CallbackRefusal, Replay};
pub use intake::{Draft, Prepared, Rejection, To, WaitingReason};
pub use keys::{KeyText, make_key};
pub use media::NewMedia;
pub use menu::{AppliedMenu, LiveMenu, MenuChange, MenuSource, menu_of};
pub use metrics::EngineCollector;
pub use people::{ContactCard, Login, LoginFailure};
pub use qrcode::{LONGEST_QRCODE, NewQrCode};
pub use quota::{QuotaLine, QuotaReport};
pub use reach::{AccountReach, Can, ReachRoute, ReachWho};
pub use retention::RetentionSettings;
pub use rules::RulesRejection;
pub use service::Running;
pub use stats::AccountStats;
pub use tags::ForMany;
pub use templates::{LibraryFinding, NewTemplate, SyncReport, TemplateSettings, WechatFailure};
pub use ways::{DraftWay, MOST_WAYS};
pub use web::{
    JsSignature, JsSignatureFailure, Leave, SubscribeEnd, SubscribeReturn, TagPage, WebFailure,
};
pub use webhooks::{SECRET_OVERLAP, Told, WebhookSettings, WebhookUrlFault, WebhookWords};

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hongyan_domain::NodeId;
use hongyan_domain::clock::Clock;
use hongyan_domain::port::{Store, StoreError};
use hongyan_wechat::AccessToken;
use tokio::sync::{Mutex, Notify, Semaphore};

use broadcast::Broadcasts;
use chance::Chance;
use console::Console;
use credentials::Credentials;
use dispatch::Dispatcher;
use follow::Seen;
use followers::SyncDesk;
use history::History;
use inbox::{Courier, Flights};
use keys::KeyCache;
use metrics::{Measured, Metrics};
use people::STRIPES;
use quota::QuotaBook;
use registry::Registry;
use rules::RuleBook;
use templates::Catalogue;
use trace::{TraceSettings, Tracer};
use waiters::Waiters;
use web::{Arrivals, JsTickets};
use webhooks::Webhooks;

/// How the engine works.
#[derive(Debug, Clone, Default)]
pub struct EngineSettings {
    /// Sending.
    pub dispatch: DispatchSettings,
    /// Access tokens.
    pub credentials: CredentialSettings,
    /// What is kept, and for how long.
    pub retention: RetentionSettings,
    /// Keeping templates in step.
    pub templates: TemplateSettings,
    /// Traces.
    pub trace: TraceSettings,
    /// Webhooks.
    pub webhooks: WebhookSettings,
}

/// A handle on the engine; clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// What the handles share; its fields are the engine's rooms.
pub struct Inner {
    store: Arc<dyn Store>,
    wechat: WechatClient,
    clock: Arc<dyn Clock>,
    chance: Chance,
    node: NodeId,
    registry: Registry,
    credentials: Credentials,
    catalogue: Catalogue,
    template_settings: TemplateSettings,
    dispatcher: Dispatcher,
    broadcasts: Broadcasts,
    quotas: QuotaBook,
    waiters: Waiters,
    key_cache: KeyCache,
    metrics: Arc<Metrics>,
    tracer: Tracer,
    seen: Seen,
    follower_syncs: SyncDesk,
    retention: RetentionSettings,
    stopping: AtomicBool,
    rule_book: RuleBook,
    flights: Flights,
    courier: Courier,
    webhooks: Webhooks,
    early_receipts: Notify,
    /// Places of new followers to be asked about, and how many are asked about at a
    /// time.
    acquaintances: Arc<Semaphore>,
    questions: Semaphore,
    console: Console,
    history_room: History,
    js_tickets: JsTickets,
    arrivals: Arrivals<String>,
    subscribed: Arrivals<SubscribeEnd>,
    public_url: OnceLock<String>,
    /// Each keeps two who work on the same thing apart.
    stripes: [Mutex<()>; STRIPES],
}

impl Deref for Engine {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A token handed to another program.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// The token.
    pub token: AccessToken,
    /// How long it still works.
    pub expires_in: Duration,
}

impl Engine {
    /// An engine over a store; reads the accounts. Nothing runs in the background
    /// until [`Engine::start`].
    ///
    /// # Errors
    /// Storage's.
    pub async fn open(
        store: Arc<dyn Store>,
        wechat: WechatClient,
        clock: Arc<dyn Clock>,
        chance: Chance,
        settings: EngineSettings,
    ) -> Result<Self, StoreError> {
        let metrics = Arc::new(Metrics::default());
        let store: Arc<dyn Store> = Arc::new(Measured::new(store, Arc::clone(&metrics.store)));
        let registry = Registry::default();
        // Looked at before the accounts: what changes in between is seen again.
        let seen = Seen::from(store.revisions().await?);
        registry.replace_all(store.accounts().await?);
        let node = NodeId::new(clock.now(), chance.ten_bytes());
        let engine = Self(Arc::new(Inner {
            credentials: Credentials::new(
                node,
                Arc::clone(&store),
                wechat.clone(),
                Arc::clone(&clock),
                settings.credentials,
                Arc::clone(&metrics),
            ),
            catalogue: Catalogue::default(),
            template_settings: settings.templates,
            dispatcher: Dispatcher::new(settings.dispatch),
            broadcasts: Broadcasts::default(),
            node,
            quotas: QuotaBook::default(),
            waiters: Waiters::default(),
            key_cache: KeyCache::default(),
            tracer: Tracer::new(settings.trace, &wechat),
            metrics,
            seen,
            follower_syncs: SyncDesk::default(),
            retention: settings.retention,
            stopping: AtomicBool::new(false),
            rule_book: RuleBook::default(),
            flights: Flights::default(),
            courier: Courier::new(),
            webhooks: Webhooks::new(settings.webhooks),
            early_receipts: Notify::new(),
            acquaintances: inbox::places(),
            questions: Semaphore::new(inbox::AT_ONCE),
            console: Console::default(),
            history_room: History::default(),
            js_tickets: JsTickets::default(),
            arrivals: Arrivals::default(),
            subscribed: Arrivals::default(),
            public_url: OnceLock::new(),
            stripes: std::array::from_fn(|_| Mutex::default()),
            registry,
            store,
            wechat,
            clock,
            chance,
        }));
        Ok(engine)
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Says that the end is near: from now on [`Engine::ready`] says no, and
    /// everything goes on as before.
    pub fn announce_stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether work can be taken in.
    ///
    /// # Errors
    /// Why not, in a sentence.
    pub async fn ready(&self) -> Result<(), String> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err("the gateway is about to stop".to_owned());
        }
        self.store.ping().await.map_err(|error| error.to_string())
    }
}
