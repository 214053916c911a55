//! Menus, and what a person's taps on them push.

use hongyan_sandbox::{AccountKind, AccountView, PersonView, Platform};
use serde_json::{Value, json};

use crate::app::{App, Caller};
use crate::backend::Backend;

fn click(name: &str, key: &str) -> Value {
    json!({ "type": "click", "name": name, "key": key })
}

fn view(name: &str, url: &str) -> Value {
    json!({ "type": "view", "name": name, "url": url })
}

fn menu_of(app: &App, person: &PersonView, account: &AccountView) -> Value {
    let path = format!("/people/{}/menu?appid={}", person.person_id, account.appid);
    app.control("GET", &path, &json!(null)).json()
}

#[test]
fn a_menu_is_made_shown_and_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::on(dir.path());
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let (person, openid) = app.follower(&account);
    assert_eq!(caller.get("/cgi-bin/menu/get")["errcode"], 46003);
    let closed = caller.get("/cgi-bin/get_current_selfmenu_info");
    assert_eq!(closed["is_menu_open"], 0);
    assert_eq!(menu_of(&app, &person, &account)["source"], "none");
    let below = json!({ "name": "更多", "sub_button": [view("官网", "https://a.example/"), click("帮助", "HELP")] });
    let button = json!([click("今日", "TODAY"), below]);
    let create = |button: &Value| caller.post("/cgi-bin/menu/create", &json!({ "button": button }));
    assert_eq!(create(&json!([]))["errcode"], 40016);
    assert_eq!(create(&button)["errcode"], 0);

    let seen = caller.get("/cgi-bin/menu/get");
    assert!(seen["menu"]["menuid"].is_u64() && seen.get("conditionalmenu").is_none());
    assert_eq!(
        seen["menu"]["button"][0],
        json!({ "type": "click", "name": "今日", "key": "TODAY", "sub_button": [] })
    );
    assert_eq!(
        seen["menu"]["button"][1]["sub_button"][0]["url"],
        "https://a.example/"
    );
    assert!(seen["menu"]["button"][1].get("type").is_none());
    let current = caller.get("/cgi-bin/get_current_selfmenu_info");
    assert_eq!(current["is_menu_open"], 1);
    let list = &current["selfmenu_info"]["button"][1]["sub_button"]["list"];
    assert_eq!(list[1], click("帮助", "HELP"));
    let phone = menu_of(&app, &person, &account);
    assert_eq!(
        (&phone["source"], &phone["openid"]),
        (&json!("default"), &json!(openid))
    );
    assert_eq!(phone["button"], seen["menu"]["button"]);
    let (_copy, later) = App::on_copy(dir.path(), true);
    assert_eq!(menu_of(&later, &person, &account), phone);

    assert_eq!(caller.get("/cgi-bin/menu/delete")["errcode"], 0);
    assert_eq!(caller.get("/cgi-bin/menu/get")["errcode"], 46003);
    let program = app.account(AccountKind::MiniProgram);
    assert_eq!(
        Caller::new(&app, &program).get("/cgi-bin/menu/get")["errcode"],
        48001
    );
}

#[test]
fn escapes_are_refused_where_the_account_wants_that() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let patch = json!({ "reject_unicode_escapes": true });
    app.control("PATCH", &format!("/accounts/{}", account.appid), &patch);
    let caller = Caller::new(&app, &account);
    let body = r#"{"button":[{"type":"click","name":"\u4eca","key":"a"}]}"#;
    assert_eq!(caller.form("/cgi-bin/menu/create", body)["errcode"], 40033);
}

