//! Webhooks by commands, against a gateway that posts by itself.

use hongyan_api::SendOptions;
use hongyan_testkit::Backend;
use serde_json::Value;

use crate::stage::Stage;
use crate::support::{hongyan, run, stderr, stdout};

/// How a command ends, and what it prints.
fn told(stage: &Stage, arguments: &[&str]) -> (bool, String, String) {
    let done = run(hongyan()
        .args(arguments)
        .env("HONGYAN_URL", &stage.url)
        .env("HONGYAN_API_KEY", &stage.api_key));
    (done.status.success(), stdout(&done), stderr(&done))
}

/// What a command prints that must succeed.
fn says(stage: &Stage, arguments: &[&str]) -> String {
    let (done, said, complaint) = told(stage, arguments);
    assert!(done, "{arguments:?}: {complaint}");
    said
}

#[test]
fn an_endpoint_is_added_tried_and_told_by_commands() {
    let stage = Stage::open("[webhooks]\nallow_private = true\n", &[]);
    let shop = stage.block_on(Backend::start());
    let made = says(
        &stage,
        &[
            "webhooks",
            "add",
            &shop.url,
            "--event",
            "message.accepted",
            "--account",
            "shop",
            "--json",
        ],
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made["id"].as_str().unwrap();
    let list = says(&stage, &["webhooks", "list"]);
    assert!(list.contains(id) && !list.contains("whsec_"), "{list}");

    assert!(says(&stage, &["webhooks", "ping", id]).contains("200"));
    shop.says(500, "");
    let (done, _, complaint) = told(&stage, &["webhooks", "ping", id]);
    assert!(!done && complaint.contains("500"), "{complaint}");
    let failed = says(
        &stage,
        &["webhooks", "deliveries", id, "--state", "failed", "--json"],
    );
    let failed: Value = serde_json::from_str(&failed).unwrap();
    let ping = failed["items"][0]["id"].as_str().unwrap();
    let shown = says(&stage, &["webhooks", "delivery", id, ping]);
    assert!(shown.contains("webhook.ping"), "{shown}");
    shop.says(200, "");
    says(&stage, &["webhooks", "retry", id, ping]);

    let wait = SendOptions {
        wait: Some(30),
        ..SendOptions::default()
    };
    let client = stage.client();
    stage
        .block_on(client.send(&stage.message(), &wait))
        .unwrap();
    stage.block_on(hongyan_testkit::eventually(async || {
        let heard = shop.heard();
        let types: Vec<Value> = heard
            .iter()
            .map(|one| serde_json::from_slice::<Value>(&one.body).unwrap()["type"].take())
            .collect();
        (types.len() == 4 && types.contains(&"message.accepted".into())).then_some(())
    }));

    let off = says(
        &stage,
        &["webhooks", "set", id, "--disable", "--all-events"],
    );
    assert!(off.contains("disabled: by_hand"), "{off}");
    let rotated = says(&stage, &["webhooks", "rotate-secret", id]);
    assert!(rotated.contains("whsec_"), "{rotated}");
    says(&stage, &["webhooks", "remove", id]);
    assert!(!told(&stage, &["webhooks", "show", id]).0);
}
