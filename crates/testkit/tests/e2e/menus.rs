//! Menus: checked, planned, applied, seen on the phone, and taken back.

use hongyan_api::{
    Menu, MenuChangeKind, MenuNote, MenuSource, NewTag, PageQuery, People, RollBackMenu,
};
use hongyan_testkit::TestApp;
use serde_json::{Value, json};

fn menu(value: Value) -> Menu {
    serde_json::from_value(value).unwrap()
}

fn today() -> Value {
    json!({"type": "click", "name": "今日", "key": "TODAY"})
}

fn stores(url: &str) -> Value {
    json!({"name": "服务", "sub_button": [{"type": "view", "name": "门店", "url": url}]})
}

fn note(text: &str) -> MenuNote {
    MenuNote {
        note: Some(text.to_owned()),
    }
}

/// The names on the bar of the person's phone.
fn seen(app: &TestApp) -> Vec<String> {
    let view = app.sandbox.menu(&app.person, &app.oa).unwrap();
    let bar = view.button.as_array().unwrap();
    bar.iter()
        .map(|button| button["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_is_planned_applied_and_rolled_back() {
    let app = TestApp::start().await;
    let none = app.client.menu("oa").await.unwrap();
    assert_eq!((none.source, none.menu), (MenuSource::None, None));

    let first = menu(json!({"button": [today(), stores("https://a.example/")]}));
    let plan = app.client.plan_menu("oa", &first).await.unwrap();
    assert_eq!(plan.changes.len(), 3);
    assert!(
        plan.changes
            .iter()
            .all(|one| one.change == MenuChangeKind::Added)
    );
    assert!(seen(&app).is_empty(), "a plan changes nothing");

    let applied = app
        .client
        .apply_menu("oa", &first, &note("opening"))
        .await
        .unwrap();
    assert_eq!((applied.version.version, applied.changes.len()), (1, 3));
    assert_eq!(seen(&app), ["今日", "服务"]);
    let again = app
        .client
        .apply_menu("oa", &first, &MenuNote::default())
        .await
        .unwrap();
    assert_eq!((again.version.version, again.changes.len()), (1, 0));
    assert_eq!(app.calls("/cgi-bin/menu/create"), 1);

    let second = menu(json!({"button": [stores("https://b.example/")]}));
    let plan = app.client.plan_menu("oa", &second).await.unwrap();
    let changes: Vec<_> = plan
        .changes
        .iter()
        .map(|one| (one.change, one.place.as_str()))
        .collect();
    assert_eq!(
        changes,
        [
            (MenuChangeKind::Moved, "服务"),
            (MenuChangeKind::Changed, "服务 › 门店"),
            (MenuChangeKind::Removed, "今日"),
        ]
    );
    app.client
        .apply_menu("oa", &second, &MenuNote::default())
        .await
        .unwrap();
    assert_eq!(seen(&app), ["服务"]);

    let back = RollBackMenu {
        version: 1,
        note: None,
    };
    let back = app.client.roll_back_menu("oa", &back).await.unwrap();
    assert_eq!(back.version.version, 3);
    assert_eq!(back.version.note.as_deref(), Some("back to version 1"));
    assert_eq!(seen(&app), ["今日", "服务"]);
    let live = app.client.menu("oa").await.unwrap();
    assert_eq!(live.version, Some(3));
    assert_eq!(live.menu, Some(first.clone()));

    let gone = app.client.remove_menu("oa", &note("closed")).await.unwrap();
    assert_eq!((gone.version, gone.menu), (4, None));
    assert!(seen(&app).is_empty());
    let page = PageQuery {
        limit: Some(3),
        cursor: None,
    };
    let list = app.client.menu_versions("oa", &page).await.unwrap();
    let numbers: Vec<_> = list.items.iter().map(|one| one.version).collect();
    assert_eq!(numbers, [4, 3, 2]);
    let page = PageQuery {
        cursor: list.next_cursor,
        ..page
    };
    let rest = app.client.menu_versions("oa", &page).await.unwrap().items;
    assert_eq!(rest[0].note.as_deref(), Some("opening"));
    let one = app.client.menu_version("oa", 1).await.unwrap();
    assert_eq!(one.menu, Some(first));
    assert!(one.applied_by.is_some_and(|key| key.starts_with("key_")));
    let unknown = app.client.menu_version("oa", 9).await.unwrap_err();
    assert_eq!(unknown.status, Some(404));

    // Back to nothing, which is what version 4 was.
    app.client
        .apply_menu("oa", &second, &MenuNote::default())
        .await
        .unwrap();
    let back = RollBackMenu {
        version: 4,
        note: None,
    };
    let back = app.client.roll_back_menu("oa", &back).await.unwrap();
    assert_eq!(back.version.menu, None);
    assert!(seen(&app).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn some_people_see_another_menu() {
    let app = TestApp::start().await;
    let tag = NewTag {
        name: "会员".to_owned(),
    };
    let tag = app.client.add_tag("oa", &tag, None).await.unwrap();
    let tagged = json!({"matchrule": {"tag_id": tag.id}, "button": [
        {"type": "click", "name": "会员日", "key": "VIP"}]});
    let starred = json!({"matchrule": {"tag_id": 2}, "button": [
        {"type": "click", "name": "星标", "key": "STAR"}]});
    let of = |some: &[&Value]| menu(json!({"button": [today()], "conditional": some}));
    let apply = |wanted: Menu| {
        let client = app.client.clone();
        async move {
            client
                .apply_menu("oa", &wanted, &MenuNote::default())
                .await
                .unwrap()
        }
    };
    apply(of(&[&tagged, &starred])).await;
    assert_eq!(seen(&app), ["今日"]);
    let one = People {
        openids: vec![app.openid.clone()],
        remove: false,
    };
    app.client.tag_people("oa", tag.id, &one).await.unwrap();
    assert_eq!(seen(&app), ["会员日"]);
    let who = hongyan_api::MatchMenu {
        openid: app.openid.clone(),
    };
    let matched = app.client.match_menu("oa", &who).await.unwrap();
    assert_eq!(matched.button[0].key, "VIP");

    // What is live reads back as it was written, in its order.
    let live = app.client.menu("oa").await.unwrap();
    assert_eq!(live.menu, Some(of(&[&tagged, &starred])));

    // Only what has to go goes: the older of the two stays.
    let deleted = || app.calls("/cgi-bin/menu/delconditional");
    let added = || app.calls("/cgi-bin/menu/addconditional");
    assert_eq!((deleted(), added()), (0, 2));
    apply(of(&[&starred])).await;
    assert_eq!((deleted(), added()), (1, 2));
    assert_eq!(seen(&app), ["今日"]);
    let swapped = apply(of(&[&starred, &tagged])).await;
    assert_eq!(swapped.changes.len(), 1);
    apply(of(&[&tagged, &starred])).await;
    let live = app.client.menu("oa").await.unwrap();
    assert_eq!(live.menu, Some(of(&[&tagged, &starred])));
    assert_eq!(app.calls("/cgi-bin/menu/create"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_made_in_the_console_is_shown_and_kept() {
    let app = TestApp::start().await;
    let made = json!([{"type": "text", "name": "地址", "value": "江湾路 5 号"}]);
    app.sandbox.set_console_menu(&app.oa, &made).unwrap();
    let live = app.client.menu("oa").await.unwrap();
    assert_eq!((live.source, live.version), (MenuSource::Console, None));
    assert_eq!(live.menu.unwrap().button[0].value, "江湾路 5 号");

    let ours = menu(json!({"button": [today()]}));
    let applied = app
        .client
        .apply_menu("oa", &ours, &MenuNote::default())
        .await
        .unwrap();
    assert_eq!(applied.version.version, 2);
    let found = app.client.menu_version("oa", 1).await.unwrap();
    assert_eq!(found.menu.unwrap().button[0].name, "地址");
    // WeChat takes such buttons from nobody, and that is said before it is asked.
    let back = RollBackMenu {
        version: 1,
        note: None,
    };
    let refused = app.client.roll_back_menu("oa", &back).await.unwrap_err();
    assert_eq!(refused.code(), Some("validation_failed"));
    assert_eq!(seen(&app), ["今日"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wechat_would_refuse_is_said_at_once_and_in_toml_too() {
    let app = TestApp::start().await;
    let bad = json!({"button": [
        {"type": "veiw", "name": "a"},
        {"type": "click", "name": "一个很长的名字", "key": ""}]});
    for (method, path) in [
        ("PUT", "/v1/accounts/oa/menu"),
        ("POST", "/v1/accounts/oa/menu/plan"),
    ] {
        let (status, problem) = app.raw(method, path, bad.to_string()).await;
        assert_eq!(status, 422);
        let places: Vec<_> = problem["violations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(
            places,
            ["/button/0/type", "/button/1/name", "/button/1/key"]
        );
    }
    let toml = "[[button]]\ntype = \"click\"\nname = \"今日\"\nkey = \"TODAY\"\n";
    let (status, applied) = app
        .raw_as("application/toml", "PUT", "/v1/accounts/oa/menu", toml)
        .await;
    assert_eq!((status, &applied["version"]), (200, &json!(1)));
    let (status, problem) = app
        .raw_as(
            "application/toml",
            "PUT",
            "/v1/accounts/oa/menu",
            "[[buton]]\n",
        )
        .await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().starts_with("line 1"));
    let wrong = app.client.menu("mp").await.unwrap_err();
    assert_eq!(wrong.code(), Some("wrong_kind"));
}
