//! Template administration, users, housekeeping.

use std::time::Duration;

use hongyan_sandbox::{AccountKind, AccountPatch, MessageKind, NewTemplate};
use serde_json::{Value, json};

use crate::app::{App, Caller};

#[test]
fn templates_of_an_official_account() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let one_time = NewTemplate::new(MessageKind::OneTime, "x", "{{content.DATA}}");
    app.sandbox.add_template(&account.appid, one_time).unwrap();
    let caller = Caller::new(&app, &account);
    let add = |id: &str, words: &[&str]| {
        let body = json!({ "template_id_short": id, "keyword_name_list": words });
        caller.post("/cgi-bin/template/api_add_template", &body)
    };
    assert_eq!(add("TM00015", &["a"])["errcode"], 40247);
    assert_eq!(add("7", &["a"])["errcode"], 40037);
    assert_eq!(add("401", &[])["errcode"], 40246);
    assert_eq!(add("401", &["商品名称", "天气"])["errcode"], 40246);
    let added = add("401", &["商品名称", "订单编号"]);
    let id = added["template_id"].as_str().unwrap();
    assert_eq!(id.len(), 43);
    let list = caller.get("/cgi-bin/template/get_all_private_template");
    assert!(list.get("errcode").is_none());
    assert_eq!(list["template_list"][0]["title"], "订阅模板消息");
    let seen = &list["template_list"][1];
    assert_eq!(
        seen["content"],
        "商品名称：{{thing2.DATA}}\n订单编号：{{character_string1.DATA}}\n"
    );
    assert_eq!(
        (&seen["template_id"], &seen["deputy_industry"]),
        (&json!(id), &json!(""))
    );
    for _ in 1..25 {
        assert_eq!(add("401", &["商品名称"])["errcode"], 0);
    }
    assert_eq!(add("401", &["商品名称"])["errcode"], 45026);
    let delete = |id: &str| {
        caller.post(
            "/cgi-bin/template/del_private_template",
            &json!({ "template_id": id }),
        )
    };
    assert_eq!(delete(id)["errcode"], 0);
    assert_eq!(delete(id)["errcode"], 40037);
    assert_eq!(add("401", &["商品名称"])["errcode"], 0);
}

#[test]
fn a_change_of_industry_takes_its_templates_along() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let set = |caller: &Caller<'_>, first: &str, second: &str| {
        let body = json!({ "industry_id1": first, "industry_id2": second });
        caller.post("/cgi-bin/template/api_set_industry", &body)["errcode"].clone()
    };
    assert_eq!(set(&caller, "1", "42"), 40102);
    assert_eq!(set(&caller, "13", "1"), 0);
    assert_eq!(set(&caller, "13", "2"), 43100);
    let industry = caller.get("/cgi-bin/template/get_industry");
    let expected = json!({ "first_class": "运输与仓储", "second_class": "快递" });
    assert_eq!(industry["primary_industry"], expected);
    assert_eq!(industry["secondary_industry"]["first_class"], "IT科技");
    app.template(&account, "{{first.DATA}}\n{{keyword1.DATA}}");
    app.template(&account, "{{thing1.DATA}}");
    let titles = |caller: &Caller<'_>| {
        let list = caller.get("/cgi-bin/template/get_all_private_template");
        list["template_list"].as_array().unwrap().clone()
    };
    assert_eq!(titles(&caller)[0]["deputy_industry"], "IT科技");
    app.sandbox
        .advance(Duration::from_secs(31 * 86_400))
        .unwrap();
    let caller = Caller::new(&app, &account);
    assert_eq!(set(&caller, "13", "2"), 0);
    let left = titles(&caller);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["content"], "{{thing1.DATA}}");
}

