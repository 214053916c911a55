//! Tags, remarks and the blacklist, at WeChat and in what is known of people.

use hongyan_api::{ChangeContact, NewTag, PageQuery, People};
use hongyan_testkit::TestApp;

fn these(openids: &[&str], remove: bool) -> People {
    People {
        openids: openids.iter().map(|id| (*id).to_owned()).collect(),
        remove,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_made_given_taken_and_removed() {
    let app = TestApp::start().await;
    app.client.sync_contacts("oa").await.unwrap();
    app.engine.maintain().await;
    let name = |name: &str| NewTag {
        name: name.to_owned(),
    };
    let tag = app
        .client
        .add_tag("oa", &name("华东"), Some("once"))
        .await
        .unwrap();
    let again = app
        .client
        .add_tag("oa", &name("华东"), Some("once"))
        .await
        .unwrap();
    assert_eq!(tag, again, "a repeat makes no second tag");
    let taken = app.client.add_tag("oa", &name("华东"), None).await;
    let problem = taken.unwrap_err().problem.unwrap();
    assert_eq!(problem.errcode, Some(45157));
    assert!(problem.diagnosis.is_some());
    let long = app
        .client
        .add_tag("oa", &name(&"长".repeat(31)), None)
        .await;
    assert_eq!(long.unwrap_err().code(), Some("validation_failed"));

    let openid = app.openid.as_str();
    let given = app
        .client
        .tag_people("oa", tag.id, &these(&[openid, openid], false))
        .await
        .unwrap();
    assert_eq!((given.done, given.failed), (1, Vec::new()));
    let page = PageQuery::default();
    let members = app.client.tagged("oa", tag.id, &page).await.unwrap();
    assert_eq!(members.items, [openid]);
    let tags = || async {
        let card = app.client.contact("oa", openid).await.unwrap();
        card.contact.details.unwrap().tags
    };
    assert_eq!(tags().await, [tag.id]);
    let listed = app.client.tags("oa").await.unwrap().items;
    let counted = listed.iter().find(|one| one.id == tag.id).unwrap();
    assert_eq!((counted.count, counted.built_in), (1, false));
    assert!(listed.iter().any(|one| one.built_in));

    app.client
        .rename_tag("oa", tag.id, &name("华南"))
        .await
        .unwrap();
    app.client
        .tag_people("oa", tag.id, &these(&[openid], true))
        .await
        .unwrap();
    assert!(tags().await.is_empty());
    app.client.remove_tag("oa", tag.id).await.unwrap();
    let listed = app.client.tags("oa").await.unwrap().items;
    assert!(listed.iter().all(|one| one.built_in));
    let nobody = app.client.tag_people("oa", 2, &these(&[], false)).await;
    assert_eq!(nobody.unwrap_err().code(), Some("validation_failed"));
}

/// Many people are tagged fifty a call.
#[tokio::test(flavor = "multi_thread")]
async fn many_are_tagged_in_several_calls() {
    let app = TestApp::start().await;
    let bulk = app.sandbox.add_bulk_people(&app.oa, 120).unwrap();
    assert_eq!(bulk.count, 120);
    app.client.sync_contacts("oa").await.unwrap();
    app.engine.maintain().await;
    let page = PageQuery {
        limit: Some(500),
        cursor: None,
    };
    let everybody = app.client.contacts("oa", &Default::default(), &page).await;
    let openids: Vec<String> = everybody
        .unwrap()
        .items
        .into_iter()
        .map(|one| one.openid)
        .collect();
    let people = People {
        openids,
        remove: false,
    };
    let given = app.client.tag_people("oa", 2, &people).await.unwrap();
    assert_eq!(given.done, 121);
    assert_eq!(app.calls("/cgi-bin/tags/members/batchtagging"), 3);
    let mut seen = 0;
    let mut page = PageQuery {
        limit: Some(50),
        cursor: None,
    };
    loop {
        let part = app.client.tagged("oa", 2, &page).await.unwrap();
        seen += part.items.len();
        page.cursor = part.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, 121);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remark_is_kept_by_wechat_and_shown_by_us() {
    let app = TestApp::start().await;
    let remark = |text: &str| ChangeContact {
        remark: text.to_owned(),
    };
    let card = app
        .client
        .change_contact("oa", &app.openid, &remark("老客户"))
        .await
        .unwrap();
    assert_eq!(card.contact.details.unwrap().remark, "老客户");
    let long = app
        .client
        .change_contact("oa", &app.openid, &remark(&"长".repeat(10)))
        .await;
    assert_eq!(long.unwrap_err().code(), Some("validation_failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blacklist_is_wechat_s() {
    let app = TestApp::start().await;
    let page = PageQuery::default();
    let on = these(&[&app.openid], false);
    let changed = app.client.change_blacklist("oa", &on).await.unwrap();
    assert_eq!(changed.done, 1);
    let listed = app.client.blacklist("oa", &page).await.unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&app.openid));
    let off = these(&[&app.openid], true);
    app.client.change_blacklist("oa", &off).await.unwrap();
    let listed = app.client.blacklist("oa", &page).await.unwrap();
    assert!(listed.items.is_empty() && listed.next_cursor.is_none());
}
