//! A store whose steps are counted and timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use hongyan_domain::account::{Account, AccountSettings, Breaker, Illness, Parked};
use hongyan_domain::broadcast::{
    Broadcast, BroadcastState, Counts, Recipient, RecipientId, Skipped,
};
use hongyan_domain::callback::{
    Callback, CallbackFilter, Effect, Forward, ForwardState, Forwarded, Received,
};
use hongyan_domain::console::{Operator, Session};
use hongyan_domain::contact::{Contact, Described, FollowerSync, Sighting, SyncStep, User, UserId};
use hongyan_domain::delivery::{Delivery, Settlement};
use hongyan_domain::grant::{Consent, Grant, GrantKey, Hold, Window};
use hongyan_domain::history::Count;
use hongyan_domain::key::ApiKey;
use hongyan_domain::media::Media;
use hongyan_domain::menu::MenuVersion;
use hongyan_domain::message::Priority;
use hongyan_domain::port::{
    Accepted, AccountStore, Ask, Batch, Binding, BroadcastStore, Cancellation, ConsoleStore,
    ContactFilter, CredentialLease, CredentialStore, EarlierLogin, Expanded, Expansion, Hint,
    HistoryStore, Idempotency, InboxStore, Intake, KeyStore, LedgerStore, MediaStore, MenuStore,
    MessageFilter, MessageStore, NewBatch, Page, PeopleStore, QueueDepth, QueueStore, QuotaStore,
    RefreshCount, Requeue, Revision, RuleStore, Settled, Store, StoreError, StoredCredential,
    StoredResponse, TemplateStore, TicketHolder, Usage, Walk, WebStore, WebhookStore,
};
use hongyan_domain::qrcode::QrCode;
use hongyan_domain::quota::{CallsMade, Quota, ReportedQuota};
use hongyan_domain::rule::RuleSet;
use hongyan_domain::template::{Template, TemplateChange, TemplateUse};
use hongyan_domain::webhook::{
    ClaimedDelivery, FormerSecret, Posted, Webhook, WebhookChange, WebhookDelivery,
    WebhookDeliveryFilter, WebhookDepth, WebhookSecret,
};
use hongyan_domain::{
    AccountId, BroadcastId, CallbackId, KeyId, MediaId, MessageId, NodeId, WebhookDeliveryId,
    WebhookId,
};
use hongyan_wechat::{AccessToken, JsTicket, OpenId, SessionKey, TemplateId, UnionId};
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

/// From half a millisecond, a commit on a fast disk, to the statement's limit.
const STEPS: [f64; 10] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
];

/// How one kind of step went.
#[derive(Debug)]
pub(crate) struct Step {
    pub(super) seconds: Histogram,
    /// It could not be done at the time.
    pub(super) unavailable: Counter,
    /// What is stored could not be understood.
    pub(super) corrupt: Counter,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(STEPS),
            unavailable: Counter::default(),
            corrupt: Counter::default(),
        }
    }
}

impl Step {
    async fn measure<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = work.await;
        self.seconds.observe(began.elapsed().as_secs_f64());
        match &result {
            Err(StoreError::Unavailable { .. }) => {
                self.unavailable.inc();
            }
            Err(StoreError::Corrupt { .. }) => {
                self.corrupt.inc();
            }
            // The others are answers.
            Ok(_)
            | Err(
                StoreError::Taken { .. } | StoreError::Missing { .. } | StoreError::InUse { .. },
            ) => {}
        }
        result
    }
}

/// A store that measures another.
pub(crate) struct Measured {
    store: Arc<dyn Store>,
    metrics: Arc<StoreMetrics>,
}

impl Measured {
    pub(crate) fn new(store: Arc<dyn Store>, metrics: Arc<StoreMetrics>) -> Self {
        Self { store, metrics }
    }
}

/// Declares each step once: a field in [`StoreMetrics`], and the method that
/// measures it.
macro_rules! measured {
    ($($port:ident { $(fn $step:ident($($name:ident: $type:ty),*) -> $answer:ty;)* })*) => {
        /// How the steps of each kind went.
        #[derive(Debug, Default)]
        pub(crate) struct StoreMetrics {
            ping: Step,
            $($($step: Step,)*)*
        }

        impl StoreMetrics {
            /// All, by the name of the step.
            pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Step)> {
                [("ping", &self.ping) $($(, (stringify!($step), &self.$step))*)*].into_iter()
            }
        }

        $(
            #[async_trait]
            impl $port for Measured {
                $(
                    async fn $step(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                        self.metrics.$step.measure(self.store.$step($($name),*)).await
                    }
                )*
            }
        )*
    };
}

