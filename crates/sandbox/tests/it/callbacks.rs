//! What people do reaches the account's server, and its answer their phones.

use std::time::Duration;

use hongyan_sandbox::{AccountKind, NewAccount, Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::app::{App, START_MS};
use crate::backend::{Act, Backend, TOKEN, open, seal, sign, text_reply};

const FAILURE: &str = "该公众号提供的服务出现故障，请稍后再试";

#[test]
fn a_follow_is_pushed_and_the_reply_is_shown() {
    let backend = Backend::new(|_, seen| Act::Answer(200, text_reply(&seen.body, "欢迎")));
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.callback(&account, &backend.plain());
    let person = app.sandbox.add_person("小明").unwrap();
    let done = app.perform(&person, &account, json!({ "action": "follow" }));
    let openid = done["openid"].as_str().unwrap();
    let callback = &done["callback"];
    assert_eq!(
        (
            &callback["attempts"],
            &callback["status"],
            &callback["shown"]
        ),
        (&json!(1), &json!(200), &json!("message"))
    );
    assert_eq!(callback["reply"]["message"]["Content"], "欢迎");
    assert!(
        callback["reply"]["raw"]
            .as_str()
            .unwrap()
            .starts_with("<xml>")
    );
    assert!(callback["elapsed_ms"].as_f64().unwrap() > 0.0);

    let seen = backend.seen();
    assert_eq!(seen.len(), 1);
    let created = START_MS / 1000;
    assert_eq!(
        seen[0].body,
        format!(
            "<xml><ToUserName><![CDATA[{}]]></ToUserName>\n\
             <FromUserName><![CDATA[{openid}]]></FromUserName>\n\
             <CreateTime>{created}</CreateTime>\n\
             <MsgType><![CDATA[event]]></MsgType>\n\
             <Event><![CDATA[subscribe]]></Event>\n\
             <EventKey><![CDATA[]]></EventKey>\n</xml>",
            account.original_id
        )
    );
    let parameter = |name| seen[0].parameter(name).unwrap_or_default().to_owned();
    assert_eq!(
        parameter("signature"),
        sign(&[TOKEN, &parameter("timestamp"), &parameter("nonce")])
    );
    assert_eq!(parameter("openid"), openid);
    assert_eq!(seen[0].parameter("msg_signature"), None);
    for (name, value) in [
        ("user-agent", "Mozilla/4.0"),
        ("accept", "*/*"),
        ("pragma", "no-cache"),
        ("content-type", "text/xml"),
    ] {
        assert_eq!(seen[0].headers[name], value);
    }

    let card = &app.inbox(&person)[0];
    assert_eq!(
        (&card["kind"], &card["lines"], &card["msgid"]),
        (&json!("text"), &json!(["欢迎"]), &json!(0))
    );
    assert_eq!(card["content"]["text"]["content"], "欢迎");
}

#[test]
fn safe_mode_hides_the_message_and_takes_only_sealed_replies() {
    for (mode, sealed_only) in [("safe", true), ("compatible", false)] {
        let app = App::new();
        let account = app.account(AccountKind::OfficialAccount);
        let appid = account.appid.clone();
        let backend = Backend::new(move |_, seen| {
            let encrypt = seen.body.split("<Encrypt><![CDATA[").nth(1).unwrap();
            let inner = open(encrypt.split("]]>").next().unwrap(), &appid);
            Act::Answer(200, seal(&text_reply(&inner, "收到"), &appid))
        });
        app.callback(&account, &backend.encrypted(mode, "xml"));
        let (person, _) = app.follower(&account);
        app.settle();
        let text = json!({ "action": "send_text", "content": "秘密" });
        let done = app.perform(&person, &account, text);
        assert_eq!(done["callback"]["shown"], "message", "{mode} {done}");
        assert_eq!(done["callback"]["reply"]["message"]["Content"], "收到");
        let seen = backend.seen().pop().unwrap();
        assert_eq!(seen.body.contains("秘密"), !sealed_only);
        assert!(
            seen.body.starts_with("<xml>\n    <ToUserName>") && seen.body.ends_with("</xml>\n")
        );
        assert_eq!(seen.parameter("encrypt_type"), Some("aes"));
        let encrypt = seen.body.split("<Encrypt><![CDATA[").nth(1).unwrap();
        let encrypt = encrypt.split("]]>").next().unwrap();
        let parameter = |name| seen.parameter(name).unwrap();
        assert_eq!(
            parameter("msg_signature"),
            sign(&[TOKEN, parameter("timestamp"), parameter("nonce"), encrypt])
        );
        let inner = open(encrypt, &account.appid);
        assert!(inner.contains("<Content><![CDATA[秘密]]></Content>\n<MsgId>"));
    }
}

#[test]
fn json_of_a_mini_program() {
    let app = App::new();
    let program = app.account(AccountKind::MiniProgram);
    let template = app.template(&program, "{{thing1.DATA}}");
    let backend = Backend::answering("success");
    app.callback(&program, &backend.encrypted("safe", "json"));
    let person = app.sandbox.add_person("小红").unwrap();
    let results = json!({ template.template_id.as_str(): "accept" });
    let popup = json!({ "action": "subscribe_popup", "results": results });
    let done = app.perform(&person, &program, popup);
    assert_eq!(
        (&done["callback"]["reply"], &done["callback"]["shown"]),
        (
            &json!({ "raw": "success", "message": null }),
            &json!("nothing")
        )
    );
    let seen = backend.seen().pop().unwrap();
    assert_eq!(seen.headers["content-type"], "text/xml");
    let outer: Value = serde_json::from_str(&seen.body).unwrap();
    let inner = open(outer["Encrypt"].as_str().unwrap(), &program.appid);
    let inner: Value = serde_json::from_str(&inner).unwrap();
    assert_eq!(inner["Event"], "subscribe_msg_popup_event");
    assert_eq!(
        inner["List"],
        json!({
            "PopupScene": "0",
            "SubscribeStatusString": "accept",
            "TemplateId": template.template_id,
        })
    );

    let setting = json!({ "action": "subscribe_setting", "results": results });
    assert_eq!(
        app.perform(&person, &program, setting)["callback"],
        json!(null)
    );
    let results = json!({ template.template_id.as_str(): "reject" });
    let setting = json!({ "action": "subscribe_setting", "results": results });
    assert_eq!(
        app.perform(&person, &program, setting)["callback"]["attempts"],
        1
    );
}

#[test]
fn failures_are_repeated_at_once_and_shown_after_the_third() {
    let backend = Backend::new(|_, _| Act::Answer(201, "success".into()));
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let (person, _) = app.follower(&account);
    app.callback(&account, &backend.plain());
    let click = json!({ "action": "menu_click", "key": "V1" });
    let done = app.perform(&person, &account, click);
    assert_eq!(
        (&done["callback"]["attempts"], &done["callback"]["shown"]),
        (&json!(3), &json!("failure"))
    );
    assert!(done["callback"]["error"].as_str().unwrap().contains("201"));
    let seen = backend.seen();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter()
            .all(|one| (&one.query, &one.body) == (&seen[0].query, &seen[0].body))
    );
    let card = &app.inbox(&person)[0];
    assert_eq!(
        (&card["kind"], &card["lines"]),
        (&json!("notice"), &json!([FAILURE]))
    );
    let stats = app.control("GET", "/stats", &json!(null)).json();
    assert_eq!(
        stats["callbacks"],
        json!({ "requests": 3, "failed": 3, "waiting": 0 })
    );
}

