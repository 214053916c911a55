//! Contacts from what people do, and the caller's own ids of them.

use hongyan_api::{
    BindUser, Can, ChangeAccount, ContactFilter, Follow, Kind, PageQuery, ReachQuery, Recipient,
    Status,
};
use hongyan_sandbox::Action;
use hongyan_testkit::TestApp;
use serde_json::json;

async fn contacts(app: &TestApp, filter: &ContactFilter) -> Vec<String> {
    let page = PageQuery::default();
    let items = app
        .client
        .contacts("oa", filter, &page)
        .await
        .unwrap()
        .items;
    items.into_iter().map(|contact| contact.openid).collect()
}

async fn bind(app: &TestApp, id: &str, account: &str, openid: &str) {
    let binding = BindUser {
        openids: [(account.to_owned(), openid.to_owned())]
            .into_iter()
            .collect(),
        ..BindUser::default()
    };
    app.client.bind_user(id, &binding).await.unwrap();
}

/// The person as the mini program's login makes them known; their unionid.
async fn log_in(app: &TestApp) -> String {
    let code = app.perform("mp", Action::Login).await.code.unwrap();
    let body = json!({ "code": code }).to_string();
    let (status, login) = app.raw("POST", "/v1/accounts/mp/login", body).await;
    assert_eq!(status, 200, "{login}");
    login["unionid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_known_by_what_they_do() {
    let app = TestApp::calling_back().await;
    let all = ContactFilter::default();
    assert!(contacts(&app, &all).await.is_empty());
    let unknown = app.client.contact("oa", &app.openid).await.unwrap_err();
    assert_eq!(unknown.code(), Some("unknown_contact"));

    app.perform("oa", Action::Unfollow).await;
    let scan = Action::Scan {
        scene: "poster-7".to_owned(),
    };
    let scanned = app.perform("oa", scan).await;
    assert_eq!(scanned.openid, app.openid);
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    assert_eq!(card.contact.follow, Follow::Following);
    assert_eq!(card.contact.scene.as_deref(), Some("poster-7"));
    let (left, came) = (card.contact.unfollowed_at, card.contact.followed_at);
    assert!(left.unwrap() < came.unwrap());
    assert_eq!(card.contact.seen_at.as_second(), app.seconds());

    let other = app.sandbox.add_person("阿明").unwrap().person_id;
    app.sandbox
        .perform(&other, &app.oa, &Action::Follow)
        .await
        .unwrap();
    app.perform("oa", Action::Unfollow).await;
    assert_eq!(contacts(&app, &all).await.len(), 2);
    let gone = ContactFilter {
        follow: Some(Follow::Unfollowed),
        ..ContactFilter::default()
    };
    assert_eq!(
        contacts(&app, &gone).await,
        std::slice::from_ref(&app.openid)
    );
}

/// Retries are minutes late and may overtake each other.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_event_does_not_undo_a_newer_one() {
    let app = TestApp::calling_back().await;
    let began = app.seconds();
    app.perform("oa", Action::Unfollow).await;
    app.perform("oa", Action::Follow).await;
    let late = format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>{}</FromUserName><CreateTime>{began}</CreateTime>\
         <MsgType>event</MsgType><Event>unsubscribe</Event></xml>",
        app.openid,
    );
    assert_eq!(app.post(&app.push("oa", late)).await.status, 200);
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    assert_eq!(card.contact.follow, Follow::Following);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unionid_links_the_accounts() {
    let app = TestApp::calling_back().await;
    let unionid = log_in(&app).await;
    let mut message = app.subscribe_message();
    message.to = Recipient {
        unionid: Some(unionid.clone()),
        ..Recipient::default()
    };
    app.consent();
    app.settle().await;
    let sent = app.send_and_settle(&message).await;
    assert_eq!(sent.status, Status::Delivered);
    assert_eq!(sent.to.openid.as_deref(), Some(app.mp_openid.as_str()));

    // The official account has not heard of them: nothing is guessed.
    let mut message = app.message();
    message.to = Recipient {
        unionid: Some(unionid.clone()),
        ..Recipient::default()
    };
    let refused = app.client.send(&message, &Default::default()).await;
    assert_eq!(refused.unwrap_err().code(), Some("unknown_person"));

    let who = ReachQuery {
        unionid: Some(unionid),
        ..ReachQuery::default()
    };
    let reach = app.client.reach(&who).await.unwrap().items;
    assert_eq!(reach.len(), 2);
    for account in reach {
        let known = account.account == "mp";
        assert_eq!(account.openid.is_some(), known, "{account:?}");
        assert_eq!(account.routes.is_empty(), !known);
    }

    // When they follow, WeChat is asked who they are.
    app.perform("oa", Action::Unfollow).await;
    app.perform("oa", Action::Follow).await;
    let linked = hongyan_testkit::eventually(|| async {
        let card = app.client.contact("oa", &app.openid).await.unwrap();
        card.contact.unionid
    })
    .await;
    assert_eq!(Some(&linked), message.to.unionid.as_ref());
    let sent = app.send_and_settle(&message).await;
    assert_eq!(sent.status, Status::Delivered);
    assert_eq!(sent.to.openid.as_deref(), Some(app.openid.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_find_people_by_the_caller_s_own_ids() {
    let app = TestApp::calling_back().await;
    let mut message = app.message();
    message.to = Recipient {
        user_id: Some("客户 42/a".to_owned()),
        ..Recipient::default()
    };
    let refused = app.client.send(&message, &Default::default()).await;
    assert_eq!(refused.unwrap_err().code(), Some("unknown_person"));
    bind(&app, "客户 42/a", "oa", &app.openid).await;
    let sent = app.send_and_settle(&message).await;
    assert_eq!(sent.status, Status::Delivered);
    assert_eq!(app.inbox().len(), 1);

    // Bound at one account, known at the other by the unionid.
    let unionid = log_in(&app).await;
    let binding = BindUser {
        unionid: Some(unionid.clone()),
        ..BindUser::default()
    };
    app.client.bind_user("客户 42/a", &binding).await.unwrap();
    app.consent();
    app.settle().await;
    let mut message = app.subscribe_message();
    message.to = Recipient {
        user_id: Some("客户 42/a".to_owned()),
        ..Recipient::default()
    };
    let sent = app.send_and_settle(&message).await;
    assert_eq!(sent.status, Status::Delivered);
    let who = ReachQuery {
        user_id: Some("客户 42/a".to_owned()),
        ..ReachQuery::default()
    };
    let reach = app.client.reach(&who).await.unwrap().items;
    let at_oa = reach.iter().find(|at| at.account == "oa").unwrap();
    let template = at_oa.routes.iter().find(|r| r.kind == Kind::Template);
    // Nobody told us whether they follow; the receipt only says that it arrived.
    assert_ne!(template.unwrap().can, Can::No);
    let user = app.client.user("客户 42/a").await.unwrap();
    assert_eq!(user.unionid, Some(unionid));
    assert_eq!(user.openids["oa"], app.openid);
    let listed = app.client.users(&PageQuery::default()).await.unwrap();
    assert_eq!(listed.items, [user]);
    app.client.remove_user("客户 42/a").await.unwrap();
    let gone = app.client.user("客户 42/a").await.unwrap_err();
    assert_eq!(gone.code(), Some("unknown_user"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openid_belongs_to_one_user() {
    let app = TestApp::calling_back().await;
    app.perform("oa", Action::Follow).await;
    bind(&app, "42", "oa", &app.openid).await;
    let mut binding = BindUser {
        openids: [("oa".to_owned(), app.openid.clone())]
            .into_iter()
            .collect(),
        ..BindUser::default()
    };
    let taken = app.client.bind_user("43", &binding).await.unwrap_err();
    assert_eq!((taken.status, taken.code()), (Some(409), Some("taken")));
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    assert_eq!(card.user_id.as_deref(), Some("42"));

    binding.take_over = true;
    app.client.bind_user("43", &binding).await.unwrap();
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    assert_eq!(card.user_id.as_deref(), Some("43"));
    let former = app.client.user("42").await;
    assert!(former.is_err() || former.unwrap().openids.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_forgotten_is_unknown() {
    let app = TestApp::calling_back().await;
    app.perform(
        "mp",
        Action::SendText {
            content: "hi".to_owned(),
        },
    )
    .await;
    app.consent();
    app.settle().await;
    bind(&app, "42", "mp", &app.mp_openid).await;
    app.client
        .forget_contact("mp", &app.mp_openid)
        .await
        .unwrap();
    let gone = app.client.contact("mp", &app.mp_openid).await.unwrap_err();
    assert_eq!(gone.code(), Some("unknown_contact"));
    let again = app.client.forget_contact("mp", &app.mp_openid).await;
    assert_eq!(again.unwrap_err().status, Some(404));
    let grants = app.client.grants("mp", &app.mp_openid).await.unwrap().items;
    assert_eq!(grants, []);
    let mut message = app.subscribe_message();
    message.to = Recipient {
        user_id: Some("42".to_owned()),
        ..Recipient::default()
    };
    let refused = app.client.send(&message, &Default::default()).await;
    assert_eq!(refused.unwrap_err().code(), Some("unknown_person"));
}

/// WeChat tells when a person closes their account: what is known of them goes.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_wechat_is_forgotten() {
    let app = TestApp::calling_back().await;
    app.perform(
        "mp",
        Action::SendText {
            content: "hi".to_owned(),
        },
    )
    .await;
    app.client.contact("mp", &app.mp_openid).await.unwrap();
    let canceled = json!({
        "ToUserName": "gh_1", "FromUserName": "platform", "CreateTime": app.seconds(),
        "MsgType": "event", "Event": "user_authorization_cancellation",
        "OpenID": app.mp_openid, "AppID": app.mp,
    });
    assert_eq!(
        app.post(&app.push("mp", canceled.to_string())).await.status,
        200
    );
    let gone = app.client.contact("mp", &app.mp_openid).await.unwrap_err();
    assert_eq!(gone.status, Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_people_can_still_be_changed_and_removed() {
    let app = TestApp::calling_back().await;
    app.perform(
        "mp",
        Action::SendText {
            content: "hi".to_owned(),
        },
    )
    .await;
    bind(&app, "42", "mp", &app.mp_openid).await;
    let change = ChangeAccount {
        callback: Some(None),
        ..ChangeAccount::default()
    };
    let account = app.client.change_account("mp", &change).await.unwrap();
    assert_eq!(account.callback, None);
    let push = app.push("mp", "{}");
    assert_eq!(app.post(&push).await.status, 404);
    app.client.remove_account("mp").await.unwrap();
    let left = app.client.user("42").await;
    assert!(left.is_err() || left.unwrap().openids.is_empty());
}
