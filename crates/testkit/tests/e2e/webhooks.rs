//! The owner's programs are told what happens: signed, at least once, and without
//! disturbing anybody else.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use hongyan_api::{
    Audience, BroadcastRecipient, ChangeWebhook, EventType, Kind, NewBroadcast, NewWebhook,
    PageQuery, RetryWebhook, RotateWebhookSecret, Webhook, WebhookDelivery, WebhookDeliveryFilter,
    WebhookDeliveryState, WebhookWithSecret, WhyDisabled,
};
use hongyan_sandbox::Action;
use hongyan_testkit::scrape::Scrape;
use hongyan_testkit::{Backend, Heard, TestApp, Wishes, data, eventually};
use serde_json::{Value, json};
use sha2::Sha256;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Adds an endpoint that is told of these types; all if there are none.
async fn endpoint(app: &TestApp, url: &str, events: &[EventType]) -> WebhookWithSecret {
    let new = NewWebhook {
        url: url.to_owned(),
        description: Some("the shop".to_owned()),
        accounts: Vec::new(),
        events: events.to_vec(),
    };
    app.client.add_webhook(&new, None).await.unwrap()
}

async fn change(app: &TestApp, id: &str, change: ChangeWebhook) -> Webhook {
    app.client.change_webhook(id, &change).await.unwrap()
}

async fn told(app: &TestApp, id: &str) -> Vec<WebhookDelivery> {
    let (filter, page) = (WebhookDeliveryFilter::default(), PageQuery::default());
    let list = app.client.webhook_deliveries(id, &filter, &page).await;
    list.unwrap().items
}

/// What the endpoint was told, as its program reads it.
fn read(heard: &Heard) -> Value {
    serde_json::from_slice(&heard.body).unwrap()
}

fn types(backend: &Backend) -> Vec<String> {
    let mut types: Vec<String> = backend
        .heard()
        .iter()
        .map(|heard| read(heard)["type"].as_str().unwrap().to_owned())
        .collect();
    types.sort();
    types
}

