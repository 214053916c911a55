//! What every store must do. A case is a function of a store and a [`Kit`]; it
//! is named once in its file's [`cases!`] (one that is not named is reported as
//! unused) and becomes a test for each back-end listed there.

mod accounts;
mod broadcasts;
mod by_hand;
mod console;
mod credentials;
mod expansion;
mod followers;
mod forwards;
mod history;
mod idempotency;
mod inbox;
mod intake;
mod interleaving;
mod keys;
mod leases;
mod ledger;
mod media;
mod menus;
mod people;
mod queue;
mod quotas;
mod receipts;
mod reroute;
mod retention;
mod search;
mod settling;
mod tallies;
mod template_changes;
mod templates;
mod web;
mod webhooks;

pub(crate) use expansion::{Stage, Walk};
pub(crate) use inbox::FILLED;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hongyan_domain::account::{Account, AccountKind, AccountOptions, AccountSettings, TokenMode};
use hongyan_domain::clock::{Clock, ManualClock};
use hongyan_domain::delivery::{
    Attempt, Claimed, Decision, Delivery, History, Outcome, Refusal, Settlement,
};
use hongyan_domain::message::{
    Content, Message, OnUnknown, Priority, State, TemplateContent, Value,
};
use hongyan_domain::port::{
    Accepted, Idempotency, MessageFilter, NewBatch, Page, Settled, Store, StoredResponse,
};
use hongyan_domain::{AccountId, KeyId, MessageId, NodeId};
use hongyan_wechat::{AppSecret, ErrCode, MsgId};
use jiff::Timestamp;

/// Makes each named case a test for every back-end. A new back-end is one more
/// line here.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        $(
            mod $case {
                #[test]
                fn sqlite() {
                    crate::sqlite::run(super::$case);
                }

                #[test]
                fn postgres() {
                    crate::postgres::run(super::$case);
                }
            }
        )+
    };
}
use cases;

/// A case of the suite.
pub(crate) trait Case: AsyncFn(&dyn Store, &Kit) {
    async fn call(&self, store: &dyn Store, kit: &Kit) {
        self(store, kit).await;
    }
}

impl<F: AsyncFn(&dyn Store, &Kit)> Case for F {}

/// The lease tests claim with.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// Time by hand, and the making of things that are asked for.
pub(crate) struct Kit {
    pub(crate) clock: Arc<ManualClock>,
    made: AtomicU64,
}

impl Default for Kit {
    fn default() -> Self {
        let start = "2026-11-21T04:00:00Z".parse().unwrap();
        Self {
            clock: Arc::new(ManualClock::new(start)),
            made: AtomicU64::new(0),
        }
    }
}

impl Kit {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Bytes that were not there before and grow.
    fn fresh(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&self.made.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        bytes
    }

    pub(crate) fn settings(&self, name: &str) -> AccountSettings {
        AccountSettings {
            name: name.parse().unwrap(),
            kind: AccountKind::OfficialAccount,
            appid: format!("wx-{name}").parse().unwrap(),
            secret: AppSecret::new(format!("secret of {name}")),
            original_id: None,
            token_mode: TokenMode::Stable,
            callback: None,
            rate_per_second: None,
            max_in_flight: 10_000,
            disabled: false,
            options: AccountOptions::default(),
        }
    }

    pub(crate) async fn account(&self, store: &dyn Store, name: &str) -> AccountId {
        let account: Account = store.add_account(&self.settings(name), None).await.unwrap();
        account.id
    }

    pub(crate) fn key_id(&self) -> KeyId {
        KeyId::new(self.now(), self.fresh())
    }

    pub(crate) fn node(&self) -> NodeId {
        NodeId::new(self.now(), self.fresh())
    }

    pub(crate) fn message(&self, account: AccountId) -> Message {
        Message {
            id: MessageId::new(self.now(), self.fresh()),
            account,
            to: "oPerson".parse().unwrap(),
            content: Content::Template(TemplateContent {
                template_id: "tpl".parse().unwrap(),
                data: [("thing1".to_owned(), Value::from("包裹"))]
                    .into_iter()
                    .collect(),
                url: None,
                miniprogram: None,
            }),
            priority: Priority::Normal,
            on_unknown: OnUnknown::Keep,
            send_at: None,
            expires_at: None,
            reference: None,
            metadata: None,
            created_at: self.now(),
            created_by: None,
            trace_context: None,
            broadcast: None,
            handling: None,
        }
    }