#[test]
fn the_public_library_and_private_templates_of_a_mini_program() {
    let app = App::new();
    let caller = Caller::new(&app, &app.account(AccountKind::MiniProgram));
    let categories = caller.get("/wxaapi/newtmpl/getcategory");
    assert_eq!(
        categories["data"][0],
        json!({ "id": 2, "name": "电商平台" })
    );
    let titles = |query: &str| caller.get(&format!("/wxaapi/newtmpl/getpubtemplatetitles?{query}"));
    assert_eq!(titles("start=0&limit=30")["errcode"], 200_018);
    assert_eq!(titles("ids=9&start=0&limit=30")["errcode"], 200_019);
    assert_eq!(titles("ids=2&limit=30")["errcode"], 200_016);
    assert_eq!(titles("ids=2&start=0&limit=31")["errcode"], 200_017);
    let page = titles("ids=%222,616%22&start=1&limit=1");
    assert_eq!(page["count"], 4);
    let expected = json!([{ "tid": 401, "title": "订单进度提醒", "type": 2, "categoryId": "2" }]);
    assert_eq!(page["data"], expected);
    let keywords = caller.get("/wxaapi/newtmpl/getpubtemplatekeywords?tid=99");
    let first = json!({ "kid": 1, "name": "物品名称", "example": "蓝牙耳机", "rule": "thing" });
    assert_eq!(keywords["data"][0], first);
    let unknown = caller.get("/wxaapi/newtmpl/getpubtemplatekeywords?tid=1");
    assert_eq!(unknown["errcode"], 200_014);

    let add = |body: &Value| caller.post("/wxaapi/newtmpl/addtemplate", body);
    let code = |body: Value| add(&body)["errcode"].clone();
    assert_eq!(code(json!({ "tid": "1", "kidList": [1, 2] })), 200_014);
    assert_eq!(code(json!({ "tid": "99", "kidList": [1] })), 200_020);
    assert_eq!(code(json!({ "tid": "99", "kidList": [1, 1] })), 200_020);
    assert_eq!(code(json!({ "tid": "99", "kidList": [1, 5] })), 200_020);
    let wordy = json!({ "tid": "99", "kidList": [1, 2], "sceneDesc": "字".repeat(16) });
    assert_eq!(code(wordy), 200_021);
    let added = add(&json!({ "tid": "99", "kidList": [2, 1], "sceneDesc": "付款" }));
    let id = added["priTmplId"].as_str().unwrap();
    assert_eq!(code(json!({ "tid": 99, "kidList": ["2", "1"] })), 200_022);
    let form = "tid=99&kidList%5B0%5D=1&kidList%5B1%5D=3&sceneDesc=%E4%BB%98";
    let second = caller.form("/wxaapi/newtmpl/addtemplate", form);
    assert_eq!(second["errcode"], 0, "{second}");
    let list = caller.get("/wxaapi/newtmpl/gettemplate");
    let seen = &list["data"][0];
    assert_eq!(seen["priTmplId"], json!(id));
    assert_eq!(
        seen["content"],
        "订单号:{{character_string2.DATA}}\n物品名称:{{thing1.DATA}}\n"
    );
    assert_eq!(seen["type"], 2);
    let delete = |id: &str| caller.form("/wxaapi/newtmpl/deltemplate", &format!("priTmplId={id}"));
    assert_eq!(delete(id)["errcode"], 0);
    assert_eq!(delete(id)["errcode"], 20002);
    assert_eq!(
        caller.get("/wxaapi/newtmpl/gettemplate")["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn enumerations_are_listed_with_their_values() {
    let app = App::new();
    let account = app.account(AccountKind::MiniProgram);
    let mut new = NewTemplate::new(
        MessageKind::Subscribe,
        "故障",
        "位置:{{enum_string2.DATA}}\n",
    );
    new.enum_values
        .insert("enum_string2".into(), vec!["客厅".into()]);
    app.sandbox.add_template(&account.appid, new).unwrap();
    let list = Caller::new(&app, &account).get("/wxaapi/newtmpl/gettemplate");
    let expected = json!([{ "keywordCode": "enum_string2.DATA", "enumValueList": ["客厅"] }]);
    assert_eq!(list["data"][0]["keywordEnumValueList"], expected);
}

#[test]
fn users_are_paged_and_shown() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let empty = caller.get("/cgi-bin/user/get");
    assert_eq!((&empty["count"], empty.get("data")), (&json!(0), None));
    let (person, openid) = app.follower(&account);
    app.sandbox.add_bulk_people(&account.appid, 10_001).unwrap();
    let first = caller.get("/cgi-bin/user/get");
    assert_eq!(
        (&first["total"], &first["count"]),
        (&json!(10_002), &json!(10_000))
    );
    let next = first["next_openid"].as_str().unwrap();
    let second = caller.get(&format!("/cgi-bin/user/get?next_openid={next}"));
    assert_eq!(second["count"], 2);
    assert_eq!(second["data"]["openid"][1], json!(openid));
    let last = second["next_openid"].as_str().unwrap();
    let third = caller.get(&format!("/cgi-bin/user/get?next_openid={last}"));
    assert_eq!(
        (&third["count"], &third["next_openid"]),
        (&json!(0), &json!(""))
    );

    let info = |openid: &str| caller.get(&format!("/cgi-bin/user/info?openid={openid}&lang=zh_CN"));
    let seen = info(&openid);
    assert_eq!(seen["subscribe"], 1);
    assert_eq!(seen["subscribe_time"], crate::app::START_MS / 1000);
    assert!(seen.get("unionid").is_none());
    let patch = AccountPatch {
        open_platform: Some(Some("op".into())),
        ..AccountPatch::default()
    };
    app.sandbox.update_account(&account.appid, patch).unwrap();
    assert_eq!(info(&openid)["unionid"], json!(person.unionid));
    assert_eq!(info(next)["subscribe"], 1);
    assert_eq!(info("oNobody")["errcode"], 40003);
    app.act(&person, &account, &hongyan_sandbox::Action::Unfollow);
    let gone = json!({ "subscribe": 0, "openid": openid, "unionid": person.unionid });
    assert_eq!(info(&openid), gone);
}

#[test]
fn housekeeping() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    assert!(caller.get("/cgi-bin/getcallbackip")["ip_list"].is_array());
    assert!(caller.get("/cgi-bin/get_api_domain_ip")["ip_list"].is_array());
    let quota =
        |path: &str| caller.post("/cgi-bin/openapi/quota/get", &json!({ "cgi_path": path }));
    assert_eq!(quota("cgi-bin/token")["errcode"], 76003);
    assert_eq!(quota("/cgi-bin/nothing")["errcode"], 76021);
    assert_eq!(quota("/sns/jscode2session")["errcode"], 76022);
    assert_eq!(quota("/cgi-bin/message/subscribe/send")["errcode"], 76022);
    let token = quota("/cgi-bin/token");
    assert_eq!(
        token["quota"],
        json!({ "daily_limit": 2000, "used": 1, "remain": 1999 })
    );
    assert_eq!(
        quota("/cgi-bin/stable_token")["rate_limit"]["call_count"],
        10_000
    );

    let failed = caller.post("/cgi-bin/message/template/send", &json!({ "touser": "x" }));
    let text = failed["errmsg"].as_str().unwrap();
    let (_, rid) = text.split_once("rid: ").unwrap();
    let look_up = |caller: &Caller<'_>, rid: &str| {
        caller.post("/cgi-bin/openapi/rid/get", &json!({ "rid": rid }))
    };
    let found = look_up(&caller, rid);
    assert_eq!(found["request"]["request_body"], r#"{"touser":"x"}"#);
    assert_eq!(found["request"]["client_ip"], "127.0.0.1");
    assert_eq!(found["request"]["invoke_time"], crate::app::START_MS / 1000);
    assert_eq!(look_up(&caller, "")["errcode"], 76002);
    assert_eq!(
        look_up(&caller, "617682e0-09059ac5-34a8e2ea")["errcode"],
        76004
    );
    let unknown = format!("{}-00000000-00000000", &rid[..8]);
    assert_eq!(look_up(&caller, &unknown)["errcode"], 76001);
    let other = Caller::new(&app, &app.account(AccountKind::OfficialAccount));
    assert_eq!(look_up(&other, rid)["errcode"], 76003);
}