measured! {
    AccountStore {
        fn add_account(settings: &AccountSettings, once: Option<&Idempotency>) -> Account;
        fn accounts() -> Vec<Account>;
        fn change_account(id: AccountId, settings: &AccountSettings) -> Account;
        fn remove_account(id: AccountId) -> ();
        fn set_parked(id: AccountId, parked: Option<&Parked>) -> ();
        fn set_illness(id: AccountId, illness: Option<&Illness>) -> ();
        fn set_breaker(id: AccountId, breaker: Option<&Breaker>) -> ();
        fn revisions() -> Vec<Revision>;
    }
    BroadcastStore {
        fn add_broadcast(broadcast: &Broadcast, once: Option<&Idempotency>) -> ();
        fn broadcast(id: BroadcastId) -> Option<Broadcast>;
        fn broadcasts(accounts: Option<&[AccountId]>, page: &Page<BroadcastId>) -> Vec<Broadcast>;
        fn add_recipients(id: BroadcastId, intake: &Intake) -> Option<Broadcast>;
        fn recipients(id: BroadcastId, chunk: u32) -> Vec<Recipient>;
        fn move_broadcast(
            id: BroadcastId,
            from: &[BroadcastState],
            to: BroadcastState,
            problem: Option<&str>,
            at: Timestamp
        ) -> Option<Broadcast>;
        fn expand(id: BroadcastId, expansion: &Expansion) -> Option<Expanded>;
        fn lease_broadcasts(node: NodeId, lease: Duration) -> Vec<Broadcast>;
        fn broadcast_counts(id: BroadcastId) -> Counts;
        fn skipped(id: BroadcastId, page: &Page<i64>) -> Vec<(i64, Skipped)>;
        fn forget_broadcasts(before: Timestamp, limit: usize) -> usize;
    }
    MediaStore {
        fn add_media(media: &Media, bytes: &Bytes) -> Media;
        fn media(account: AccountId, id: MediaId) -> Option<Media>;
        fn media_bytes(account: AccountId, id: MediaId) -> Option<Bytes>;
        fn medias(account: AccountId, page: &Page<MediaId>) -> Vec<Media>;
        fn note_at_wechat(
            account: AccountId,
            id: MediaId,
            at_wechat: Option<(&str, Timestamp)>
        ) -> ();
        fn remove_media(account: AccountId, id: MediaId) -> bool;
    }
    MenuStore {
        fn keep_menu(
            account: AccountId,
            document: Option<&str>,
            note: Option<&str>,
            applied_by: Option<KeyId>,
            at: Timestamp
        ) -> MenuVersion;
        fn menu_versions(account: AccountId, page: &Page<u32>) -> Vec<MenuVersion>;
        fn menu_version(account: AccountId, version: u32) -> Option<MenuVersion>;
        fn keep_qrcode(code: &QrCode) -> QrCode;
        fn qrcodes(account: AccountId, page: &Page<String>) -> Vec<QrCode>;
        fn forget_qrcode(account: AccountId, scene: &str) -> bool;
    }
    ConsoleStore {
        fn add_operator(operator: &Operator, only_as_first: bool) -> ();
        fn operators() -> Vec<Operator>;
        fn change_operator(operator: &Operator, ends_sessions: bool) -> ();
        fn remove_operator(id: KeyId) -> ();
        fn begin_session(session: &Session) -> ();
        fn session(digest: &[u8; 32]) -> Option<(Session, Operator)>;
        fn prolong_session(digest: &[u8; 32], ends_at: Timestamp) -> ();
        fn end_session(digest: &[u8; 32]) -> ();
        fn forget_sessions(before: Timestamp, limit: usize) -> usize;
    }
    HistoryStore {
        fn note_history(counts: &[Count]) -> ();
        fn history(
            accounts: Option<&[AccountId]>,
            from: Timestamp,
            to: Timestamp,
            step: Duration
        ) -> Vec<Count>;
        fn forget_history(before: Timestamp, limit: usize) -> usize;
    }
    QuotaStore {
        fn note_calls(calls: &[CallsMade]) -> ();
        fn note_quota(account: AccountId, path: &str, day: i64, reported: &ReportedQuota) -> ();
        fn quotas(account: AccountId, day: i64) -> Vec<Quota>;
        fn count_clearing(account: AccountId, month: i64) -> u32;
        fn clearings(account: AccountId, month: i64) -> u32;
        fn forget_counts(day: i64, limit: usize) -> usize;
    }
    CredentialStore {
        fn credential(account: AccountId) -> Option<StoredCredential>;
        fn lease_credential(account: AccountId, node: NodeId, lease: Duration) -> CredentialLease;
        fn keep_credential(
            account: AccountId,
            fence: i64,
            token: &AccessToken,
            obtained_at: Timestamp,
            expires_at: Timestamp
        ) -> Option<i64>;
        fn return_credential_lease(account: AccountId, fence: i64) -> ();
        fn drop_credential(account: AccountId) -> ();
        fn count_refresh(account: AccountId, day: i64) -> RefreshCount;
        fn count_foreign_refresh(account: AccountId, day: i64) -> RefreshCount;
        fn refreshes(account: AccountId, day: i64) -> RefreshCount;
    }
    InboxStore {
        fn receive(callback: &Callback, effects: &[Effect], forward_to: &[String]) -> Received;
        fn keep_reply(id: CallbackId, reply: &str) -> String;
        fn callback(id: CallbackId) -> Option<Callback>;
        fn callbacks(
            account: AccountId,
            filter: &CallbackFilter,
            page: &Page<CallbackId>
        ) -> Vec<Callback>;
        fn join_early_receipts(limit: usize) -> (Vec<MessageId>, bool);
        fn receipts_missing(before: Timestamp, at_most: usize) -> Vec<(AccountId, u64)>;
        fn forget_callbacks(before: Timestamp, limit: usize) -> usize;
        fn claim_forwards(limit: usize, lease: Duration) -> Vec<Forward>;
        fn settle_forward(id: i64, lease_token: i64, ended: &Forwarded) -> ();
        fn replay(id: CallbackId, url: &str) -> ();
        fn forwards(id: CallbackId) -> Vec<ForwardState>;
    }
    LedgerStore {
        fn answered(consents: &[Consent]) -> Vec<bool>;
        fn clear(account: AccountId, asks: &[Ask]) -> Vec<Hold>;
        fn grants(account: AccountId, openid: &OpenId) -> Vec<(GrantKey, Grant)>;
        fn windows(account: AccountId, openid: &OpenId) -> Vec<Window>;
    }
    PeopleStore {
        fn saw(
            account: AccountId,
            sighting: &Sighting,
            session_key: Option<&SessionKey>
        ) -> (Contact, bool);
        fn contact(account: AccountId, openid: &OpenId) -> Option<Contact>;
        fn contacts(
            account: AccountId,
            filter: &ContactFilter,
            page: &Page<OpenId>
        ) -> Vec<Contact>;
        fn contacts_of(unionid: &UnionId) -> Vec<Contact>;
        fn session_key(account: AccountId, openid: &OpenId) -> Option<(SessionKey, Timestamp)>;
        fn forget_contact(account: AccountId, openid: &OpenId) -> bool;
        fn bind_user(
            id: &UserId,
            unionid: Option<&UnionId>,
            openids: &[(AccountId, OpenId)],
            takes_over: bool
        ) -> Binding;
        fn user(id: &UserId) -> Option<User>;
        fn users(page: &Page<UserId>) -> Vec<User>;
        fn user_of(account: AccountId, openid: &OpenId) -> Option<UserId>;
        fn remove_user(id: &UserId) -> ();
        fn accounts_of(openids: &[OpenId]) -> Vec<Vec<AccountId>>;
        fn openids_of(account: AccountId, who: &[RecipientId]) -> Vec<Option<OpenId>>;
        fn follower_sync(account: AccountId) -> Option<FollowerSync>;
        fn step_follower_sync(
            account: AccountId,
            from: Option<&FollowerSync>,
            step: &SyncStep,
            to: &FollowerSync
        ) -> bool;
        fn describe(account: AccountId, people: &[Described]) -> ();
        fn undescribed(account: AccountId, after: Option<&OpenId>, limit: usize) -> Vec<OpenId>;
        fn count_contacts(account: AccountId) -> (u64, u64);
    }
    RuleStore {
        fn replace_rules(account: AccountId, rules: &RuleSet) -> ();
        fn rules(account: AccountId) -> RuleSet;
    }
    WebStore {
        fn begin_walk(digest: &[u8; 32], walk: &Walk) -> ();
        fn end_walk(digest: &[u8; 32]) -> Option<Walk>;
        fn issue_ticket(digest: &[u8; 32], holder: &TicketHolder) -> ();
        fn redeem_ticket(digest: &[u8; 32]) -> Option<TicketHolder>;
        fn keep_login(
            account: AccountId,
            code_digest: &[u8; 32],
            login: &EarlierLogin,
            ends_at: Timestamp
        ) -> ();
        fn earlier_login(account: AccountId, code_digest: &[u8; 32]) -> Option<EarlierLogin>;
        fn keep_js_ticket(account: AccountId, ticket: &JsTicket, ends_at: Timestamp) -> ();
        fn js_ticket(account: AccountId) -> Option<(JsTicket, Timestamp)>;
    }
    WebhookStore {
        fn add_webhook(webhook: &Webhook, once: Option<&Idempotency>) -> ();
        fn webhooks() -> Vec<Webhook>;
        fn webhook(id: WebhookId) -> Option<Webhook>;
        fn change_webhook(id: WebhookId, change: &WebhookChange, at: Timestamp) -> Webhook;
        fn rotate_webhook_secret(
            id: WebhookId,
            secret: &WebhookSecret,
            former: Option<&FormerSecret>,
            at: Timestamp
        ) -> Webhook;
        fn remove_webhook(id: WebhookId) -> ();
        fn ping_webhook(id: WebhookId) -> WebhookDelivery;
        fn claim_webhooks(
            each: usize,
            busy: &[(WebhookId, usize)],
            lease: Duration
        ) -> Vec<(Webhook, Vec<ClaimedDelivery>)>;
        fn settle_webhook(id: WebhookDeliveryId, lease_token: i64, posted: &Posted) -> bool;
        fn webhook_deliveries(
            webhook: WebhookId,
            filter: &WebhookDeliveryFilter,
            page: &Page<WebhookDeliveryId>
        ) -> Vec<WebhookDelivery>;
        fn webhook_delivery(id: WebhookDeliveryId) -> Option<WebhookDelivery>;
        fn webhook_deliveries_of(message: MessageId) -> Vec<WebhookDelivery>;
        fn retry_webhook_delivery(id: WebhookDeliveryId) -> WebhookDelivery;
        fn retry_failed_webhooks(webhook: WebhookId, since: Timestamp, limit: usize) -> usize;
        fn webhook_depths() -> Vec<WebhookDepth>;
        fn forget_webhook_deliveries(before: Timestamp, limit: usize) -> usize;
    }
    KeyStore {
        fn add_key(key: &ApiKey, once: Option<&Idempotency>) -> ();
        fn keys() -> Vec<ApiKey>;
        fn key_by_digest(digest: &[u8; 32]) -> Option<ApiKey>;
        fn remove_key(id: KeyId) -> ();
    }
    MessageStore {
        fn accept(batch: NewBatch) -> Accepted;
        fn earlier_response(caller: KeyId, key: &str) -> Option<([u8; 32], StoredResponse)>;
        fn delivery(id: MessageId) -> Option<Delivery>;
        fn deliveries(filter: &MessageFilter, page: Page<MessageId>) -> Vec<Delivery>;
        fn cancel(id: MessageId, at: Timestamp) -> Cancellation;
        fn requeue(id: MessageId, at: Timestamp) -> Requeue;
        fn forget_old_responses(limit: usize) -> usize;
        fn forget_finished(before: Timestamp, limit: usize) -> usize;
    }
    QueueStore {
        fn claim(account: AccountId, limit: usize, lease: Duration, least: Priority) -> Batch;
        fn backlog(account: AccountId, least: Priority, at_most: usize) -> usize;
        fn bring_forward(account: AccountId, put_off_until: Timestamp, limit: usize) -> usize;
        fn settle(settlements: Arc<[Settlement]>) -> Vec<Settled>;
        fn release(held: &[(MessageId, i64)]) -> ();
        fn expire(limit: usize) -> Vec<MessageId>;
        fn depths() -> Vec<QueueDepth>;
    }
    TemplateStore {
        fn replace_templates(
            account: AccountId,
            templates: &[Template],
            changes: &[TemplateChange]
        ) -> ();
        fn template_changes(account: AccountId, page: &Page<i64>) -> Vec<(i64, TemplateChange)>;
        fn note_template_uses(uses: &[(AccountId, TemplateId, TemplateUse)]) -> ();
        fn template_uses(
            account: AccountId,
            id: &TemplateId,
            since: Timestamp
        ) -> Vec<TemplateUse>;
        fn templates(account: AccountId) -> Vec<Template>;
        fn template(account: AccountId, id: &TemplateId) -> Option<Template>;
    }
}

#[async_trait]
impl Store for Measured {
    async fn ping(&self) -> Result<(), StoreError> {
        self.metrics.ping.measure(self.store.ping()).await
    }

    async fn hint(&self) -> Hint {
        self.store.hint().await
    }

    fn sending(&self, account: AccountId, count: usize) {
        self.store.sending(account, count);
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    async fn shutdown(&self) {
        self.store.shutdown().await;
    }
}
