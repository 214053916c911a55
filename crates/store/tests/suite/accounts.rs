use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::{
    AccountKind, AccountOptions, AccountState, Backend, Breaker, CallbackKeys, CallbackSettings,
    Illness, Parked, TokenMode,
};
use hongyan_domain::clock::after;
use hongyan_domain::message::State;
use hongyan_domain::port::{
    Cancellation, CredentialLease, MessageFilter, NewBatch, Requeue, Store, StoreError,
};
use hongyan_wechat::{AccessToken, AppSecret};

use super::{Kit, LEASE, cases};

cases! {
    keep_all_their_settings,
    come_by_name,
    have_names_and_appids_of_their_own,
    are_changed_as_a_whole,
    are_changed_only_if_they_are_there,
    remember_what_was_learned,
    stay_while_messages_are_open,
    go_with_all_they_had,
    never_get_a_number_again,
    show_that_they_changed,
}

async fn show_that_they_changed(store: &dyn Store, kit: &Kit) {
    let quiet = kit.account(store, "quiet").await;
    let account = kit.account(store, "oa").await;
    let mut seen = Vec::new();
    let mut look = async || {
        let revisions = store.revisions().await.unwrap();
        assert_eq!(revisions.len(), 2);
        assert_eq!(revisions[0].account, quiet);
        assert_eq!(revisions[1].account, account);
        assert!(!seen.contains(&revisions[1]), "{seen:?}");
        seen.push(revisions[1]);
        revisions[0]
    };
    let before = look().await;
    let mut settings = kit.settings("oa");
    settings.max_in_flight = 7;
    store.change_account(account, &settings).await.unwrap();
    look().await;
    let parked = Parked {
        kinds: Vec::new(),
        until: kit.now(),
        errcode: 45009,
        errmsg: String::new(),
    };
    store.set_parked(account, Some(&parked)).await.unwrap();
    look().await;
    store.set_illness(account, None).await.unwrap();
    look().await;
    store.set_breaker(account, None).await.unwrap();
    look().await;
    store.replace_templates(account, &[], &[]).await.unwrap();
    look().await;
    let leased = store.lease_credential(account, kit.node(), LEASE).await;
    let Ok(CredentialLease::Taken { fence, .. }) = leased else {
        panic!("{leased:?}");
    };
    store
        .keep_credential(account, fence, &AccessToken::new("t"), kit.now(), kit.now())
        .await
        .unwrap();
    look().await;
    store.drop_credential(account).await.unwrap();
    let after = look().await;
    assert_eq!(before, after, "each account has its own");
}

async fn keep_all_their_settings(store: &dyn Store, kit: &Kit) {
    let mut settings = kit.settings("oa");
    settings.kind = AccountKind::MiniProgram;
    settings.original_id = Some("gh_9e02d7b1c4f8".parse().unwrap());
    settings.token_mode = TokenMode::Classic;
    settings.callback = Some(CallbackSettings {
        token: AppSecret::new("callback token"),
        encoding_aes_key: Some(AppSecret::new("aes key")),
        previous: Some(CallbackKeys {
            token: AppSecret::new("former token"),
            encoding_aes_key: Some(AppSecret::new("former \"key\"")),
        }),
    });
    settings.options = AccountOptions {
        backends: vec![Backend {
            url: "https://example.com/wechat".to_owned(),
            answers: true,
        }],
        reply_url: Some("https://example.com/reply".to_owned()),
        js_origins: vec!["https://example.com".to_owned()],
        redirects: vec!["https://example.com/back".to_owned()],
        send_to_unfollowed: true,
        deduplicate_seconds: Some(60),
        ..AccountOptions::default()
    };
    settings.rate_per_second = Some(u32::MAX);
    settings.max_in_flight = 7;
    settings.disabled = true;
    let account = store.add_account(&settings, None).await.unwrap();
    assert_eq!(account.settings, settings);
    assert_eq!(
        (account.created_at, account.updated_at),
        (kit.now(), kit.now())
    );
    assert_eq!(account.state, AccountState::default());
    let accounts = store.accounts().await.unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(
        (accounts[0].id, &accounts[0].settings),
        (account.id, &settings)
    );
    assert_eq!(
        (accounts[0].created_at, accounts[0].updated_at),
        (kit.now(), kit.now())
    );

    let plain = kit.settings("plain");
    store.add_account(&plain, None).await.unwrap();
    assert_eq!(store.accounts().await.unwrap()[1].settings, plain);
}

