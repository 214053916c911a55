use bytes::Bytes;
use hongyan_domain::media::{Media, MediaKind};
use hongyan_domain::port::{Page, Store, StoreError};
use hongyan_domain::{AccountId, MediaId};

use super::{Kit, cases};

cases! {
    are_kept_with_their_bytes,
    are_kept_once_an_account_and_type,
    come_newest_first,
    remember_what_wechat_calls_them,
    belong_to_their_account,
    go_with_their_account,
}

fn media(kit: &Kit, account: AccountId, digest: u8) -> Media {
    Media {
        id: MediaId::new(kit.now(), kit.fresh()),
        account,
        kind: MediaKind::Image,
        file_name: "海报.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: 3,
        digest: [digest; 32],
        created_at: kit.now(),
        at_wechat: None,
    }
}

const BYTES: Bytes = Bytes::from_static(&[0, 159, 146]);

async fn list(store: &dyn Store, account: AccountId) -> Vec<Media> {
    let page = Page {
        limit: 10,
        after: None,
    };
    store.medias(account, &page).await.unwrap()
}

async fn are_kept_with_their_bytes(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut one = media(kit, account, 1);
    one.kind = MediaKind::Thumb;
    assert_eq!(store.add_media(&one, &BYTES).await.unwrap(), one);
    let big = Bytes::from(vec![7; 3 << 20]);
    let other = media(kit, account, 2);
    store.add_media(&other, &big).await.unwrap();
    for (media, bytes) in [(one, BYTES), (other, big)] {
        let kept = store.media_bytes(account, media.id).await.unwrap();
        assert!(kept.is_some_and(|kept| kept == bytes));
        let found = store.media(account, media.id).await.unwrap();
        assert_eq!(found, Some(media));
    }
    let never = media(kit, account, 3).id;
    assert_eq!(store.media(account, never).await.unwrap(), None);
    assert_eq!(store.media_bytes(account, never).await.unwrap(), None);
}

async fn are_kept_once_an_account_and_type(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    let first = media(kit, account, 1);
    store.add_media(&first, &BYTES).await.unwrap();
    let again = media(kit, account, 1);
    assert_eq!(store.add_media(&again, &BYTES).await.unwrap(), first);
    assert_eq!(list(store, account).await, [first]);
    let mut thumb = media(kit, account, 1);
    thumb.kind = MediaKind::Thumb;
    assert_eq!(store.add_media(&thumb, &BYTES).await.unwrap(), thumb);
    let elsewhere = media(kit, other, 1);
    let kept = store.add_media(&elsewhere, &BYTES).await.unwrap();
    assert_eq!(kept, elsewhere);
}

async fn come_newest_first(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut made = Vec::new();
    for digest in 0..4 {
        kit.advance(1);
        let one = media(kit, account, digest);
        store.add_media(&one, &BYTES).await.unwrap();
        made.insert(0, one);
    }
    assert_eq!(list(store, account).await, made);
    let page = Page {
        limit: 2,
        after: Some(made[0].id),
    };
    let found = store.medias(account, &page).await.unwrap();
    assert_eq!(found, made[1..3]);
}

async fn remember_what_wechat_calls_them(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut one = media(kit, account, 1);
    store.add_media(&one, &BYTES).await.unwrap();
    for at_wechat in [Some(("media-1", kit.now())), None] {
        store
            .note_at_wechat(account, one.id, at_wechat)
            .await
            .unwrap();
        one.at_wechat = at_wechat.map(|(id, at)| (id.to_owned(), at));
        let found = store.media(account, one.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&one));
    }
    // Removed meanwhile: there is nothing to note.
    let never = media(kit, account, 2).id;
    store.note_at_wechat(account, never, None).await.unwrap();
}

async fn belong_to_their_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    let one = media(kit, account, 1);
    store.add_media(&one, &BYTES).await.unwrap();
    assert_eq!(store.media(other, one.id).await.unwrap(), None);
    assert_eq!(store.media_bytes(other, one.id).await.unwrap(), None);
    assert!(!store.remove_media(other, one.id).await.unwrap());
    assert!(store.remove_media(account, one.id).await.unwrap());
    assert!(!store.remove_media(account, one.id).await.unwrap());
    assert_eq!(store.media_bytes(account, one.id).await.unwrap(), None);
    let stray = media(kit, AccountId(404), 1);
    let refused = store.add_media(&stray, &BYTES).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}

async fn go_with_their_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let one = media(kit, account, 1);
    store.add_media(&one, &BYTES).await.unwrap();
    store.remove_account(account).await.unwrap();
    assert_eq!(store.media(account, one.id).await.unwrap(), None);
    assert_eq!(store.media_bytes(account, one.id).await.unwrap(), None);
    assert!(list(store, account).await.is_empty());
}
