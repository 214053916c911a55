use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::clock::after;
use hongyan_domain::history::{Count, Happening};
use hongyan_domain::port::Store;
use jiff::Timestamp;

use super::{Kit, cases};

cases! {
    adds_up_by_the_minute,
    adds_up_in_steps,
    shows_what_it_is_asked_for,
    drops_what_has_no_account,
    is_forgotten_by_time,
    goes_with_its_account,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

fn count(account: AccountId, at: Timestamp, what: Happening, errcode: i64, times: u64) -> Count {
    Count {
        account,
        at,
        what,
        errcode,
        times,
    }
}

/// The figures of an hour or so, in an order of their own within a minute.
async fn look(
    store: &dyn Store,
    accounts: Option<&[AccountId]>,
    from: Timestamp,
    to: Timestamp,
    step: Duration,
) -> Vec<(Timestamp, AccountId, Happening, i64, u64)> {
    let found = store.history(accounts, from, to, step).await.unwrap();
    assert!(found.is_sorted_by_key(|one| one.at), "{found:?}");
    let mut all: Vec<_> = found
        .into_iter()
        .map(|one| (one.at, one.account, one.what, one.errcode, one.times))
        .collect();
    all.sort();
    all
}

async fn adds_up_by_the_minute(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let begin = kit.now();
    let next = after(begin, MINUTE);
    let made = [
        count(account, begin, Happening::TakenIn, 0, 3),
        count(account, begin, Happening::Refused, 43004, 1),
        count(account, begin, Happening::Refused, 45011, 2),
        count(account, next, Happening::TakenIn, 0, 5),
    ];
    for _ in 0..2 {
        store.note_history(&made).await.unwrap();
    }
    store.note_history(&[]).await.unwrap();
    let expected = [
        (begin, account, Happening::TakenIn, 0, 6),
        (begin, account, Happening::Refused, 43004, 2),
        (begin, account, Happening::Refused, 45011, 4),
        (next, account, Happening::TakenIn, 0, 10),
    ];
    let end = after(begin, HOUR);
    assert_eq!(look(store, None, begin, end, MINUTE).await, expected);
}

async fn adds_up_in_steps(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    // The clock begins at the full hour.
    let begin = kit.now();
    let at = |minutes: u32| after(begin, MINUTE * minutes);
    let made: Vec<_> = (0..120)
        .map(|minute| count(account, at(minute), Happening::Accepted, 0, 1))
        .collect();
    store.note_history(&made).await.unwrap();
    let step = MINUTE * 15;
    let expected: Vec<_> = (0..8)
        .map(|n| (at(n * 15), account, Happening::Accepted, 0, 15))
        .collect();
    let found = look(store, None, begin, at(120), step).await;
    assert_eq!(found, expected);
    // Steps begin at their multiples, whatever was asked for.
    let found = look(store, None, at(10), at(20), step).await;
    let expected = [
        (begin, account, Happening::Accepted, 0, 5),
        (at(15), account, Happening::Accepted, 0, 5),
    ];
    assert_eq!(found, expected);
    let hours = look(store, None, begin, at(120), HOUR).await;
    assert_eq!(hours.len(), 2);
    assert_eq!(hours[1], (at(60), account, Happening::Accepted, 0, 60));
}

async fn shows_what_it_is_asked_for(store: &dyn Store, kit: &Kit) {
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    let begin = kit.now();
    let mut made = Vec::new();
    for (account, times) in [(one, 1), (other, 2)] {
        for minute in 0..3 {
            let at = after(begin, MINUTE * minute);
            made.push(count(account, at, Happening::Failed, 0, times));
        }
    }
    store.note_history(&made).await.unwrap();
    let end = after(begin, MINUTE * 2);
    let times = async |accounts: Option<&[AccountId]>| {
        let found = look(store, accounts, begin, end, MINUTE).await;
        let times: Vec<_> = found.into_iter().map(|(.., times)| times).collect();
        times
    };
    assert_eq!(times(Some(&[one])).await, [1, 1], "up to before the end");
    assert_eq!(times(Some(&[other])).await, [2, 2]);
    assert_eq!(times(Some(&[one, other])).await, [1, 2, 1, 2]);
    assert_eq!(times(None).await, [1, 2, 1, 2]);
    assert!(times(Some(&[])).await.is_empty());
}

async fn drops_what_has_no_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let begin = kit.now();
    let made = [
        count(AccountId(404), begin, Happening::TakenIn, 0, 1),
        count(account, begin, Happening::TakenIn, 0, 1),
    ];
    store.note_history(&made).await.unwrap();
    let found = look(store, None, begin, after(begin, HOUR), MINUTE).await;
    assert_eq!(found, [(begin, account, Happening::TakenIn, 0, 1)]);
}

async fn is_forgotten_by_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let begin = kit.now();
    let made: Vec<_> = (0..5)
        .map(|n| count(account, after(begin, MINUTE * n), Happening::TakenIn, 0, 1))
        .collect();
    store.note_history(&made).await.unwrap();
    let before = after(begin, MINUTE * 3);
    let forget = async || store.forget_history(before, 2).await.unwrap();
    assert_eq!(forget().await, 2);
    assert_eq!(forget().await, 1);
    assert_eq!(forget().await, 0);
    let left = look(store, None, begin, after(begin, HOUR), MINUTE).await;
    assert_eq!(left.len(), 2);
}

async fn goes_with_its_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let begin = kit.now();
    let made = [count(account, begin, Happening::TakenIn, 0, 1)];
    store.note_history(&made).await.unwrap();
    store.remove_account(account).await.unwrap();
    let found = look(store, None, begin, after(begin, HOUR), MINUTE).await;
    assert!(found.is_empty());
}
