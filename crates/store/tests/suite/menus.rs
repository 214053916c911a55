use hongyan_domain::callback::Effect;
use hongyan_domain::menu::MenuVersion;
use hongyan_domain::port::{Page, Store, StoreError};
use hongyan_domain::qrcode::QrCode;
use hongyan_domain::{AccountId, KeyId};

use super::{Kit, cases};

cases! {
    are_numbered_and_kept,
    need_their_account,
    go_with_their_account,
    have_codes_with_counts,
    count_only_codes_that_are_kept,
    list_codes_by_scene,
}

fn page<Id>(limit: usize, after: Option<Id>) -> Page<Id> {
    Page { limit, after }
}

async fn are_numbered_and_kept(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    let keep = async |account, document: Option<&str>, note: Option<&str>, by: Option<KeyId>| {
        let kept = store
            .keep_menu(account, document, note, by, kit.now())
            .await;
        kept.unwrap()
    };
    let by = kit.key_id();
    let first = keep(account, Some("{\"button\":[]}"), Some("begin"), Some(by)).await;
    let expected = MenuVersion {
        account,
        version: 1,
        document: Some("{\"button\":[]}".to_owned()),
        note: Some("begin".to_owned()),
        applied_by: Some(by),
        applied_at: kit.now(),
    };
    assert_eq!(first, expected);
    kit.advance(5);
    let second = keep(account, None, None, None).await;
    assert_eq!((second.version, second.applied_at), (2, kit.now()));
    let third = keep(account, Some("{}"), None, None).await;
    assert_eq!(keep(other, Some("{}"), None, None).await.version, 1);
    let all = store.menu_versions(account, &page(10, None)).await.unwrap();
    assert_eq!(all, [third.clone(), second.clone(), first.clone()]);
    let some = store.menu_versions(account, &page(1, Some(3))).await;
    assert_eq!(some.unwrap(), [second]);
    let one = store.menu_version(account, 1).await.unwrap();
    assert_eq!(one, Some(first));
    assert_eq!(store.menu_version(account, 4).await.unwrap(), None);
}

fn code(kit: &Kit, account: AccountId, scene: &str) -> QrCode {
    QrCode {
        account,
        scene: scene.to_owned(),
        name: Some("门店".to_owned()),
        ticket: format!("ticket of {scene}"),
        url: "http://weixin.qq.com/q/x".to_owned(),
        expires_at: Some(kit.now()),
        created_at: kit.now(),
        scans: 0,
        follows: 0,
    }
}

async fn need_their_account(store: &dyn Store, kit: &Kit) {
    let stray = AccountId(404);
    let menu = store.keep_menu(stray, None, None, None, kit.now()).await;
    assert!(matches!(menu, Err(StoreError::Missing { .. })), "{menu:?}");
    let kept = store.keep_qrcode(&code(kit, stray, "1")).await;
    assert!(matches!(kept, Err(StoreError::Missing { .. })), "{kept:?}");
    assert!(!store.forget_qrcode(stray, "1").await.unwrap());
}

async fn go_with_their_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    store
        .keep_menu(account, Some("{}"), None, None, kit.now())
        .await
        .unwrap();
    store.keep_qrcode(&code(kit, account, "1")).await.unwrap();
    store.remove_account(account).await.unwrap();
    let menus = store.menu_versions(account, &page(10, None)).await.unwrap();
    assert!(menus.is_empty());
    let codes = store.qrcodes(account, &page(10, None)).await.unwrap();
    assert!(codes.is_empty());
}

fn scanned(scene: &str, followed: bool) -> Effect {
    Effect::Scanned {
        scene: scene.to_owned(),
        followed,
    }
}

async fn have_codes_with_counts(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let first = code(kit, account, "shop-12");
    assert_eq!(store.keep_qrcode(&first).await.unwrap(), first);
    for followed in [true, false, true] {
        let effects = [scanned("shop-12", followed)];
        kit.told(store, account, &effects).await;
    }
    kit.advance(60);
    let newer = QrCode {
        name: None,
        ticket: "another".to_owned(),
        expires_at: None,
        ..code(kit, account, "shop-12")
    };
    let expected = QrCode {
        scans: 3,
        follows: 2,
        ..newer.clone()
    };
    assert_eq!(store.keep_qrcode(&newer).await.unwrap(), expected);
    let all = store.qrcodes(account, &page(10, None)).await.unwrap();
    assert_eq!(all, [expected]);
}

async fn count_only_codes_that_are_kept(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    let kept = code(kit, account, "1");
    store.keep_qrcode(&kept).await.unwrap();
    kit.told(store, account, &[scanned("2", true)]).await;
    kit.told(store, other, &[scanned("1", true)]).await;
    // A repeat of the same event counts once.
    let callback = kit.callback(account);
    for _ in 0..2 {
        let effects = [scanned("1", false)];
        store.receive(&callback, &effects, &[]).await.unwrap();
    }
    let all = store.qrcodes(account, &page(10, None)).await.unwrap();
    assert_eq!(all, [QrCode { scans: 1, ..kept }]);
    assert!(store.forget_qrcode(account, "1").await.unwrap());
    assert!(!store.forget_qrcode(account, "1").await.unwrap());
    kit.told(store, account, &[scanned("1", true)]).await;
    let all = store.qrcodes(account, &page(10, None)).await.unwrap();
    assert!(all.is_empty());
}

async fn list_codes_by_scene(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for scene in ["b", "B", "a", "10", "9"] {
        store.keep_qrcode(&code(kit, account, scene)).await.unwrap();
    }
    let scenes = async |limit, after: Option<&str>| {
        let page = page(limit, after.map(str::to_owned));
        let found = store.qrcodes(account, &page).await.unwrap();
        let scenes: Vec<_> = found.into_iter().map(|code| code.scene).collect();
        scenes
    };
    assert_eq!(scenes(10, None).await, ["10", "9", "B", "a", "b"]);
    assert_eq!(scenes(2, Some("9")).await, ["B", "a"]);
}
