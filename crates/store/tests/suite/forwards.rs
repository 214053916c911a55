use std::time::Duration;

use hongyan_domain::CallbackId;
use hongyan_domain::callback::{Callback, Forward, ForwardState, Forwarded};
use hongyan_domain::clock::after;
use hongyan_domain::port::{Store, StoreError};

use super::{Kit, LEASE, cases};

cases! {
    are_handed_out_as_wechat_sent_them,
    are_tried_again_and_given_up,
    pass_to_another_with_their_lease,
    are_repeated_by_hand,
    end_with_their_account,
}

const URL: &str = "https://example.com/wechat?x=1";

/// A callback that is forwarded to these addresses.
async fn forwarded(kit: &Kit, store: &dyn Store, to: &[&str]) -> Callback {
    let account = match store.accounts().await.unwrap().first() {
        Some(account) => account.id,
        None => kit.account(store, "oa").await,
    };
    let callback = kit.callback(account);
    let to: Vec<String> = to.iter().map(|&url| url.to_owned()).collect();
    store.receive(&callback, &[], &to).await.unwrap();
    callback
}

async fn claim(store: &dyn Store) -> Vec<Forward> {
    store.claim_forwards(10, LEASE).await.unwrap()
}

async fn states(store: &dyn Store, id: CallbackId) -> Vec<ForwardState> {
    store.forwards(id).await.unwrap()
}

async fn are_handed_out_as_wechat_sent_them(store: &dyn Store, kit: &Kit) {
    assert!(claim(store).await.is_empty());
    let callback = forwarded(kit, store, &[URL, "http://10.0.0.1/"]).await;
    let waiting = states(store, callback.id).await;
    assert_eq!(waiting.len(), 2);
    assert_eq!(waiting[0].url, URL);
    assert_eq!(
        (waiting[0].attempts, waiting[0].due_at),
        (0, Some(kit.now()))
    );
    let first = store.claim_forwards(1, LEASE).await.unwrap().remove(0);
    let expected = Forward {
        id: first.id,
        account: callback.account,
        callback: callback.id,
        url: first.url.clone(),
        attempts: 0,
        lease_token: first.lease_token,
        query: callback.query.clone(),
        content_type: callback.content_type.clone(),
        body: callback.body.clone(),
    };
    assert_eq!(first, expected);
    let second = claim(store).await;
    assert_eq!(second.len(), 1);
    let mut urls = [first.url.as_str(), second[0].url.as_str()];
    urls.sort_unstable();
    assert_eq!(urls, ["http://10.0.0.1/", URL]);
    let done = Forwarded::Done { status: 204 };
    for _ in 0..2 {
        store
            .settle_forward(first.id, first.lease_token, &done)
            .await
            .unwrap();
    }
    let over = states(store, callback.id).await;
    let over = over.iter().find(|state| state.url == first.url).unwrap();
    assert_eq!(
        (
            over.attempts,
            over.due_at,
            over.status,
            over.error.as_deref()
        ),
        (1, None, Some(204), None)
    );
}

async fn are_tried_again_and_given_up(store: &dyn Store, kit: &Kit) {
    let callback = forwarded(kit, store, &[URL]).await;
    let at = after(kit.now(), Duration::from_secs(30));
    let error = "the backend answered 502".to_owned();
    let one = claim(store).await.remove(0);
    let again = Forwarded::Again {
        at,
        error: error.clone(),
    };
    store
        .settle_forward(one.id, one.lease_token, &again)
        .await
        .unwrap();
    let state = states(store, callback.id).await.remove(0);
    assert_eq!((state.attempts, state.due_at), (1, Some(at)));
    assert_eq!(state.error.as_ref(), Some(&error));
    assert!(claim(store).await.is_empty());
    kit.advance(30);
    let two = claim(store).await.remove(0);
    assert_eq!((two.id, two.attempts), (one.id, 1));
    assert!(two.lease_token > one.lease_token);
    let given_up = Forwarded::GivenUp { error };
    store
        .settle_forward(two.id, two.lease_token, &given_up)
        .await
        .unwrap();
    kit.advance(1_000_000);
    assert!(claim(store).await.is_empty());
    let state = states(store, callback.id).await.remove(0);
    assert_eq!(
        (state.attempts, state.due_at, state.status),
        (2, None, None)
    );
}

async fn pass_to_another_with_their_lease(store: &dyn Store, kit: &Kit) {
    let callback = forwarded(kit, store, &[URL]).await;
    let slow = claim(store).await.remove(0);
    assert!(claim(store).await.is_empty());
    kit.clock.advance(LEASE);
    let quick = claim(store).await.remove(0);
    assert_eq!(slow.id, quick.id);
    let late = Forwarded::GivenUp {
        error: "late".to_owned(),
    };
    store
        .settle_forward(slow.id, slow.lease_token, &late)
        .await
        .unwrap();
    let state = states(store, callback.id).await.remove(0);
    assert_eq!((state.attempts, state.error), (0, None));
    assert!(state.due_at.is_some());
    let done = Forwarded::Done { status: 200 };
    store
        .settle_forward(quick.id, quick.lease_token, &done)
        .await
        .unwrap();
    assert_eq!(states(store, callback.id).await[0].status, Some(200));
}

async fn are_repeated_by_hand(store: &dyn Store, kit: &Kit) {
    let callback = forwarded(kit, store, &[]).await;
    assert!(claim(store).await.is_empty());
    kit.advance(5);
    for _ in 0..2 {
        store.replay(callback.id, URL).await.unwrap();
    }
    let claimed = claim(store).await;
    assert_eq!(claimed.len(), 2, "as often as somebody asks");
    assert_eq!(claimed[0].body, callback.body);
    let never = kit.callback(callback.account).id;
    let refused = store.replay(never, URL).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}

async fn end_with_their_account(store: &dyn Store, kit: &Kit) {
    let callback = forwarded(kit, store, &[URL]).await;
    store.remove_account(callback.account).await.unwrap();
    assert!(claim(store).await.is_empty());
    let refused = store.replay(callback.id, URL).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}
