//! Answers that are lost after the step took effect, and requests that are lost
//! before: each step is done once, and its caller hears so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::broadcast::BroadcastState;
use hongyan_domain::callback::{Effect, Forwarded, Received};
use hongyan_domain::clock::after;
use hongyan_domain::contact::Sighting;
use hongyan_domain::delivery::{Claimed, Decision, Reroute, Settlement};
use hongyan_domain::grant::{Hold, Source};
use hongyan_domain::key::ApiKey;
use hongyan_domain::message::{Handling, Priority, State};
use hongyan_domain::port::{
    Accepted, AccountStore, Ask, BroadcastStore, Cancellation, CredentialLease, CredentialStore,
    InboxStore, Intake, KeyStore, LedgerStore, MenuStore, MessageStore, NewBatch, Page,
    PeopleStore, QueueStore, QuotaStore, Requeue, Settled, TemplateStore, Walk, WebStore,
};
use hongyan_domain::quota::CallsMade;
use hongyan_domain::template::{TemplateChange, TemplateUse};
use hongyan_store::PostgresStore;
use hongyan_test_postgres::{Database, Server};
use hongyan_wechat::AccessToken;
use tokio::time::timeout;

use super::broadcasts::{broadcast, expansion, people, tally};
use super::options;
use super::proxy::{self, Loss, Plan, Step};
use crate::suite::{Kit, LEASE, over};

/// A store behind a proxy.
struct Stage {
    _database: Database,
    store: PostgresStore,
    kit: Kit,
    plan: Plan,
    account: AccountId,
}

impl Stage {
    async fn set() -> Self {
        let (database, kit) = (Server::shared().database(), Kit::default());
        let plan: Plan = Arc::new(Mutex::new(None));
        let url = proxy::start(database.url(), Arc::clone(&plan)).await;
        let store = PostgresStore::open(hongyan_store::PostgresOptions {
            clock: Some(kit.clock.clone()),
            ..options(&url)
        })
        .await
        .unwrap();
        let account = kit.account(&store, "oa").await;
        Self {
            _database: database,
            store,
            kit,
            plan,
            account,
        }
    }

    /// Does a step twice to be sure that its statements are known to the
    /// connections, then once with a loss.
    async fn lose<T>(&self, loss: Loss, step: Step, mut work: impl AsyncFnMut() -> T) -> T {
        for _ in 0..2 {
            work().await;
        }
        *self.plan.lock().unwrap() = Some((loss, step));
        let result = work().await;
        assert_eq!(*self.plan.lock().unwrap(), None, "nothing was lost");
        result
    }

    async fn claim_one(&self) -> Claimed {
        self.kit.claim_one(&self.store, self.account).await
    }

    async fn settle(&self, settlement: Settlement) -> Settled {
        self.store.settle([settlement].into()).await.unwrap()[0]
    }
}

#[tokio::test]
async fn what_was_taken_in_is_taken_in_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    for (loss, with_key) in [
        (Loss::Answer, false),
        (Loss::Answer, true),
        (Loss::Request, false),
        (Loss::Request, true),
    ] {
        let before: u64 = store.depths().await.unwrap().iter().map(|d| d.open).sum();
        let caller = kit.key_id();
        let mut calls = 0;
        let accepted = stage
            .lose(loss, Step::Commit, async || {
                calls += 1;
                let key = format!("k{calls}");
                let idempotency = with_key.then(|| kit.idempotency(caller, &key, "answer"));
                let messages = vec![kit.message(stage.account), kit.message(stage.account)];
                store
                    .accept(NewBatch {
                        messages,
                        idempotency,
                    })
                    .await
            })
            .await;
        assert_eq!(accepted, Ok(Accepted::Stored), "{loss:?}");
        let open: u64 = store.depths().await.unwrap().iter().map(|d| d.open).sum();
        assert_eq!(open - before, 6, "{loss:?}");
    }
}

