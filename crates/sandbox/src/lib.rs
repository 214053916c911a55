//! A stateful emulator of WeChat's servers.
//!
//! It answers at WeChat's own paths with WeChat's rules: tokens that expire and
//! push each other out, templates that must exist, people who must follow or
//! consent, keyword types, quotas, de-duplication. Beside that it has a control
//! API under `/sandbox/v1`, programmable failures, a virtual clock, a request
//! log, a stream of what happens, and people's phones at `/`.
//!
//! It is written from the vendor's documentation alone and shares no code with
//! any client, so that the two cannot agree on one mistake. What people do, and
//! what became of sends, it pushes to the accounts' own servers.
//!
//! Invariants: nothing leaves the process but pushes to the callbacks that
//! accounts name; with a data directory every change is written before it is
//! answered, and only pushes under way are lost with the process; nothing here
//! is a real secret.
//!
//! ```
//! use hongyan_sandbox::{AccountKind, NewAccount, Sandbox, SandboxConfig};
//!
//! let sandbox = Sandbox::open(SandboxConfig::default())?;
//! let account = sandbox.add_account(NewAccount::new(AccountKind::OfficialAccount))?;
//! let person = sandbox.add_person("Ming")?;
//! let openid = sandbox.follow(&person.person_id, &account.appid)?;
//! assert_eq!(openid.len(), 28);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod api;
mod callback;
mod clock;
mod control;
mod counters;
mod event;
mod faults;
mod ids;
mod journal;
mod live;
mod model;
mod operate;
mod outcome;
mod page;
mod phone;
mod refusal;
mod requests;
mod rules;
mod server;
mod shelf;
mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use callback::Outbox;
use clock::Clock;
use counters::Counters;
use faults::Faults;
use ids::Ids;
use journal::Journal;
use live::Live;
use requests::RequestLog;
use state::World;
use state::ledger::Ledger;
use state::media::Blobs;

pub use clock::{ClockBase, ClockView};
pub use faults::{DropMoment, FaultEffect, FaultView, NewFault};
pub use journal::OpenError;
pub use model::{
    AccountKind, AccountPatch, AccountView, Action, BulkView, Callback, CallbackFormat,
    CallbackMode, Choices, CodeView, DuplicateAnswer, GrantView, Inbox, InboxItem, InboxKind,
    MembershipView, MenuSource, MenuView, MessageKind, NewAccount, NewBulk, NewTemplate,
    PersonView, Platform, PopupScene, SceneView, Subscription, TemplatePatch, TemplateView,
};
pub use operate::{
    CallbackStats, ControlError, DeliveryPage, DeliveryQuery, DeliveryStatus, DeliveryView,
    QuotaView, Since, Stats,
};
pub use outcome::{
    ActionOutcome, CallbackOutcome, CallbackReply, ReceiptRules, ReceiptStatus, Shown,
};
pub use requests::{Direction, RequestView};

/// How a sandbox is set up. The default lives in memory on real time.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Directory of the journal; without one everything is forgotten at the end.
    pub data_dir: Option<PathBuf>,
    /// What the virtual clock stands on.
    pub clock: ClockBase,
    /// Address under which the sandbox is reached, such as
    /// `http://127.0.0.1:8700`; otherwise taken from each request's `Host`.
    pub public_url: Option<String>,
    /// Seed of ids and chances, for runs that must repeat; drawn where absent.
    pub seed: Option<u64>,
    /// The journal is written anew at opening when the lines a rewrite could
    /// shorten exceed so many bytes.
    pub rewrite_above: u64,
    /// Real time a server has for the answer to one push; WeChat gives it five
    /// seconds.
    pub callback_timeout: Duration,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            data_dir: None,
            clock: ClockBase::System,
            public_url: None,
            seed: None,
            rewrite_above: 8 * 1024 * 1024,
            callback_timeout: Duration::from_secs(5),
        }
    }
}

/// A running emulator. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Sandbox {
    world: Arc<World>,
}

impl Sandbox {
    /// Opens a sandbox: empty, or with what the journal in
    /// [`SandboxConfig::data_dir`] holds.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use by another process, or
    /// holds a journal that is damaged or of a newer version. Nothing is
    /// overwritten then.
    pub fn open(config: SandboxConfig) -> Result<Self, OpenError> {
        let ids = Ids::new(config.seed);
        let clock = Clock::new(config.clock);
        // Above 2^60 and thus above 2^53, where floats begin to lose digits;
        // later processes start higher than earlier ones got.
        let opened = u64::try_from(clock.now_ms()).unwrap_or(0) & 0xff_ffff_ffff;
        let world = Arc::new_cyclic(|me| World {
            me: me.clone(),
            faults: Faults::new(config.seed.unwrap_or_else(|| ids.next())),
            clock,
            ids,
            accounts: RwLock::default(),
            people: Mutex::default(),
            tokens: state::token::TokenStore::default(),
            logins: Mutex::default(),
            // 17 digits as in 2022, and thus above 2^53 as well.
            outbox: Outbox::new(24_980_000_000_000_000 + opened * 8),
            ledger: Mutex::new(Ledger::new(Journal::in_memory())),
            requests: RequestLog::default(),
            live: Live::new(opened),
            counters: Counters::default(),
            blobs: Blobs::new(config.data_dir.as_deref()),
            control: Mutex::new(()),
            msgid_base: (1 << 60) + (opened << 20),
            config,
        });
        if let Some(dir) = &world.config.data_dir {
            world.load(dir, world.config.rewrite_above)?;
        }
        Ok(Self { world })
    }
}