#[test]
fn a_server_has_limited_time_and_another_chance() {
    let backend = Backend::new(|number, seen| match number {
        0 => Act::Sleep,
        _ => Act::Answer(200, text_reply(&seen.body, "later")),
    });
    let app = App::with(SandboxConfig {
        callback_timeout: Duration::from_millis(200),
        ..SandboxConfig::default()
    });
    let account = app.account(AccountKind::OfficialAccount);
    let (person, _) = app.follower(&account);
    app.callback(&account, &backend.plain());
    let done = app.perform(
        &person,
        &account,
        json!({ "action": "send_text", "content": "?" }),
    );
    assert_eq!(
        (&done["callback"]["attempts"], &done["callback"]["shown"]),
        (&json!(2), &json!("message"))
    );
    assert!(done["callback"]["elapsed_ms"].as_f64().unwrap() >= 200.0);
}

#[test]
fn an_unreachable_server_and_broken_replies_show_the_failure() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let (person, _) = app.follower(&account);
    let nobody = json!({ "url": "http://127.0.0.1:1/", "token": TOKEN });
    app.callback(&account, &nobody);
    let text = json!({ "action": "send_text", "content": "?" });
    let done = app.perform(&person, &account, text.clone());
    assert_eq!(
        (&done["callback"]["status"], &done["callback"]["attempts"]),
        (&json!(null), &json!(3))
    );
    let broken = Backend::answering("{\"ok\":true}");
    app.callback(&account, &broken.plain());
    let done = app.perform(&person, &account, text.clone());
    assert_eq!(done["callback"]["shown"], "failure");
    assert_eq!(done["callback"]["reply"]["raw"], "{\"ok\":true}");
    // What is encrypted although nobody asked for it vanishes.
    let sealed = Backend::answering(&seal("<xml></xml>", &account.appid));
    app.callback(&account, &sealed.plain());
    let done = app.perform(&person, &account, text);
    assert_eq!(
        (&done["callback"]["shown"], &done["callback"]["attempts"]),
        (&json!("nothing"), &json!(1))
    );
}

