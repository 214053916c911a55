use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::port::{Store, StoreError};
use hongyan_domain::webhook::{
    Disabled, EventType, FormerSecret, MOST_WEBHOOKS, SECRET_BYTES, Webhook, WebhookChange,
    WebhookSecret, WhyDisabled,
};
use hongyan_domain::{AccountId, WebhookId};

use super::{Kit, cases, claim, told};

cases! {
    are_kept_whole,
    change_part_by_part,
    keep_the_reason_they_were_disabled_for,
    get_new_secrets,
    go_with_what_was_told_to_them,
    are_not_too_many,
    are_told_nothing_when_they_are_strangers,
}

async fn one(store: &dyn Store, id: WebhookId) -> Webhook {
    store.webhook(id).await.unwrap().unwrap()
}

fn is_missing<T: std::fmt::Debug>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Missing { .. }))
}

async fn are_kept_whole(store: &dyn Store, kit: &Kit) {
    let mut webhook = kit.webhook();
    webhook.description = "the shop's orders".to_owned();
    webhook.accounts = vec![AccountId(7), AccountId(3)];
    webhook.events = vec![EventType::MessageFailed, EventType::GrantChanged];
    webhook.disabled = Some(Disabled {
        why: WhyDisabled::Failing,
        at: kit.now(),
    });
    webhook.former_secret = Some(FormerSecret {
        secret: WebhookSecret::new([9; SECRET_BYTES]),
        ends_at: after(kit.now(), Duration::from_secs(60)),
    });
    webhook.failing_since = Some(kit.now());
    webhook.rests_until = Some(after(kit.now(), Duration::from_secs(5)));
    let answer = kit.idempotency(kit.key_id(), "once", "{}");
    store.add_webhook(&webhook, Some(&answer)).await.unwrap();
    kit.advance(1);
    let second = kit.listening(store, |_| {}).await;
    let kept = store.webhooks().await.unwrap();
    assert_eq!([kept[0].id, kept[1].id], [webhook.id, second]);
    let kept = &kept[0];
    assert_eq!(
        (&kept.url, &kept.description, &kept.accounts, &kept.events),
        (
            &webhook.url,
            &webhook.description,
            &webhook.accounts,
            &webhook.events
        )
    );
    assert_eq!(kept.disabled, webhook.disabled);
    assert_eq!(kept.secret.key(), webhook.secret.key());
    let former = kept.former_secret.as_ref().unwrap();
    assert_eq!(former.secret.key(), &[9; SECRET_BYTES]);
    assert_eq!(
        former.ends_at,
        after(webhook.created_at, Duration::from_secs(60))
    );
    assert_eq!(
        (
            kept.failing_since,
            kept.rests_until,
            kept.created_at,
            kept.updated_at
        ),
        (
            webhook.failing_since,
            webhook.rests_until,
            webhook.created_at,
            webhook.updated_at
        )
    );
    let earlier = store.earlier_response(answer.caller, "once").await.unwrap();
    assert_eq!(earlier.unwrap().1, answer.response);
}

async fn change_part_by_part(store: &dyn Store, kit: &Kit) {
    let id = kit
        .listening(store, |webhook| {
            webhook.events = vec![EventType::MessageFailed];
        })
        .await;
    kit.advance(60);
    let change = WebhookChange {
        url: Some("https://new.example".to_owned()),
        accounts: Some(vec![AccountId(1)]),
        ..WebhookChange::default()
    };
    let changed = store.change_webhook(id, &change, kit.now()).await.unwrap();
    assert_eq!(changed.url, "https://new.example");
    assert_eq!(changed.accounts, [AccountId(1)]);
    assert_eq!(changed.events, [EventType::MessageFailed]);
    assert_eq!(changed.updated_at, kit.now());
    let everything = WebhookChange {
        description: Some("all".to_owned()),
        accounts: Some(Vec::new()),
        events: Some(Vec::new()),
        ..WebhookChange::default()
    };
    store
        .change_webhook(id, &everything, kit.now())
        .await
        .unwrap();
    let changed = one(store, id).await;
    assert_eq!(changed.description, "all");
    assert!(changed.accounts.is_empty() && changed.events.is_empty());
    assert_eq!(changed.url, "https://new.example");
}

