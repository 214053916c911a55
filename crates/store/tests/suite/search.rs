use std::time::Duration;

use hongyan_domain::MessageId;
use hongyan_domain::clock::after;
use hongyan_domain::delivery::Decision;
use hongyan_domain::message::{Content, Kind, State, Status, SubscribeContent};
use hongyan_domain::port::{MessageFilter, NewBatch, Page, Store};

use super::{Kit, LEASE, cases};

cases! {
    finds_the_newest_first,
    pages_through_everything_once,
    pages_through_what_fits,
    goes_on_after_a_message_that_is_gone,
    finds_by_account,
    finds_by_kind,
    finds_by_status,
    finds_by_person_and_reference,
    finds_by_last_code,
    finds_by_time,
    finds_what_fits_all_conditions,
    shows_no_attempts_but_their_number,
    finds_across_many_messages,
}

fn reversed(ids: &[MessageId]) -> Vec<MessageId> {
    ids.iter().rev().copied().collect()
}

async fn finds_the_newest_first(store: &dyn Store, kit: &Kit) {
    assert!(kit.search(store, MessageFilter::default()).await.is_empty());
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    let mut ids = Vec::new();
    for account in [one, other, one] {
        ids.push(kit.bring_to(store, account, State::Failed).await);
        kit.advance(1);
        ids.push(kit.bring_to(store, account, State::Open).await);
        store.cancel(ids[ids.len() - 1], kit.now()).await.unwrap();
    }
    assert_eq!(
        kit.search(store, MessageFilter::default()).await,
        reversed(&ids)
    );
}

async fn pages_through_everything_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(kit.queue(store, account).await);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = Page { limit: 3, after };
        let found = store
            .deliveries(&MessageFilter::default(), page)
            .await
            .unwrap();
        assert!(found.len() <= 3 && seen.len() <= ids.len());
        let Some(last) = found.last() else { break };
        after = Some(last.message.id);
        seen.extend(found.iter().map(|delivery| delivery.message.id));
        // What comes in meanwhile is newer and does not shift the pages.
        kit.queue(store, account).await;
    }
    assert_eq!(seen, reversed(&ids));
    let page = Page {
        limit: 0,
        after: None,
    };
    let none = store
        .deliveries(&MessageFilter::default(), page)
        .await
        .unwrap();
    assert!(none.is_empty());
}

/// Several accounts are merged, also across pages.
async fn pages_through_what_fits(store: &dyn Store, kit: &Kit) {
    let (a, b) = (kit.account(store, "a").await, kit.account(store, "b").await);
    let mut failed = Vec::new();
    for account in [a, b, b, a, b, a, a] {
        failed.push(kit.bring_to(store, account, State::Failed).await);
        kit.bring_to(store, account, State::Accepted).await;
    }
    for accounts in [None, Some(vec![b, a])] {
        let filter = MessageFilter {
            accounts,
            status: Some(Status::Failed),
            ..Default::default()
        };
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let found = store
                .deliveries(&filter, Page { limit: 2, after })
                .await
                .unwrap();
            assert!(seen.len() <= failed.len());
            let Some(last) = found.last() else { break };
            after = Some(last.message.id);
            seen.extend(found.iter().map(|delivery| delivery.message.id));
        }
        assert_eq!(seen, reversed(&failed));
    }
}

async fn goes_on_after_a_message_that_is_gone(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let early = kit.queue(store, account).await;
    kit.advance(1);
    let gone = kit.message(account).id;
    kit.advance(1);
    kit.queue(store, account).await;
    let page = Page {
        limit: 10,
        after: Some(gone),
    };
    let found = store
        .deliveries(&MessageFilter::default(), page)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message.id, early);
}

async fn finds_by_account(store: &dyn Store, kit: &Kit) {
    let (a, b, c) = (
        kit.account(store, "a").await,
        kit.account(store, "b").await,
        kit.account(store, "c").await,
    );
    let (of_a, of_b, of_c) = (
        kit.queue(store, a).await,
        kit.queue(store, b).await,
        kit.queue(store, c).await,
    );
    let search = |accounts| {
        let filter = MessageFilter {
            accounts: Some(accounts),
            ..Default::default()
        };
        kit.search(store, filter)
    };
    assert_eq!(search(vec![a]).await, [of_a]);
    assert_eq!(search(vec![c, a]).await, [of_c, of_a]);
    assert_eq!(search(vec![a, b, c, a]).await, [of_c, of_b, of_a]);
    assert!(search(Vec::new()).await.is_empty());
}

