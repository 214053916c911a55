//! Accounts, keys and who may do what.

use hongyan_api::{AccountKind, ChangeAccount, Client, NewKey, Scope, Status};
use hongyan_testkit::{TestApp, new_account};
use serde_json::json;

async fn with_key(app: &TestApp, name: &str, scopes: Vec<Scope>, accounts: Vec<String>) -> Client {
    let key = NewKey {
        name: name.to_owned(),
        scopes,
        accounts,
        expires_at: None,
    };
    let created = app.client.add_key(&key, None).await.unwrap();
    Client::new(&app.url, created.api_key.expose()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_written_and_never_read_back() {
    let app = TestApp::start().await;
    let secret = app
        .sandbox
        .accounts()
        .into_iter()
        .find(|a| a.appid == app.oa)
        .unwrap()
        .secret;
    for path in [
        "/v1/accounts",
        "/v1/accounts/oa",
        "/v1/keys",
        "/v1/messages",
    ] {
        let (status, body) = app.raw("GET", path, "").await;
        assert_eq!(status, 200, "{path}");
        let text = body.to_string();
        assert!(!text.contains(&secret), "{path} shows the AppSecret");
        assert!(!text.contains(&app.api_key), "{path} shows an API key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_only_its_accounts() {
    let app = TestApp::start().await;
    let only_mp = with_key(&app, "mp only", vec![Scope::Send], vec!["mp".to_owned()]).await;
    assert_eq!(only_mp.account("oa").await.unwrap_err().status, Some(404));
    assert_eq!(only_mp.account("mp").await.unwrap().name, "mp");
    let error = only_mp
        .send(&app.message(), &Default::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("unknown_account"), "{error}");
    let id = app.send(&app.message()).await;
    assert_eq!(only_mp.message(&id).await.unwrap_err().status, Some(404));
    assert!(
        only_mp
            .messages(&Default::default(), &Default::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(only_mp.cancel(&id).await.unwrap_err().status, Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_token_needs_a_scope_of_its_own() {
    let app = TestApp::start().await;
    let sender = with_key(&app, "sender", vec![Scope::Send], Vec::new()).await;
    assert_eq!(
        sender.access_token("oa").await.unwrap_err().status,
        Some(403)
    );
    let holder = with_key(&app, "holder", vec![Scope::Token], Vec::new()).await;
    let token = holder.access_token("oa").await.unwrap();
    assert!(token.expires_in > 0 && token.expires_in <= 7200);
    assert_eq!(
        holder
            .send(&app.message(), &Default::default())
            .await
            .unwrap_err()
            .status,
        Some(403)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_stops_working_at_once() {
    let app = TestApp::start().await;
    let client = with_key(&app, "brief", vec![Scope::Read], Vec::new()).await;
    client.accounts(&Default::default()).await.unwrap();
    let keys = app.client.keys(&Default::default()).await.unwrap().items;
    let id = &keys.iter().find(|key| key.name == "brief").unwrap().id;
    app.client.remove_key(id).await.unwrap();
    assert_eq!(
        client
            .accounts(&Default::default())
            .await
            .unwrap_err()
            .status,
        Some(401)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_takes_and_sends_nothing() {
    let app = TestApp::start().await;
    let id = app.send(&app.message()).await;
    let off = |disabled| ChangeAccount {
        disabled: Some(disabled),
        ..Default::default()
    };
    app.client.change_account("oa", &off(true)).await.unwrap();
    app.pump().await;
    assert_eq!(app.delivered(), 0);
    assert!(app.get(&id).await.waiting.is_some());
    let error = app
        .client
        .send(&app.message(), &Default::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("account_disabled"), "{error}");
    app.client.change_account("oa", &off(false)).await.unwrap();
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_appids_are_unique_and_open_messages_hold_an_account() {
    let app = TestApp::start().await;
    let again = new_account("oa", AccountKind::OfficialAccount, "wxother", "s");
    assert_eq!(
        app.client
            .add_account(&again, None)
            .await
            .unwrap_err()
            .status,
        Some(409)
    );
    let again = new_account("oa2", AccountKind::OfficialAccount, &app.oa, "s");
    assert_eq!(
        app.client
            .add_account(&again, None)
            .await
            .unwrap_err()
            .status,
        Some(409)
    );
    let mut later = app.message();
    later.send_at = Some("2026-11-21T05:00:00Z".parse().unwrap());
    let id = app.send(&later).await;
    assert_eq!(
        app.client.remove_account("oa").await.unwrap_err().status,
        Some(409)
    );
    app.client.cancel(&id).await.unwrap();
    app.client.remove_account("oa").await.unwrap();
    assert_eq!(
        app.client.account("oa").await.unwrap_err().status,
        Some(404)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_twice_with_one_key_makes_one() {
    let app = TestApp::start().await;
    let key = NewKey {
        name: "ci".to_owned(),
        scopes: vec![Scope::Send],
        accounts: vec![],
        expires_at: None,
    };
    let first = app.client.add_key(&key, Some("k1")).await.unwrap();
    let again = app.client.add_key(&key, Some("k1")).await.unwrap();
    assert_eq!(first.api_key, again.api_key);
    let (status, _) = app
        .raw(
            "POST",
            "/v1/keys",
            json!({"name": "ci", "scopes": ["send"]}).to_string(),
        )
        .await;
    assert_eq!(status, 409);
}