#[test]
fn conditional_menus_are_for_some() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let (person, openid) = app.follower(&account);
    let add = |rule: Value, button: Value| {
        caller.post(
            "/cgi-bin/menu/addconditional",
            &json!({ "button": button, "matchrule": rule }),
        )
    };
    let some = json!([click("VIP", "VIP")]);
    let ios = json!({ "client_platform_type": 1 });
    assert_eq!(add(ios.clone(), some.clone())["errcode"], 65303);
    let button = json!([click("全部", "ALL")]);
    caller.post("/cgi-bin/menu/create", &json!({ "button": button }));
    assert_eq!(add(json!({}), some.clone())["errcode"], 65304);
    assert_eq!(add(json!({ "sex": "1" }), some.clone())["errcode"], 65320);
    assert_eq!(add(json!({ "tag_id": 77 }), some.clone())["errcode"], 45159);
    assert_eq!(
        add(json!({ "client_platform_type": 4 }), some.clone())["errcode"],
        40035
    );
    assert_eq!(add(ios.clone(), json!([]))["errcode"], 65307);
    let hosts = |n: u32| json!([view("a", &format!("https://h{n}.example/"))]);
    for n in 0..3 {
        let made = add(json!({ "client_platform_type": 3 }), hosts(n));
        assert!(made["menuid"].is_string(), "{made}");
    }
    assert_eq!(add(ios.clone(), hosts(3))["errcode"], 65316);
    let menu = add(ios, some);
    let menuid = menu["menuid"].as_str().unwrap();

    let try_match = |who: &str| caller.post("/cgi-bin/menu/trymatch", &json!({ "user_id": who }));
    assert_eq!(try_match(&openid)["button"][0]["key"], "ALL");
    let path = format!("/people/{}", person.person_id);
    let patched = app
        .control("PATCH", &path, &json!({ "platform": "ios" }))
        .json();
    assert_eq!(patched["platform"], "ios");
    assert_eq!(try_match(&openid)["button"][0]["key"], "VIP");
    assert_eq!(menu_of(&app, &person, &account)["source"], "conditional");
    assert_eq!(try_match("oNobody")["errcode"], 65302);
    let listed = caller.get("/cgi-bin/menu/get");
    let last = &listed["conditionalmenu"][3];
    assert_eq!(last["matchrule"], json!({ "client_platform_type": "1" }));
    assert_eq!(last["menuid"].to_string(), menuid);

    // Taps: only what this person's menu has.
    let tap = |action: Value| {
        let mut body = json!({ "appid": account.appid });
        body.as_object_mut()
            .unwrap()
            .extend(action.as_object().unwrap().clone());
        let path = format!("/people/{}/actions", person.person_id);
        app.control("POST", &path, &body)
    };
    assert_eq!(
        tap(json!({ "action": "menu_click", "key": "VIP" })).status,
        200
    );
    let refused = tap(json!({ "action": "menu_click", "key": "ALL" }));
    assert_eq!(refused.status, 422);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("\"VIP\" (click"),
        "{refused:?}"
    );
    assert_eq!(
        tap(json!({ "action": "menu_view", "url": "https://h0.example/" })).status,
        422
    );
    assert_eq!(
        tap(json!({ "action": "menu_tap", "name": "VIP" })).status,
        200
    );

    let delete = |menuid: &str| {
        caller.post("/cgi-bin/menu/delconditional", &json!({ "menuid": menuid }))["errcode"].clone()
    };
    assert_eq!(delete("1"), 65301);
    assert_eq!(delete(menuid), 0);
    assert_eq!(menu_of(&app, &person, &account)["source"], "default");
    app.sandbox
        .set_platform(&person.person_id, Platform::Other)
        .unwrap();
    assert_eq!(
        try_match(&openid)["button"][0]["url"],
        "https://h2.example/"
    );
    app.act(&person, &account, &hongyan_sandbox::Action::Unfollow);
    assert_eq!(try_match(&openid)["errcode"], 65315);
}

