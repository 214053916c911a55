use hongyan_domain::AccountId;
use hongyan_domain::message::Kind;
use hongyan_domain::port::{Page, Store};
use hongyan_domain::template::{Field, Template, TemplateChange, TemplateForm, TemplateUse};
use hongyan_wechat::TemplateId;

use super::{Kit, cases};

cases! {
    are_kept_newest_first,
    come_with_the_templates_or_not_at_all,
    go_with_their_account,
    tell_who_uses_a_template,
    pass_over_who_is_gone,
}

fn id(text: &str) -> TemplateId {
    text.parse().unwrap()
}

fn form(title: &str) -> TemplateForm {
    TemplateForm {
        title: title.to_owned(),
        content: "{{thing1.DATA}}".to_owned(),
        fields: vec![Field {
            key: "thing1".to_owned(),
            label: String::new(),
            allowed: vec!["已发货".to_owned()],
        }],
    }
}

fn change(kit: &Kit, template: &str) -> TemplateChange {
    TemplateChange {
        template_id: id(template),
        at: kit.now(),
        before: Some(form("before")),
        after: Some(form("after")),
        senders: vec![TemplateUse {
            key: Some(kit.key_id()),
            messages: 7,
            last_at: kit.now(),
        }],
    }
}

async fn changes(
    store: &dyn Store,
    account: AccountId,
    limit: usize,
    after: Option<i64>,
) -> Vec<(i64, TemplateChange)> {
    let page = Page { limit, after };
    store.template_changes(account, &page).await.unwrap()
}

async fn are_kept_newest_first(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    let mut made = Vec::new();
    for round in 0..3 {
        kit.advance(1);
        let whole = change(kit, "whole");
        let mut new = change(kit, "new");
        (new.before, new.senders) = (None, Vec::new());
        let mut gone = change(kit, "gone");
        gone.after = None;
        let some = if round == 1 {
            vec![new, gone]
        } else {
            vec![whole]
        };
        store.replace_templates(account, &[], &some).await.unwrap();
        made.extend(some);
    }
    let theirs = [change(kit, "theirs")];
    store.replace_templates(other, &[], &theirs).await.unwrap();
    made.reverse();
    let all = changes(store, account, 10, None).await;
    let seen: Vec<_> = all.iter().map(|(_, change)| change.clone()).collect();
    assert_eq!(seen, made);
    let some = changes(store, account, 2, Some(all[0].0)).await;
    assert_eq!(some, all[1..3]);
    assert_eq!(changes(store, other, 10, None).await[0].1, theirs[0]);
}

async fn come_with_the_templates_or_not_at_all(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let listed = Template {
        id: id("tpl"),
        kind: Kind::Template,
        title: "t".to_owned(),
        content: String::new(),
        example: String::new(),
        fields: Vec::new(),
        subscription: None,
        synced_at: kit.now(),
    };
    let one = [change(kit, "tpl")];
    let kept = store
        .replace_templates(account, std::slice::from_ref(&listed), &one)
        .await;
    kept.unwrap();
    assert_eq!(store.templates(account).await.unwrap(), [listed]);
    assert_eq!(changes(store, account, 10, None).await.len(), 1);
    let stray = AccountId(404);
    let refused = store.replace_templates(stray, &[], &one).await;
    assert!(refused.is_err());
    assert!(changes(store, stray, 10, None).await.is_empty());
}

async fn go_with_their_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let one = [change(kit, "tpl")];
    store.replace_templates(account, &[], &one).await.unwrap();
    let used = TemplateUse {
        key: None,
        messages: 1,
        last_at: kit.now(),
    };
    let uses = [(account, id("tpl"), used)];
    store.note_template_uses(&uses).await.unwrap();
    store.remove_account(account).await.unwrap();
    assert!(changes(store, account, 10, None).await.is_empty());
    let used = store.template_uses(account, &id("tpl"), kit.now()).await;
    assert!(used.unwrap().is_empty());
}

async fn tell_who_uses_a_template(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (one, other) = (kit.key_id(), kit.key_id());
    let begin = kit.now();
    let used = |key, messages| TemplateUse {
        key,
        messages,
        last_at: kit.now(),
    };
    let note = async |uses: &[TemplateUse]| {
        let uses: Vec<_> = uses
            .iter()
            .map(|one| (account, id("tpl"), one.clone()))
            .collect();
        store.note_template_uses(&uses).await.unwrap();
    };
    note(&[used(Some(one), 3), used(None, 1)]).await;
    kit.advance(10);
    let middle = kit.now();
    note(&[used(Some(other), 5), used(Some(other), 5)]).await;
    kit.advance(10);
    note(&[used(Some(one), 4)]).await;
    // What is noted late does not turn back the time.
    let mut late = used(Some(one), 1);
    late.last_at = begin;
    note(&[late]).await;
    let mut expected = vec![
        used(Some(one), 8),
        TemplateUse {
            last_at: middle,
            ..used(Some(other), 10)
        },
    ];
    let uses = async |since| {
        let uses = store.template_uses(account, &id("tpl"), since).await;
        uses.unwrap()
    };
    assert_eq!(uses(middle).await, expected);
    expected.push(TemplateUse {
        last_at: begin,
        ..used(None, 1)
    });
    assert_eq!(uses(begin).await, expected);
    let unused = store.template_uses(account, &id("other"), begin).await;
    assert!(unused.unwrap().is_empty());
}

async fn pass_over_who_is_gone(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let used = TemplateUse {
        key: None,
        messages: 1,
        last_at: kit.now(),
    };
    let uses = [AccountId(404), account].map(|account| (account, id("tpl"), used.clone()));
    store.note_template_uses(&uses).await.unwrap();
    let kept = store.template_uses(account, &id("tpl"), kit.now()).await;
    assert_eq!(kept.unwrap(), [used]);
}
