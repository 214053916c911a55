//! What survives the end of the process.

use std::io::Write as _;
use std::time::Duration;

use hongyan_sandbox::{
    AccountKind, Action, Choices, DeliveryQuery, MessageKind, NewTemplate, OpenError, Sandbox,
    SandboxConfig,
};
use serde_json::{Value, json};

use crate::app::{App, message};
use crate::backend::{Act, Backend, text_reply};

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

/// Everything that stands between a person and their accounts.
struct Ties {
    code: String,
    profile: String,
    ticket: String,
    sent: (String, Value),
}

fn tie(app: &App) -> Ties {
    let official = app.account(AccountKind::OfficialAccount);
    let program = app.account(AccountKind::MiniProgram);
    let once = NewTemplate::new(MessageKind::OneTime, "订阅", "{{content.DATA}}");
    let template = app.sandbox.add_template(&official.appid, once).unwrap();
    let (person, openid) = app.follower(&official);
    let backend = Backend::new(|_, seen| Act::Answer(200, text_reply(&seen.body, "收到")));
    app.callback(&official, &backend.plain());
    let text = json!({ "action": "send_text", "content": "在吗" });
    app.perform(&person, &official, text);
    app.callback(&official, &json!(null));
    for scene in [1, 2] {
        let template_id = template.template_id.clone();
        app.act(
            &person,
            &official,
            &Action::SubscribeOnce { template_id, scene },
        );
    }
    let token = app.token(&official);
    let send = |path: &str, body: &Value| {
        let path = format!("/cgi-bin/message/{path}?access_token={token}");
        assert_eq!(app.post(&path, body).errcode(), 0);
    };
    send(
        "template/subscribe",
        &json!({
            "touser": openid, "template_id": template.template_id, "scene": 1, "title": "t",
            "data": { "content": { "value": "c" } },
        }),
    );
    let words = json!({ "touser": openid, "msgtype": "text", "text": { "content": "在" } });
    // Three of the window of following, one of the message's five.
    for _ in 0..4 {
        send("custom/send", &words);
    }
    let login = app.perform(&person, &program, json!({ "action": "login" }));
    let visit = app.get(&format!(
        "/connect/oauth2/authorize?appid={}&redirect_uri=http%3A%2F%2Fa.b%2F&response_type=code\
         &scope=snsapi_base&state=s&person={}",
        official.appid, person.person_id
    ));
    let code = visit.header("location").unwrap();
    let code = code
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let tokens = app
        .get(&format!(
            "/sns/oauth2/access_token?appid={}&secret={}&code={code}&grant_type=authorization_code",
            official.appid, official.secret
        ))
        .json();
    let ticket = format!("/cgi-bin/ticket/getticket?access_token={token}&type=jsapi");
    app.get(&ticket);
    Ties {
        code: format!(
            "/sns/jscode2session?appid={}&secret={}&js_code={}&grant_type=authorization_code",
            program.appid,
            program.secret,
            login["code"].as_str().unwrap()
        ),
        profile: format!(
            "/sns/auth?access_token={}&openid={openid}",
            tokens["access_token"].as_str().unwrap()
        ),
        ticket,
        sent: (
            format!("/cgi-bin/message/custom/send?access_token={token}"),
            words,
        ),
    }
}

#[test]
fn windows_codes_scenes_and_replies_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = App::on(dir.path());
    let ties = tie(&first);
    let before = picture(&first.sandbox);
    assert!(before.contains("收到") && before.contains("\"scene\": 2"));
    let ticket = first.get(&ties.ticket).json();
    for rewrite_above in [u64::MAX, 1] {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("sandbox.journal");
        std::fs::copy(dir.path().join("sandbox.journal"), path).unwrap();
        let rewriting = SandboxConfig {
            rewrite_above,
            ..config(copy.path())
        };
        drop(App::with(rewriting.clone()));
        // The one before may still hold the lock while its tasks end.
        let again = tempfile::tempdir().unwrap();
        std::fs::copy(
            copy.path().join("sandbox.journal"),
            again.path().join("sandbox.journal"),
        )
        .unwrap();
        let next = App::on(again.path());
        assert_eq!(picture(&next.sandbox), before);
        assert_eq!(next.get(&ties.ticket).json(), ticket);
        assert_eq!(next.get(&ties.profile).errcode(), 0);
        assert!(next.get(&ties.code).json()["session_key"].is_string());
        assert_eq!(next.get(&ties.code).errcode(), 40163);
        for _ in 0..4 {
            assert_eq!(next.post(&ties.sent.0, &ties.sent.1).errcode(), 0);
        }
        assert_eq!(next.post(&ties.sent.0, &ties.sent.1).errcode(), 45047);
    }
}