async fn keep_the_reason_they_were_disabled_for(store: &dyn Store, kit: &Kit) {
    let gone = Disabled {
        why: WhyDisabled::Gone,
        at: kit.now(),
    };
    let id = kit
        .listening(store, |webhook| {
            webhook.disabled = Some(gone);
            webhook.failing_since = Some(gone.at);
            webhook.rests_until = Some(after(gone.at, Duration::from_secs(900)));
        })
        .await;
    kit.advance(60);
    let turn = async |enabled| {
        let change = WebhookChange {
            enabled: Some(enabled),
            ..WebhookChange::default()
        };
        store.change_webhook(id, &change, kit.now()).await.unwrap()
    };
    assert_eq!(turn(false).await.disabled, Some(gone));
    let on = turn(true).await;
    assert_eq!(
        (on.disabled, on.failing_since, on.rests_until),
        (None, None, None)
    );
    let by_hand = Disabled {
        why: WhyDisabled::ByHand,
        at: kit.now(),
    };
    assert_eq!(turn(false).await.disabled, Some(by_hand));
}

async fn get_new_secrets(store: &dyn Store, kit: &Kit) {
    let id = kit.listening(store, |_| {}).await;
    let first = one(store, id).await.secret;
    kit.advance(60);
    let former = FormerSecret {
        secret: first.clone(),
        ends_at: after(kit.now(), Duration::from_secs(3600)),
    };
    let new = WebhookSecret::new([200; SECRET_BYTES]);
    let rotated = store
        .rotate_webhook_secret(id, &new, Some(&former), kit.now())
        .await
        .unwrap();
    assert_eq!(rotated.updated_at, kit.now());
    let kept = one(store, id).await;
    let keys: Vec<_> = kept.secrets(kit.now()).map(|one| *one.key()).collect();
    assert_eq!(keys, [*new.key(), *first.key()]);
    let at_once = store
        .rotate_webhook_secret(id, &first, None, kit.now())
        .await
        .unwrap();
    assert!(at_once.former_secret.is_none());
    assert_eq!(at_once.secret.key(), first.key());
}

async fn go_with_what_was_told_to_them(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (gone, stays) = (
        kit.listening(store, |_| {}).await,
        kit.listening(store, |_| {}).await,
    );
    let message = kit.queue(store, account).await;
    store.cancel(message, kit.now()).await.unwrap();
    let lost = told(store, gone).await.remove(0);
    store.remove_webhook(gone).await.unwrap();
    assert!(store.webhook(gone).await.unwrap().is_none());
    assert_eq!(store.webhooks().await.unwrap().len(), 1);
    assert!(told(store, gone).await.is_empty());
    assert!(store.webhook_delivery(lost.id).await.unwrap().is_none());
    assert!(is_missing(store.retry_webhook_delivery(lost.id).await));
    let of_message = store.webhook_deliveries_of(message).await.unwrap();
    assert_eq!(of_message.len(), 1);
    assert_eq!(of_message[0].webhook, stays);
    let claimed = claim(store).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].delivery.webhook, stays);
    // Long before its time is over, and nothing of the other's.
    let long_ago = "2020-01-01T00:00:00Z".parse().unwrap();
    let forget = async || store.forget_webhook_deliveries(long_ago, 10).await.unwrap();
    assert_eq!([forget().await, forget().await], [1, 0]);
    assert_eq!(told(store, stays).await.len(), 1);
}

async fn are_not_too_many(store: &dyn Store, kit: &Kit) {
    let mut last = None;
    for _ in 0..MOST_WEBHOOKS {
        last = Some(kit.listening(store, |_| {}).await);
    }
    let one_more = kit.webhook();
    let refused = store.add_webhook(&one_more, None).await;
    assert!(
        matches!(refused, Err(StoreError::InUse { .. })),
        "{refused:?}"
    );
    store.remove_webhook(last.unwrap()).await.unwrap();
    store.add_webhook(&one_more, None).await.unwrap();
    assert_eq!(store.webhooks().await.unwrap().len(), MOST_WEBHOOKS);
}

async fn are_told_nothing_when_they_are_strangers(store: &dyn Store, kit: &Kit) {
    let stranger = kit.webhook();
    let (id, now) = (stranger.id, kit.now());
    assert!(store.webhook(id).await.unwrap().is_none());
    let change = WebhookChange::default();
    assert!(is_missing(store.change_webhook(id, &change, now).await));
    let rotated = store.rotate_webhook_secret(id, &stranger.secret, None, now);
    assert!(is_missing(rotated.await));
    assert!(is_missing(store.remove_webhook(id).await));
    assert!(is_missing(store.ping_webhook(id).await));
    assert!(is_missing(store.retry_failed_webhooks(id, now, 10).await));
}
