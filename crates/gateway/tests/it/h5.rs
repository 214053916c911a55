//! Pages for people's browsers, as far as they go without WeChat.

use hongyan_domain::key::Scope;
use hongyan_gateway::GatewaySettings;
use serde_json::json;

use crate::app::{Answer, App};

const OWN: &str = "https://push.example";

async fn stage(secure_cookies: bool) -> App {
    let app = App::with(GatewaySettings {
        secure_cookies,
        ..GatewaySettings::default()
    })
    .await;
    app.engine.set_public_url(OWN);
    let key = app.key(Scope::Admin, &[]).await;
    let change = json!({"redirects": ["https://shop.example/done"]});
    app.patch(&key, "/v1/accounts/demo-oa", &change)
        .await
        .is(200);
    app
}

/// What every answer here has.
#[track_caller]
fn is_guarded(answer: &Answer) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.headers[name], value, "{answer:?}");
    }
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    // Only the stand-in for WeChat shows our pages inside its own.
    let policies = answer.headers.get_all("content-security-policy");
    let ancestors: Vec<_> = policies.iter().skip(1).collect();
    assert_eq!(ancestors, ["frame-ancestors http://127.0.0.1:1"]);
}

async fn get(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let answer = app.raw("GET", path, headers, "").await;
    is_guarded(&answer);
    answer
}

#[track_caller]
fn is_page(answer: &Answer, status: u16, word: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert!(answer.text.contains(word), "{word}: {}", answer.text);
}

const SUBSCRIBE: &str =
    "/h5/demo-oa/subscribe?template_id=tpl&scene=7&next=https%3A%2F%2Fshop.example%2Fdone%3Fa%3D1";

/// The value of a parameter in an address.
fn parameter(address: &str, name: &str) -> String {
    let at = address.find(&format!("{name}=")).unwrap() + name.len() + 1;
    address[at..].split(['&', '#']).next().unwrap().to_owned()
}

#[tokio::test]
async fn a_subscription_goes_out_and_comes_back_with_its_cookie() {
    let app = stage(false).await;
    let away = get(&app, SUBSCRIBE, &[]).await;
    assert_eq!(away.status, 302);
    let location = away.headers["location"].to_str().unwrap().to_owned();
    assert!(
        location.contains("/mp/subscribemsg?action=get_confirm&appid=wx01"),
        "{location}"
    );
    let set = away.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        set.starts_with("hongyan_walk=")
            && set.contains("; Path=/h5/demo-oa;")
            && set.contains("; HttpOnly")
            && set.contains("; SameSite=Lax")
            && !set.contains("Secure"),
        "{set}"
    );
    let cookie = set.split(';').next().unwrap().to_owned();
    let reserved = parameter(&location, "reserved");
    let back = |action: &str| {
        format!(
            "/h5/demo-oa/subscribe/return?openid=oA&template_id=tpl&action={action}&scene=7&reserved={reserved}&wx=more"
        )
    };
    let home = get(&app, &back("confirm"), &[("cookie", &cookie)]).await;
    assert_eq!(home.status, 302, "{home:?}");
    let location = home.headers["location"].to_str().unwrap();
    assert!(
        location.starts_with("https://shop.example/done?a=1&action=confirm"),
        "{location}"
    );
    let key = app.key(Scope::Read, &[]).await;
    let grants = app
        .get(&key, "/v1/accounts/demo-oa/grants?openid=oA")
        .await
        .is(200);
    let grant = &grants["items"][0];
    assert_eq!((&grant["scene"], &grant["left"]), (&json!(7), &json!(1)));
    // Some phones come back twice at once; later it is over.
    let again = get(&app, &back("confirm"), &[("cookie", &cookie)]).await;
    assert_eq!(again.headers["location"], home.headers["location"]);
    app.clock.set("2026-11-21T04:01:00Z".parse().unwrap());
    let late = get(&app, &back("confirm"), &[("cookie", &cookie)]).await;
    is_page(&late, 403, "used up");
}

