//! Who is this browser's owner? WeChat's page tells, and a ticket tells it on.

use std::time::Duration;

use hongyan_api::{Recipient, RedeemTicket, Secret, Status};
use hongyan_testkit::{Browser, SHOP, TestApp};
use serde_json::{Value, json};

use super::{leave, refused};

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
    refused(&thief.get(&back).await, 403, "");
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
    refused(&page, 403, "agree");
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
    refused(&page, 403, "full");
    let (filter, page) = Default::default();
    let found = app.client.contacts("oa", &filter, &page).await.unwrap();
    assert_eq!(found.items, []);
}
