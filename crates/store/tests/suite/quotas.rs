use hongyan_domain::AccountId;
use hongyan_domain::port::{Store, StoreError};
use hongyan_domain::quota::{CallsMade, Quota, ReportedQuota};

use super::{Kit, cases};

cases! {
    add_up_by_day_and_api,
    remember_what_wechat_said,
    count_clearings,
    need_their_account,
    are_forgotten_by_day,
}

const SEND: &str = "/cgi-bin/message/template/send";
const TOKEN: &str = "/cgi-bin/stable_token";
const DAY: i64 = 20_778;

fn calls(account: AccountId, path: &str, day: i64, calls: u64) -> CallsMade {
    CallsMade {
        account,
        path: path.to_owned(),
        day,
        calls,
    }
}

fn quota(path: &str, ours: u64) -> Quota {
    Quota {
        path: path.to_owned(),
        ours,
        reported: None,
    }
}

async fn add_up_by_day_and_api(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    for _ in 0..2 {
        let made = [
            calls(account, SEND, DAY, 5),
            calls(account, TOKEN, DAY, 1),
            calls(account, SEND, DAY, 2),
            calls(account, SEND, DAY + 1, 3),
            calls(other, SEND, DAY, 9),
            calls(AccountId(404), SEND, DAY, 1),
        ];
        store.note_calls(&made).await.unwrap();
    }
    store.note_calls(&[]).await.unwrap();
    let expected = [quota(SEND, 14), quota(TOKEN, 2)];
    assert_eq!(store.quotas(account, DAY).await.unwrap(), expected);
    let tomorrow = store.quotas(account, DAY + 1).await.unwrap();
    assert_eq!(tomorrow, [quota(SEND, 6)]);
    let others = store.quotas(other, DAY).await.unwrap();
    assert_eq!(others, [quota(SEND, 18)]);
    let none = store.quotas(AccountId(404), DAY).await.unwrap();
    assert!(none.is_empty());
}

async fn remember_what_wechat_said(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let said = |used| ReportedQuota {
        daily_limit: 100_000,
        used,
        at: kit.now(),
    };
    let note = async |path: &str, reported: &ReportedQuota| {
        let noted = store.note_quota(account, path, DAY, reported).await;
        noted.unwrap();
    };
    let made = calls(account, SEND, DAY, 5);
    store.note_calls(std::slice::from_ref(&made)).await.unwrap();
    note(SEND, &said(7)).await;
    store.note_calls(&[made]).await.unwrap();
    // An API that was not called yet.
    note(TOKEN, &said(0)).await;
    let quotas = store.quotas(account, DAY).await.unwrap();
    let expected = [
        Quota {
            reported: Some((said(7), 5)),
            ..quota(SEND, 10)
        },
        Quota {
            reported: Some((said(0), 0)),
            ..quota(TOKEN, 0)
        },
    ];
    assert_eq!(quotas, expected);
    assert_eq!(quotas[0].used(), 12);
    kit.advance(60);
    note(SEND, &said(11)).await;
    let quotas = store.quotas(account, DAY).await.unwrap();
    assert_eq!(quotas[0].reported, Some((said(11), 10)));
    let other_day = store.quotas(account, DAY - 1).await.unwrap();
    assert!(other_day.is_empty());
}

async fn count_clearings(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert_eq!(store.clearings(account, 202_611).await.unwrap(), 0);
    for expected in 1..=3 {
        let count = store.count_clearing(account, 202_611).await.unwrap();
        assert_eq!(count, expected);
    }
    assert_eq!(store.count_clearing(account, 202_612).await.unwrap(), 1);
    assert_eq!(store.clearings(account, 202_611).await.unwrap(), 3);
}

async fn need_their_account(store: &dyn Store, kit: &Kit) {
    let stray = AccountId(404);
    let reported = ReportedQuota {
        daily_limit: 1,
        used: 0,
        at: kit.now(),
    };
    let noted = store.note_quota(stray, SEND, DAY, &reported).await;
    assert!(
        matches!(noted, Err(StoreError::Missing { .. })),
        "{noted:?}"
    );
    let counted = store.count_clearing(stray, 202_611).await;
    assert!(
        matches!(counted, Err(StoreError::Missing { .. })),
        "{counted:?}"
    );
}

async fn are_forgotten_by_day(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let made: Vec<_> = (0..5).map(|n| calls(account, SEND, DAY + n, 1)).collect();
    store.note_calls(&made).await.unwrap();
    assert_eq!(store.forget_counts(DAY + 3, 2).await.unwrap(), 2);
    assert_eq!(store.forget_counts(DAY + 3, 2).await.unwrap(), 1);
    assert_eq!(store.forget_counts(DAY + 3, 2).await.unwrap(), 0);
    let mut left = 0;
    for n in 0..5 {
        left += store.quotas(account, DAY + n).await.unwrap().len();
    }
    assert_eq!(left, 2);
}
