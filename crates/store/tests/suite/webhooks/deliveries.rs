use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::message::State;
use hongyan_domain::port::{Page, Store, StoreError};
use hongyan_domain::webhook::{
    Disabled, EventType, Subject, WebhookChange, WebhookDeliveryFilter, WebhookDeliveryState,
    WebhookDepth, WhyDisabled,
};
use hongyan_domain::{AccountId, WebhookId};

use super::{Kit, LEASE, cases, claim, settle, told};

cases! {
    go_to_each_endpoint_within_its_room,
    pass_to_another_with_their_lease,
    are_tried_again_and_given_up,
    begin_and_end_an_endpoints_failing,
    wait_while_their_endpoint_rests,
    wait_while_their_endpoint_is_disabled,
    are_found_by_state_and_type,
    are_told_again_by_hand,
    are_told_again_where_they_failed,
    are_counted,
    are_forgotten_by_age,
    ping,
}

/// Lets so many messages fail, a second apart.
async fn fail(kit: &Kit, store: &dyn Store, account: AccountId, count: usize) {
    for _ in 0..count {
        kit.advance(1);
        kit.bring_to(store, account, State::Failed).await;
    }
}

async fn go_to_each_endpoint_within_its_room(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let one = kit.listening(store, |_| {}).await;
    let other = kit.listening(store, |_| {}).await;
    assert!(claim(store).await.is_empty());
    fail(kit, store, account, 3).await;
    let handed = store
        .claim_webhooks(2, &[(other, 1), (one, 0)], LEASE)
        .await
        .unwrap();
    let parts: Vec<(WebhookId, usize)> = handed
        .iter()
        .map(|(webhook, part)| (webhook.id, part.len()))
        .collect();
    assert_eq!(parts, [(one, 2), (other, 1)]);
    let expected = told(store, one).await;
    let longest_due: Vec<_> = handed[0].1.iter().map(|c| c.delivery.id).collect();
    assert_eq!(longest_due, [expected[0].id, expected[1].id]);
    assert_eq!(
        handed[0].0.secret.key(),
        store.webhook(one).await.unwrap().unwrap().secret.key()
    );
    let full = store
        .claim_webhooks(1, &[(one, 1), (other, 5)], LEASE)
        .await
        .unwrap();
    assert!(full.is_empty(), "{full:?}");
    let rest = store.claim_webhooks(9, &[], LEASE).await.unwrap();
    let counts: Vec<usize> = rest.iter().map(|(_, part)| part.len()).collect();
    assert_eq!(counts, [1, 2]);
}

async fn pass_to_another_with_their_lease(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 1).await;
    let first = claim(store).await.remove(0);
    assert!(claim(store).await.is_empty());
    kit.clock.advance(LEASE);
    let second = claim(store).await.remove(0);
    assert_eq!(first.delivery.id, second.delivery.id);
    assert!(second.lease_token > first.lease_token);
    assert!(!settle(store, &first, &kit.given_up()).await);
    assert_eq!(told(store, webhook).await[0].last, None);
    assert!(settle(store, &second, &kit.taken()).await);
    assert!(!settle(store, &second, &kit.given_up()).await);
    let over = told(store, webhook).await.remove(0);
    assert_eq!(over.state(), WebhookDeliveryState::Delivered);
    assert_eq!((over.attempts, over.due_at), (1, None));
    assert_eq!(over.last, Some(kit.taken().tried));
}

async fn are_tried_again_and_given_up(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 1).await;
    let again_at = after(kit.now(), Duration::from_secs(5));
    let mut again = kit.given_up();
    again.again_at = Some(again_at);
    assert!(settle(store, &claim(store).await[0], &again).await);
    let waiting = told(store, webhook).await.remove(0);
    assert_eq!(waiting.state(), WebhookDeliveryState::Pending);
    assert_eq!((waiting.attempts, waiting.due_at), (1, Some(again_at)));
    assert_eq!(waiting.last, Some(again.tried));
    kit.advance(4);
    assert!(claim(store).await.is_empty());
    kit.advance(1);
    let claimed = claim(store).await.remove(0);
    assert_eq!(claimed.delivery.attempts, 1);
    assert!(settle(store, &claimed, &kit.given_up()).await);
    kit.advance(1_000_000);
    assert!(claim(store).await.is_empty());
    let over = told(store, webhook).await.remove(0);
    assert_eq!(over.state(), WebhookDeliveryState::Failed);
    assert_eq!((over.attempts, over.due_at), (2, None));
}