#[tokio::test]
async fn a_stranger_s_link_leads_nowhere() {
    let app = stage(false).await;
    let away = get(&app, SUBSCRIBE, &[]).await;
    let reserved = parameter(away.headers["location"].to_str().unwrap(), "reserved");
    let back = format!(
        "/h5/demo-oa/subscribe/return?openid=oA&template_id=tpl&action=confirm&scene=7&reserved={reserved}"
    );
    for headers in [&[][..], &[("cookie", "hongyan_walk=guess")]] {
        assert_eq!(get(&app, &back, headers).await.status, 403);
    }
    let key = app.key(Scope::Read, &[]).await;
    let grants = app
        .get(&key, "/v1/accounts/demo-oa/grants?openid=oA")
        .await
        .is(200);
    assert_eq!(grants["items"], json!([]));
}

#[tokio::test]
async fn without_a_next_there_is_a_page_in_the_browser_s_language() {
    let app = stage(true).await;
    for (action, word) in [("confirm", "订阅成功"), ("cancel", "未订阅")] {
        let away = get(&app, "/h5/demo-oa/subscribe?template_id=tpl&scene=7", &[]).await;
        let set = away.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(set.ends_with("; Secure"), "{set}");
        let cookie = set.split(';').next().unwrap();
        let reserved = parameter(away.headers["location"].to_str().unwrap(), "reserved");
        let back = format!(
            "/h5/demo-oa/subscribe/return?openid=oA&template_id=tpl&action={action}&scene=7&reserved={reserved}"
        );
        let headers = [("cookie", cookie), ("accept-language", "zh-CN,en;q=0.5")];
        let page = get(&app, &back, &headers).await;
        is_page(&page, 200, word);
        assert!(page.text.contains("<html lang=\"zh-CN\">"));
    }
}

#[tokio::test]
async fn oauth_goes_out_for_allowed_targets_alone() {
    let app = stage(false).await;
    let next = "https%3A%2F%2Fshop.example%2Fdone";
    let away = get(&app, &format!("/h5/demo-oa/oauth?next={next}"), &[]).await;
    assert_eq!(away.status, 302, "{away:?}");
    let location = away.headers["location"].to_str().unwrap();
    assert!(
        location.contains("/connect/oauth2/authorize?appid=wx01")
            && location.contains("scope=snsapi_base")
            && location.ends_with("#wechat_redirect"),
        "{location}"
    );
    for (path, status) in [
        ("/h5/demo-oa/oauth", 400),
        ("/h5/demo-oa/oauth?next=https%3A%2F%2Fevil.example", 400),
        ("/h5/demo-oa/oauth?next=javascript%3Aalert(1)", 400),
        (
            "/h5/demo-oa/oauth?scope=all&next=https%3A%2F%2Fshop.example%2Fdone",
            400,
        ),
        ("/h5/demo-oa/oauth/return?code=c&state=s", 403),
        ("/h5/nobody/oauth?next=x", 404),
        ("/h5/%ff/oauth?next=x", 404),
        (
            "/h5/demo-mp/oauth?next=https%3A%2F%2Fshop.example%2Fdone",
            400,
        ),
        ("/h5/demo-oa/subscribe?template_id=tpl&scene=10001", 400),
        (
            "/h5/demo-oa/subscribe?template_id=tpl&scene=1&next=https%3A%2F%2Fevil.example",
            400,
        ),
        ("/h5/demo-oa/subscribe/return", 403),
        ("/h5/demo-oa/subscribe-tag", 400),
        ("/h5/demo-mp/subscribe-tag?template_id=tpl", 400),
    ] {
        let page = get(&app, path, &[]).await;
        is_page(&page, status, "<h1>");
        assert!(!page.headers.contains_key("set-cookie"), "{path}");
        assert!(!page.headers.contains_key("location"), "{path}");
    }
}

#[tokio::test]
async fn what_comes_from_outside_is_escaped() {
    let app = stage(false).await;
    let path = "/h5/demo-oa/oauth?next=https%3A%2F%2F%3Cscript%3E.example";
    let page = get(&app, path, &[]).await;
    assert!(!page.text.contains("<script"), "{}", page.text);
}