#[test]
fn every_action_has_its_event() {
    let backend = Backend::answering("");
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let program = app.account(AccountKind::MiniProgram);
    app.callback(&account, &backend.plain());
    app.callback(&program, &backend.plain());
    let person = app.sandbox.add_person("小明").unwrap();
    let last = |account, what: Value| {
        let done = app.perform(&person, account, what);
        assert_eq!(done["callback"]["shown"], "nothing", "{done}");
        backend.seen().pop().unwrap().body
    };
    let scan = last(&account, json!({ "action": "scan", "scene": 110 }));
    assert!(scan.contains("[subscribe]") && scan.contains("<EventKey><![CDATA[qrscene_110]]>"));
    assert!(scan.contains("<Ticket>"));
    let again = last(&account, json!({ "action": "scan", "scene": "110" }));
    assert!(again.contains("[SCAN]") && again.contains("<EventKey><![CDATA[110]]>"));
    let click = last(&account, json!({ "action": "menu_click", "key": "V1" }));
    assert!(click.contains("[CLICK]") && click.contains("[V1]"));
    let view = last(
        &account,
        json!({ "action": "menu_view", "url": "https://a?b=1&c=2" }),
    );
    assert!(view.contains("<EventKey><![CDATA[https://a?b=1&c=2]]>") && view.contains("<MenuId>"));
    let image = last(&account, json!({ "action": "send_image", "media_id": "M" }));
    assert!(image.contains("<MediaId><![CDATA[M]]>") && image.contains("<PicUrl>"));
    let place = json!({ "action": "send_location", "latitude": 31.2, "longitude": "121.6" });
    assert!(last(&account, place).contains("<Location_X>31.2</Location_X>"));
    let follow = last(&account, json!({ "action": "follow", "scene": "s" }));
    assert!(follow.contains("[qrscene_s]"));
    assert!(last(&account, json!({ "action": "unfollow" })).contains("[unsubscribe]"));
    let enter = last(
        &program,
        json!({ "action": "enter_session", "session_from": "order" }),
    );
    assert!(enter.contains("<SessionFrom><![CDATA[order]]>"));
    let ids: Vec<u64> = backend
        .seen()
        .iter()
        .filter_map(|seen| {
            seen.body
                .split("<MsgId>")
                .nth(1)?
                .split('<')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    assert!(
        ids.len() == 2 && ids[0] < ids[1] && ids[0] > 1 << 53,
        "{ids:?}"
    );
}

#[test]
fn an_address_can_be_checked_before_it_is_kept() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let path = format!("/accounts/{}", account.appid);
    let patch = |backend: &Backend| {
        let mut callback = backend.plain();
        callback["verify"] = json!(true);
        app.control("PATCH", &path, &json!({ "callback": callback }))
    };
    let echo = Backend::new(|_, seen| {
        let echo = seen.parameter("echostr").unwrap_or_default();
        Act::Answer(200, echo.to_owned())
    });
    let newline = Backend::new(|_, seen| {
        let echo = seen.parameter("echostr").unwrap_or_default();
        Act::Answer(200, format!("{echo}\n"))
    });
    let refused = patch(&newline);
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (422, &json!("callback_check_failed"))
    );
    assert_eq!(app.sandbox.accounts()[0].callback, None);
    assert_eq!(patch(&echo).status, 200);
    assert_eq!(
        app.sandbox.accounts()[0].callback.as_ref().unwrap().url,
        echo.url
    );
    let asked = &echo.seen()[0];
    let parameter = |name| asked.parameter(name).unwrap();
    assert_eq!(asked.method, http::Method::GET);
    assert_eq!(
        parameter("signature"),
        sign(&[TOKEN, parameter("timestamp"), parameter("nonce")])
    );
}