async fn begin_and_end_an_endpoints_failing(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.listening(store, |_| {}).await;
    let failing_since = async || store.webhook(id).await.unwrap().unwrap().failing_since;
    fail(kit, store, account, 3).await;
    let claimed = claim(store).await;
    let first = kit.now();
    settle(store, &claimed[0], &kit.given_up()).await;
    kit.advance(60);
    settle(store, &claimed[1], &kit.given_up()).await;
    assert_eq!(failing_since().await, Some(first));
    // Who lost their lease says nothing about the endpoint.
    settle(store, &claimed[1], &kit.taken()).await;
    assert_eq!(failing_since().await, Some(first));
    settle(store, &claimed[2], &kit.taken()).await;
    assert_eq!(failing_since().await, None);
}

async fn wait_while_their_endpoint_rests(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 3).await;
    let claimed = store.claim_webhooks(2, &[], LEASE).await.unwrap();
    let claimed = &claimed[0].1;
    let until = after(kit.now(), Duration::from_secs(30));
    let mut slow = kit.given_up();
    (slow.again_at, slow.rests_until) = (Some(kit.now()), Some(until));
    settle(store, &claimed[0], &slow).await;
    // One that asks for less does not shorten it.
    slow.rests_until = Some(kit.now());
    settle(store, &claimed[1], &slow).await;
    let webhook = store.webhook(id).await.unwrap().unwrap();
    assert_eq!(webhook.rests_until, Some(until));
    assert!(claim(store).await.is_empty());
    kit.advance(30);
    assert_eq!(claim(store).await.len(), 3);
}

async fn wait_while_their_endpoint_is_disabled(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 2).await;
    let claimed = store.claim_webhooks(1, &[], LEASE).await.unwrap();
    let mut gone = kit.given_up();
    gone.disable = Some(WhyDisabled::Gone);
    settle(store, &claimed[0].1[0], &gone).await;
    let webhook = store.webhook(id).await.unwrap().unwrap();
    let expected = Disabled {
        why: WhyDisabled::Gone,
        at: kit.now(),
    };
    assert_eq!(webhook.disabled, Some(expected));
    assert!(claim(store).await.is_empty());
    fail(kit, store, account, 1).await;
    assert_eq!(
        told(store, id).await.len(),
        2,
        "what happens then is not told"
    );
    let on = WebhookChange {
        enabled: Some(true),
        ..WebhookChange::default()
    };
    store.change_webhook(id, &on, kit.now()).await.unwrap();
    let waited = claim(store).await;
    assert_eq!(waited.len(), 1);
    assert_eq!(waited[0].delivery.attempts, 0);
}

async fn are_found_by_state_and_type(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 3).await;
    kit.advance(1);
    kit.bring_to(store, account, State::Accepted).await;
    let all = told(store, id).await;
    let claimed = store.claim_webhooks(2, &[], LEASE).await.unwrap();
    settle(store, &claimed[0].1[0], &kit.taken()).await;
    settle(store, &claimed[0].1[1], &kit.given_up()).await;
    let find = async |filter: WebhookDeliveryFilter, limit, after| {
        let page = Page { limit, after };
        let found = store.webhook_deliveries(id, &filter, &page).await.unwrap();
        found.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let state = |state| WebhookDeliveryFilter {
        state: Some(state),
        event: None,
    };
    let delivered = find(state(WebhookDeliveryState::Delivered), 9, None).await;
    assert_eq!(delivered, [all[0].id]);
    let failed = find(state(WebhookDeliveryState::Failed), 9, None).await;
    assert_eq!(failed, [all[1].id]);
    let pending = find(state(WebhookDeliveryState::Pending), 9, None).await;
    assert_eq!(pending, [all[3].id, all[2].id]);
    let of_type = WebhookDeliveryFilter {
        state: None,
        event: Some(EventType::MessageFailed),
    };
    assert_eq!(find(of_type, 2, None).await, [all[2].id, all[1].id]);
    assert_eq!(find(of_type, 2, Some(all[1].id)).await, [all[0].id]);
    let one = store.webhook_delivery(all[3].id).await.unwrap().unwrap();
    assert_eq!(one.event, EventType::MessageAccepted);
}

async fn are_told_again_by_hand(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 1).await;
    let first = claim(store).await.remove(0);
    kit.advance(1);
    let taken_away = store
        .retry_webhook_delivery(first.delivery.id)
        .await
        .unwrap();
    assert_eq!(
        (taken_away.attempts, taken_away.due_at),
        (0, Some(kit.now()))
    );
    assert!(!settle(store, &first, &kit.given_up()).await);
    let second = claim(store).await.remove(0);
    settle(store, &second, &kit.given_up()).await;
    kit.advance(1);
    let retried = store
        .retry_webhook_delivery(first.delivery.id)
        .await
        .unwrap();
    assert_eq!(retried.state(), WebhookDeliveryState::Pending);
    assert_eq!((retried.attempts, retried.due_at), (0, Some(kit.now())));
    assert!(retried.last.is_some());
    assert_eq!(told(store, id).await, [retried]);
    assert_eq!(claim(store).await.len(), 1);
}

