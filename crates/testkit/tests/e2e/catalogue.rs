//! The catalogue of templates: kept in step with WeChat, changes told to those they
//! concern, own names for keys, WeChat's library.

use std::time::Duration;

use hongyan_api::{
    ChangeKind, FieldNames, LibraryQuery, NewTemplate, PageQuery, Status, Subscription,
};
use hongyan_sandbox::{MessageKind, TemplatePatch};
use hongyan_testkit::{TestApp, data};
use serde_json::json;

const LIST: &str = "/cgi-bin/template/get_all_private_template";

fn names(pairs: &[(&str, &str)]) -> FieldNames {
    FieldNames {
        names: pairs
            .iter()
            .map(|(name, key)| ((*name).to_owned(), (*key).to_owned()))
            .collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wechat_changes_is_told_with_those_it_concerns() {
    let app = TestApp::start().await;
    app.client.sync_templates("oa").await.unwrap();
    app.send_and_pump(&app.message()).await;
    app.send_and_pump(&app.message()).await;
    let used = app.client.template_senders("oa", &app.template).await;
    let used = used.unwrap().items;
    assert_eq!((used.len(), used[0].messages), (1, 2));
    assert!(used[0].key_name.is_some(), "{used:?}");
    let token = app.client.access_token("oa").await.unwrap().access_token;
    let body = json!({ "template_id": app.template });
    let path = "/cgi-bin/template/del_private_template";
    app.call_sandbox(path, token.expose(), &body).await;
    app.advance(Duration::from_secs(60));
    let report = app.client.sync_templates("oa").await.unwrap();
    assert_eq!(report.removed, std::slice::from_ref(&app.template));

    let found = app
        .client
        .template_changes("oa", &PageQuery::default())
        .await
        .unwrap();
    let gone = &found.items[0];
    assert_eq!(
        (gone.change, &gone.template_id),
        (ChangeKind::Removed, &app.template)
    );
    assert_eq!(gone.gone_keys, ["thing1", "time2"]);
    assert_eq!(gone.senders.len(), 1);
    assert_eq!(gone.senders[0].messages, 2);
    assert!(gone.senders[0].key_name.is_some(), "{gone:?}");
    // That it came to be is told, too, and concerned nobody.
    let first = found.items.last().unwrap();
    assert_eq!((first.change, first.senders.len()), (ChangeKind::Added, 0));
    // Page by page the same.
    let page = PageQuery {
        limit: Some(1),
        cursor: None,
    };
    let newest = app.client.template_changes("oa", &page).await.unwrap();
    assert_eq!(newest.items, found.items[..1]);
    let page = PageQuery {
        limit: Some(1),
        cursor: newest.next_cursor,
    };
    let next = app.client.template_changes("oa", &page).await.unwrap();
    assert_eq!(next.items, found.items[1..2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_old_are_made_new_by_themselves() {
    let app = TestApp::start().await;
    app.client.sync_templates("oa").await.unwrap();
    app.client.sync_templates("mp").await.unwrap();
    let asked = app.calls(LIST);
    app.engine.sync_due_templates().await;
    assert_eq!(app.calls(LIST), asked);
    let new =
        hongyan_sandbox::NewTemplate::new(MessageKind::Template, "新", "内容：{{thing5.DATA}}\n");
    let id = app.sandbox.add_template(&app.oa, new).unwrap().template_id;
    app.advance(Duration::from_secs(4 * 60 * 60));
    app.engine.sync_due_templates().await;
    assert_eq!(app.calls(LIST), asked);
    app.advance(Duration::from_secs(3 * 60 * 60));
    app.engine.sync_due_templates().await;
    assert_eq!(app.calls(LIST), asked + 1);
    assert_eq!(app.client.template("oa", &id).await.unwrap().title, "新");
    app.engine.sync_due_templates().await;
    assert_eq!(app.calls(LIST), asked + 1);
    // A list that cannot be had is asked for again after a while, not at once.
    app.advance(Duration::from_secs(7 * 60 * 60));
    app.fault(json!({"path": LIST, "times": 1, "effect": {"errcode": -1}}));
    app.engine.sync_due_templates().await;
    app.engine.sync_due_templates().await;
    assert_eq!(app.calls(LIST), asked + 2);
    app.advance(Duration::from_secs(11 * 60));
    app.engine.sync_due_templates().await;
    assert_eq!(app.calls(LIST), asked + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn own_names_stand_for_wechat_s_keys() {
    let app = TestApp::start().await;
    app.client.sync_templates("oa").await.unwrap();
    let given = names(&[("goods", "thing1"), ("when", "time2")]);
    let set = app
        .client
        .set_field_names("oa", &app.template, &given)
        .await
        .unwrap();
    assert_eq!(set, given);
    let mut message = app.message();
    message.data = Some(data(&[("goods", "耳机"), ("when", "2026-11-20 10:00")]));
    let sent = app.send_and_pump(&message).await;
    assert_eq!(sent.status, Status::Accepted);
    assert_eq!(sent.data["thing1"].value, "耳机");
    assert_eq!(app.delivered(), 1);

    message.data = Some(data(&[("goods", "a\nb"), ("wehn", "10:00")]));
    let found = app.client.validate(&message).await.unwrap();
    let seen: Vec<_> = found
        .violations
        .iter()
        .map(|one| (one.pointer.as_str(), one.rule.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("/data/goods/value", "control_character"),
            ("/data/when", "missing"),
            ("/data/wehn", "unknown_key"),
        ]
    );
    let template = app.client.template("oa", &app.template).await.unwrap();
    assert_eq!(template.fields[0].name.as_deref(), Some("goods"));
    assert_eq!(template.fields[0].max_length, Some(20));

    // They stay over changes of the account, and over a restart.
    app.raw("PATCH", "/v1/accounts/oa", r#"{"rate_per_second": 50}"#)
        .await;
    let app = app.crash_and_restart().await;
    assert_eq!(
        app.client.field_names("oa", &app.template).await.unwrap(),
        given
    );
    let wrong = names(&[("goods", "thing9")]);
    let refused = app
        .client
        .set_field_names("oa", &app.template, &wrong)
        .await;
    let problem = refused.unwrap_err().problem.unwrap();
    assert_eq!(problem.violations[0].pointer, "/names/goods");
    app.client
        .remove_field_names("oa", &app.template)
        .await
        .unwrap();
    assert!(!app.client.validate(&message).await.unwrap().valid);
    let gone = app.client.field_names("oa", &app.template).await.unwrap();
    assert_eq!(gone, FieldNames::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn traps_are_told_with_the_template() {
    let app = TestApp::start().await;
    let id = app
        .add_template(
            "oa",
            MessageKind::Template,
            None,
            "{{thing1.DATA}}\n时间：{{time2.DATA}}\n",
        )
        .await;
    let template = app.client.template("oa", &id).await.unwrap();
    let rules: Vec<_> = template
        .warnings
        .iter()
        .map(|one| one.rule.as_str())
        .collect();
    assert_eq!(rules, ["lone_variable"]);
    assert_eq!(template.warnings[0].key.as_deref(), Some("thing1"));
    let usual = app.client.template("oa", &app.template).await.unwrap();
    assert_eq!(usual.warnings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_found_in_the_library_and_taken() {
    let app = TestApp::start().await;
    let categories = app.client.template_categories("mp").await.unwrap().items;
    assert!(!categories.is_empty());
    let wanted = LibraryQuery {
        keyword: Some("发货".to_owned()),
        category: None,
    };
    let found = app.client.template_library("mp", &wanted).await.unwrap();
    assert_eq!(found.items.len(), 1);
    assert!(!found.more);
    let title = &found.items[0];
    assert_eq!(title.subscription, Some(Subscription::OneTime));
    // What was asked once is not asked again that day.
    let titles = "/wxaapi/newtmpl/getpubtemplatetitles";
    let asked = app.calls(titles);
    app.client
        .template_library("mp", &LibraryQuery::default())
        .await
        .unwrap();
    assert_eq!(app.calls(titles), asked);

    let keywords = app
        .client
        .library_keywords("mp", &title.tid)
        .await
        .unwrap()
        .items;
    let ids: Vec<_> = keywords.iter().take(2).map(|keyword| keyword.id).collect();
    let new = NewTemplate {
        tid: Some(title.tid.clone()),
        keyword_ids: ids,
        scene: Some("发货提醒".to_owned()),
        ..NewTemplate::default()
    };
    let added = app
        .client
        .add_template("mp", &new, Some("once"))
        .await
        .unwrap();
    let template = added.template.clone().unwrap();
    assert_eq!(template.fields.len(), 2);
    assert_eq!(template.fields[0].type_, keywords[0].type_);
    // A repeat takes no second one.
    let again = app
        .client
        .add_template("mp", &new, Some("once"))
        .await
        .unwrap();
    assert_eq!(again.template_id, added.template_id);
    assert_eq!(app.calls("/wxaapi/newtmpl/addtemplate"), 1);

    app.client
        .remove_template("mp", &added.template_id)
        .await
        .unwrap();
    let error = app
        .client
        .template("mp", &added.template_id)
        .await
        .unwrap_err();
    assert_eq!(error.status, Some(404));

    for (wrong, pointer) in [
        (json!({}), ""),
        (json!({"tid": "99", "keyword_ids": [1]}), "/keyword_ids"),
        (
            json!({"tid": "99", "keyword_ids": [1, 2], "scene": "一二三四五六七八九十一二三四五六"}),
            "/scene",
        ),
        (
            json!({"short_id": "99", "keyword_names": ["x"]}),
            "/short_id",
        ),
    ] {
        let path = "/v1/accounts/mp/templates";
        let (status, problem) = app.raw("POST", path, wrong.to_string()).await;
        assert_eq!(
            (status, &problem["violations"][0]["pointer"]),
            (422, &json!(pointer)),
            "{problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn official_accounts_take_templates_by_their_words() {
    let app = TestApp::start().await;
    let new = NewTemplate {
        short_id: Some("43216".to_owned()),
        keyword_names: vec!["预约项目".to_owned(), "预约时间".to_owned()],
        ..NewTemplate::default()
    };
    let added = app.client.add_template("oa", &new, None).await.unwrap();
    let labels: Vec<_> = added
        .template
        .unwrap()
        .fields
        .into_iter()
        .map(|f| f.label)
        .collect();
    assert_eq!(labels, ["预约项目", "预约时间"]);
    app.client
        .remove_template("oa", &added.template_id)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_keyword_is_told_and_mended_by_its_name_alone() {
    let app = TestApp::start().await;
    app.client.sync_templates("oa").await.unwrap();
    let given = names(&[("goods", "thing1"), ("when", "time2")]);
    app.client
        .set_field_names("oa", &app.template, &given)
        .await
        .unwrap();
    let mut message = app.message();
    message.data = Some(data(&[("goods", "耳机"), ("when", "10:00")]));
    assert_eq!(app.send_and_pump(&message).await.status, Status::Accepted);

    let patch = TemplatePatch {
        title: None,
        content: Some("商品名称：{{thing4.DATA}}\n发货时间：{{time2.DATA}}\n".to_owned()),
        example: None,
        enum_values: None,
    };
    app.sandbox
        .update_template(&app.oa, &app.template, patch)
        .unwrap();
    let report = app.client.sync_templates("oa").await.unwrap();
    assert_eq!(report.changed, std::slice::from_ref(&app.template));
    let found = app
        .client
        .template_changes("oa", &PageQuery::default())
        .await
        .unwrap();
    let change = &found.items[0];
    assert_eq!(change.change, ChangeKind::Changed);
    assert_eq!(
        (&change.new_keys[..], &change.gone_keys[..]),
        (&["thing4".to_owned()][..], &["thing1".to_owned()][..])
    );
    assert_eq!(change.senders[0].messages, 1);
    let template = app.client.template("oa", &app.template).await.unwrap();
    let warning = template
        .warnings
        .iter()
        .find(|one| one.rule == "name_without_key");
    assert!(warning.unwrap().message.contains("goods"));
    let refused = app.client.validate(&message).await.unwrap();
    assert!(
        refused
            .violations
            .iter()
            .any(|one| one.message.contains("field names")),
        "{refused:?}"
    );

    let mended = names(&[("goods", "thing4"), ("when", "time2")]);
    app.client
        .set_field_names("oa", &app.template, &mended)
        .await
        .unwrap();
    assert_eq!(app.send_and_pump(&message).await.status, Status::Accepted);
    assert_eq!(app.delivered(), 2);
}
