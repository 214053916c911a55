use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::clock::after;
use hongyan_domain::port::{EarlierLogin, Store, StoreError, TicketHolder, Walk};
use hongyan_domain::rule::{Answer, RuleSet};
use hongyan_wechat::JsTicket;
use jiff::Timestamp;

use super::{Kit, cases};

cases! {
    ends_walks_once,
    redeems_tickets_once,
    remembers_logins_for_a_while,
    keeps_a_ticket_for_the_js_sdk,
    goes_with_the_account,
    keeps_rules,
}

fn soon(kit: &Kit) -> Timestamp {
    after(kit.now(), Duration::from_secs(60))
}

fn walk(kit: &Kit, account: AccountId) -> Walk {
    Walk {
        account,
        purpose: "{\"for\":\"consent\"}".to_owned(),
        ends_at: soon(kit),
    }
}

fn is_missing<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Missing { .. }))
}

async fn ends_walks_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (first, second) = (walk(kit, account), walk(kit, account));
    store.begin_walk(&[1; 32], &first).await.unwrap();
    store.begin_walk(&[2; 32], &second).await.unwrap();
    let taken = store.begin_walk(&[1; 32], &second).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    assert_eq!(store.end_walk(&[3; 32]).await.unwrap(), None);
    kit.advance(59);
    assert_eq!(store.end_walk(&[1; 32]).await.unwrap(), Some(first));
    assert_eq!(store.end_walk(&[1; 32]).await.unwrap(), None);
    kit.advance(1);
    assert_eq!(store.end_walk(&[2; 32]).await.unwrap(), None, "too late");
    // What has ended makes room on the way.
    let third = walk(kit, account);
    store.begin_walk(&[2; 32], &third).await.unwrap();
    let gone = store
        .begin_walk(&[9; 32], &walk(kit, AccountId(i64::MAX)))
        .await;
    assert!(is_missing(&gone), "{gone:?}");
}

async fn redeems_tickets_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut holder = TicketHolder {
        account,
        openid: kit.openid("oPerson"),
        unionid: Some("uPerson".parse().unwrap()),
        ends_at: soon(kit),
    };
    store.issue_ticket(&[1; 32], &holder).await.unwrap();
    let taken = store.issue_ticket(&[1; 32], &holder).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    let redeemed = store.redeem_ticket(&[1; 32]).await.unwrap();
    assert_eq!(redeemed.as_ref(), Some(&holder));
    assert_eq!(store.redeem_ticket(&[1; 32]).await.unwrap(), None);
    holder.unionid = None;
    store.issue_ticket(&[2; 32], &holder).await.unwrap();
    kit.advance(60);
    assert_eq!(store.redeem_ticket(&[2; 32]).await.unwrap(), None);
    holder.account = AccountId(i64::MAX);
    let gone = store.issue_ticket(&[3; 32], &holder).await;
    assert!(is_missing(&gone), "{gone:?}");
}

async fn remembers_logins_for_a_while(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let other = kit.account(store, "other").await;
    let mut login = EarlierLogin {
        openid: kit.openid("oPerson"),
        unionid: Some("uPerson".parse().unwrap()),
        is_new: true,
        at: kit.now(),
    };
    for is_new in [true, false] {
        login.is_new = is_new;
        store
            .keep_login(account, &[1; 32], &login, soon(kit))
            .await
            .unwrap();
        let kept = store.earlier_login(account, &[1; 32]).await.unwrap();
        assert_eq!(kept.as_ref(), Some(&login));
    }
    assert_eq!(store.earlier_login(other, &[1; 32]).await.unwrap(), None);
    assert_eq!(store.earlier_login(account, &[2; 32]).await.unwrap(), None);
    kit.advance(60);
    assert_eq!(store.earlier_login(account, &[1; 32]).await.unwrap(), None);
    let late = soon(kit);
    store
        .keep_login(account, &[2; 32], &login, late)
        .await
        .unwrap();
    let gone = store
        .keep_login(AccountId(i64::MAX), &[1; 32], &login, late)
        .await;
    assert!(is_missing(&gone), "{gone:?}");
}

async fn keeps_a_ticket_for_the_js_sdk(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert_eq!(store.js_ticket(account).await.unwrap(), None);
    for text in ["HoagFKDcsGMVCIY2vOjf9i", "sM4AOVdWfPE4DxkXGEs8VM"] {
        kit.advance(1);
        let ticket = JsTicket::new(text);
        store
            .keep_js_ticket(account, &ticket, kit.now())
            .await
            .unwrap();
        let kept = store.js_ticket(account).await.unwrap();
        assert_eq!(kept, Some((ticket, kit.now())), "ended or not");
    }
    let ticket = JsTicket::new("x");
    let gone = store
        .keep_js_ticket(AccountId(i64::MAX), &ticket, kit.now())
        .await;
    assert!(is_missing(&gone), "{gone:?}");
}

async fn goes_with_the_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let ticket = JsTicket::new("x");
    store
        .begin_walk(&[1; 32], &walk(kit, account))
        .await
        .unwrap();
    store
        .keep_js_ticket(account, &ticket, soon(kit))
        .await
        .unwrap();
    store
        .replace_rules(account, &RuleSet::default())
        .await
        .unwrap();
    store.remove_account(account).await.unwrap();
    assert_eq!(store.end_walk(&[1; 32]).await.unwrap(), None);
    assert_eq!(store.js_ticket(account).await.unwrap(), None);
}

async fn keeps_rules(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert_eq!(store.rules(account).await.unwrap(), RuleSet::default());
    let revision = async || store.revisions().await.unwrap()[0].account_revision;
    for content in ["您好", "a\0b"] {
        let before = revision().await;
        let rules = RuleSet {
            rules: Vec::new(),
            default: Some(Answer::Text {
                content: content.to_owned(),
            }),
        };
        store.replace_rules(account, &rules).await.unwrap();
        assert_eq!(store.rules(account).await.unwrap(), rules);
        assert!(revision().await > before);
    }
    let refused = store
        .replace_rules(AccountId(i64::MAX), &RuleSet::default())
        .await;
    assert!(is_missing(&refused), "{refused:?}");
}
