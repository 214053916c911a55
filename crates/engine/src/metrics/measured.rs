//! A store whose steps are counted and timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hongyan_domain::account::{Account, AccountSettings, Illness, Parked};
use hongyan_domain::callback::{
    Callback, CallbackFilter, Effect, Forward, ForwardState, Forwarded, Received,
};
use hongyan_domain::contact::{Contact, Sighting, User, UserId};
use hongyan_domain::delivery::{Delivery, Settlement};
use hongyan_domain::grant::{Consent, Grant, GrantKey, Hold, Window};
use hongyan_domain::key::ApiKey;
use hongyan_domain::port::{
    Accepted, AccountStore, Ask, Batch, Binding, Cancellation, ContactFilter, CredentialLease,
    CredentialStore, EarlierLogin, Hint, Idempotency, InboxStore, KeyStore, LedgerStore,
    MessageFilter, MessageStore, NewBatch, Page, PeopleStore, QueueDepth, QueueStore, RefreshCount,
    Requeue, Revision, RuleStore, Settled, Store, StoreError, StoredCredential, StoredResponse,
    TemplateStore, TicketHolder, Usage, Walk, WebStore,
};
use hongyan_domain::rule::RuleSet;
use hongyan_domain::template::Template;
use hongyan_domain::{AccountId, CallbackId, KeyId, MessageId, NodeId};
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
        fn revisions() -> Vec<Revision>;
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
        fn claim(account: AccountId, limit: usize, lease: Duration) -> Batch;
        fn settle(settlements: Arc<[Settlement]>) -> Vec<Settled>;
        fn release(held: &[(MessageId, i64)]) -> ();
        fn expire(limit: usize) -> Vec<MessageId>;
        fn depths() -> Vec<QueueDepth>;
    }
    TemplateStore {
        fn replace_templates(account: AccountId, templates: &[Template]) -> ();
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