async fn finds_by_kind(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let template = kit.queue(store, account).await;
    let subscribe = kit
        .queue_with(store, account, |message| {
            message.content = Content::Subscribe(SubscribeContent {
                template_id: "tpl".parse().unwrap(),
                data: Default::default(),
                page: None,
                miniprogram_state: None,
                lang: None,
            });
        })
        .await;
    for (kind, id) in [(Kind::Template, template), (Kind::Subscribe, subscribe)] {
        for accounts in [None, Some(vec![account])] {
            let filter = MessageFilter {
                kind: Some(kind),
                accounts,
                ..Default::default()
            };
            assert_eq!(kit.search(store, filter).await, [id]);
        }
    }
}

async fn finds_by_status(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut expected = Vec::new();
    for (state, status) in [
        (State::Accepted, Status::Accepted),
        (State::Failed, Status::Failed),
        (State::Unknown, Status::Unknown),
        (State::Expired, Status::Expired),
        (State::Canceled, Status::Canceled),
    ] {
        expected.push((status, kit.bring_to(store, account, state).await));
    }
    let retrying = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let at = after(kit.now(), LEASE);
    let wait = kit.settlement(&claimed, vec![kit.refused(-1)], Decision::RetryAt { at });
    store.settle([wait].into()).await.unwrap();
    expected.push((Status::Retrying, retrying));
    expected.push((Status::Sending, kit.queue(store, account).await));
    kit.claim_one(store, account).await;
    let scheduled = kit
        .queue_with(store, account, |message| message.send_at = Some(at))
        .await;
    expected.push((Status::Scheduled, scheduled));
    expected.push((Status::Queued, kit.queue(store, account).await));

    for status in Status::ALL {
        let fits: Vec<_> = expected
            .iter()
            .filter(|(of, _)| *of == status)
            .map(|&(_, id)| id)
            .collect();
        for accounts in [None, Some(vec![account])] {
            let filter = MessageFilter {
                status: Some(status),
                accounts,
                ..Default::default()
            };
            assert_eq!(kit.search(store, filter).await, fits, "{status}");
        }
    }
}

async fn finds_by_person_and_reference(store: &dyn Store, kit: &Kit) {
    let (a, b) = (kit.account(store, "a").await, kit.account(store, "b").await);
    let person = kit
        .queue_with(store, a, |message| message.to = "oOther".parse().unwrap())
        .await;
    let both = kit
        .queue_with(store, b, |message| {
            message.to = "oOther".parse().unwrap();
            message.reference = Some("order-42".to_owned());
        })
        .await;
    let reference = kit
        .queue_with(store, a, |message| {
            message.reference = Some("order-42".to_owned());
        })
        .await;
    let by_person = MessageFilter {
        openids: Some(vec!["oOther".parse().unwrap()]),
        ..Default::default()
    };
    let by_reference = MessageFilter {
        reference: Some("order-42".to_owned()),
        ..Default::default()
    };
    assert_eq!(kit.search(store, by_person.clone()).await, [both, person]);
    let mut by_persons = by_person.clone();
    let openids = by_persons.openids.as_mut().unwrap();
    openids.push("oPerson".parse().unwrap());
    assert_eq!(
        kit.search(store, by_persons.clone()).await,
        [reference, both, person]
    );
    by_persons.openids = Some(Vec::new());
    assert!(kit.search(store, by_persons).await.is_empty());
    assert_eq!(
        kit.search(store, by_reference.clone()).await,
        [reference, both]
    );
    let by_both = MessageFilter {
        openids: by_person.openids.clone(),
        ..by_reference
    };
    assert_eq!(kit.search(store, by_both.clone()).await, [both]);
    let of_account = MessageFilter {
        accounts: Some(vec![a]),
        ..by_both
    };
    assert!(kit.search(store, of_account).await.is_empty());
    let unknown = MessageFilter {
        reference: Some("order-4".to_owned()),
        ..Default::default()
    };
    assert!(kit.search(store, unknown).await.is_empty());
}

