use std::time::Duration;

use hongyan_domain::callback::{Effect, NewReceipt, Received};
use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Decision, Receipt};
use hongyan_domain::message::{
    Content, Kind, Message, NotificationContent, State, Status, SubscribeContent, Value,
};
use hongyan_domain::port::{MessageFilter, Store};
use hongyan_domain::{AccountId, MessageId};
use hongyan_wechat::{MsgId, OpenId};

use super::inbox::NEW;
use super::{Kit, cases};

cases! {
    settle_messages,
    tell_a_notification_its_number,
    may_come_before_the_settlement,
    are_kept_for_unknown_messages,
    change_nothing_the_second_time,
    are_for_the_account_they_came_to,
    are_missed,
    age,
}

pub(super) fn receipt(kit: &Kit, msgid: u64, delivered: bool) -> NewReceipt {
    NewReceipt {
        msgid: MsgId(msgid),
        openid: kit.openid("oPerson"),
        template_id: None,
        delivered,
        status: if delivered {
            "success"
        } else {
            "failed:user block"
        }
        .to_owned(),
        at: kit.now(),
    }
}

fn subscribe(message: &mut Message) {
    message.content = Content::Subscribe(SubscribeContent {
        template_id: "tpl".parse().unwrap(),
        data: [("thing1".to_owned(), Value::from("包裹"))].into(),
        page: None,
        miniprogram_state: None,
        lang: None,
    });
}

fn notification(message: &mut Message) {
    message.content = Content::Notification(NotificationContent {
        template_id: "notice".parse().unwrap(),
        data: [("thing1".to_owned(), Value::from("包裹"))].into(),
        page: None,
        miniprogram: None,
        miniprogram_state: None,
        lang: None,
    });
}

/// Sends a message that WeChat accepts under this number.
async fn sent(
    kit: &Kit,
    store: &dyn Store,
    account: AccountId,
    msgid: Option<u64>,
    change: impl FnOnce(&mut Message),
) -> MessageId {
    let id = kit.queue_with(store, account, change).await;
    let claimed = kit.claim_one(store, account).await;
    let decision = Decision::Settle {
        state: State::Accepted,
        msgid: msgid.map(MsgId),
    };
    let mut settlement = kit.settlement(&claimed, vec![kit.took()], decision);
    settlement.awaits_receipt = true;
    store.settle([settlement].into()).await.unwrap();
    id
}

fn settled(ids: &[MessageId]) -> Received {
    Received::New {
        settled: ids.to_vec(),
        early: 0,
    }
}

async fn settle_messages(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let big = u64::MAX - 7;
    let good = sent(kit, store, account, Some(big), |_| {}).await;
    let bad = sent(kit, store, account, Some(2), subscribe).await;
    kit.advance(3);
    let (yes, mut no) = (receipt(kit, big, true), receipt(kit, 2, false));
    no.template_id = Some("tpl".parse().unwrap());
    let effects = [Effect::Receipt(yes.clone()), Effect::Receipt(no.clone())];
    assert_eq!(
        kit.told(store, account, &effects).await,
        settled(&[good, bad])
    );
    for (id, state, status, msgid, told) in [
        (good, State::Delivered, Status::Delivered, big, yes),
        (bad, State::Undelivered, Status::Undelivered, 2, no),
    ] {
        let delivery = kit.delivery(store, id).await;
        assert_eq!(
            (delivery.state, delivery.status(kit.now())),
            (state, status)
        );
        assert_eq!(delivery.wechat_msgid, Some(MsgId(msgid)));
        let expected = Receipt {
            status: told.status,
            at: told.at,
        };
        assert_eq!(delivery.receipt, Some(expected));
        let by_status = MessageFilter {
            status: Some(status),
            ..Default::default()
        };
        assert_eq!(kit.search(store, by_status).await, [id]);
    }
}

/// Of two to the same person with the same template the older one is meant.
async fn tell_a_notification_its_number(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(sent(kit, store, account, None, notification).await);
        kit.advance(1);
    }
    let mut other = receipt(kit, 9, true);
    other.template_id = Some("other".parse().unwrap());
    let mut stranger = receipt(kit, 8, true);
    stranger.template_id = Some("notice".parse().unwrap());
    stranger.openid = kit.openid("oStranger");
    for early in [other, stranger] {
        let told = kit.told(store, account, &[Effect::Receipt(early)]).await;
        let kept = Received::New {
            settled: Vec::new(),
            early: 1,
        };
        assert_eq!(told, kept);
    }
    for (n, id) in ids.into_iter().enumerate() {
        let mut told = receipt(kit, 100 + n as u64, n == 0);
        told.template_id = Some("notice".parse().unwrap());
        let effects = [Effect::Receipt(told)];
        assert_eq!(kit.told(store, account, &effects).await, settled(&[id]));
        // A second one does not pass for that of the next message.
        assert_eq!(kit.told(store, account, &effects).await, NEW);
        let delivery = kit.delivery(store, id).await;
        assert_eq!(delivery.message.kind(), Kind::Notification);
        assert_eq!(delivery.wechat_msgid, Some(MsgId(100 + n as u64)));
    }
}