#[tokio::test]
async fn what_was_handed_out_without_a_word_is_handed_out_again() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    for loss in [Loss::Answer, Loss::Request] {
        let mut sent = Vec::new();
        let mut id = None;
        let claimed = stage
            .lose(loss, Step::Commit, async || {
                // It is the claim's commit that is to be lost.
                let plan = stage.plan.lock().unwrap().take();
                if let Some(end) = sent.pop() {
                    stage.settle(end).await;
                }
                id = Some(kit.queue(store, stage.account).await);
                *stage.plan.lock().unwrap() = plan;
                let claimed = stage.claim_one().await;
                sent.push(kit.settlement(&claimed, vec![kit.took()], over(State::Accepted)));
                claimed
            })
            .await;
        assert_eq!(Some(claimed.message.id), id, "{loss:?}");
        assert_eq!(claimed.interrupted_at, None, "nobody has sent it");
        let end = sent.pop().unwrap();
        assert_eq!(stage.settle(end).await, Settled::Written);
    }
}

#[tokio::test]
async fn a_claim_nobody_waited_for_is_given_back() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let id = kit.queue(store, stage.account).await;
    let release = async |claimed: &[Claimed]| {
        let held: Vec<_> = claimed.iter().map(|one| (id, one.lease.token)).collect();
        store.release(&held).await.unwrap();
    };
    let mut abandoned = 0;
    for patience in 0..40 {
        let limit = Duration::from_micros(patience * 100);
        match timeout(limit, store.claim(stage.account, 10, LEASE, Priority::Low)).await {
            Ok(batch) => release(&batch.unwrap().claimed).await,
            // Its caller has gone away, and perhaps it came through.
            Err(_) => abandoned += 1,
        }
        let next = store
            .claim(stage.account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed;
        assert_eq!(next.len(), 1, "after {limit:?}");
        assert_eq!(next[0].interrupted_at, None);
        release(&next).await;
    }
    assert!(abandoned > 0);
}

#[tokio::test]
async fn a_settlement_is_written_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    for loss in [Loss::Answer, Loss::Request] {
        for ends in [true, false] {
            let mut last = None;
            let settled = stage
                .lose(loss, Step::Commit, async || {
                    let plan = stage.plan.lock().unwrap().take();
                    let id = kit.queue(store, stage.account).await;
                    let claimed = stage.claim_one().await;
                    *stage.plan.lock().unwrap() = plan;
                    last = Some(id);
                    let at = after(kit.now(), LEASE);
                    let decision = if ends {
                        over(State::Accepted)
                    } else {
                        Decision::RetryAt { at }
                    };
                    let attempts = vec![kit.refused(40001), kit.took()];
                    stage
                        .settle(kit.settlement(&claimed, attempts, decision))
                        .await
                })
                .await;
            assert_eq!(settled, Settled::Written, "{loss:?}");
            let delivery = kit.delivery(store, last.unwrap()).await;
            let kept = (delivery.attempt_count, delivery.attempts.len());
            assert_eq!(kept, (2, 2), "{loss:?}");
        }
    }
}

#[tokio::test]
async fn a_late_settlement_is_noted_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let mut last = None;
    let settled = stage
        .lose(Loss::Answer, Step::Commit, async || {
            let plan = stage.plan.lock().unwrap().take();
            let id = kit.queue(store, stage.account).await;
            let first = stage.claim_one().await;
            kit.clock.advance(LEASE);
            let second = stage.claim_one().await;
            let end = kit.settlement(&second, vec![kit.took()], over(State::Accepted));
            stage.settle(end).await;
            kit.advance(1);
            *stage.plan.lock().unwrap() = plan;
            last = Some(id);
            let late = kit.settlement(&first, vec![kit.refused(45011)], over(State::Failed));
            stage.settle(late).await
        })
        .await;
    assert_eq!(settled, Settled::LeaseLost);
    let delivery = kit.delivery(store, last.unwrap()).await;
    assert_eq!((delivery.attempt_count, delivery.attempts.len()), (2, 2));
}

