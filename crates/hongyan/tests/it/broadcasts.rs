//! A file of people, told once each, whatever happens to the process.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use hongyan_api::{BroadcastState, BroadcastVerb};
use serde_json::{Value, json};

use crate::support::{Demo, run, stderr, stdout};

/// Makes people who follow the demo's official account, and a CSV file of them.
fn file_of_people(demo: &Demo, count: usize, path: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let appid = demo.text("/accounts/0/appid");
    let bulk = json!({"appid": appid, "count": count});
    let made = runtime
        .block_on(
            demo.sandbox()
                .call_raw("POST", "/sandbox/v1/bulk/people", Some(&bulk)),
        )
        .unwrap();
    let url = made["openids_url"].as_str().unwrap();
    let openids = runtime.block_on(async {
        let answer = hongyan_testkit::http().get(url).send().await.unwrap();
        answer.text().await.unwrap()
    });
    let mut text = "openid,name\n".to_owned();
    for openid in openids.lines() {
        writeln!(text, "{openid},张三").unwrap();
    }
    assert_eq!(text.lines().count(), count + 1);
    std::fs::write(path, text).unwrap();
}

/// `hongyan broadcasts create` with this file.
fn create(demo: &Demo, file: &Path, more: &[&str]) -> std::process::Output {
    let template = demo.text("/accounts/0/templates/0/template_id");
    run(demo
        .hongyan()
        .args(["broadcasts", "create", "--account", "demo-oa"])
        .args(["--kind", "template", "--template", &template])
        .args(["--data", "thing1={{ name }}"])
        .args(["--data", "time2=2026-11-20 10:00"])
        .arg("--file")
        .arg(file)
        .args(more))
}

/// What took effect, but for what the demo itself sent.
fn delivered(demo: &Demo, runtime: &tokio::runtime::Runtime) -> Vec<String> {
    let path = "/sandbox/v1/deliveries?limit=100000";
    let page = runtime
        .block_on(demo.sandbox().call_raw("GET", path, None::<&Value>))
        .unwrap();
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .filter(|item| item["kind"] == "template")
        .map(|item| item["openid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_broadcast_survives_kill_dash_nine_and_tells_everybody_once() {
    const PEOPLE: usize = 12_000;
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut demo = Demo::start(dir.path());
    let file = dir.path().join("people.csv");
    file_of_people(&demo, PEOPLE, &file);
    let made = create(&demo, &file, &[]);
    assert!(made.status.success(), "{}", stderr(&made));
    let id = stdout(&made).split_whitespace().next().unwrap().to_owned();

    // In the middle of making messages and of sending them; once while it rests.
    for round in 0..4 {
        if round == 2 {
            let paused = runtime.block_on(demo.client().steer_broadcast(&id, BroadcastVerb::Pause));
            // It may be over by then on a fast machine.
            assert!(paused.is_ok() || round > 0, "{paused:?}");
        }
        demo.process.kill();
        demo = Demo::start(dir.path());
    }
    let resumed = runtime.block_on(demo.client().steer_broadcast(&id, BroadcastVerb::Resume));
    drop(resumed);
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        let found = runtime.block_on(demo.client().broadcast(&id)).unwrap();
        if found.state == BroadcastState::Finished {
            assert_eq!(found.messages, PEOPLE as u64);
            break;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        // Real processes on real time: there is no clock to turn here.
        std::thread::sleep(Duration::from_millis(100));
    }
    let delivered = delivered(&demo, &runtime);
    let people: HashSet<_> = delivered.iter().collect();
    assert_eq!(people.len(), PEOPLE, "some were not told");
    assert_eq!(delivered.len(), PEOPLE, "some were told twice");
}

#[test]
fn a_broadcast_is_watched_to_its_end_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path());
    let file = dir.path().join("people.csv");
    file_of_people(&demo, 300, &file);
    let watched = create(&demo, &file, &["--watch"]);
    assert!(watched.status.success(), "{}", stderr(&watched));
    let words = stdout(&watched);
    assert!(words.contains("finished: 300 of 300 people"), "{words}");
    let id = words.split_whitespace().next().unwrap();
    let report = run(demo.hongyan().args(["broadcasts", "report", id]));
    assert_eq!(stdout(&report).lines().count(), 301);
    let listed = run(demo.hongyan().args(["broadcasts", "list"]));
    assert!(stdout(&listed).contains("finished"), "{}", stdout(&listed));

    let bad = dir.path().join("bad.csv");
    std::fs::write(&bad, "openid,name\no1,a\nno openid,b\n").unwrap();
    let refused = create(&demo, &bad, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("line 3"), "{}", stderr(&refused));
}