async fn come_by_name(store: &dyn Store, kit: &Kit) {
    assert!(store.accounts().await.unwrap().is_empty());
    for name in ["c", "a", "b"] {
        kit.account(store, name).await;
    }
    let accounts = store.accounts().await.unwrap();
    let names: Vec<_> = accounts
        .iter()
        .map(|account| account.name().as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
}

async fn have_names_and_appids_of_their_own(store: &dyn Store, kit: &Kit) {
    kit.account(store, "one").await;
    let mut same_name = kit.settings("one");
    same_name.appid = "wx-new".parse().unwrap();
    let mut same_appid = kit.settings("two");
    same_appid.appid = kit.settings("one").appid;
    for (settings, what) in [(same_name, "name"), (same_appid, "appid")] {
        let refused = store.add_account(&settings, None).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Taken { what: told } if told.contains(what)));
    }
    let two = kit.account(store, "two").await;
    let refused = store.change_account(two, &kit.settings("one")).await;
    assert!(
        matches!(refused, Err(StoreError::Taken { .. })),
        "{refused:?}"
    );
    assert_eq!(store.accounts().await.unwrap().len(), 2);
}

async fn are_changed_as_a_whole(store: &dyn Store, kit: &Kit) {
    let mut settings = kit.settings("oa");
    settings.callback = Some(CallbackSettings {
        token: AppSecret::new("token"),
        encoding_aes_key: None,
        previous: Some(CallbackKeys {
            token: AppSecret::new("former"),
            encoding_aes_key: None,
        }),
    });
    settings.options.send_to_unfollowed = true;
    settings.rate_per_second = Some(5);
    let made_at = kit.now();
    let id = store.add_account(&settings, None).await.unwrap().id;
    kit.advance(1);
    let mut changed = kit.settings("renamed");
    changed.secret = AppSecret::new("new secret");
    changed.disabled = true;
    let account = store.change_account(id, &changed).await.unwrap();
    let found = store.accounts().await.unwrap().remove(0);
    for account in [account, found] {
        assert_eq!((account.id, &account.settings), (id, &changed));
        assert_eq!(
            (account.created_at, account.updated_at),
            (made_at, kit.now())
        );
    }
}

async fn are_changed_only_if_they_are_there(store: &dyn Store, kit: &Kit) {
    let gone = AccountId(404);
    let changed = store.change_account(gone, &kit.settings("oa")).await;
    assert!(
        matches!(changed, Err(StoreError::Missing { .. })),
        "{changed:?}"
    );
    for noted in [
        store.set_parked(gone, None).await,
        store.set_illness(gone, None).await,
    ] {
        assert!(
            matches!(noted, Err(StoreError::Missing { .. })),
            "{noted:?}"
        );
    }
    let removed = store.remove_account(gone).await;
    assert!(
        matches!(removed, Err(StoreError::Missing { .. })),
        "{removed:?}"
    );
}

