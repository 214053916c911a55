//! What survives the end of the process.

use std::io::Write as _;
use std::time::Duration;

use hongyan_sandbox::{
    AccountKind, Action, Choices, DeliveryQuery, OpenError, Sandbox, SandboxConfig,
};
use serde_json::{Value, json};

use crate::app::{App, message};

const SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE: &str = "/cgi-bin/message/subscribe/send";

fn config(dir: &std::path::Path) -> SandboxConfig {
    SandboxConfig {
        data_dir: Some(dir.to_owned()),
        ..SandboxConfig::default()
    }
}

/// A lived-in world; returns the calls to repeat after a restart.
struct Life {
    send: (String, Value),
    subscribe: (String, Value),
    msgid: Value,
}

fn live(app: &App) -> Life {
    let official = app.account(AccountKind::OfficialAccount);
    let program = app.account(AccountKind::MiniProgram);
    let template = app.template(&official, "商品：{{thing1.DATA}}");
    let notice = app.template(&program, "{{thing1.DATA}}");
    let (person, openid) = app.follower(&official);
    let user = app
        .sandbox
        .openid(&person.person_id, &program.appid)
        .unwrap();
    let accept = Choices::from([(notice.template_id.clone(), "accept".to_owned())]);
    for _ in 0..2 {
        app.act(&person, &program, &Action::SubscribePopup(accept.clone()));
    }
    app.sandbox.set_quota(&official.appid, SEND, 3).unwrap();
    app.sandbox.advance(Duration::from_secs(90)).unwrap();
    let send = format!("{SEND}?access_token={}", app.token(&official));
    let mut body = message(&openid, &template, "thing1", "耳机");
    body["client_msg_id"] = json!("m-1");
    let msgid = app.post(&send, &body).json()["msgid"].clone();
    assert_eq!(
        app.post(&send, &message("oX", &template, "thing1", "耳机"))
            .errcode(),
        40003
    );
    let subscribe = format!("{SUBSCRIBE}?access_token={}", app.token(&program));
    let notice = message(&user, &notice, "thing1", "b");
    assert_eq!(app.post(&subscribe, &notice).errcode(), 0);
    app.sandbox.add_bulk_people(&official.appid, 5).unwrap();
    Life {
        send: (send, body),
        subscribe: (subscribe, notice),
        msgid,
    }
}

/// The state a restart must not change, as text.
fn picture(sandbox: &Sandbox) -> String {
    let deliveries = sandbox.deliveries(&DeliveryQuery::default()).unwrap();
    let people = sandbox.people();
    let inboxes: Vec<_> = people
        .iter()
        .map(|one| sandbox.inbox(&one.person_id, 99).unwrap())
        .collect();
    let all = (
        sandbox.accounts(),
        people,
        inboxes,
        deliveries,
        sandbox.clock(),
    );
    serde_json::to_string_pretty(&all).unwrap()
}

fn check_life(app: &App, life: &Life) {
    // The third of three calls a day is a duplicate, the fourth is too many.
    let again = app.post(&life.send.0, &life.send.1).json();
    assert_eq!(
        (&again["errcode"], &again["msgid"]),
        (&json!(0), &life.msgid)
    );
    assert_eq!(app.post(&life.send.0, &life.send.1).errcode(), 45009);
    // One of two consents is left.
    assert_eq!(app.post(&life.subscribe.0, &life.subscribe.1).errcode(), 0);
    assert_eq!(
        app.post(&life.subscribe.0, &life.subscribe.1).errcode(),
        43101
    );
}

#[test]
fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    // The first process is not ended in order: its file must do.
    let copy = tempfile::tempdir().unwrap();
    let first = App::on(dir.path());
    let life = live(&first);
    let file = "sandbox.journal";
    std::fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    let second = App::on(copy.path());
    assert_eq!(picture(&second.sandbox), picture(&first.sandbox));
    check_life(&second, &life);
}

#[test]
fn a_torn_last_line_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let first = App::on(dir.path());
    let life = live(&first);
    let before = picture(&first.sandbox);
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("sandbox.journal");
    std::fs::copy(dir.path().join("sandbox.journal"), &path).unwrap();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(b"{\"t\":\"d\",\"seq\":3,\"at\":17675")
        .unwrap();
    let second = App::on(copy.path());
    assert_eq!(picture(&second.sandbox), before);
    check_life(&second, &life);
    drop(second);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("}\n") && !text.contains("\"at\":17675{"));
}

#[test]
fn a_rewrite_keeps_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    let first = App::on(dir.path());
    let life = live(&first);
    // Many lines about one thing are what a rewrite shortens.
    let account = first.sandbox.accounts()[0].clone();
    for _ in 0..200 {
        first.sandbox.set_quota(&account.appid, SEND, 3).unwrap();
    }
    let before = picture(&first.sandbox);
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("sandbox.journal");
    std::fs::copy(dir.path().join("sandbox.journal"), &path).unwrap();
    let old = std::fs::metadata(&path).unwrap().len();
    let second = App::with(SandboxConfig {
        rewrite_above: 1,
        ..config(copy.path())
    });
    assert!(std::fs::metadata(&path).unwrap().len() < old / 2);
    assert_eq!(picture(&second.sandbox), before);
    // What is written next goes behind what was rewritten.
    second.sandbox.add_person("新来的").unwrap();
    let written = picture(&second.sandbox);
    drop(second);
    let lock = copy.path().join("sandbox.lock");
    let third_dir = tempfile::tempdir().unwrap();
    std::fs::copy(&path, third_dir.path().join("sandbox.journal")).unwrap();
    assert!(lock.exists());
    let third = App::on(third_dir.path());
    assert_eq!(picture(&third.sandbox), written);
    check_life(&third, &life);
}

#[test]
fn two_processes_cannot_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Sandbox::open(config(dir.path())).unwrap();
    assert!(matches!(
        Sandbox::open(config(dir.path())),
        Err(OpenError::InUse { .. })
    ));
}

#[test]
fn foreign_damaged_and_newer_files_are_refused_untouched() {
    let check = |content: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sandbox.journal");
        std::fs::write(&path, content).unwrap();
        let error = Sandbox::open(config(dir.path())).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        error
    };
    assert!(matches!(
        check("a letter to somebody"),
        OpenError::Damaged { line: 1, .. }
    ));
    assert!(matches!(
        check("{\"t\":\"header\",\"version\":9}\n"),
        OpenError::TooNew { found: 9, .. }
    ));
    let middle = "{\"t\":\"header\",\"version\":1}\nrubbish\n{\"t\":\"clock\",\"offset_ms\":1}\n";
    assert!(matches!(check(middle), OpenError::Damaged { line: 2, .. }));
}

#[test]
fn a_file_in_the_directorys_place_is_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "x").unwrap();
    let error = Sandbox::open(config(&path)).unwrap_err();
    assert!(error.to_string().contains("cannot use"), "{error}");
}