#[test]
fn templates_change_and_go_overnight() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "商品：{{thing1.DATA}}");
    let (_, openid) = app.follower(&account);
    let caller = Caller::new(&app, &account);
    let path = format!(
        "/accounts/{}/templates/{}",
        account.appid, template.template_id
    );
    let nothing = app.control("PATCH", &path, &json!({ "content": "nothing" }));
    assert_eq!(nothing.status, 422);
    let patch = json!({ "title": "新", "content": "商品：{{thing2.DATA}}\n" });
    let changed = app.control("PATCH", &path, &patch).json();
    assert_eq!(
        (&changed["title"], &changed["keys"]),
        (&json!("新"), &json!(["thing2"]))
    );
    let listed = caller.get("/cgi-bin/template/get_all_private_template");
    assert_eq!(
        listed["template_list"][0]["content"],
        "商品：{{thing2.DATA}}\n"
    );
    let send = |key: &str| {
        let body = crate::app::message(&openid, &template, key, "a");
        caller.post("/cgi-bin/message/template/send", &body)["errcode"].clone()
    };
    assert_eq!([send("thing1"), send("thing2")], [47003, 0]);
    let blocked = |limit: u32| {
        let body = json!({ "tmpl_msg_id": template.template_id, "largest_id": 0, "limit": limit });
        caller.post("/wxa/sec/queryblocktmplmsg", &body)
    };
    assert_eq!(blocked(100)["msginfo"], json!([]));
    assert_eq!(blocked(101)["errcode"], 40097);
    assert_eq!(app.control("DELETE", &path, &json!(null)).status, 204);
    assert_eq!(app.control("DELETE", &path, &json!(null)).status, 404);
    assert_eq!(app.control("PATCH", &path, &json!({})).status, 404);
    assert_eq!(send("thing2"), 40037);
    assert_eq!(blocked(100)["errcode"], 40037);
}

#[test]
fn an_enumeration_of_the_library_comes_with_its_values() {
    let app = App::new();
    let program = app.account(AccountKind::MiniProgram);
    let caller = Caller::new(&app, &program);
    let body = json!({ "tid": "3317", "kidList": [1, 2], "sceneDesc": "上线" });
    let id = caller.post("/wxaapi/newtmpl/addtemplate", &body)["priTmplId"].clone();
    let listed = caller.get("/wxaapi/newtmpl/gettemplate");
    let values =
        json!([{ "keywordCode": "enum_string2.DATA", "enumValueList": ["客厅", "厨房", "卧室"] }]);
    assert_eq!(listed["data"][0]["keywordEnumValueList"], values);
    let accepts = json!({ id.as_str().unwrap(): 1 });
    let bulk = json!({ "appid": program.appid, "count": 1, "accepts": accepts });
    app.control("POST", "/bulk/people", &bulk);
    let mut openids = app.sandbox.bulk_openids(&program.appid, 0, 1).unwrap();
    let openid = openids.next().unwrap();
    let send = |room: &str| {
        let data = json!({ "thing1": { "value": "水泵" }, "enum_string2": { "value": room } });
        let body = json!({ "touser": openid, "template_id": id, "data": data });
        caller.post("/cgi-bin/message/subscribe/send", &body)["errcode"].clone()
    };
    assert_eq!([send("车库"), send("厨房")], [json!(47003), json!(0)]);
}
