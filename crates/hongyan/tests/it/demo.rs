//! The promise of the README: one command, one call, one message; and nothing
//! lost or doubled when the process is killed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use hongyan_api::{Data, Kind, MessageBatch, NewMessage, Recipient, SlotValue};
use serde_json::Value;

use crate::support::{Demo, run, stderr, stdout};

#[test]
fn the_first_message_arrives_by_command_and_by_pasted_curl() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path());
    let template = demo.text("/accounts/0/templates/0/template_id");
    let sent = run(demo.hongyan().args([
        "send",
        "--account",
        "demo-oa",
        "--kind",
        "template",
        "--to",
        &demo.openid(),
        "--template",
        &template,
        "--data",
        "thing1=Parcel",
        "--data",
        "time2=2026-11-20 10:00",
        "--wait",
    ]));
    assert!(sent.status.success(), "{}", stderr(&sent));
    let words = stdout(&sent);
    let (id, status) = words.trim().split_once("  ").unwrap();
    // The receipt may be quicker than the answer.
    assert!(matches!(status, "accepted" | "delivered"), "{words}");

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inbox = format!(
        "/sandbox/v1/people/{}/inbox",
        demo.text("/people/0/person_id")
    );
    let inbox = runtime
        .block_on(demo.sandbox().call_raw("GET", &inbox, None::<&Value>))
        .unwrap();
    // Beside what the account answered to the follow.
    let mut cards = inbox["items"].as_array().unwrap().clone();
    cards.retain(|card| card["kind"] == "template");
    assert_eq!(cards.len(), 1, "{inbox}");
    assert!(cards[0]["lines"].to_string().contains("Parcel"), "{inbox}");

    let shown = run(demo.hongyan().args(["messages", "show", id, "--json"]));
    let shown: Value = serde_json::from_str(&stdout(&shown)).unwrap();
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 1);
    let listed = stdout(&run(demo.hongyan().args([
        "messages",
        "list",
        "--account",
        "demo-oa",
    ])));
    assert!(listed.contains(id), "{listed}");
    let accounts = stdout(&run(demo.hongyan().args(["accounts", "list"])));
    assert!(
        accounts.contains("demo-oa") && accounts.contains("healthy"),
        "{accounts}"
    );
    let templates = stdout(&run(demo.hongyan().args(["templates", "list", "demo-oa"])));
    assert!(templates.contains(&template), "{templates}");
    assert!(
        run(demo.hongyan().args(["accounts", "check", "demo-mp"]))
            .status
            .success()
    );

    // The page of the phones.
    let page = runtime.block_on(demo.sandbox().call_raw(
        "GET",
        "/sandbox/v1/stats",
        None::<&Value>,
    ));
    assert!(page.is_ok());
}

#[test]
fn a_refused_message_ends_the_command_with_1_and_an_explanation() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path());
    let template = demo.text("/accounts/0/templates/0/template_id");
    let send = |to: &str, data: &[&str]| {
        let mut command = demo.hongyan();
        command.args([
            "send",
            "--account",
            "demo-oa",
            "--kind",
            "template",
            "--to",
            to,
        ]);
        command.args(["--template", &template, "--wait"]);
        for pair in data {
            command.args(["--data", pair]);
        }
        run(&mut command)
    };
    let wrong = send(&demo.openid(), &["thing1=x", "tiem2=10:00"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        stderr(&wrong).contains("did you mean"),
        "{}",
        stderr(&wrong)
    );
    let nobody = send("oNobodyHereKnowsThisOne00000", &["thing1=x", "time2=10:00"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("40003"), "{}", stderr(&nobody));
    let bad_usage = run(demo.hongyan().args(["send", "--account", "demo-oa"]));
    assert_eq!(bad_usage.status.code(), Some(2));
}

#[test]
fn kill_dash_nine_loses_and_doubles_nothing() {
    const MESSAGES: usize = 3000;
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut demo = Demo::start(dir.path());
    let message = |at: usize| {
        let mut data = Data::new();
        data.insert(
            "thing1".to_owned(),
            SlotValue::from(&*format!("第 {at} 封")),
        );
        data.insert("time2".to_owned(), SlotValue::from("2026-11-20 10:00"));
        NewMessage::new(
            "demo-oa",
            Kind::Template,
            Recipient::openid(demo.openid()),
            demo.text("/accounts/0/templates/0/template_id"),
            data,
        )
    };
    let messages: Vec<_> = (0..MESSAGES).map(message).collect();
    let mut accepted = HashSet::new();
    for part in messages.chunks(1000) {
        let batch = MessageBatch {
            messages: part.to_vec(),
        };
        let answer = runtime
            .block_on(demo.client().send_batch(&batch, None))
            .unwrap();
        for result in serde_json::to_value(&answer).unwrap()["results"]
            .as_array()
            .unwrap()
        {
            accepted.insert(result["id"].as_str().unwrap().replace("msg_", ""));
        }
    }
    assert_eq!(accepted.len(), MESSAGES);
    let api_key = demo.text("/api_key");
    // Three times in the middle of sending.
    for _ in 0..3 {
        demo.process.kill();
        demo = Demo::start(dir.path());
        assert_eq!(
            demo.text("/api_key"),
            api_key,
            "the key of the demo changed"
        );
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    let deliveries = loop {
        let path = "/sandbox/v1/deliveries?limit=100000";
        let page = runtime
            .block_on(demo.sandbox().call_raw("GET", path, None::<&Value>))
            .unwrap();
        if page["total"].as_u64() >= Some(MESSAGES as u64) {
            break page;
        }
        assert!(Instant::now() < deadline, "only {} arrived", page["total"]);
        // Real processes on real time: there is no clock to turn here.
        std::thread::sleep(Duration::from_millis(50));
    };
    let items = deliveries["items"].as_array().unwrap();
    let delivered: HashSet<_> = items
        .iter()
        .map(|item| item["client_msg_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(items.len(), MESSAGES, "some arrived twice");
    assert_eq!(delivered, accepted);
}

#[test]
fn sigterm_ends_it_with_code_0() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path());
    demo.process.signal("TERM");
    assert_eq!(demo.process.wait(), Some(0));
}