async fn are_told_again_where_they_failed(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.listening(store, |_| {}).await;
    let other = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 4).await;
    let all = told(store, id).await;
    for claimed in claim(store).await {
        let is_first = claimed.delivery.id == all[2].id;
        let posted = if is_first {
            kit.taken()
        } else {
            kit.given_up()
        };
        settle(store, &claimed, &posted).await;
    }
    let retry = async |limit| {
        store
            .retry_failed_webhooks(id, all[1].at, limit)
            .await
            .unwrap()
    };
    assert_eq!([retry(1).await, retry(9).await, retry(9).await], [1, 1, 0]);
    let pending: Vec<bool> = told(store, id)
        .await
        .iter()
        .map(|one| one.due_at.is_some())
        .collect();
    assert_eq!(pending, [false, true, false, true]);
    assert!(
        told(store, other)
            .await
            .iter()
            .all(|one| one.due_at.is_none())
    );
}

async fn are_counted(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert!(store.webhook_depths().await.unwrap().is_empty());
    let id = kit.listening(store, |_| {}).await;
    kit.listening(store, |webhook| {
        webhook.events = vec![EventType::GrantChanged];
    })
    .await;
    fail(kit, store, account, 1).await;
    let oldest = kit.now();
    fail(kit, store, account, 2).await;
    let depth = |pending, oldest| WebhookDepth {
        webhook: id,
        pending,
        oldest_due_at: Some(oldest),
    };
    assert_eq!(store.webhook_depths().await.unwrap(), [depth(3, oldest)]);
    let claimed = store.claim_webhooks(1, &[], LEASE).await.unwrap();
    settle(store, &claimed[0].1[0], &kit.taken()).await;
    let second = told(store, id).await[1].at;
    assert_eq!(store.webhook_depths().await.unwrap(), [depth(2, second)]);
}

async fn are_forgotten_by_age(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.listening(store, |_| {}).await;
    fail(kit, store, account, 3).await;
    let claimed = store.claim_webhooks(2, &[], LEASE).await.unwrap();
    settle(store, &claimed[0].1[0], &kit.taken()).await;
    settle(store, &claimed[0].1[1], &kit.given_up()).await;
    let all = told(store, id).await;
    let forget = async |before, limit| {
        store
            .forget_webhook_deliveries(before, limit)
            .await
            .unwrap()
    };
    assert_eq!(forget(all[0].at, 9).await, 0, "not older");
    kit.advance(1000);
    assert_eq!(forget(kit.now(), 1).await, 1);
    assert_eq!(told(store, id).await[0].id, all[1].id, "the oldest first");
    assert_eq!(forget(kit.now(), 9).await, 1);
    assert_eq!(told(store, id).await.len(), 1, "what waits stays");
    let off = WebhookChange {
        enabled: Some(false),
        ..WebhookChange::default()
    };
    store.change_webhook(id, &off, kit.now()).await.unwrap();
    assert_eq!(forget(kit.now(), 9).await, 1);
    assert!(told(store, id).await.is_empty());
    assert!(store.webhook(id).await.unwrap().is_some());
}

async fn ping(store: &dyn Store, kit: &Kit) {
    let id = kit
        .listening(store, |webhook| {
            webhook.accounts = vec![AccountId(1)];
            webhook.events = vec![EventType::MessageFailed];
        })
        .await;
    let other = kit.listening(store, |_| {}).await;
    let ping = store.ping_webhook(id).await.unwrap();
    assert_eq!((ping.event, ping.account), (EventType::Ping, None));
    assert_eq!(ping.subject, Subject::Nothing);
    assert_eq!((ping.at, ping.due_at), (kit.now(), Some(kit.now())));
    assert_eq!(told(store, id).await, std::slice::from_ref(&ping));
    assert!(told(store, other).await.is_empty());
    assert_eq!(claim(store).await[0].delivery.id, ping.id);
    let off = WebhookChange {
        enabled: Some(false),
        ..WebhookChange::default()
    };
    store.change_webhook(id, &off, kit.now()).await.unwrap();
    let refused = store.ping_webhook(id).await;
    assert!(
        matches!(refused, Err(StoreError::InUse { .. })),
        "{refused:?}"
    );
}
