//! Pages with the JS-SDK, ours and others'.

use std::time::Duration;

use hongyan_api::SignPage;
use hongyan_sandbox::MessageKind;
use hongyan_testkit::{Browser, SHOP, TestApp, http};
use serde_json::{Value, json};

const TICKET: &str = "/cgi-bin/ticket/getticket";

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