#[tokio::test]
async fn a_change_by_hand_is_made_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let canceled = stage
        .lose(Loss::Answer, Step::Commit, async || {
            let plan = stage.plan.lock().unwrap().take();
            let id = kit.queue(store, stage.account).await;
            *stage.plan.lock().unwrap() = plan;
            store.cancel(id, kit.now()).await
        })
        .await;
    assert_eq!(canceled, Ok(Cancellation::Canceled));
    let requeued = stage
        .lose(Loss::Answer, Step::Commit, async || {
            let plan = stage.plan.lock().unwrap().take();
            let id = kit.bring_to(store, stage.account, State::Failed).await;
            *stage.plan.lock().unwrap() = plan;
            let requeued = store.requeue(id, kit.now()).await;
            let plan = stage.plan.lock().unwrap().take();
            store.cancel(id, kit.now()).await.unwrap();
            *stage.plan.lock().unwrap() = plan;
            requeued
        })
        .await;
    assert_eq!(requeued, Ok(Requeue::Queued));
    stage
        .lose(Loss::Answer, Step::Commit, async || {
            let plan = stage.plan.lock().unwrap().take();
            let id = kit.queue(store, stage.account).await;
            let claimed = stage.claim_one().await;
            *stage.plan.lock().unwrap() = plan;
            let released = store.release(&[(id, claimed.lease.token)]).await;
            let plan = stage.plan.lock().unwrap().take();
            assert_eq!(kit.delivery(store, id).await.leased_until, None);
            store.cancel(id, kit.now()).await.unwrap();
            *stage.plan.lock().unwrap() = plan;
            released
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn accounts_are_added_and_removed_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    for loss in [Loss::Answer, Loss::Request] {
        let mut made = 0;
        let added = stage
            .lose(loss, Step::Commit, async || {
                made += 1;
                let name = format!("{}-{made}", if loss == Loss::Answer { "a" } else { "b" });
                let key = kit.idempotency(kit.key_id(), &name, "made");
                store.add_account(&kit.settings(&name), Some(&key)).await
            })
            .await
            .unwrap();
        let accounts = store.accounts().await.unwrap();
        let same: Vec<_> = accounts.iter().filter(|one| one.id == added.id).collect();
        assert_eq!(same.len(), 1, "{loss:?}");
        assert_eq!(same[0].settings, added.settings);
    }
    assert_eq!(store.accounts().await.unwrap().len(), 7);
    stage
        .lose(Loss::Answer, Step::Commit, async || {
            store.replace_templates(stage.account, &[], &[]).await
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let mut left = store.accounts().await.unwrap();
    let removed = stage
        .lose(Loss::Answer, Step::Commit, async || {
            store.remove_account(left.pop().unwrap().id).await
        })
        .await;
    assert_eq!(removed, Ok(()));
    assert_eq!(store.accounts().await.unwrap().len(), 4);
}

#[tokio::test]
async fn keys_and_tokens_are_kept_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let mut made: Vec<ApiKey> = Vec::new();
    let added = stage
        .lose(Loss::Answer, Step::Commit, async || {
            let number = u8::try_from(made.len()).unwrap();
            made.push(ApiKey {
                id: kit.key_id(),
                name: format!("key {number}"),
                digest: [number; 32],
                scopes: Vec::new(),
                accounts: Vec::new(),
                created_at: kit.now(),
                expires_at: None,
            });
            store.add_key(&made[made.len() - 1], None).await
        })
        .await;
    assert_eq!(added, Ok(()));
    assert_eq!(store.keys().await.unwrap(), made);
    let removed = stage
        .lose(Loss::Answer, Step::Statement, async || {
            store.remove_key(made.pop().unwrap().id).await
        })
        .await;
    assert_eq!(removed, Ok(()));

    let node = kit.node();
    let kept = stage
        .lose(Loss::Answer, Step::Statement, async || {
            let plan = stage.plan.lock().unwrap().take();
            let leased = store.lease_credential(stage.account, node, LEASE).await;
            let Ok(CredentialLease::Taken { fence, .. }) = leased else {
                panic!("{leased:?}");
            };
            *stage.plan.lock().unwrap() = plan;
            let (token, now) = (AccessToken::new("token"), kit.now());
            store
                .keep_credential(stage.account, fence, &token, now, now)
                .await
        })
        .await;
    assert_eq!(kept, Ok(Some(3)));
    let found = store.credential(stage.account).await.unwrap().unwrap();
    assert_eq!(found.generation, 3);
}

#[tokio::test]
async fn what_wechat_tells_is_taken_in_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let account = stage.account;
    for loss in [Loss::Answer, Loss::Request] {
        let before = store.grants(account, &kit.openid("oPerson")).await.unwrap();
        let before = before.first().map_or(0, |(_, grant)| grant.count);
        let received = stage
            .lose(loss, Step::Commit, async || {
                kit.advance(1);
                let told = [Effect::Answered(kit.consent(account, "oPerson"))];
                store.receive(&kit.callback(account), &told, &[]).await
            })
            .await;
        assert!(matches!(received, Ok(Received::New { .. })), "{received:?}");
        let counted = stage
            .lose(loss, Step::Commit, async || {
                kit.advance(1);
                let mut consent = kit.consent(account, "oPerson");
                consent.source = Source::Page;
                store.answered(&[consent]).await
            })
            .await;
        assert_eq!(counted, Ok(vec![true]));
        let grants = store.grants(account, &kit.openid("oPerson")).await.unwrap();
        assert_eq!(grants[0].1.count, before + 6);
    }
    let saw = stage
        .lose(Loss::Answer, Step::Commit, async || {
            let plan = stage.plan.lock().unwrap().take();
            let person = kit.openid("oPerson");
            store.forget_contact(account, &person).await.unwrap();
            *stage.plan.lock().unwrap() = plan;
            let sighting = Sighting::of(person, kit.now());
            store.saw(account, &sighting, None).await
        })
        .await;
    assert!(saw.unwrap().1, "it was new");
}

#[tokio::test]
async fn what_can_be_used_once_is_used_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let walk = Walk {
        account: stage.account,
        purpose: "{}".to_owned(),
        ends_at: after(kit.now(), LEASE),
    };
    let mut digest = [0; 32];
    let ended = stage
        .lose(Loss::Answer, Step::Statement, async || {
            let plan = stage.plan.lock().unwrap().take();
            digest[0] += 1;
            store.begin_walk(&digest, &walk).await.unwrap();
            *stage.plan.lock().unwrap() = plan;
            store.end_walk(&digest).await
        })
        .await;
    assert_eq!(ended, Ok(Some(walk)));
    assert_eq!(store.end_walk(&digest).await, Ok(None));

    let callback = kit.callback(stage.account);
    store.receive(&callback, &[], &[]).await.unwrap();
    stage
        .lose(Loss::Answer, Step::Statement, async || {
            store.replay(callback.id, "https://example.com/").await
        })
        .await
        .unwrap();
    let claimed = store.claim_forwards(10, LEASE).await.unwrap();
    assert_eq!(claimed.len(), 3);
    let mut claimed = claimed.iter();
    let again = Forwarded::Again {
        at: kit.now(),
        error: String::new(),
    };
    stage
        .lose(Loss::Answer, Step::Statement, async || {
            let one = claimed.next().unwrap();
            store.settle_forward(one.id, one.lease_token, &again).await
        })
        .await
        .unwrap();
    for state in store.forwards(callback.id).await.unwrap() {
        assert_eq!(state.attempts, 1);
    }
}

