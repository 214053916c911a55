//! Followers in bulk, tags, remarks, the blacklist.

use std::collections::HashSet;

use hongyan_sandbox::{
    AccountKind, AccountPatch, AccountView, Action, DeliveryQuery, MessageKind, NewBulk,
    NewTemplate, Sandbox, Since,
};
use serde_json::{Value, json};

use crate::app::{App, Caller, message};

fn openids(sandbox: &Sandbox, account: &AccountView, from: u32, count: u32) -> Vec<String> {
    let openids = sandbox.bulk_openids(&account.appid, from, count);
    openids.unwrap().collect()
}

#[test]
fn paging_finds_everybody_once_while_people_come_and_go() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let (_, single) = app.follower(&account);
    app.sandbox.add_bulk_people(&account.appid, 25_000).unwrap();
    let strangers = NewBulk {
        follows: false,
        ..NewBulk::new(30_000)
    };
    app.sandbox.add_bulk(&account.appid, strangers).unwrap();
    let all = openids(&app.sandbox, &account, 0, 55_000);
    let act = |at: usize, action| app.sandbox.act(&all[at], &account.appid, action).unwrap();
    act(5, &Action::Unfollow);
    act(54_999, &Action::Follow);

    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = caller.get(&format!("/cgi-bin/user/get?next_openid={next}"));
        assert_eq!(page["total"], 25_001);
        let Some(list) = page["data"]["openid"].as_array() else {
            break;
        };
        seen.extend(list.iter().map(|one| one.as_str().unwrap().to_owned()));
        next = page["next_openid"].as_str().unwrap().to_owned();
        // Whoever is touched between two pages keeps their place.
        act(9_999, &Action::Block);
        act(20_000, &Action::Block);
    }
    let unique: HashSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), unique.len()), (25_001, 25_001));
    assert!(unique.contains(&single) && unique.contains(&all[54_999]));
    assert!(!unique.contains(&all[5]) && !unique.contains(&all[25_000]));
    let stranger = caller.get("/cgi-bin/user/get?next_openid=oNobody");
    assert_eq!(stranger["errcode"], 40003);
}

#[test]
fn bulk_people_have_consents_and_a_unionid() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::on(dir.path());
    let program = app.account(AccountKind::MiniProgram);
    let official = app.account(AccountKind::OfficialAccount);
    for account in [&program, &official] {
        let patch = AccountPatch {
            open_platform: Some(Some("op".into())),
            ..AccountPatch::default()
        };
        app.sandbox.update_account(&account.appid, patch).unwrap();
    }
    let once = app.template(&program, "{{thing1.DATA}}");
    let always = app.long_term(&program);
    let accepts = json!({ once.template_id.clone(): 2, always.template_id.clone(): 1 });
    let body = json!({ "appid": program.appid, "count": 3, "accepts": accepts });
    assert_eq!(app.control("POST", "/bulk/people", &body).status, 201);
    app.sandbox.add_bulk_people(&official.appid, 2).unwrap();
    let people = openids(&app.sandbox, &program, 0, 3);
    let send = |app: &App, openid: &str, template, times: usize| -> Vec<i64> {
        let path = format!(
            "/cgi-bin/message/subscribe/send?access_token={}",
            app.token(&program)
        );
        (0..times)
            .map(|_| {
                app.post(&path, &message(openid, template, "thing1", "a"))
                    .errcode()
            })
            .collect()
    };
    assert_eq!(send(&app, &people[0], &once, 3), [0, 0, 43101]);
    assert_eq!(send(&app, &people[0], &always, 3), [0, 0, 0]);
    assert_eq!(send(&app, &people[1], &once, 1), [0]);
    // Touched, the person keeps what is left.
    let block = Action::SendText {
        content: "hi".into(),
    };
    app.sandbox.act(&people[1], &program.appid, &block).unwrap();
    assert_eq!(send(&app, &people[1], &once, 2), [0, 43101]);

    let lines = |appid: &str| {
        let path = format!("/sandbox/v1/bulk/people/{appid}/openids?unionids=true");
        app.get(&path).body
    };
    let (programs, officials) = (lines(&program.appid), lines(&official.appid));
    let unionid = |text: &str, at| {
        text.lines()
            .nth(at)
            .unwrap()
            .split('\t')
            .nth(1)
            .map(str::to_owned)
    };
    assert_eq!(unionid(&programs, 1), unionid(&officials, 1));
    assert_ne!(unionid(&programs, 0), unionid(&programs, 1));
    let openid = openids(&app.sandbox, &official, 1, 1).remove(0);
    let info = Caller::new(&app, &official).get(&format!("/cgi-bin/user/info?openid={openid}"));
    assert_eq!(
        info["unionid"].as_str().map(str::to_owned),
        unionid(&officials, 1)
    );

    let unknown = json!({ "appid": program.appid, "count": 1, "accepts": { "nothing": 1 } });
    assert_eq!(app.control("POST", "/bulk/people", &unknown).status, 404);
    // As it was written, and as it is after a rewrite.
    for rewritten in [false, true] {
        let (_copy, app) = App::on_copy(dir.path(), rewritten);
        assert_eq!(send(&app, &people[0], &once, 1), [43101]);
        assert_eq!(send(&app, &people[1], &once, 1), [43101]);
        assert_eq!(send(&app, &people[2], &once, 3), [0, 0, 43101]);
    }
}