async fn finds_by_last_code(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let failed = kit.bring_to(store, account, State::Failed).await;
    kit.bring_to(store, account, State::Accepted).await;
    let retrying = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let attempts = vec![kit.refused(45011), kit.refused(43004)];
    let at = kit.now();
    store
        .settle([kit.settlement(&claimed, attempts, Decision::RetryAt { at })].into())
        .await
        .unwrap();
    let by = |errcode, status| MessageFilter {
        errcode: Some(errcode),
        status,
        ..Default::default()
    };
    assert_eq!(kit.search(store, by(43004, None)).await, [retrying, failed]);
    assert_eq!(
        kit.search(store, by(43004, Some(Status::Failed))).await,
        [failed]
    );
    assert_eq!(
        kit.search(store, by(43004, Some(Status::Retrying))).await,
        [retrying]
    );
    assert!(kit.search(store, by(45011, None)).await.is_empty());
    assert!(kit.search(store, by(0, None)).await.is_empty());
}

async fn finds_by_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (mut ids, mut times) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        ids.push(kit.queue(store, account).await);
        times.push(kit.now());
        kit.clock.advance(Duration::from_millis(1));
    }
    let between = |from: Option<usize>, to: Option<usize>| {
        let filter = MessageFilter {
            created_after: from.map(|i| times[i]),
            created_before: to.map(|i| times[i]),
            ..Default::default()
        };
        kit.search(store, filter)
    };
    assert_eq!(between(Some(1), Some(3)).await, [ids[2], ids[1]]);
    assert_eq!(between(Some(3), None).await, [ids[3]]);
    assert_eq!(between(None, Some(1)).await, [ids[0]]);
    assert!(between(Some(2), Some(2)).await.is_empty());
    let filter = MessageFilter {
        created_after: Some(kit.now()),
        ..Default::default()
    };
    assert!(kit.search(store, filter).await.is_empty());
}

async fn finds_what_fits_all_conditions(store: &dyn Store, kit: &Kit) {
    let (a, b) = (kit.account(store, "a").await, kit.account(store, "b").await);
    let wanted = kit.bring_to(store, a, State::Failed).await;
    let made_at = kit.now();
    kit.advance(1);
    kit.bring_to(store, a, State::Failed).await;
    kit.bring_to(store, b, State::Failed).await;
    kit.bring_to(store, a, State::Unknown).await;
    let filter = MessageFilter {
        accounts: Some(vec![a]),
        kind: Some(Kind::Template),
        status: Some(Status::Failed),
        openids: Some(vec!["oPerson".parse().unwrap()]),
        no_receipt_since: None,
        errcode: Some(43004),
        created_after: Some(made_at),
        created_before: Some(kit.now()),
        reference: None,
        broadcast: None,
    };
    assert_eq!(kit.search(store, filter.clone()).await, [wanted]);
    let filter = MessageFilter {
        kind: Some(Kind::Subscribe),
        ..filter
    };
    assert!(kit.search(store, filter).await.is_empty());
}

async fn shows_no_attempts_but_their_number(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.bring_to(store, account, State::Failed).await;
    let page = Page {
        limit: 1,
        after: None,
    };
    let mut found = store
        .deliveries(&MessageFilter::default(), page)
        .await
        .unwrap();
    let mut whole = kit.delivery(store, id).await;
    assert_eq!((found[0].attempt_count, found[0].attempts.len()), (1, 0));
    whole.attempts.clear();
    assert_eq!(found.remove(0), whole);
}

/// More than any one unit in which a store may keep them.
async fn finds_across_many_messages(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut rare = Vec::new();
    for _ in 0..5 {
        let mut messages: Vec<_> = (0..2000).map(|_| kit.message(account)).collect();
        messages[999].to = "oRare".parse().unwrap();
        rare.push(messages[999].id);
        store
            .accept(NewBatch {
                messages,
                idempotency: None,
            })
            .await
            .unwrap();
        kit.advance(1);
    }
    let filter = MessageFilter {
        openids: Some(vec!["oRare".parse().unwrap()]),
        ..Default::default()
    };
    assert_eq!(kit.search(store, filter.clone()).await, reversed(&rare));
    let page = Page {
        limit: 2,
        after: Some(rare[3]),
    };
    let found = store.deliveries(&filter, page).await.unwrap();
    let found: Vec<_> = found.iter().map(|delivery| delivery.message.id).collect();
    assert_eq!(found, [rare[2], rare[1]]);
    let first = after(kit.now(), Duration::ZERO).as_millisecond() - 5000;
    let first = jiff::Timestamp::from_millisecond(first).unwrap();
    let until = after(first, Duration::from_secs(1));
    let filter = MessageFilter {
        created_before: Some(until),
        ..filter
    };
    assert_eq!(kit.search(store, filter).await, [rare[0]]);
}