#[test]
fn a_menu_of_the_console_has_another_shape() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let (person, _) = app.follower(&account);
    let article = json!({ "title": "新闻", "digest": "摘要", "content_url": "http://mp.example/s", "cover_url": "" });
    let news =
        json!({ "type": "news", "name": "图文", "value": "m", "news_info": { "list": [article] } });
    let text = json!({ "type": "text", "name": "关于", "value": "我们" });
    let button = json!([view("官网", "https://a.example/"), { "name": "更多", "sub_button": { "list": [text, news] } }]);
    let put = |button: &Value| {
        let path = format!("/accounts/{}/console-menu", account.appid);
        app.control("PUT", &path, &json!({ "button": button }))
            .status
    };
    assert_eq!(put(&json!([{ "name": "空" }])), 422);
    caller.post(
        "/cgi-bin/menu/create",
        &json!({ "button": [click("a", "A")] }),
    );
    assert_eq!(put(&button), 204);
    assert_eq!(caller.get("/cgi-bin/menu/get")["errcode"], 46003);
    let current = caller.get("/cgi-bin/get_current_selfmenu_info");
    assert_eq!(current["selfmenu_info"]["button"], button);
    let conditional = json!({ "button": [click("a", "A")], "matchrule": { "tag_id": 2 } });
    assert_eq!(
        caller.post("/cgi-bin/menu/addconditional", &conditional)["errcode"],
        65303
    );
    let phone = menu_of(&app, &person, &account);
    assert_eq!(
        (&phone["source"], &phone["menuid"]),
        (&json!("console"), &json!(null))
    );
    app.perform(
        &person,
        &account,
        json!({ "action": "menu_tap", "name": "关于" }),
    );
    app.perform(
        &person,
        &account,
        json!({ "action": "menu_tap", "name": "图文" }),
    );
    let inbox = app.inbox(&person);
    assert_eq!(
        (&inbox[0]["title"], &inbox[0]["lines"]),
        (&json!("新闻"), &json!(["摘要"]))
    );
    assert_eq!(inbox[1]["lines"], json!(["我们"]));
    assert_eq!(put(&json!([])), 204);
    assert_eq!(
        caller.get("/cgi-bin/get_current_selfmenu_info")["is_menu_open"],
        0
    );
}

#[test]
fn every_type_of_button_has_its_event() {
    let backend = Backend::answering("success");
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.callback(&account, &backend.plain());
    let caller = Caller::new(&app, &account);
    let (person, _) = app.follower(&account);
    app.settle();
    let key = |kind: &str, name: &str| json!({ "type": kind, "name": name, "key": name });
    let program = json!({ "type": "miniprogram", "name": "mp", "url": "https://a", "appid": "wx1", "pagepath": "pages/a" });
    let lists = json!([
        { "name": "A", "sub_button": [key("scancode_push", "s1"), key("scancode_waitmsg", "s2"), program] },
        { "name": "B", "sub_button": [key("pic_sysphoto", "p1"), key("pic_weixin", "p2"), key("location_select", "l")] },
        view("v", "https://a.example/"),
    ]);
    let made = caller.post("/cgi-bin/menu/create", &json!({ "button": lists }));
    assert_eq!(made["errcode"], 0);
    let menuid = caller.get("/cgi-bin/menu/get")["menu"]["menuid"].to_string();
    let tap = |name: &str| {
        app.perform(
            &person,
            &account,
            json!({ "action": "menu_tap", "name": name, "scanned": "https://x" }),
        );
        backend.seen().pop().unwrap().body
    };
    let scan = "<ScanCodeInfo><ScanType><![CDATA[qrcode]]></ScanType>\n\
                <ScanResult><![CDATA[https://x]]></ScanResult>\n</ScanCodeInfo>\n";
    for (name, event) in [("s1", "scancode_push"), ("s2", "scancode_waitmsg")] {
        let body = tap(name);
        assert!(
            body.contains(&format!("<Event><![CDATA[{event}]]></Event>")),
            "{body}"
        );
        assert!(body.contains(scan), "{body}");
    }
    let body = tap("mp");
    assert!(
        body.contains("view_miniprogram") && body.contains("<![CDATA[pages/a]]>"),
        "{body}"
    );
    assert!(
        body.contains(&format!("<MenuId>{menuid}</MenuId>")),
        "{body}"
    );
    let body = tap("p1");
    assert!(
        body.contains("<SendPicsInfo><Count>1</Count>\n<PicList><item><PicMd5Sum>"),
        "{body}"
    );
    let body = tap("l");
    assert!(
        body.contains("<SendLocationInfo><Location_X><![CDATA[31"),
        "{body}"
    );
    let body = tap("v");
    assert!(
        body.contains("<![CDATA[VIEW]]>") && body.contains(&menuid),
        "{body}"
    );
}
