use std::time::Duration;

use hongyan_domain::broadcast::BroadcastState;
use hongyan_domain::callback::Effect;
use hongyan_domain::clock::after;
use hongyan_domain::grant::{Answer, Source};
use hongyan_domain::message::State;
use hongyan_domain::port::{Settled, Store};
use hongyan_domain::webhook::{EventType, GrantChange, Subject, WebhookChange};

use super::super::over;
use super::super::receipts::receipt;
use super::{Kit, cases, told, types};

cases! {
    every_end_of_a_message_is_told,
    the_end_of_a_messages_time_is_told,
    receipts_are_told_early_ones_too,
    a_settlement_is_told_once,
    what_waits_or_goes_on_is_not_told,
    callbacks_are_told_once,
    answers_that_count_are_told,
    broadcasts_are_told_of,
    only_who_wants_it_is_told,
}

async fn every_end_of_a_message_is_told(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    let mut expected = Vec::new();
    for state in [State::Accepted, State::Failed, State::Unknown] {
        kit.advance(1);
        let id = kit.bring_to(store, account, state).await;
        expected.push((EventType::of_message(state).unwrap(), id, kit.now()));
    }
    kit.advance(1);
    let canceled = kit.queue(store, account).await;
    kit.advance(1);
    store.cancel(canceled, kit.now()).await.unwrap();
    expected.push((EventType::MessageCanceled, canceled, kit.now()));
    let told = told(store, webhook).await;
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, (event, id, at)) in told.iter().zip(expected) {
        assert_eq!(told.event, event);
        assert_eq!(told.subject, Subject::Message(id));
        assert_eq!((told.account, told.at), (Some(account), at));
        assert_eq!(
            (told.attempts, told.due_at, &told.last),
            (0, Some(at), &None)
        );
        let of_message = store.webhook_deliveries_of(id).await.unwrap();
        assert_eq!(of_message, std::slice::from_ref(told));
    }
}

async fn the_end_of_a_messages_time_is_told(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    let ends_at = after(kit.now(), Duration::from_secs(30));
    let sent = kit
        .queue_with(store, account, |message| message.expires_at = Some(ends_at))
        .await;
    kit.claim_one(store, account).await;
    let unsent = kit
        .queue_with(store, account, |message| message.expires_at = Some(ends_at))
        .await;
    kit.advance(3600);
    assert_eq!(store.expire(10).await.unwrap().len(), 2);
    let mut told: Vec<_> = told(store, webhook)
        .await
        .into_iter()
        .map(|one| (one.event, one.subject))
        .collect();
    told.sort_by_key(|(event, _)| *event);
    assert_eq!(
        told,
        [
            (EventType::MessageUnknown, Subject::Message(sent)),
            (EventType::MessageExpired, Subject::Message(unsent)),
        ]
    );
}

async fn receipts_are_told_early_ones_too(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    let accept = async |msgid: u64| {
        let id = kit.queue(store, account).await;
        let claimed = kit.claim_one(store, account).await;
        let decision = hongyan_domain::delivery::Decision::Settle {
            state: State::Accepted,
            msgid: Some(hongyan_wechat::MsgId(msgid)),
        };
        let mut settlement = kit.settlement(&claimed, vec![kit.took()], decision);
        settlement.awaits_receipt = true;
        store.settle([settlement].into()).await.unwrap();
        id
    };
    let first = accept(1).await;
    kit.advance(1);
    let arrived = receipt(kit, 1, true);
    let (at, again) = (arrived.at, arrived.clone());
    kit.told(store, account, &[Effect::Receipt(arrived)]).await;
    kit.told(store, account, &[Effect::Receipt(again)]).await;
    kit.advance(1);
    kit.told(store, account, &[Effect::Receipt(receipt(kit, 2, false))])
        .await;
    kit.advance(1);
    let second = accept(2).await;
    kit.advance(1);
    store.join_early_receipts(10).await.unwrap();
    store.join_early_receipts(10).await.unwrap();
    let of = async |id| -> Vec<EventType> {
        let told = store.webhook_deliveries_of(id).await.unwrap();
        told.into_iter().map(|one| one.event).collect()
    };
    assert_eq!(
        of(first).await,
        [EventType::MessageAccepted, EventType::MessageDelivered]
    );
    assert_eq!(
        of(second).await,
        [EventType::MessageAccepted, EventType::MessageUndelivered]
    );
    let told = told(store, webhook).await;
    let delivered = told
        .iter()
        .find(|one| one.event == EventType::MessageDelivered);
    assert_eq!(delivered.unwrap().at, at);
}

async fn a_settlement_is_told_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    kit.queue(store, account).await;
    let first = kit.claim_one(store, account).await;
    kit.advance(3600);
    let second = kit.claim_one(store, account).await;
    let late = kit.settlement(&first, vec![kit.took()], over(State::Accepted));
    assert_eq!(
        store.settle([late].into()).await.unwrap(),
        [Settled::LeaseLost]
    );
    assert!(types(store, webhook).await.is_empty());
    for _ in 0..2 {
        let settlement = kit.settlement(&second, vec![kit.took()], over(State::Accepted));
        assert_eq!(
            store.settle([settlement].into()).await.unwrap(),
            [Settled::Written]
        );
    }
    assert_eq!(types(store, webhook).await, [EventType::MessageAccepted]);
}