#[test]
fn a_million_people_slow_nothing_down() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "{{thing1.DATA}}");
    app.sandbox
        .add_bulk_people(&account.appid, 1_000_000)
        .unwrap();
    let caller = Caller::new(&app, &account);
    let near_end = openids(&app.sandbox, &account, 995_000, 1).remove(0);
    let page = caller.get(&format!("/cgi-bin/user/get?next_openid={near_end}"));
    assert_eq!(page["count"], 4_999);
    let sent = caller.post(
        "/cgi-bin/message/template/send",
        &message(&near_end, &template, "thing1", "a"),
    );
    assert_eq!(sent["errcode"], 0);
    let query = DeliveryQuery {
        since: Some(Since::Number(0)),
        ..DeliveryQuery::default()
    };
    assert_eq!(
        app.sandbox.deliveries(&query).unwrap().items[0].openid,
        near_end
    );
}

#[test]
fn tags_are_made_named_given_and_listed() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let create =
        |name: &str| caller.post("/cgi-bin/tags/create", &json!({ "tag": { "name": name } }));
    let made = create("广东");
    let id = made["tag"]["id"].as_u64().unwrap();
    assert!(id >= 100);
    assert_eq!(create("广东")["errcode"], 45157);
    assert_eq!(create(" ")["errcode"], 45157);
    assert_eq!(create(&"字".repeat(31))["errcode"], 45158);
    let change = |what: &str, tag: Value| {
        caller.post(&format!("/cgi-bin/tags/{what}"), &json!({ "tag": tag }))["errcode"].clone()
    };
    assert_eq!(change("update", json!({ "id": 2, "name": "x" })), 45058);
    assert_eq!(change("update", json!({ "id": 99, "name": "x" })), 45159);
    assert_eq!(change("update", json!({ "id": id, "name": "广州" })), 0);
    assert_eq!(change("delete", json!({ "id": 0 })), 45058);

    app.sandbox.add_bulk_people(&account.appid, 60).unwrap();
    let people = openids(&app.sandbox, &account, 0, 60);
    let tagging = |how: &str, list: &[String], tag: u64| {
        let body = json!({ "openid_list": list, "tagid": tag });
        caller.post(&format!("/cgi-bin/tags/members/{how}"), &body)["errcode"].clone()
    };
    assert_eq!(tagging("batchtagging", &people[..51], id), 40032);
    assert_eq!(tagging("batchtagging", &[], id), 40032);
    assert_eq!(tagging("batchtagging", &people[..1], 77), 45159);
    let mixed = [people[0].clone(), "oNobody".to_owned()];
    assert_eq!(tagging("batchtagging", &mixed, id), 40003);
    let of = |openid: &str| caller.post("/cgi-bin/tags/getidlist", &json!({ "openid": openid }));
    assert_eq!(of(&people[0])["tagid_list"], json!([]));
    assert_eq!(tagging("batchtagging", &people[10..60], id), 0);
    assert_eq!(tagging("batchtagging", &people[..10], id), 0);
    assert_eq!(tagging("batchuntagging", &people[10..12], id), 0);
    assert_eq!(tagging("batchtagging", &people[..1], 2), 0);
    assert_eq!(of(&people[0])["tagid_list"], json!([id, 2]));
    let info = caller.get(&format!("/cgi-bin/user/info?openid={}", people[0]));
    assert_eq!(info["tagid_list"], json!([id, 2]));
    let tags = caller.get("/cgi-bin/tags/get");
    let expected = json!([
        { "id": 2, "name": "星标组", "count": 1 },
        { "id": id, "name": "广州", "count": 58 },
    ]);
    assert_eq!(tags["tags"], expected);
    let members = |next: &str| {
        caller.post(
            "/cgi-bin/user/tag/get",
            &json!({ "tagid": id, "next_openid": next }),
        )
    };
    let page = members("");
    assert_eq!(page["count"], 58);
    let last = page["next_openid"].as_str().unwrap();
    assert_eq!(members(last), json!({ "count": 0, "next_openid": "" }));
    assert_eq!(members("oNobody")["errcode"], 40003);

    assert_eq!(change("delete", json!({ "id": id })), 0);
    assert_eq!(of(&people[0])["tagid_list"], json!([2]));
    assert_eq!(members("")["errcode"], 45159);
    for n in 0..100 {
        let tag = create(&format!("t{n}"))["tag"]["id"].as_u64().unwrap();
        assert_ne!(tag, id, "an id is given once");
        let full = if n < 20 { 0 } else { 45059 };
        assert_eq!(tagging("batchtagging", &people[1..2], tag), full);
    }
    assert_eq!(create("one more")["errcode"], 45056);
}

