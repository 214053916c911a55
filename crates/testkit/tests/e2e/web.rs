//! People's browsers: one-time subscriptions, web login, the JS-SDK.

use std::time::Duration;

use hongyan_api::{
    Can, ChangeAccount, Kind, NewMessage, ReachQuery, Recipient, RedeemTicket, Secret, SignPage,
    Status, WithheldReason,
};
use hongyan_sandbox::{Action, MessageKind, NewTemplate};
use hongyan_testkit::{Browser, Page, SHOP, TestApp, data, http};
use hongyan_wechat::web::Reserved;
use serde_json::{Value, json};

const ONE_TIME: &str = "/cgi-bin/message/template/subscribe";
const TICKET: &str = "/cgi-bin/ticket/getticket";

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

/// Over to WeChat's page as the person; what that page is called.
async fn leave(app: &TestApp, browser: &mut Browser, from: &str) -> String {
    let page = browser.get(from).await;
    assert_eq!(page.status, 302, "{}", page.body);
    let location = page.location.unwrap();
    assert!(location.starts_with(&app.sandbox_url), "{location}");
    location.replace(
        "#wechat_redirect",
        &format!("&person={}#wechat_redirect", app.person),
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

async fn refused(page: &Page, status: u16, words: &str) {
    assert_eq!(page.status, status, "{}", page.body);
    assert!(page.body.contains(words), "{}", page.body);
    assert_eq!(page.location, None, "nobody is sent anywhere");
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
    let mut former = browser.clone();
    let done = browser.get(&back).await;
    assert_eq!(done.status, 302, "{}", done.body);
    let led = done.location.clone().unwrap();
    assert!(led.starts_with(&format!("{SHOP}/thanks?order=42")), "{led}");
    assert_eq!(done.carried("action").as_deref(), Some("confirm"));
    assert_eq!(done.carried("scene").as_deref(), Some("7"));

    // It works once, even in a browser that still has its cookie.
    refused(&browser.get(&back).await, 403, "Start again").await;
    refused(&former.get(&back).await, 403, "used up").await;

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
    refused(&thief.get(&back).await, 403, "another browser").await;
    // Not even one with a walk of its own.
    leave(&app, &mut thief, &begin(&app, &template, "7", SHOP)).await;
    refused(&thief.get(&back).await, 403, "").await;

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
    refused(&browser.get(&moved).await, 403, "").await;
    let mut slow = Browser::default();
    let at_wechat = leave(&app, &mut slow, &begin(&app, &template, "7", SHOP)).await;
    let back = slow
        .post(&at_wechat, "decision=confirm")
        .await
        .location
        .unwrap();
    app.advance(Duration::from_secs(11 * 60));
    refused(&slow.get(&back).await, 403, "used up").await;
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
        refused(&page, 400, "").await;
        let page = browser
            .get(&format!("{}/h5/oa/oauth?next={next}", app.url))
            .await;
        refused(&page, 400, "").await;
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
        refused(&page, 400, "scene").await;
    }
    let nobody = format!("{}/h5/nobody/subscribe?template_id=x&scene=1", app.url);
    assert_eq!(browser.get(&nobody).await.status, 404);
    let mini = format!("{}/h5/mp/subscribe?template_id=x&scene=1", app.url);
    assert_eq!(browser.get(&mini).await.status, 400);
}

/// Through WeChat's authorize page and back to the shop; the ticket.
async fn log_in(app: &TestApp, browser: &mut Browser, scope: &str) -> Option<String> {
    let from = format!(
        "{}/h5/oa/oauth?scope={scope}&next={SHOP}/login%3Fa%3D1",
        app.url
    );
    let at_wechat = leave(app, browser, &from).await;
    let agreed = if scope == "snsapi_userinfo" {
        browser.get(&at_wechat).await;
        browser.post(&at_wechat, "decision=allow").await
    } else {
        browser.get(&at_wechat).await
    };
    let back = agreed.location.unwrap();
    let done = browser.get(&back).await;
    assert_eq!(done.status, 302, "{}", done.body);
    let led = done.location.as_deref().unwrap();
    assert!(
        led.starts_with(&format!("{SHOP}/login?a=1&ticket=")),
        "{led}"
    );
    assert!(!led.contains("code=") && !led.contains("openid"), "{led}");
    // Some phones ask twice: the same place, and WeChat's code is used once.
    assert_eq!(browser.get(&back).await.location, done.location);
    done.carried("ticket")
}

async fn redeem(app: &TestApp, account: &str, ticket: &str) -> (u16, Value) {
    let path = format!("/v1/accounts/{account}/oauth-ticket");
    let body = json!({ "ticket": ticket }).to_string();
    app.raw("POST", &path, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_logs_in_by_web_page_is_known_by_a_ticket() {
    let app = TestApp::calling_back().await;
    for scope in ["snsapi_base", "snsapi_userinfo"] {
        let asked = app.calls("/sns/oauth2/access_token");
        let mut browser = Browser::default();
        let ticket = log_in(&app, &mut browser, scope).await.unwrap();
        assert_eq!(app.calls("/sns/oauth2/access_token"), asked + 1);
        let (status, holder) = redeem(&app, "oa", &ticket).await;
        assert_eq!((status, &holder["openid"]), (200, &json!(app.openid)));
        let (status, problem) = redeem(&app, "oa", &ticket).await;
        assert_eq!(status, 404);
        assert_eq!(problem["code"], "unknown_ticket");
    }
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    let unionid = card.contact.unionid.expect("WeChat told it");
    // Now the official account can be reached by the unionid, too.
    let mut message = app.message();
    message.to = Recipient {
        unionid: Some(unionid),
        ..Recipient::default()
    };
    let sent = app.send_and_settle(&message).await;
    assert_eq!(sent.status, Status::Delivered);

    // A ticket is for one account, and not for long.
    let ticket = log_in(&app, &mut Browser::default(), "snsapi_base")
        .await
        .unwrap();
    assert_eq!(redeem(&app, "mp", &ticket).await.0, 404);
    let ticket = log_in(&app, &mut Browser::default(), "snsapi_base")
        .await
        .unwrap();
    app.advance(Duration::from_secs(6 * 60));
    assert_eq!(redeem(&app, "oa", &ticket).await.0, 404);
    // A caller who lost the answer may ask again with the same idempotency key.
    let ticket = log_in(&app, &mut Browser::default(), "snsapi_base")
        .await
        .unwrap();
    let wanted = RedeemTicket {
        ticket: Secret::from(ticket),
    };
    let once = app
        .client
        .redeem_ticket("oa", &wanted, Some("k1"))
        .await
        .unwrap();
    let again = app
        .client
        .redeem_ticket("oa", &wanted, Some("k1"))
        .await
        .unwrap();
    assert_eq!(once, again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_way_back_from_the_login_leads_nowhere() {
    let app = TestApp::calling_back().await;
    let mut browser = Browser::default();
    let from = format!("{}/h5/oa/oauth?next={SHOP}", app.url);
    let at_wechat = leave(&app, &mut browser, &from).await;
    let back = browser.get(&at_wechat).await.location.unwrap();
    let state = back.split("state=").nth(1).unwrap().to_owned();
    let asked = app.calls("/sns/oauth2/access_token");
    let mut thief = Browser::default();
    refused(&thief.get(&back).await, 403, "").await;
    for changed in [
        back.replace(&state, &"0".repeat(64)),
        back.replace(&state, ""),
        back.split("&state").next().unwrap().to_owned(),
    ] {
        let page = browser.get(&changed).await;
        assert!(
            (400..500).contains(&page.status),
            "{changed}: {}",
            page.status
        );
    }
    assert_eq!(app.calls("/sns/oauth2/access_token"), asked);
    // The person declined: WeChat comes back without a code.
    let page = browser
        .get(&format!("{}/h5/oa/oauth/return?state={state}", app.url))
        .await;
    refused(&page, 403, "agree").await;
    let from = format!("{}/h5/oa/oauth?scope=snsapi_login&next={SHOP}", app.url);
    assert_eq!(browser.get(&from).await.status, 400);
}

/// 快照页: WeChat shows the page to a stand-in whose ids are nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_is_never_taken_for_a_person() {
    let app = TestApp::calling_back().await;
    let mut browser = Browser::default();
    let from = format!("{}/h5/oa/oauth?scope=snsapi_userinfo&next={SHOP}", app.url);
    let at_wechat = leave(&app, &mut browser, &from).await;
    let back = browser.post(&at_wechat, "decision=allow&snapshot=1").await;
    let page = browser.get(&back.location.unwrap()).await;
    refused(&page, 403, "full").await;
    let (filter, page) = Default::default();
    let found = app.client.contacts("oa", &filter, &page).await.unwrap();
    assert_eq!(found.items, []);
}

async fn sign(app: &TestApp, url: &str) -> Result<hongyan_api::JsSignature, Option<String>> {
    let page = SignPage {
        url: url.to_owned(),
    };
    let signed = app.client.sign_page("oa", &page).await;
    signed.map_err(|error| error.code().map(str::to_owned))
}

/// What WeChat's client would say to a page.
async fn verdict(app: &TestApp, signed: &hongyan_api::JsSignature, url: &str) -> Value {
    let mut config = serde_json::to_value(signed).unwrap();
    config["url"] = json!(url);
    let path = format!("{}/sandbox/v1/jssdk/verify", app.sandbox_url);
    let answer = http().post(path).json(&config).send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_get_a_signature_that_wechat_takes() {
    let app = TestApp::calling_back().await;
    let page = "https://shop.example.com/orders?id=42&x=%E4%B8%AD";
    let signed = sign(&app, &format!("{page}#/route")).await.unwrap();
    assert_eq!(signed.app_id, app.oa);
    assert_eq!(verdict(&app, &signed, page).await["ok"], json!(true));
    let elsewhere = verdict(&app, &signed, "https://shop.example.com/").await;
    assert_eq!(elsewhere["ok"], json!(false));
    // The ticket is kept like a token.
    for n in 0..3 {
        let page = format!("{SHOP}/{n}");
        let signed = sign(&app, &page).await.unwrap();
        assert_eq!(verdict(&app, &signed, &page).await["ok"], json!(true));
    }
    assert_eq!(app.calls(TICKET), 1);
    let other = app.another_node().await;
    let account = other.account("oa").unwrap();
    other.js_signature(&account, page).await.unwrap();
    assert_eq!(app.calls(TICKET), 1, "other nodes share it");
    app.advance(Duration::from_secs(7200));
    let signed = sign(&app, page).await.unwrap();
    assert_eq!(verdict(&app, &signed, page).await["ok"], json!(true));
    assert_eq!(app.calls(TICKET), 2);

    for bad in [
        "https://evil.example/",
        "http://shop.example.com/",
        "https://shop.example.com:8443/",
    ] {
        let refused = sign(&app, bad).await.unwrap_err();
        assert_eq!(refused.as_deref(), Some("origin_not_allowed"), "{bad}");
    }
    for bad in ["", "shop.example.com", "javascript:alert(1)"] {
        sign(&app, bad).await.unwrap_err();
    }
    let page = SignPage {
        url: SHOP.to_owned(),
    };
    let mini = app.client.sign_page("mp", &page).await.unwrap_err();
    assert!(matches!(mini.status, Some(400..=499)), "{mini:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_with_the_open_tag_is_signed_for_itself() {
    let app = TestApp::calling_back().await;
    let template = app
        .add_template(
            "oa",
            MessageKind::Notification,
            None,
            "名称：{{thing1.DATA}}\n",
        )
        .await;
    let url = format!(
        "{}/h5/oa/subscribe-tag?template_id={template}&from=%E4%B8%AD",
        app.url
    );
    let page = Browser::default().get(&url).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let tag = format!("<wx-open-subscribe id=\"subscribe\" template=\"{template}\"");
    assert!(page.body.contains(&tag), "{}", page.body);
    let config = page.body.split("const CONFIG=").nth(1).unwrap();
    let mut values = serde_json::Deserializer::from_str(config).into_iter::<Value>();
    let config = values.next().unwrap().unwrap();
    assert_eq!(config["openTagList"], json!(["wx-open-subscribe"]));
    let signed = serde_json::from_value(config).unwrap();
    assert_eq!(verdict(&app, &signed, &url).await["ok"], json!(true));
    let script = format!("{}/open/js/jweixin-1.6.0.js", app.sandbox_url);
    assert!(page.body.contains(&script));
    assert_eq!(Browser::default().get(&script).await.status, 200);

    for bad in ["", "template_id=", "template_id=a,b,c,d,e,f"] {
        let url = format!("{}/h5/oa/subscribe-tag?{bad}", app.url);
        assert_eq!(Browser::default().get(&url).await.status, 400, "{bad}");
    }
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