async fn what_waits_or_goes_on_is_not_told(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let again = hongyan_domain::delivery::Decision::RetryAt { at: kit.now() };
    let settlement = kit.settlement(&claimed, vec![kit.refused(-1)], again);
    store.settle([settlement].into()).await.unwrap();
    assert!(types(store, webhook).await.is_empty());
    let claimed = kit.claim_one(store, account).await;
    let failed = kit.settlement(&claimed, vec![kit.refused(43004)], over(State::Failed));
    store.settle([failed].into()).await.unwrap();
    kit.advance(1);
    store.requeue(id, kit.now()).await.unwrap();
    assert_eq!(types(store, webhook).await, [EventType::MessageFailed]);
}

async fn callbacks_are_told_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    let callback = kit.callback(account);
    store.receive(&callback, &[], &[]).await.unwrap();
    let mut repeat = kit.callback(account);
    repeat.dedupe_key.clone_from(&callback.dedupe_key);
    store.receive(&repeat, &[], &[]).await.unwrap();
    let told = told(store, webhook).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event, EventType::CallbackReceived);
    assert_eq!(told[0].subject, Subject::Callback(callback.id));
    assert_eq!(told[0].at, callback.received_at);
}

async fn answers_that_count_are_told(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let webhook = kit
        .listening(store, |webhook| {
            webhook.events = vec![EventType::GrantChanged];
        })
        .await;
    let consent = kit.consent(account, "oPerson");
    kit.told(store, account, &[Effect::Answered(consent.clone())])
        .await;
    // The mini program's own report of the same tap says nothing new.
    let mut report = consent.clone();
    report.source = Source::Report;
    assert_eq!(store.answered(&[report]).await.unwrap(), [false]);
    kit.advance(3600);
    let mut no = kit.consent(account, "oPerson");
    (no.answer, no.source) = (Answer::Reject, Source::Change);
    let mut silent = kit.consent(account, "oOther");
    silent.answer = Answer::Filter;
    assert_eq!(
        store.answered(&[no.clone(), silent]).await.unwrap(),
        [true, false]
    );
    let told = told(store, webhook).await;
    let subjects: Vec<_> = told.iter().map(|one| &one.subject).collect();
    assert_eq!(
        subjects,
        [
            &Subject::Grant(GrantChange::from(&consent)),
            &Subject::Grant(GrantChange::from(&no)),
        ]
    );
    assert_eq!((told[1].account, told[1].at), (Some(account), no.at));
}

async fn broadcasts_are_told_of(store: &dyn Store, kit: &Kit) {
    use BroadcastState::{Canceled, Finished, Loading, Paused, Running};
    let account = kit.account(store, "oa").await;
    let webhook = kit.listening(store, |_| {}).await;
    let people = vec![kit.people(&["oPerson"])];
    let id = kit.running(store, account, people).await;
    for (from, to) in [
        (Running, Paused),
        (Loading, Canceled),
        (Paused, Running),
        (Running, Finished),
    ] {
        kit.advance(1);
        kit.moved(store, id, &[from], to).await;
    }
    let told = told(store, webhook).await;
    let events: Vec<_> = told.iter().map(|one| one.event).collect();
    assert_eq!(
        events,
        [
            EventType::BroadcastRunning,
            EventType::BroadcastPaused,
            EventType::BroadcastRunning,
            EventType::BroadcastFinished,
        ]
    );
    assert!(told.iter().all(|one| one.subject == Subject::Broadcast(id)));
    assert_eq!(told[3].at, kit.now());
}

async fn only_who_wants_it_is_told(store: &dyn Store, kit: &Kit) {
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "two").await,
    );
    let all = kit.listening(store, |_| {}).await;
    let of_one = kit
        .listening(store, |webhook| webhook.accounts = vec![one])
        .await;
    let failures = kit
        .listening(store, |webhook| {
            webhook.events = vec![EventType::MessageFailed, EventType::MessageExpired];
        })
        .await;
    let off = kit.listening(store, |_| {}).await;
    let change = WebhookChange {
        enabled: Some(false),
        ..WebhookChange::default()
    };
    store.change_webhook(off, &change, kit.now()).await.unwrap();
    let gone = kit.listening(store, |_| {}).await;
    store.remove_webhook(gone).await.unwrap();
    kit.bring_to(store, one, State::Accepted).await;
    kit.advance(1);
    kit.bring_to(store, other, State::Failed).await;
    let both = [EventType::MessageAccepted, EventType::MessageFailed];
    assert_eq!(types(store, all).await, both);
    assert_eq!(types(store, of_one).await, [EventType::MessageAccepted]);
    assert_eq!(types(store, failures).await, [EventType::MessageFailed]);
    assert!(types(store, off).await.is_empty());
    assert!(types(store, gone).await.is_empty());
}
