use hongyan_domain::AccountId;
use hongyan_domain::message::Kind;
use hongyan_domain::port::{Store, StoreError};
use hongyan_domain::template::{Field, Subscription, Template};

use super::{Kit, cases};

cases! {
    are_kept_whole,
    come_by_title,
    are_replaced_together,
    belong_to_an_account,
    go_with_their_account,
    count_once,
}

fn template(kit: &Kit, id: &str, title: &str) -> Template {
    Template {
        id: id.parse().unwrap(),
        kind: Kind::Template,
        title: title.to_owned(),
        content: "订单号：{{thing1.DATA}}".to_owned(),
        example: "订单号：42".to_owned(),
        fields: vec![Field {
            key: "thing1".to_owned(),
            label: "订单号".to_owned(),
            allowed: Vec::new(),
        }],
        subscription: None,
        synced_at: kit.now(),
    }
}

async fn are_kept_whole(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let mut one = template(kit, "one", "a");
    one.kind = Kind::Subscribe;
    one.subscription = Some(Subscription::LongTerm);
    one.fields.push(Field {
        key: "phrase2".to_owned(),
        label: String::new(),
        allowed: vec!["已发货".to_owned(), "已签收".to_owned()],
    });
    let mut two = template(kit, "two", "b");
    two.subscription = Some(Subscription::OneTime);
    two.fields.clear();
    store
        .replace_templates(account, &[one.clone(), two.clone()], &[])
        .await
        .unwrap();
    assert_eq!(
        store.template(account, &one.id).await.unwrap(),
        Some(one.clone())
    );
    assert_eq!(store.templates(account).await.unwrap(), [one, two]);
    assert_eq!(
        store
            .template(account, &"three".parse().unwrap())
            .await
            .unwrap(),
        None
    );
}

async fn come_by_title(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let listed = [("1", "c"), ("2", "a"), ("3", "b")].map(|(id, title)| template(kit, id, title));
    store
        .replace_templates(account, &listed, &[])
        .await
        .unwrap();
    let templates = store.templates(account).await.unwrap();
    let titles: Vec<_> = templates
        .iter()
        .map(|template| template.title.as_str())
        .collect();
    assert_eq!(titles, ["a", "b", "c"]);
}

async fn are_replaced_together(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (old, kept) = (template(kit, "old", "a"), template(kit, "kept", "b"));
    store
        .replace_templates(account, &[old.clone(), kept.clone()], &[])
        .await
        .unwrap();
    kit.advance(1);
    let changed = Template {
        title: "z".to_owned(),
        synced_at: kit.now(),
        ..kept
    };
    store
        .replace_templates(account, std::slice::from_ref(&changed), &[])
        .await
        .unwrap();
    assert_eq!(store.templates(account).await.unwrap(), [changed]);
    assert_eq!(store.template(account, &old.id).await.unwrap(), None);
    store.replace_templates(account, &[], &[]).await.unwrap();
    assert!(store.templates(account).await.unwrap().is_empty());
}

async fn belong_to_an_account(store: &dyn Store, kit: &Kit) {
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    let mine = template(kit, "same", "mine");
    let theirs = template(kit, "same", "theirs");
    store
        .replace_templates(one, std::slice::from_ref(&mine), &[])
        .await
        .unwrap();
    store
        .replace_templates(other, std::slice::from_ref(&theirs), &[])
        .await
        .unwrap();
    assert_eq!(store.templates(one).await.unwrap(), [mine]);
    assert_eq!(
        store.template(other, &theirs.id).await.unwrap(),
        Some(theirs)
    );
    let refused = store.replace_templates(AccountId(404), &[], &[]).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}

async fn go_with_their_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    store
        .replace_templates(account, &[template(kit, "one", "a")], &[])
        .await
        .unwrap();
    store.remove_account(account).await.unwrap();
    assert!(store.templates(account).await.unwrap().is_empty());
}

async fn count_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (first, second) = (
        template(kit, "same", "first"),
        template(kit, "same", "second"),
    );
    store
        .replace_templates(account, &[first.clone(), second], &[])
        .await
        .unwrap();
    assert_eq!(store.templates(account).await.unwrap(), [first]);
}