async fn remember_what_was_learned(store: &dyn Store, kit: &Kit) {
    let id = kit.account(store, "oa").await;
    let later = after(kit.now(), Duration::from_secs(60));
    let state = AccountState {
        parked: Some(Parked {
            kinds: Vec::new(),
            until: later,
            errcode: 45009,
            errmsg: "reach max".to_owned(),
        }),
        illness: Some(Illness {
            since: kit.now(),
            errcode: Some(40164),
            reason: "the address is not allowed".to_owned(),
            errmsg: None,
            rid: None,
            seen_ip: Some("203.0.113.9".to_owned()),
            next_try_at: Some(later),
        }),
        breaker: Some(Breaker {
            kinds: Vec::new(),
            since: kit.now(),
            errcode: 48001,
            errmsg: "api unauthorized".to_owned(),
            rid: Some("rid".to_owned()),
            seen_ip: None,
            tries: 3,
            next_try_at: later,
        }),
    };
    store.set_breaker(id, state.breaker.as_ref()).await.unwrap();
    store.set_parked(id, state.parked.as_ref()).await.unwrap();
    store.set_illness(id, state.illness.as_ref()).await.unwrap();
    assert_eq!(store.accounts().await.unwrap()[0].state, state);
    store.change_account(id, &kit.settings("oa")).await.unwrap();
    assert_eq!(
        store.accounts().await.unwrap()[0].state,
        state,
        "settings are not state"
    );
    store.set_parked(id, None).await.unwrap();
    assert_eq!(store.accounts().await.unwrap()[0].state.parked, None);
    assert_eq!(
        store.accounts().await.unwrap()[0].state.illness,
        state.illness
    );
    store.set_illness(id, None).await.unwrap();
    assert_eq!(
        store.accounts().await.unwrap()[0].state.breaker,
        state.breaker
    );
    store.set_breaker(id, None).await.unwrap();
    assert_eq!(
        store.accounts().await.unwrap()[0].state,
        AccountState::default()
    );
}

async fn stay_while_messages_are_open(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let refused = store.remove_account(account).await;
    assert!(
        matches!(refused, Err(StoreError::InUse { .. })),
        "{refused:?}"
    );
    assert_eq!(store.accounts().await.unwrap().len(), 1);
    store.cancel(id, kit.now()).await.unwrap();
    store.remove_account(account).await.unwrap();
}

async fn go_with_all_they_had(store: &dyn Store, kit: &Kit) {
    let (gone, stays) = (
        kit.account(store, "gone").await,
        kit.account(store, "stays").await,
    );
    let of_gone = kit.bring_to(store, gone, State::Failed).await;
    let of_stays = kit.bring_to(store, stays, State::Failed).await;
    let node = kit.node();
    let leased = store.lease_credential(gone, node, LEASE).await.unwrap();
    let CredentialLease::Taken { fence, .. } = leased else {
        panic!("{leased:?}");
    };
    store
        .keep_credential(
            gone,
            fence,
            &AccessToken::new("token"),
            kit.now(),
            kit.now(),
        )
        .await
        .unwrap();
    store.remove_account(gone).await.unwrap();

    assert_eq!(store.delivery(of_gone).await.unwrap(), None);
    assert_eq!(
        store.cancel(of_gone, kit.now()).await.unwrap(),
        Cancellation::Missing
    );
    assert_eq!(
        store.requeue(of_gone, kit.now()).await.unwrap(),
        Requeue::Missing
    );
    assert!(store.credential(gone).await.unwrap().is_none());
    let filters = [
        MessageFilter::default(),
        MessageFilter {
            accounts: Some(vec![gone, stays]),
            ..Default::default()
        },
        MessageFilter {
            openids: Some(vec!["oPerson".parse().unwrap()]),
            ..Default::default()
        },
        MessageFilter {
            errcode: Some(43004),
            ..Default::default()
        },
    ];
    for filter in filters {
        assert_eq!(kit.search(store, filter).await, [of_stays]);
    }
    let messages = vec![kit.message(gone)];
    let refused = store
        .accept(NewBatch {
            messages,
            idempotency: None,
        })
        .await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
    // Name and appid are free again.
    kit.account(store, "gone").await;
}

async fn never_get_a_number_again(store: &dyn Store, kit: &Kit) {
    let first = kit.account(store, "oa").await;
    store.remove_account(first).await.unwrap();
    assert_ne!(kit.account(store, "oa").await, first);
}