#[test]
fn what_was_queued_before_the_sandbox_is_served_goes_out_then() {
    let backend = Backend::answering("success");
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let mut new = NewAccount::new(AccountKind::OfficialAccount);
    new.callback = Some(serde_json::from_value(backend.plain()).unwrap());
    let account = sandbox.add_account(new).unwrap();
    let person = sandbox.add_person("小明").unwrap();
    sandbox.follow(&person.person_id, &account.appid).unwrap();
    assert_eq!(sandbox.stats().callbacks.waiting, 1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settled = sandbox.clone();
        let served = sandbox.clone().serve(listener, async move {
            settled.callbacks_settled().await;
        });
        served.await.unwrap();
    });
    assert_eq!(backend.seen().len(), 1);
    assert_eq!(sandbox.stats().callbacks.waiting, 0);
}

#[test]
fn pushes_are_in_the_log() {
    let backend = Backend::answering("success");
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.callback(&account, &backend.plain());
    app.follower(&account);
    app.settle();
    app.get("/cgi-bin/nothing");
    let log = |direction: &str| {
        let path = format!("/requests?direction={direction}");
        app.control("GET", &path, &json!(null)).json()["items"].clone()
    };
    let out = &log("out")[0];
    assert_eq!(
        (&out["path"], &out["status"], &out["answer"]),
        (&json!("/wechat"), &json!(200), &json!("success"))
    );
    assert!(backend.url.starts_with(out["target"].as_str().unwrap()));
    assert!(out["body"].as_str().unwrap().contains("[subscribe]"));
    assert_eq!(log("in").as_array().unwrap().len(), 1);
    assert_eq!(
        app.control("GET", "/requests?direction=up", &json!(null))
            .status,
        422
    );
}

#[test]
fn a_network_check_needs_an_address() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let path = format!(
        "/cgi-bin/callback/check?access_token={}",
        app.token(&account)
    );
    let check = |action: &str, operator: &str| {
        let body = json!({ "action": action, "check_operator": operator });
        app.post(&path, &body)
    };
    assert_eq!(check("all", "DEFAULT").errcode(), 40201);
    app.callback(
        &account,
        &json!({ "url": "http://127.0.0.1:1/", "token": TOKEN }),
    );
    assert_eq!(check("walk", "DEFAULT").errcode(), 40202);
    assert_eq!(check("all", "PIGEON").errcode(), 40203);
    let checked = check("all", "DEFAULT").json();
    assert_eq!(checked["dns"][0]["ip"], "127.0.0.1");
    assert_eq!(checked["ping"][0]["package_loss"], "0%");
}
