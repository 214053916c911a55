use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::delivery::{Claimed, Decision};
use hongyan_domain::grant::{Hold, Withheld};
use hongyan_domain::message::{Priority, State};
use hongyan_domain::port::{Ask, Cancellation, Need, Store, Tally};
use hongyan_domain::timing::LONGEST_SPAN;

use super::{Kit, LEASE, cases, over};

cases! {
    let_so_many_through,
    count_a_message_once,
    look_back_so_far,
    count_each_key_by_itself,
    are_taken_back_where_nothing_went_out,
    stay_where_it_may_have_gone_out,
    go_with_a_canceled_message,
    give_way_to_what_the_message_needs,
    never_exceed_what_is_allowed,
    are_forgotten_in_time,
}

const SPAN: Duration = Duration::from_secs(1_000);

fn tally(key: u8, at_most: u32) -> Tally {
    Tally {
        key: [key; 16],
        at_most,
        within: SPAN,
        reason: Withheld::TooOften,
    }
}

fn ask(claimed: &Claimed, tallies: &[Tally]) -> Ask {
    Ask {
        message: claimed.message.id,
        openid: claimed.message.to.clone(),
        need: None,
        tallies: tallies.to_vec(),
    }
}

const FULL: Hold = Hold::Withheld(Withheld::TooOften);

/// Queues so many messages and claims them.
async fn claimed(store: &dyn Store, kit: &Kit, account: AccountId, count: usize) -> Vec<Claimed> {
    for _ in 0..count {
        kit.queue(store, account).await;
    }
    let batch = store
        .claim(account, count, LEASE * 100, Priority::Low)
        .await;
    let claimed = batch.unwrap().claimed;
    assert_eq!(claimed.len(), count);
    claimed
}

async fn clear(
    store: &dyn Store,
    account: AccountId,
    claimed: &[Claimed],
    tallies: &[Tally],
) -> Vec<Hold> {
    let asks: Vec<_> = claimed.iter().map(|one| ask(one, tallies)).collect();
    store.clear(account, &asks).await.unwrap()
}

async fn let_so_many_through(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let claimed = claimed(store, kit, account, 5).await;
    let answers = clear(store, account, &claimed[..3], &[tally(1, 2)]).await;
    assert_eq!(answers, [Hold::Free, Hold::Free, FULL]);
    let mut other = tally(1, 2);
    other.reason = Withheld::SameContent;
    let answers = clear(store, account, &claimed[3..], &[other]).await;
    assert_eq!(answers, [Hold::Withheld(Withheld::SameContent); 2]);
    let elsewhere = kit.account(store, "other").await;
    let there = self::claimed(store, kit, elsewhere, 1).await;
    let answers = clear(store, elsewhere, &there, &[tally(1, 2)]).await;
    assert_eq!(answers, [Hold::Free], "accounts count by themselves");
    let none = clear(store, account, &claimed, &[]).await;
    assert_eq!(none, [Hold::Free; 5]);
}

async fn count_a_message_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let claimed = claimed(store, kit, account, 3).await;
    for _ in 0..3 {
        let answers = clear(store, account, &claimed[..2], &[tally(1, 2)]).await;
        assert_eq!(answers, [Hold::Free; 2]);
    }
    // Not even by a cap that was lowered meanwhile.
    let answers = clear(store, account, &claimed, &[tally(1, 1)]).await;
    assert_eq!(answers, [Hold::Free, Hold::Free, FULL]);
}

async fn look_back_so_far(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let claimed = claimed(store, kit, account, 4).await;
    let one = |n: usize| std::slice::from_ref(&claimed[n]);
    let cap = [tally(1, 1)];
    assert_eq!(clear(store, account, one(0), &cap).await, [Hold::Free]);
    kit.clock.advance(SPAN - Duration::from_millis(1));
    assert_eq!(clear(store, account, one(1), &cap).await, [FULL]);
    kit.clock.advance(Duration::from_millis(1));
    assert_eq!(clear(store, account, one(1), &cap).await, [Hold::Free]);
    assert_eq!(clear(store, account, one(2), &cap).await, [FULL]);
}

async fn count_each_key_by_itself(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let claimed = claimed(store, kit, account, 4).await;
    let one = |n: usize| std::slice::from_ref(&claimed[n]);
    let both = [tally(1, 2), tally(2, 1)];
    assert_eq!(clear(store, account, one(0), &both).await, [Hold::Free]);
    // It fits into the first, not into the second: it is counted in neither.
    assert_eq!(clear(store, account, one(1), &both).await, [FULL]);
    let first = [tally(1, 2)];
    assert_eq!(clear(store, account, one(2), &first).await, [Hold::Free]);
    assert_eq!(clear(store, account, one(3), &first).await, [FULL]);
}

