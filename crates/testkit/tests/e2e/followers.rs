//! Followers listed past one page, step by step, over limits and restarts.

use std::time::Duration;

use hongyan_api::{ContactFilter, Follow, FollowerSync, PageQuery, SyncPhase};
use hongyan_sandbox::Action;
use hongyan_testkit::TestApp;

const LIST: &str = "/cgi-bin/user/get";
const DETAILS: &str = "/cgi-bin/user/info/batchget";

/// A little more than WeChat lists in one page.
const CROWD: u32 = 10_150;

async fn sync(app: &TestApp) -> FollowerSync {
    app.client.sync_contacts("oa").await.unwrap();
    app.engine.maintain().await;
    app.client.contact_sync("oa").await.unwrap()
}

async fn following(app: &TestApp) -> usize {
    let filter = ContactFilter {
        follow: Some(Follow::Following),
        ..ContactFilter::default()
    };
    let mut page = PageQuery {
        limit: Some(500),
        cursor: None,
    };
    let mut count = 0;
    loop {
        let part = app.client.contacts("oa", &filter, &page).await.unwrap();
        count += part.items.len();
        page.cursor = part.next_cursor;
        if page.cursor.is_none() {
            return count;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_listed_described_and_missed_when_gone() {
    let app = TestApp::start().await;
    app.sandbox.add_bulk_people(&app.oa, CROWD).unwrap();
    let never = app.client.contact_sync("oa").await.unwrap_err();
    assert_eq!(never.status, Some(404));

    let state = sync(&app).await;
    let everybody = u64::from(CROWD) + 1;
    assert_eq!(
        (state.phase, state.listed, state.total, state.detailed),
        (SyncPhase::Over, everybody, everybody, everybody)
    );
    assert_eq!((state.run, state.gone, state.problem), (1, 0, None));
    assert!(app.calls(DETAILS) >= 102);
    assert_eq!(following(&app).await, everybody as usize);
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    let details = card.contact.details.unwrap();
    assert!(details.subscribe_scene.is_some() && card.contact.unionid.is_some());

    // Nobody calls back here: only the list tells who left.
    app.advance(Duration::from_secs(60));
    app.sandbox
        .act(&app.person, &app.oa, &Action::Unfollow)
        .unwrap();
    let asked = app.calls(DETAILS);
    let state = sync(&app).await;
    assert_eq!((state.run, state.gone, state.listed), (2, 1, everybody - 1));
    assert_eq!(app.calls(DETAILS), asked, "nobody is asked about twice");
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    assert_eq!(card.contact.follow, Follow::Unfollowed);
    assert_eq!(following(&app).await, everybody as usize - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_outlives_the_day_s_allowance_and_the_process() {
    let app = TestApp::start().await;
    app.sandbox.add_bulk_people(&app.oa, CROWD).unwrap();
    app.sandbox.set_quota(&app.oa, LIST, 1).unwrap();
    let state = sync(&app).await;
    assert_eq!((state.phase, state.listed), (SyncPhase::Listing, 10_000));
    assert!(state.problem.unwrap().contains("45009"));
    // It rests: nothing is asked in between.
    let asked = app.calls(LIST);
    app.engine.maintain().await;
    assert_eq!(app.calls(LIST), asked);

    let app = app.crash_and_restart().await;
    app.advance(Duration::from_secs(24 * 60 * 60));
    app.sandbox.set_quota(&app.oa, LIST, 500).unwrap();
    // A node that finds a sync at which nobody moves takes it over by itself.
    app.engine.maintain().await;
    assert_eq!(app.calls(LIST), asked);
    app.engine.maintain().await;
    let state = app.client.contact_sync("oa").await.unwrap();
    assert_eq!((state.run, state.phase), (1, SyncPhase::Over));
    assert_eq!(state.listed, u64::from(CROWD) + 1);
    assert_eq!(following(&app).await, CROWD as usize + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_wechat_forbids_says_so_and_ends() {
    let app = TestApp::start().await;
    app.sandbox
        .add_fault(hongyan_sandbox::NewFault {
            path: LIST.to_owned(),
            times: None,
            probability: None,
            effect: hongyan_sandbox::FaultEffect {
                errcode: Some(48001),
                ..Default::default()
            },
        })
        .unwrap();
    let state = sync(&app).await;
    assert_eq!(state.phase, SyncPhase::Over);
    assert!(state.problem.unwrap().contains("48001"));
    app.sandbox.clear_faults();
    let state = sync(&app).await;
    assert_eq!((state.run, state.listed, state.problem), (2, 1, None));

    let wrong = app.client.sync_contacts("mp").await.unwrap_err();
    assert_eq!(wrong.code(), Some("wrong_kind"));
}