    /// Queues a message that was changed a little.
    pub(crate) async fn queue_with(
        &self,
        store: &dyn Store,
        account: AccountId,
        change: impl FnOnce(&mut Message),
    ) -> MessageId {
        let mut message = self.message(account);
        change(&mut message);
        let id = message.id;
        let batch = NewBatch {
            messages: vec![message],
            idempotency: None,
        };
        assert_eq!(store.accept(batch).await.unwrap(), Accepted::Stored);
        id
    }

    pub(crate) async fn queue(&self, store: &dyn Store, account: AccountId) -> MessageId {
        self.queue_with(store, account, |_| {}).await
    }

    pub(crate) fn idempotency(&self, caller: KeyId, key: &str, body: &'static str) -> Idempotency {
        Idempotency {
            caller,
            key: key.to_owned(),
            fingerprint: [body.len().to_le_bytes()[0]; 32],
            response: StoredResponse {
                status: 202,
                body: body.into(),
            },
        }
    }

    pub(crate) fn refused(&self, code: i64) -> Attempt {
        let errcode = ErrCode(code);
        let refusal = Refusal {
            errcode,
            errmsg: format!("no {code}"),
            rid: Some("rid".to_owned()),
        };
        Attempt::new(
            self.now(),
            &Outcome::Refused(refusal),
            Duration::from_millis(51),
        )
    }

    pub(crate) fn took(&self) -> Attempt {
        let outcome = Outcome::Accepted { msgid: Some(MSGID) };
        Attempt::new(self.now(), &outcome, Duration::from_millis(49))
    }

    pub(crate) fn settlement(
        &self,
        claimed: &Claimed,
        attempts: Vec<Attempt>,
        decision: Decision,
    ) -> Settlement {
        Settlement {
            message: claimed.message.id,
            lease_token: claimed.lease.token,
            attempts,
            decision,
            history: History::default(),
            at: self.now(),
            ledger: None,
            awaits_receipt: false,
            tallied: false,
        }
    }

    /// Claims the one message that is due.
    pub(crate) async fn claim_one(&self, store: &dyn Store, account: AccountId) -> Claimed {
        let mut claimed = store
            .claim(account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed;
        assert_eq!(claimed.len(), 1, "{claimed:#?}");
        claimed.remove(0)
    }

    /// Claims the next of those that are due.
    pub(crate) async fn claim_first(&self, store: &dyn Store, account: AccountId) -> Claimed {
        let batch = store.claim(account, 1, LEASE, Priority::Low).await.unwrap();
        batch.claimed.into_iter().next().unwrap()
    }

    /// Queues a message and carries it to a state.
    pub(crate) async fn bring_to(
        &self,
        store: &dyn Store,
        account: AccountId,
        state: State,
    ) -> MessageId {
        let id = self.queue(store, account).await;
        if state == State::Open {
            return id;
        }
        let claimed = self.claim_one(store, account).await;
        assert_eq!(claimed.message.id, id);
        let attempt = if state == State::Accepted {
            self.took()
        } else {
            self.refused(43004)
        };
        let over = self.settlement(&claimed, vec![attempt], over(state));
        assert_eq!(
            store.settle([over].into()).await.unwrap(),
            [Settled::Written]
        );
        id
    }

    pub(crate) async fn delivery(&self, store: &dyn Store, id: MessageId) -> Delivery {
        store.delivery(id).await.unwrap().unwrap()
    }

    pub(crate) async fn search(&self, store: &dyn Store, filter: MessageFilter) -> Vec<MessageId> {
        let found = store
            .deliveries(
                &filter,
                Page {
                    limit: 100,
                    after: None,
                },
            )
            .await
            .unwrap();
        found
            .into_iter()
            .map(|delivery| delivery.message.id)
            .collect()
    }
}

/// A number that no floating-point number holds.
pub(crate) const MSGID: MsgId = MsgId(u64::MAX - 1);

pub(crate) fn over(state: State) -> Decision {
    Decision::Settle {
        state,
        msgid: (state == State::Accepted).then_some(MSGID),
    }
}