async fn are_taken_back_where_nothing_went_out(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let cap = [tally(1, 1)];
    for state in [State::Failed, State::Expired, State::Canceled] {
        let claimed = claimed(store, kit, account, 1).await;
        let answers = clear(store, account, &claimed, &cap).await;
        assert_eq!(answers, [Hold::Free], "before {state:?}");
        let attempts = vec![kit.refused(43004)];
        let mut end = kit.settlement(&claimed[0], attempts, over(state));
        end.tallied = true;
        store.settle([end].into()).await.unwrap();
    }
    let claimed = claimed(store, kit, account, 2).await;
    let answers = clear(store, account, &claimed, &cap).await;
    assert_eq!(answers, [Hold::Free, FULL]);
    // With a lost lease nothing is taken back.
    let mut late = kit.settlement(&claimed[0], vec![], over(State::Failed));
    late.lease_token -= 1;
    late.tallied = true;
    store.settle([late].into()).await.unwrap();
    let answers = clear(store, account, &claimed[1..], &cap).await;
    assert_eq!(answers, [FULL]);
}

async fn stay_where_it_may_have_gone_out(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for (key, decision) in (1..).zip([
        over(State::Accepted),
        over(State::Unknown),
        Decision::RetryAt { at: kit.now() },
    ]) {
        let cap = [tally(key, 1)];
        let first = claimed(store, kit, account, 1).await;
        clear(store, account, &first, &cap).await;
        let is_again = matches!(decision, Decision::RetryAt { .. });
        let mut end = kit.settlement(&first[0], vec![kit.took()], decision);
        end.tallied = true;
        store.settle([end].into()).await.unwrap();
        if is_again {
            let again = kit.claim_one(store, account).await;
            let again = std::slice::from_ref(&again);
            assert_eq!(clear(store, account, again, &cap).await, [Hold::Free]);
        }
        let next = claimed(store, kit, account, 1).await;
        assert_eq!(clear(store, account, &next, &cap).await, [FULL]);
    }
}

async fn go_with_a_canceled_message(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let cap = [tally(1, 1)];
    let first = claimed(store, kit, account, 1).await;
    clear(store, account, &first, &cap).await;
    let (id, token) = (first[0].message.id, first[0].lease.token);
    store.release(&[(id, token)]).await.unwrap();
    let canceled = store.cancel(id, kit.now()).await.unwrap();
    assert_eq!(canceled, Cancellation::Canceled);
    let next = claimed(store, kit, account, 1).await;
    assert_eq!(clear(store, account, &next, &cap).await, [Hold::Free]);
}

async fn give_way_to_what_the_message_needs(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let claimed = claimed(store, kit, account, 3).await;
    let cap = [tally(1, 1)];
    for _ in 0..2 {
        let consent = kit.consent(account, "oPerson");
        store.answered(&[consent]).await.unwrap();
        kit.advance(100);
    }
    let with = |claimed: &Claimed, need: Need| Ask {
        need: Some(need),
        ..ask(claimed, &cap)
    };
    let grant = || Need::Grant {
        template_id: "tpl".parse().unwrap(),
        scene: None,
    };
    // What is withheld for its need is not counted, what is counted out holds nothing.
    let gone = Ask {
        openid: kit.openid("oNobody"),
        need: Some(Need::Window),
        ..ask(&claimed[0], &cap)
    };
    let closed = effects_close(store, kit, account).await;
    let asks = [gone, with(&claimed[1], grant()), with(&claimed[2], grant())];
    let answers = store.clear(account, &asks).await.unwrap();
    assert_eq!(answers, [closed, Hold::Held, FULL]);
    let held = kit.grant(store, account).await;
    assert_eq!((held.count, held.held), (2, 1));
    // And again, as after a crash.
    let answers = store.clear(account, &asks).await.unwrap();
    assert_eq!(answers, [closed, Hold::Held, FULL]);
}

/// Gives `oNobody` a customer-service window that is closed by now.
async fn effects_close(store: &dyn Store, kit: &Kit, account: AccountId) -> Hold {
    use hongyan_domain::callback::Effect;
    use hongyan_domain::grant::WindowCause;

    let opened = Effect::Opened {
        openid: kit.openid("oNobody"),
        cause: WindowCause::Message,
        at: kit.now(),
    };
    kit.told(store, account, &[opened]).await;
    kit.advance(49 * 60 * 60);
    Hold::Withheld(Withheld::WindowClosed)
}

async fn never_exceed_what_is_allowed(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let claimed = claimed(store, kit, account, 12).await;
    let cap = [tally(1, 5)];
    let (a, b, c, d) = tokio::join!(
        clear(store, account, &claimed[..3], &cap),
        clear(store, account, &claimed[3..6], &cap),
        clear(store, account, &claimed[6..9], &cap),
        clear(store, account, &claimed[9..], &cap),
    );
    let answers = [a, b, c, d].concat();
    let through = answers.iter().filter(|&&one| one == Hold::Free).count();
    assert_eq!(through, 5, "{answers:?}");
}

async fn are_forgotten_in_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let claimed = claimed(store, kit, account, 4).await;
    let cap = [tally(1, 3)];
    clear(store, account, &claimed[..3], &cap).await;
    kit.clock.advance(SPAN / 2);
    assert_eq!(store.forget_counts(0, 100).await.unwrap(), 0);
    let last = &claimed[3..];
    assert_eq!(clear(store, account, last, &cap).await, [FULL]);
    kit.clock.advance(LONGEST_SPAN);
    assert_eq!(store.forget_counts(0, 2).await.unwrap(), 2);
    assert_eq!(store.forget_counts(0, 2).await.unwrap(), 1);
    assert_eq!(store.forget_counts(0, 2).await.unwrap(), 0);
}
