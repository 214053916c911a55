//! One-time subscriptions: to WeChat's page that asks, and back.

use std::time::Duration;

use hongyan_api::{
    Can, ChangeAccount, Kind, NewMessage, ReachQuery, Recipient, Status, WithheldReason,
};
use hongyan_sandbox::{Action, MessageKind, NewTemplate};
use hongyan_testkit::{Browser, SHOP, TestApp, data};
use hongyan_wechat::web::Reserved;

use super::{leave, refused};

const ONE_TIME: &str = "/cgi-bin/message/template/subscribe";

/// An app with the account's one-time template.
async fn with_template() -> (TestApp, String) {
    let app = TestApp::calling_back().await;
    let template = NewTemplate::new(MessageKind::OneTime, "订阅模板消息", "{{content.DATA}}");
    let made = app.sandbox.add_template(&app.oa, template).unwrap();
    (app, made.template_id)
}

fn begin(app: &TestApp, template: &str, scene: &str, next: &str) -> String {
    format!(
        "{}/h5/oa/subscribe?template_id={template}&scene={scene}&next={next}",
        app.url
    )
}

/// A message of the one-time kind.
fn one_time(app: &TestApp, template: &str, scene: u32) -> NewMessage {
    let words = data(&[("content", "您订阅的内容到了")]);
    let to = Recipient::openid(&app.openid);
    let mut message = NewMessage::new("oa", Kind::OneTime, to, template, words);
    message.scene = Some(scene);
    message.title = Some("到货通知".to_owned());
    message.url = Some("https://shop.example.com/1".to_owned());
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_subscription_is_confirmed_and_its_message_arrives() {
    let (app, template) = with_template().await;
    let before = app.send_and_pump(&one_time(&app, &template, 7)).await;
    assert_eq!(
        (before.status, before.errcode),
        (Status::Failed, Some(43101))
    );

    let mut browser = Browser::default();
    let next = format!("{SHOP}/thanks?order=42");
    let from = begin(
        &app,
        &template,
        "7",
        &next.replace('?', "%3F").replace('=', "%3D"),
    );
    let page = browser.get(&from).await;
    assert_eq!(page.status, 302);
    let reserved = page.carried("reserved").unwrap();
    Reserved::parse(&reserved).unwrap();
    let location = page.location.as_deref().unwrap();
    let order = [
        "action=get_confirm",
        "appid=",
        "scene=",
        "template_id=",
        "redirect_url=",
        "reserved=",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|part| location.find(part).unwrap())
        .collect();
    assert!(
        places.is_sorted() && location.ends_with("#wechat_redirect"),
        "{location}"
    );
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );

    let at_wechat = leave(&app, &mut browser, &from).await;
    let asked = browser.get(&at_wechat).await;
    assert!(asked.body.contains("decision"), "{}", asked.body);
    let decided = browser.post(&at_wechat, "decision=confirm").await;
    assert_eq!(decided.carried("action").as_deref(), Some("confirm"));
    let back = decided.location.unwrap();
    let done = browser.get(&back).await;
    assert_eq!(done.status, 302, "{}", done.body);
    let led = done.location.clone().unwrap();
    assert!(led.starts_with(&format!("{SHOP}/thanks?order=42")), "{led}");
    assert_eq!(done.carried("action").as_deref(), Some("confirm"));
    assert_eq!(done.carried("scene").as_deref(), Some("7"));

    // Some phones ask twice; the consent counts once. Later the link is used up.
    let again = browser.get(&back).await;
    assert_eq!((again.status, again.location), (302, done.location));
    let grants = app.client.grants("oa", &app.openid).await.unwrap().items;
    assert_eq!((grants.len(), grants[0].left), (1, 1));
    app.advance(Duration::from_secs(31));
    refused(&browser.get(&back).await, 403, "used up");

    let sent = app.send_and_pump(&one_time(&app, &template, 7)).await;
    assert_eq!(sent.status, Status::Accepted, "{:?}", sent.attempts);
    let card = app.inbox().remove(0);
    assert_eq!(card.title, "到货通知");
    assert!(card.lines.concat().contains("您订阅的内容到了"), "{card:?}");

    // One consent, one message, under this scene alone.
    let asked = app.calls(ONE_TIME);
    let second = app.send_and_pump(&one_time(&app, &template, 7)).await;
    let last = second.attempts.unwrap().pop().unwrap();
    assert_eq!(last.withheld.unwrap().reason, WithheldReason::NoConsentLeft);
    assert_eq!(app.calls(ONE_TIME), asked);
    let who = ReachQuery {
        account: Some("oa".to_owned()),
        openid: Some(app.openid.clone()),
        ..ReachQuery::default()
    };
    let reach = app.client.reach(&who).await.unwrap().items.remove(0);
    let route = reach.routes.iter().find(|route| route.scene == Some(7));
    assert_eq!(route.unwrap().can, Can::No);
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_under_one_scene_do_not_add_up_and_cancel_gives_none() {
    let (app, template) = with_template().await;
    for _ in 0..2 {
        let mut browser = Browser::default();
        // Without `next` there is a page of ours.
        let from = format!("{}/h5/oa/subscribe?template_id={template}&scene=9", app.url);
        let at_wechat = leave(&app, &mut browser, &from).await;
        let back = browser
            .post(&at_wechat, "decision=confirm")
            .await
            .location
            .unwrap();
        let page = browser.get(&back).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("subscribed"), "{}", page.body);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
    }
    let mut browser = Browser::default();
    let from = begin(&app, &template, "10", SHOP);
    let at_wechat = leave(&app, &mut browser, &from).await;
    let back = browser
        .post(&at_wechat, "decision=cancel")
        .await
        .location
        .unwrap();
    let done = browser.get(&back).await;
    assert_eq!(done.carried("action").as_deref(), Some("cancel"));
    let grants = app.client.grants("oa", &app.openid).await.unwrap().items;
    let scenes: Vec<_> = grants
        .iter()
        .map(|grant| (grant.scene, grant.left))
        .collect();
    assert_eq!(scenes, [(Some(9), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_that_nobody_left_for_gives_no_consent() {
    let (app, template) = with_template().await;
    let mut browser = Browser::default();
    let at_wechat = leave(&app, &mut browser, &begin(&app, &template, "7", SHOP)).await;
    let back = browser
        .post(&at_wechat, "decision=confirm")
        .await
        .location
        .unwrap();
    let reserved = back.split("reserved=").nth(1).unwrap().to_owned();
    let forged = reserved.chars().rev().collect::<String>();

    let mut thief = Browser::default();
    refused(&thief.get(&back).await, 403, "another browser");
    // Not even one with a walk of its own.
    leave(&app, &mut thief, &begin(&app, &template, "7", SHOP)).await;
    refused(&thief.get(&back).await, 403, "");

    let grants = async || app.client.grants("oa", &app.openid).await.unwrap().items;
    for changed in [
        back.replace(&reserved, &forged),
        back.replace(&reserved, ""),
        back.replace(&reserved, &"a".repeat(64)),
        back.replace("/h5/oa/", "/h5/mp/"),
        back.replace("/h5/oa/", "/h5/nobody/"),
    ] {
        let mut other = Browser::default();
        leave(&app, &mut other, &begin(&app, &template, "7", SHOP)).await;
        let page = other.get(&changed).await;
        assert!(
            (400..500).contains(&page.status),
            "{changed}: {}",
            page.status
        );
    }
    assert_eq!(grants().await, []);

    // What was begun for one scene is not ended for another, and not for ever.
    let mut browser = Browser::default();
    let at_wechat = leave(&app, &mut browser, &begin(&app, &template, "7", SHOP)).await;
    let back = browser
        .post(&at_wechat, "decision=confirm")
        .await
        .location
        .unwrap();
    let moved = back.replace("scene=7", "scene=8");
    assert_ne!(moved, back);
    refused(&browser.get(&moved).await, 403, "");
    let mut slow = Browser::default();
    let at_wechat = leave(&app, &mut slow, &begin(&app, &template, "7", SHOP)).await;
    let back = slow
        .post(&at_wechat, "decision=confirm")
        .await
        .location
        .unwrap();
    app.advance(Duration::from_secs(11 * 60));
    refused(&slow.get(&back).await, 403, "used up");
    assert_eq!(grants().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_where_the_owner_does_not_want_it() {
    let (app, template) = with_template().await;
    let mut browser = Browser::default();
    for next in [
        "https://evil.example",
        "https://shop.example.com.evil.example",
        "https://shop.example.com@evil.example",
        "http://shop.example.com",
        "//shop.example.com",
        "javascript:alert(1)",
        "/local",
    ] {
        let page = browser.get(&begin(&app, &template, "7", next)).await;
        refused(&page, 400, "");
        let page = browser
            .get(&format!("{}/h5/oa/oauth?next={next}", app.url))
            .await;
        refused(&page, 400, "");
    }
    // What a stranger writes stays text.
    let page = browser
        .get(&begin(&app, &template, "7", "%3Cscript%3E"))
        .await;
    assert!(!page.body.contains("<script"), "{}", page.body);

    for scene in ["0", "10000"] {
        let page = browser.get(&begin(&app, &template, scene, SHOP)).await;
        assert_eq!(page.status, 302, "{scene}");
    }
    for scene in ["10001", "-1", "x", "", "1.5", "70000000000"] {
        let page = browser.get(&begin(&app, &template, scene, SHOP)).await;
        refused(&page, 400, "scene");
    }
    let nobody = format!("{}/h5/nobody/subscribe?template_id=x&scene=1", app.url);
    assert_eq!(browser.get(&nobody).await.status, 404);
    let mini = format!("{}/h5/mp/subscribe?template_id=x&scene=1", app.url);
    assert_eq!(browser.get(&mini).await.status, 400);
}

/// What is switched off has no pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_has_no_pages_but_still_hears() {
    let (app, template) = with_template().await;
    let change = ChangeAccount {
        disabled: Some(true),
        ..ChangeAccount::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    let page = Browser::default()
        .get(&begin(&app, &template, "7", SHOP))
        .await;
    assert_eq!(page.status, 404);
    let text = Action::SendText {
        content: "hi".to_owned(),
    };
    let outcome = app.perform("oa", text).await.callback.unwrap();
    assert_eq!((outcome.attempts, outcome.status), (1, Some(200)));
}