async fn may_come_before_the_settlement(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert_eq!(
        store.join_early_receipts(10).await.unwrap(),
        (Vec::new(), false)
    );
    let mut notice = receipt(kit, 2, false);
    notice.template_id = Some("notice".parse().unwrap());
    let effects = [
        Effect::Receipt(receipt(kit, 1, true)),
        Effect::Receipt(notice),
    ];
    let early = Received::New {
        settled: Vec::new(),
        early: 2,
    };
    assert_eq!(kit.told(store, account, &effects).await, early);
    assert_eq!(
        store.join_early_receipts(10).await.unwrap(),
        (Vec::new(), true)
    );
    let template = sent(kit, store, account, Some(1), |_| {}).await;
    assert_eq!(kit.delivery(store, template).await.state, State::Accepted);
    assert_eq!(
        store.join_early_receipts(10).await.unwrap(),
        (vec![template], true)
    );
    let notice = sent(kit, store, account, None, notification).await;
    assert_eq!(
        store.join_early_receipts(10).await.unwrap(),
        (vec![notice], false)
    );
    assert_eq!(kit.delivery(store, template).await.state, State::Delivered);
    let delivery = kit.delivery(store, notice).await;
    assert_eq!(
        (delivery.state, delivery.wechat_msgid),
        (State::Undelivered, Some(MsgId(2)))
    );
    assert!(store.join_early_receipts(10).await.unwrap().0.is_empty());
}

/// Of messages that another program sent: they are in nobody's way.
async fn are_kept_for_unknown_messages(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for number in 0..5 {
        let effects = [Effect::Receipt(receipt(kit, number, true))];
        kit.told(store, account, &effects).await;
    }
    let mut ids = Vec::new();
    for number in 1..4 {
        ids.push(sent(kit, store, account, Some(number), |_| {}).await);
    }
    let mut joined = Vec::new();
    for _ in 0..4 {
        let (some, _) = store.join_early_receipts(2).await.unwrap();
        assert!(some.len() <= 2);
        joined.extend(some);
    }
    assert_eq!(joined, ids);
}

async fn change_nothing_the_second_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = sent(kit, store, account, Some(1), |_| {}).await;
    kit.told(store, account, &[Effect::Receipt(receipt(kit, 1, true))])
        .await;
    let before = kit.delivery(store, id).await;
    kit.advance(1);
    kit.told(store, account, &[Effect::Receipt(receipt(kit, 1, false))])
        .await;
    store.join_early_receipts(10).await.unwrap();
    assert_eq!(kit.delivery(store, id).await, before);
}

async fn are_for_the_account_they_came_to(store: &dyn Store, kit: &Kit) {
    let (one, two) = (
        kit.account(store, "one").await,
        kit.account(store, "two").await,
    );
    let id = sent(kit, store, one, Some(1), |_| {}).await;
    kit.told(store, two, &[Effect::Receipt(receipt(kit, 1, true))])
        .await;
    assert!(store.join_early_receipts(10).await.unwrap().0.is_empty());
    assert_eq!(kit.delivery(store, id).await.state, State::Accepted);
}

async fn are_missed(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let quiet = kit.account(store, "quiet").await;
    // Nobody said that WeChat would tell.
    kit.bring_to(store, quiet, State::Accepted).await;
    let old = sent(kit, store, account, Some(1), |_| {}).await;
    let nameless = sent(kit, store, account, None, notification).await;
    kit.advance(600);
    let before = kit.now();
    sent(kit, store, account, Some(2), |_| {}).await;
    let missing = |at_most| store.receipts_missing(before, at_most);
    assert_eq!(missing(10).await.unwrap(), [(account, 2)]);
    assert_eq!(missing(1).await.unwrap(), [(account, 1)]);
    let find = async |change: &dyn Fn(&mut MessageFilter)| {
        let mut filter = MessageFilter {
            no_receipt_since: Some(before),
            ..Default::default()
        };
        change(&mut filter);
        kit.search(store, filter).await
    };
    assert_eq!(find(&|_| {}).await, [nameless, old]);
    assert_eq!(
        find(&|f| f.status = Some(Status::Accepted)).await,
        [nameless, old]
    );
    assert_eq!(find(&|f| f.kind = Some(Kind::Template)).await, [old]);
    assert_eq!(find(&|f| f.accounts = Some(vec![quiet])).await, []);
    let person: OpenId = kit.openid("oPerson");
    assert_eq!(
        find(&|f| f.openids = Some(vec![person.clone()])).await,
        [nameless, old]
    );
    kit.told(store, account, &[Effect::Receipt(receipt(kit, 1, false))])
        .await;
    assert_eq!(find(&|_| {}).await, [nameless]);
    assert_eq!(missing(10).await.unwrap(), [(account, 1)]);
}

async fn age(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    kit.told(store, account, &[Effect::Receipt(receipt(kit, 1, true))])
        .await;
    sent(kit, store, account, Some(2), |_| {}).await;
    kit.advance(24 * 60 * 60 + 1);
    let before = after(kit.now(), Duration::ZERO);
    store.forget_callbacks(before, 10).await.unwrap();
    assert_eq!(
        store.join_early_receipts(10).await.unwrap(),
        (Vec::new(), false)
    );
    assert!(
        store
            .receipts_missing(kit.now(), 10)
            .await
            .unwrap()
            .is_empty()
    );
}