#[tokio::test]
async fn a_broadcast_goes_on_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let account = stage.account;
    let page = Page {
        limit: 10,
        after: None,
    };
    for (loss, number) in [(Loss::Answer, 0), (Loss::Request, 3)] {
        let mut made = number;
        let added = stage
            .lose(loss, Step::Commit, async || {
                made += 1;
                let key = kit.idempotency(kit.key_id(), "k", "answer");
                store
                    .add_broadcast(&broadcast(kit, account, made), Some(&key))
                    .await
            })
            .await;
        assert_eq!(added, Ok(()), "{loss:?}");
        let id = broadcast(kit, account, made).id;
        assert!(store.broadcast(id).await.unwrap().is_some());
        let mut first = 0;
        let taken = stage
            .lose(loss, Step::Commit, async || {
                let intake = Intake {
                    first,
                    chunks: vec![people(kit, first as usize, 2)],
                    load_cursor: None,
                };
                first += 1;
                store.add_recipients(id, &intake).await
            })
            .await;
        let stands = taken.unwrap().unwrap();
        assert_eq!((stands.chunks, stands.recipients), (3, 6), "{loss:?}");
        let states = [
            BroadcastState::Loading,
            BroadcastState::Ready,
            BroadcastState::Paused,
            BroadcastState::Running,
        ];
        let mut at = 0;
        let moved = stage
            .lose(loss, Step::Commit, async || {
                at += 1;
                let (from, to) = ([states[at - 1]], states[at]);
                store.move_broadcast(id, &from, to, None, kit.now()).await
            })
            .await;
        assert_eq!(moved.unwrap().unwrap().state, BroadcastState::Running);
        let mut chunk = 0;
        let expanded = stage
            .lose(loss, Step::Commit, async || {
                let made = expansion(store, kit, account, id, chunk).await;
                chunk += 1;
                store.expand(id, &made).await
            })
            .await;
        let expanded = expanded.unwrap().unwrap();
        assert_eq!((expanded.messages, expanded.duplicates), (2, 0), "{loss:?}");
        let counts = store.broadcast_counts(id).await.unwrap();
        assert_eq!(counts, [(State::Open, 6)], "{loss:?}");
        assert!(store.skipped(id, &page).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_is_counted_is_counted_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let account = stage.account;
    let page = Page {
        limit: 10,
        after: None,
    };
    for (loss, times) in [(Loss::Answer, 3), (Loss::Request, 6)] {
        let menu = stage
            .lose(loss, Step::Commit, async || {
                store
                    .keep_menu(account, Some("{}"), None, None, kit.now())
                    .await
            })
            .await;
        assert_eq!(menu.unwrap().version, times, "{loss:?}");
        let cleared = stage
            .lose(loss, Step::Commit, async || {
                store.count_clearing(account, 202_611).await
            })
            .await;
        assert_eq!(cleared, Ok(times), "{loss:?}");
        let call = CallsMade {
            account,
            path: "/x".to_owned(),
            day: 1,
            calls: 5,
        };
        stage
            .lose(loss, Step::Commit, async || {
                store.note_calls(std::slice::from_ref(&call)).await
            })
            .await
            .unwrap();
        let quotas = store.quotas(account, 1).await.unwrap();
        assert_eq!(quotas[0].ours, u64::from(5 * times), "{loss:?}");
        let used = TemplateUse {
            key: None,
            messages: 2,
            last_at: kit.now(),
        };
        let template: hongyan_wechat::TemplateId = "tpl".parse().unwrap();
        let uses = [(account, template.clone(), used.clone())];
        stage
            .lose(loss, Step::Commit, async || {
                store.note_template_uses(&uses).await
            })
            .await
            .unwrap();
        let found = store.template_uses(account, &template, kit.now()).await;
        assert_eq!(found.unwrap()[0].messages, u64::from(2 * times));
        let change = TemplateChange {
            template_id: template,
            at: kit.now(),
            before: None,
            after: None,
            senders: vec![used],
        };
        stage
            .lose(loss, Step::Commit, async || {
                let changes = std::slice::from_ref(&change);
                store.replace_templates(account, &[], changes).await
            })
            .await
            .unwrap();
        let found = store.template_changes(account, &page).await.unwrap();
        assert_eq!(found.len(), times as usize, "{loss:?}");
    }
}

#[tokio::test]
async fn a_message_is_counted_and_sent_on_once() {
    let stage = Stage::set().await;
    let Stage { store, kit, .. } = &stage;
    let mp = kit.account(store, "mp").await;
    for loss in [Loss::Answer, Loss::Request] {
        let mut last = None;
        let sent_on = stage
            .lose(loss, Step::Commit, async || {
                let plan = stage.plan.lock().unwrap().take();
                kit.queue(store, stage.account).await;
                let claimed = stage.claim_one().await;
                *stage.plan.lock().unwrap() = plan;
                let ask = Ask {
                    message: claimed.message.id,
                    openid: claimed.message.to.clone(),
                    need: None,
                    tallies: vec![tally(1, 1)],
                };
                let held = store.clear(stage.account, &[ask]).await;
                assert_eq!(held, Ok(vec![Hold::Free]));
                let way = Reroute {
                    account: mp,
                    to: kit.openid("mPerson"),
                    content: claimed.message.content.clone(),
                    handling: Handling::default(),
                };
                let decision = Decision::Reroute(Box::new(way));
                let mut onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
                onward.tallied = true;
                last = Some(onward.clone());
                stage.settle(onward).await
            })
            .await;
        assert_eq!(sent_on, Settled::Written, "{loss:?}");
        let last = last.unwrap();
        // Told once more by a caller who did not hear it.
        assert_eq!(stage.settle(last.clone()).await, Settled::Written);
        let delivery = kit.delivery(store, last.message).await;
        assert_eq!(delivery.message.account, mp);
        assert_eq!((delivery.attempt_count, delivery.attempts.len()), (1, 1));
    }
}