#[test]
fn remarks_and_details_of_many() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let (person, openid) = app.follower(&account);
    let remark = |openid: &str, remark: &str| {
        let body = json!({ "openid": openid, "remark": remark });
        caller.post("/cgi-bin/user/info/updateremark", &body)["errcode"].clone()
    };
    assert_eq!(remark(&openid, &"a".repeat(30)), 40092);
    assert_eq!(remark("oNobody", "a"), 40003);
    assert_eq!(remark(&openid, "老客户"), 0);
    app.sandbox.add_bulk_people(&account.appid, 100).unwrap();
    let mut people = openids(&app.sandbox, &account, 0, 100);
    let details = |people: &[String]| {
        let list: Vec<Value> = people
            .iter()
            .map(|one| json!({ "openid": one, "lang": "zh_CN" }))
            .collect();
        caller.post("/cgi-bin/user/info/batchget", &json!({ "user_list": list }))
    };
    people[0] = openid.clone();
    let seen = details(&people);
    assert_eq!(seen["user_info_list"].as_array().unwrap().len(), 100);
    assert_eq!(seen["user_info_list"][0]["remark"], "老客户");
    people.push(openid.clone());
    assert_eq!(details(&people)["errcode"], 40032);
    assert_eq!(details(&[])["errcode"], 40032);
    assert_eq!(details(&["oNobody".to_owned()])["errcode"], 40003);
    app.act(&person, &account, &Action::Unfollow);
    assert_eq!(remark(&openid, "b"), 43004);
}

#[test]
fn whoever_is_blacklisted_gets_no_template_message() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::on(dir.path());
    let account = app.account(AccountKind::OfficialAccount);
    let new = NewTemplate::new(MessageKind::Template, "t", "{{thing1.DATA}}");
    let template = app.sandbox.add_template(&account.appid, new).unwrap();
    app.sandbox.add_bulk_people(&account.appid, 1_021).unwrap();
    let people = openids(&app.sandbox, &account, 0, 1_021);
    let caller = Caller::new(&app, &account);
    let put = |caller: &Caller<'_>, how: &str, list: &[String]| {
        let path = format!("/cgi-bin/tags/members/{how}");
        caller.post(&path, &json!({ "openid_list": list }))["errcode"].clone()
    };
    assert_eq!(put(&caller, "batchblacklist", &people[..21]), 40032);
    for list in people[..1_020].chunks(20) {
        assert_eq!(put(&caller, "batchblacklist", list), 0);
    }
    let list = |begin: &str| {
        caller.post(
            "/cgi-bin/tags/members/getblacklist",
            &json!({ "begin_openid": begin }),
        )
    };
    let first = list("");
    assert_eq!(
        (&first["total"], &first["count"]),
        (&json!(1_020), &json!(1_000))
    );
    assert_eq!(list(first["next_openid"].as_str().unwrap())["count"], 20);
    let send = |caller: &Caller<'_>, openid: &str| {
        let body = message(openid, &template, "thing1", "a");
        caller.post("/cgi-bin/message/template/send", &body)["errcode"].clone()
    };
    assert_eq!(send(&caller, &people[0]), 43019);
    assert_eq!(send(&caller, &people[1_020]), 0);
    assert_eq!(put(&caller, "batchunblacklist", &people[..1]), 0);
    assert_eq!(send(&caller, &people[0]), 0);
    let (_copy, app) = App::on_copy(dir.path(), true);
    let caller = Caller::new(&app, &account);
    assert_eq!(send(&caller, &people[1]), 43019);
    assert_eq!(send(&caller, &people[0]), 0);
}