/// What a program does that checks who posts, by the rules of Standard Webhooks: every
/// signature that this secret verifies counts.
fn verifies(secret: &str, heard: &Heard) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
    let (id, at) = (
        &heard.headers["webhook-id"],
        &heard.headers["webhook-timestamp"],
    );
    assert!(!id.contains('.'), "{id}");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.unwrap()).unwrap();
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&heard.body);
    let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let given = &heard.headers["webhook-signature"];
    given.split(' ').any(|one| one == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_what_happens_in_the_words_of_the_api() {
    let app = TestApp::calling_back().await;
    let shop = Backend::start().await;
    let made = endpoint(&app, &format!("{}/hooks?shop=7", shop.url), &[]).await;
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(app.engine.post_webhooks_due().await, 3);
    assert_eq!(app.engine.post_webhooks_due().await, 0);
    assert_eq!(
        types(&shop),
        ["callback.received", "message.accepted", "message.delivered"]
    );
    for heard in shop.heard() {
        assert_eq!(
            (heard.path.as_str(), heard.query.as_str()),
            ("/hooks", "shop=7")
        );
        assert_eq!(heard.headers["content-type"], "application/json");
        assert_eq!(
            heard.headers["webhook-timestamp"],
            app.seconds().to_string()
        );
        assert!(verifies(made.secret.expose(), &heard));
        let body = read(&heard);
        assert!(body["timestamp"].is_string(), "{body}");
        assert_eq!(body["data"]["account"], "oa");
        if body["type"] == "message.delivered" {
            // As the API shows it, but for the webhooks themselves.
            let mut shown = serde_json::to_value(app.get(&message.id).await).unwrap();
            shown.as_object_mut().unwrap().shift_remove("webhooks");
            assert_eq!(body["data"], shown);
        }
    }

    // The message's own story says what was told of it.
    let story = app.get(&message.id).await.webhooks.unwrap();
    let story: Vec<_> = story
        .iter()
        .map(|one| (one.event, one.state, one.last.as_ref().unwrap().status))
        .collect();
    let delivered = WebhookDeliveryState::Delivered;
    assert_eq!(
        story,
        [
            (EventType::MessageAccepted, delivered, Some(200)),
            (EventType::MessageDelivered, delivered, Some(200))
        ]
    );
    let labels = [
        ("webhook", made.webhook.id.as_str()),
        ("result", "delivered"),
    ];
    let scrape = Scrape::of(&app.url).await;
    let counted = scrape.value("hongyan_webhook_deliveries_total", &labels);
    assert_eq!(counted, Some(3.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_and_broadcasts_are_told_too() {
    let app = TestApp::calling_back().await;
    let shop = Backend::start().await;
    let wanted = [EventType::GrantChanged, EventType::BroadcastFinished];
    endpoint(&app, &shop.url, &wanted).await;
    let choices = [(app.subscribe.clone(), "accept".to_owned())];
    let popup = Action::SubscribePopup(choices.into_iter().collect());
    app.perform("mp", popup).await;
    app.engine.post_webhooks_due().await;
    let body = read(&shop.heard()[0]);
    assert_eq!(body["type"], "grant.changed");
    assert_eq!(
        body["data"],
        json!({"account": "mp", "openid": app.mp_openid, "template_id": app.subscribe,
            "answer": "accept", "source": "event"})
    );

    let recipient = BroadcastRecipient {
        openid: Some(app.openid.clone()),
        ..BroadcastRecipient::default()
    };
    let audience = Audience {
        recipients: Some(vec![recipient]),
        ..Audience::default()
    };
    let said = data(&[("thing1", "耳机"), ("time2", "2026-11-20 10:00")]);
    let new = NewBroadcast::new("Sale", "oa", Kind::Template, &app.template, said, audience);
    let made = app.client.add_broadcast(&new, None).await.unwrap();
    for _ in 0..10 {
        app.pump().await;
        app.engine.post_webhooks_due().await;
        app.advance(Duration::from_secs(1));
    }
    assert_eq!(types(&shop), ["broadcast.finished", "grant.changed"]);
    let body = read(&shop.heard()[1]);
    assert_eq!(body["type"], "broadcast.finished");
    assert_eq!(body["data"]["id"], made.id);
    assert_eq!(body["data"]["state"], "finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_only_what_it_asked_for() {
    let app = TestApp::calling_back().await;
    let (failures, mini) = (Backend::start().await, Backend::start().await);
    endpoint(&app, &failures.url, &[EventType::MessageFailed]).await;
    let new = NewWebhook {
        url: mini.url.clone(),
        description: None,
        accounts: vec!["mp".to_owned()],
        events: Vec::new(),
    };
    let made = app.client.add_webhook(&new, None).await.unwrap();
    assert_eq!(made.webhook.accounts, ["mp"]);
    let mut bad = app.message();
    bad.to = hongyan_api::Recipient::openid("oNobodyHereKnowsThisOne00000");
    app.send_and_settle(&app.message()).await;
    app.send_and_settle(&bad).await;
    app.engine.post_webhooks_due().await;
    assert_eq!(types(&failures), ["message.failed"]);
    assert_eq!(types(&mini), [""; 0]);

    change(
        &app,
        &made.webhook.id,
        ChangeWebhook {
            accounts: Some(Vec::new()),
            ..ChangeWebhook::default()
        },
    )
    .await;
    app.send_and_pump(&app.message()).await;
    app.engine.post_webhooks_due().await;
    assert_eq!(types(&mini), ["message.accepted"], "from then on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_told_again_under_the_same_id_and_not_lost_in_a_crash() {
    let app = TestApp::start().await;
    let shop = Backend::start().await;
    let made = endpoint(&app, &shop.url, &[]).await;
    shop.says(500, "broken");
    app.send_and_pump(&app.message()).await;
    assert_eq!(app.engine.post_webhooks_due().await, 1);
    let waiting = told(&app, &made.webhook.id).await.remove(0);
    assert_eq!(waiting.state, WebhookDeliveryState::Pending);
    assert_eq!(waiting.attempts, 1);
    let last = waiting.last.unwrap();
    assert_eq!(last.status, Some(500));
    assert!(last.error.unwrap().contains("500"));
    assert_eq!(app.engine.post_webhooks_due().await, 0, "not at once");
    let failing = app.client.webhook(&made.webhook.id).await.unwrap();
    assert!(failing.failing_since.is_some());

    let app = app.crash_and_restart().await;
    app.advance(Duration::from_secs(6));
    shop.says(204, "");
    assert_eq!(app.engine.post_webhooks_due().await, 1);
    let [first, second] = <[Heard; 2]>::try_from(shop.heard()).unwrap();
    assert_eq!(first.headers["webhook-id"], waiting.id);
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_ne!(
        first.headers["webhook-timestamp"],
        second.headers["webhook-timestamp"]
    );
    assert!(verifies(made.secret.expose(), &second));
    let done = told(&app, &made.webhook.id).await.remove(0);
    assert_eq!(
        (done.state, done.attempts),
        (WebhookDeliveryState::Delivered, 2)
    );
    let well = app.client.webhook(&made.webhook.id).await.unwrap();
    assert_eq!(well.failing_since, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_can_be_told_once_more() {
    let app = TestApp::start().await;
    let shop = Backend::start().await;
    let made = endpoint(&app, &shop.url, &[]).await;
    let id = &made.webhook.id;
    shop.says(500, "");
    app.send_and_pump(&app.message()).await;
    let happened = told(&app, id).await.remove(0).at;
    // The schedule of Standard Webhooks, with all that chance may add.
    let minutes = [0.1, 5.0, 30.0, 120.0, 300.0, 600.0, 840.0, 1200.0, 1440.0];
    for pause in minutes {
        assert_eq!(app.engine.post_webhooks_due().await, 1);
        app.advance(Duration::from_secs_f64(pause * 60.0 * 1.2));
    }
    assert_eq!(app.engine.post_webhooks_due().await, 1, "the last try");
    app.advance(HOUR * 48);
    assert_eq!(app.engine.post_webhooks_due().await, 0);
    let given_up = told(&app, id).await.remove(0);
    assert_eq!(given_up.state, WebhookDeliveryState::Failed);
    assert_eq!(given_up.attempts, 10);

    shop.says(200, "");
    let since = RetryWebhook { since: happened };
    let retried = app.client.retry_webhook(id, &since).await.unwrap();
    assert_eq!(retried.queued, 1);
    assert_eq!(app.engine.post_webhooks_due().await, 1);
    assert_eq!(
        told(&app, id).await[0].state,
        WebhookDeliveryState::Delivered
    );
    // By hand even what was taken.
    let again = app.client.retry_webhook_delivery(id, &given_up.id).await;
    assert_eq!(again.unwrap().state, WebhookDeliveryState::Pending);
    assert_eq!(app.engine.post_webhooks_due().await, 1);
    assert_eq!(shop.heard().len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_us_too_fast_is_left_alone_and_nobody_else_waits() {
    let app = TestApp::start().await;
    let (slow, other) = (Backend::start().await, Backend::start().await);
    let made = endpoint(&app, &slow.url, &[]).await;
    endpoint(&app, &other.url, &[]).await;
    slow.asks_for_rest(429, 120);
    app.send_and_pump(&app.message()).await;
    assert_eq!(app.engine.post_webhooks_due().await, 2);
    let resting = app.client.webhook(&made.webhook.id).await.unwrap();
    assert!(
        resting.rests_until.is_some() && resting.enabled,
        "{resting:?}"
    );

    // Something new waits for it, too, and not for the other.
    app.send_and_pump(&app.message()).await;
    assert_eq!(app.engine.post_webhooks_due().await, 1);
    assert_eq!((slow.heard().len(), other.heard().len()), (1, 2));
    slow.says(200, "");
    app.advance(Duration::from_secs(121));
    assert_eq!(app.engine.post_webhooks_due().await, 2);
    assert_eq!(slow.heard().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_holds_up_nobody_in_the_background() {
    let app = TestApp::start().await;
    let (slow, other) = (Backend::start().await, Backend::start().await);
    slow.hold();
    endpoint(&app, &slow.url, &[]).await;
    endpoint(&app, &other.url, &[]).await;
    let running = app.engine.start();
    for _ in 0..20 {
        app.send(&app.message()).await;
    }
    eventually(async || (other.heard().len() == 20).then_some(())).await;
    assert!(slow.heard().len() <= 8, "{}", slow.heard().len());
    slow.release();
    eventually(async || (slow.heard().len() == 20).then_some(())).await;
    assert!(running.stop(Duration::from_secs(10)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_told_nothing_more_until_somebody_says_so() {
    let app = TestApp::start().await;
    let shop = Backend::start().await;
    let made = endpoint(&app, &shop.url, &[]).await;
    let id = &made.webhook.id;
    shop.says(410, "");
    app.send_and_pump(&app.message()).await;
    app.engine.post_webhooks_due().await;
    let gone = app.client.webhook(id).await.unwrap();
    assert!(!gone.enabled);
    assert_eq!(gone.disabled.unwrap().why, WhyDisabled::Gone);
    let labels = [("webhook", id.as_str()), ("why", "gone")];
    app.engine.sample_webhooks().await.unwrap();
    let scrape = Scrape::of(&app.url).await;
    assert_eq!(scrape.value("hongyan_webhook_disabled", &labels), Some(1.0));

    shop.says(200, "");
    app.send_and_pump(&app.message()).await;
    assert_eq!(app.engine.post_webhooks_due().await, 0);
    let refused = app.client.ping_webhook(id).await.unwrap_err();
    assert_eq!(refused.problem.unwrap().code, "webhook_disabled");

    let enable = ChangeWebhook {
        enabled: Some(true),
        ..ChangeWebhook::default()
    };
    assert!(change(&app, id, enable).await.enabled);
    app.send_and_pump(&app.message()).await;
    assert_eq!(app.engine.post_webhooks_due().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_counts_at_once_and_the_former_for_a_while() {
    let app = TestApp::start().await;
    let shop = Backend::start().await;
    let made = endpoint(&app, &shop.url, &[]).await;
    let wanted = RotateWebhookSecret {
        overlap_hours: Some(2),
    };
    let rotated = app
        .client
        .rotate_webhook_secret(&made.webhook.id, &wanted)
        .await
        .unwrap();
    let (former, new) = (made.secret.expose(), rotated.secret.expose());
    assert_ne!(former, new);
    app.client.ping_webhook(&made.webhook.id).await.unwrap();
    app.engine.post_webhooks_due().await;
    app.advance(HOUR * 2);
    app.client.ping_webhook(&made.webhook.id).await.unwrap();
    app.engine.post_webhooks_due().await;
    let heard = shop.heard();
    assert!(verifies(former, &heard[0]) && verifies(new, &heard[0]));
    assert!(!verifies(former, &heard[1]) && verifies(new, &heard[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_tried_once_and_shows_what_is_posted() {
    let app = TestApp::start().await;
    let shop = Backend::start().await;
    let made = endpoint(&app, &shop.url, &[EventType::MessageFailed]).await;
    let id = &made.webhook.id;
    shop.says(301, "");
    let ping = app.client.ping_webhook(id).await.unwrap();
    assert_eq!(ping.event, EventType::Ping);
    assert_eq!(app.engine.post_webhooks_due().await, 1);
    let shown = app.client.webhook_delivery(id, &ping.id).await.unwrap();
    assert_eq!(shown.delivery.state, WebhookDeliveryState::Failed);
    let error = shown.delivery.last.unwrap().error.unwrap();
    assert!(error.contains("redirects are not followed"), "{error}");
    let posted = read(&shop.heard()[0]);
    assert_eq!(serde_json::to_value(&shown.body).unwrap(), posted);
    assert_eq!(posted["data"]["webhook"], id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_unless_they_are_allowed() {
    let mut wishes = Wishes::default();
    wishes.engine.webhooks.allow_private = false;
    let app = TestApp::start_with(wishes).await;
    for (url, rule) in [
        ("http://127.0.0.1:9/hooks", "private_address"),
        ("http://localhost:9/hooks", "private_address"),
        ("https://[fd00::1]/hooks", "private_address"),
        ("http://169.254.169.254/latest/meta-data", "private_address"),
        ("ftp://shop.example.com", "form"),
        ("https://user:word@shop.example.com", "credentials"),
    ] {
        let body = json!({"url": url}).to_string();
        let (status, problem) = app.raw("POST", "/v1/webhooks", body).await;
        assert_eq!(
            (status, &problem["violations"][0]["rule"]),
            (422, &json!(rule)),
            "{url}"
        );
        assert!(!problem.to_string().contains("user:word"), "{problem}");
    }
    let public = NewWebhook {
        url: "https://shop.example.com/hooks".to_owned(),
        description: None,
        accounts: Vec::new(),
        events: Vec::new(),
    };
    app.client.add_webhook(&public, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_is_shortened_to_what_endpoints_take() {
    let app = TestApp::start().await;
    let shop = Backend::start().await;
    endpoint(&app, &shop.url, &[]).await;
    app.perform(
        "oa",
        Action::SendText {
            content: "hi".to_owned(),
        },
    )
    .await;
    let mut long = app.service_message("oa", "");
    let article = json!({"title": "t", "description": "长".repeat(8000), "url": "https://shop.example.com", "picurl": ""});
    let content = json!({"msgtype": "news", "news": {"articles": [article]}});
    long.content = content.as_object().cloned();
    let id = app.send(&long).await;
    app.pump().await;
    app.engine.post_webhooks_due().await;
    let heard = shop.heard().pop().unwrap();
    assert!(heard.body.len() < 20_000, "{}", heard.body.len());
    let body = read(&heard);
    assert_eq!(body["data"]["id"], id.as_str());
    assert_eq!(body["data"]["shortened"], true);
    assert_eq!(body["data"].get("content"), None);
}
