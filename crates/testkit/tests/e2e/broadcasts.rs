//! One thing told to many people.

use std::collections::HashMap;
use std::time::Duration;

use hongyan_api::{
    Audience, Broadcast, BroadcastRecipient, BroadcastState, BroadcastVerb, Kind, NewBroadcast,
    PageQuery, Status,
};
use hongyan_sandbox::{Action, DeliveryQuery};
use hongyan_testkit::{TestApp, data};
use serde_json::json;

/// So many people who follow `oa`.
fn people(app: &TestApp, count: u32) -> Vec<String> {
    app.sandbox.add_bulk_people(&app.oa, count).unwrap();
    let openids = app.sandbox.bulk_openids(&app.oa, 0, count).unwrap();
    openids.collect()
}

fn recipient(openid: &str, name: &str) -> BroadcastRecipient {
    let mut fields = serde_json::Map::new();
    fields.insert("name".to_owned(), name.into());
    BroadcastRecipient {
        openid: Some(openid.to_owned()),
        fields: Some(fields),
        ..BroadcastRecipient::default()
    }
}

fn to(recipients: Vec<BroadcastRecipient>) -> Audience {
    Audience {
        recipients: Some(recipients),
        ..Audience::default()
    }
}

/// A broadcast of `oa` that tells everybody their `name`.
fn broadcast(app: &TestApp, audience: Audience) -> NewBroadcast {
    let slots = data(&[("thing1", "{{ name }}"), ("time2", "2026-11-20 10:00")]);
    NewBroadcast::new("sale", "oa", Kind::Template, &app.template, slots, audience)
}

async fn add(app: &TestApp, wanted: &NewBroadcast) -> Broadcast {
    app.client.add_broadcast(wanted, None).await.unwrap()
}

async fn steer(app: &TestApp, id: &str, verb: BroadcastVerb) -> BroadcastState {
    app.client.steer_broadcast(id, verb).await.unwrap().state
}

/// Works until the broadcast is over.
async fn finish(app: &TestApp, id: &str) -> Broadcast {
    for _ in 0..100 {
        app.pump().await;
        let found = app.client.broadcast(id).await.unwrap();
        if found.state.is_over() {
            return found;
        }
        app.advance(Duration::from_secs(1));
    }
    panic!("{id} does not end");
}

/// What took effect: openid to texts.
fn told(app: &TestApp) -> HashMap<String, Vec<String>> {
    let query = DeliveryQuery {
        limit: Some(100_000),
        ..DeliveryQuery::default()
    };
    let mut told: HashMap<_, Vec<_>> = HashMap::new();
    for one in app.sandbox.deliveries(&query).unwrap().items {
        let one = serde_json::to_value(&one).unwrap();
        let text = one["data"]["thing1"]["value"].as_str().unwrap_or_default();
        let openid = one["openid"].as_str().unwrap().to_owned();
        told.entry(openid).or_default().push(text.to_owned());
    }
    told
}

async fn report(app: &TestApp, id: &str) -> String {
    let mut text = Vec::new();
    let take = |piece: &[u8]| {
        text.extend_from_slice(piece);
        Ok(())
    };
    app.client.broadcast_report(id, take).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// Sends a file of people; the answer.
async fn upload(
    app: &TestApp,
    id: &str,
    text: String,
    complete: bool,
) -> Result<Broadcast, hongyan_api::ApiError> {
    let pieces: Vec<_> = text.as_bytes().chunks(10_000).map(<[_]>::to_vec).collect();
    let pieces = pieces.into_iter().map(Ok);
    app.client
        .add_recipients(id, "text/csv", pieces, complete)
        .await
}

fn uploaded() -> Audience {
    Audience {
        upload: Some(true),
        ..Audience::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_a_list_is_told_what_is_theirs_once() {
    let app = TestApp::start().await;
    let openids = people(&app, 3);
    let list = vec![
        recipient(&openids[0], "张三"),
        recipient(&openids[1], "李四"),
        recipient(&openids[0], "张三"),
        recipient(&openids[2], &"长".repeat(21)),
        BroadcastRecipient {
            user_id: Some("nobody".to_owned()),
            ..recipient("", "无名")
        },
    ];
    let mut list = list;
    list[4].openid = None;
    let mut wanted = broadcast(&app, to(list));
    wanted.skip_invalid = Some(true);
    let made = add(&app, &wanted).await;
    assert_eq!(made.state, BroadcastState::Running);
    assert_eq!(made.recipients, 5);

    let ended = finish(&app, &made.id).await;
    assert_eq!(ended.state, BroadcastState::Finished);
    assert_eq!((ended.messages, ended.skipped), (2, 3));
    let progress = ended.progress.unwrap();
    assert_eq!(progress.by_status["accepted"], 2);
    assert_eq!(progress.to_expand, 0);
    let wanted = HashMap::from([
        (openids[0].clone(), vec!["张三".to_owned()]),
        (openids[1].clone(), vec!["李四".to_owned()]),
    ]);
    assert_eq!(told(&app), wanted);

    let page = PageQuery::default();
    let skipped = app
        .client
        .skipped_recipients(&made.id, &page)
        .await
        .unwrap();
    let mut why: Vec<_> = skipped
        .items
        .iter()
        .map(|one| (one.who.as_str(), one.reason.as_str()))
        .collect();
    why.sort_unstable_by_key(|(_, reason)| *reason);
    assert_eq!(
        why,
        [
            (openids[0].as_str(), "duplicate"),
            (openids[2].as_str(), "invalid"),
            ("nobody", "unknown_person"),
        ]
    );
    let text = report(&app, &made.id).await;
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(text.contains(",accepted,") && text.contains(",skipped,"));

    let filter = hongyan_api::MessageFilter {
        broadcast: Some(made.id.clone()),
        status: Some(Status::Accepted),
        ..hongyan_api::MessageFilter::default()
    };
    let found = app.client.messages(&filter, &page).await.unwrap().items;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].broadcast.as_deref(), Some(made.id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_rules_is_said_before_anybody_is_told() {
    let app = TestApp::start().await;
    let openids = people(&app, 2);
    let list = vec![
        recipient(&openids[0], "a"),
        recipient(&openids[1], &"长".repeat(21)),
    ];
    let error = app
        .client
        .add_broadcast(&broadcast(&app, to(list.clone())), None)
        .await
        .unwrap_err();
    let violation = &error.problem.as_ref().unwrap().violations[0];
    assert_eq!(
        violation.pointer,
        "/audience/recipients/1/data/thing1/value"
    );
    assert_eq!(violation.rule, "too_long");

    // Cut, they fit.
    let mut wanted = broadcast(&app, to(list));
    wanted.overflow = Some(hongyan_api::Overflow::Truncate);
    assert_eq!(add(&app, &wanted).await.state, BroadcastState::Running);

    let place = |body: serde_json::Value| {
        let app = &app;
        async move {
            let (status, problem) = app.raw("POST", "/v1/broadcasts", body.to_string()).await;
            assert_eq!(status, 422, "{problem}");
            let first = &problem["violations"][0];
            (
                first["pointer"].as_str().unwrap().to_owned(),
                first["rule"].as_str().unwrap().to_owned(),
            )
        }
    };
    let body = |thing: &str| {
        json!({"name": "n", "account": "oa", "kind": "template", "template_id": app.template,
            "data": {"thing1": thing, "time2": "2026-11-20 10:00"},
            "audience": {"recipients": [{"openid": openids[0]}]}})
    };
    let template = |pointer: &str| (pointer.to_owned(), "template".to_owned());
    assert_eq!(
        place(body("{{ name ")).await,
        template("/data/thing1/value")
    );
    assert_eq!(
        place(body("{{ nmae }}")).await,
        template("/audience/recipients/0/data/thing1/value")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_everybody_would_get_and_makes_nothing() {
    let app = TestApp::start().await;
    let mut nameless = recipient("oC", "");
    nameless.fields = None;
    let list = vec![
        recipient("oA", "张三"),
        recipient("oB", &"长".repeat(21)),
        nameless,
    ];
    let mut wanted = broadcast(&app, to(list));
    wanted.url = Some("https://a.example/{{ openid }}".to_owned());
    let preview = app.client.preview_broadcast(&wanted).await.unwrap();
    assert!(!preview.valid);
    assert_eq!(preview.violations, []);
    let [fine, long, nameless] = preview.people.as_slice() else {
        panic!("{:?}", preview.people);
    };
    assert!(fine.check.valid);
    assert_eq!(fine.who, "oA");
    assert_eq!(fine.check.preview[0].value, "张三");
    let opens = fine.check.opens.as_ref().unwrap();
    assert_eq!(opens.url.as_deref(), Some("https://a.example/oA"));
    // What is wrong is shown beside the card it would make, as far as there is one.
    assert_eq!(long.check.violations[0].rule, "too_long");
    assert_eq!(long.check.preview[0].value, "长".repeat(21));
    assert_eq!(nameless.check.violations[0].rule, "template");
    assert!(nameless.check.preview.is_empty());

    wanted.audience = uploaded();
    assert!(app.client.preview_broadcast(&wanted).await.unwrap().valid);
    // What is wrong for everybody is said once, and so is what is no broadcast at all.
    wanted.audience = to(vec![recipient("oA", "张三")]);
    wanted.data = Some(data(&[("thing1", "{{ name }}"), ("time2", "soon")]));
    let preview = app.client.preview_broadcast(&wanted).await.unwrap();
    assert_eq!(preview.violations[0].pointer, "/data/time2/value");
    assert_eq!(preview.people[0].check.violations, []);
    wanted.name = String::new();
    let preview = app.client.preview_broadcast(&wanted).await.unwrap();
    assert_eq!(preview.violations[0].pointer, "/name");
    wanted.audience = to(vec![recipient("oA", "张三"); 101]);
    let preview = app.client.preview_broadcast(&wanted).await.unwrap();
    assert_eq!(preview.violations[0].rule, "count");

    let made = app.client.broadcasts(None, &PageQuery::default()).await;
    assert_eq!(made.unwrap().items.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_thousands_is_told_once_each() {
    let app = TestApp::start().await;
    let openids = people(&app, 2500);
    let made = add(&app, &broadcast(&app, uploaded())).await;
    assert_eq!(made.state, BroadcastState::Loading);
    let rows: String = openids
        .iter()
        .enumerate()
        .map(|(number, openid)| format!("{openid},n{number}\n"))
        .collect();
    let half = rows.len() / 2 + rows[rows.len() / 2..].find('\n').unwrap() + 1;
    let first = format!("openid,name\n{}", &rows[..half]);
    let taken = upload(&app, &made.id, first.clone(), false).await.unwrap();
    assert_eq!(taken.state, BroadcastState::Loading);
    // Somebody sends the first file again with the second.
    let second = format!("{first}{}", &rows[half..]);
    let taken = upload(&app, &made.id, second, true).await.unwrap();
    assert_eq!(taken.state, BroadcastState::Running);

    let ended = finish(&app, &made.id).await;
    assert_eq!(ended.messages, 2500);
    assert_eq!(ended.messages + ended.skipped, ended.recipients);
    let told = told(&app);
    assert_eq!(told.len(), 2500);
    for (number, openid) in openids.iter().enumerate() {
        assert_eq!(told[openid], [format!("n{number}")]);
    }
    assert_eq!(
        report(&app, &made.id).await.lines().count() as u64,
        1 + ended.recipients
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_bad_lines_is_taken_wholly_or_not_at_all() {
    let app = TestApp::start().await;
    let made = add(&app, &broadcast(&app, uploaded())).await;
    let bad = "openid,name\no1,a\no 2,b\no3\n".to_owned();
    let error = upload(&app, &made.id, bad, true).await.unwrap_err();
    let problem = error.problem.unwrap();
    let lines: Vec<_> = problem
        .violations
        .iter()
        .map(|one| (one.pointer.as_str(), one.rule.as_str()))
        .collect();
    assert_eq!(
        lines,
        [("/lines/3/openid", "form"), ("/lines/4", "columns")]
    );
    assert!(
        problem.detail.contains("send it again"),
        "{}",
        problem.detail
    );
    let found = app.client.broadcast(&made.id).await.unwrap();
    assert_eq!(
        (found.state, found.recipients),
        (BroadcastState::Loading, 0)
    );

    // By the time the bad line comes some thousands are stored.
    let mut text = "openid,name\n".to_owned();
    for number in 0..6000 {
        text.push_str(&format!("o{number},n\n"));
    }
    text.push_str("o\n");
    let error = upload(&app, &made.id, text, true).await.unwrap_err();
    assert!(error.reason.contains("the broadcast failed"), "{error}");
    let found = app.client.broadcast(&made.id).await.unwrap();
    assert_eq!(found.state, BroadcastState::Failed);
    app.pump().await;
    assert_eq!(app.delivered(), 0);
    let again = upload(&app, &made.id, "openid\no\n".to_owned(), false).await;
    assert_eq!(again.unwrap_err().code(), Some("broadcast_state"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_keeps_a_bad_file_from_starting() {
    let app = TestApp::start().await;
    let openids = people(&app, 3);
    let made = add(&app, &broadcast(&app, uploaded())).await;
    let long = "长".repeat(21);
    let text = format!(
        "openid,name\n{},a\n{},{long}\n{},c\n",
        openids[0], openids[1], openids[2]
    );
    let taken = upload(&app, &made.id, text, true).await.unwrap();
    assert_eq!(taken.state, BroadcastState::Ready);
    assert!(taken.problem.unwrap().contains(&openids[1]));
    let error = app
        .client
        .steer_broadcast(&made.id, BroadcastVerb::Start)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("validation_failed"));
    app.pump().await;
    assert_eq!(app.delivered(), 0);
}

/// A broadcast of ten messages a second to fifty people, after its first second.
async fn under_way(app: &TestApp) -> (Broadcast, u64) {
    let list = people(app, 50)
        .iter()
        .map(|openid| recipient(openid, "n"))
        .collect();
    let mut wanted = broadcast(app, to(list));
    wanted.rate_per_second = Some(10);
    let made = add(app, &wanted).await;
    app.pump().await;
    app.advance(Duration::from_secs(1));
    app.pump().await;
    let sent = app.delivered();
    assert!((10..=12).contains(&sent), "{sent} in a second");
    (made, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_broadcast_rests_and_goes_on() {
    let app = TestApp::start().await;
    let (made, sent) = under_way(&app).await;
    let paused = steer(&app, &made.id, BroadcastVerb::Pause).await;
    assert_eq!(paused, BroadcastState::Paused);
    // What is in the queue already is held back, here and on other nodes.
    let other = app.another_node().await;
    for _ in 0..20 {
        app.advance(Duration::from_secs(1));
        app.pump().await;
        other.pump().await;
    }
    assert_eq!(app.delivered(), sent);
    assert_eq!(
        steer(&app, &made.id, BroadcastVerb::Pause).await,
        BroadcastState::Paused
    );
    assert_eq!(
        steer(&app, &made.id, BroadcastVerb::Resume).await,
        BroadcastState::Running
    );
    let ended = finish(&app, &made.id).await;
    assert_eq!(ended.state, BroadcastState::Finished);
    assert!(told(&app).values().all(|texts| texts.len() == 1));
    assert_eq!(app.delivered(), 50);
    let one = &report(&app, &made.id).await;
    assert!(!one.contains(",retrying,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_canceled_is_not_sent() {
    let app = TestApp::start().await;
    let (made, sent) = under_way(&app).await;
    let canceled = steer(&app, &made.id, BroadcastVerb::Cancel).await;
    assert_eq!(canceled, BroadcastState::Canceled);
    for _ in 0..10 {
        app.advance(Duration::from_secs(1));
        app.pump().await;
    }
    assert_eq!(app.delivered(), sent);
    let found = app.client.broadcast(&made.id).await.unwrap();
    let progress = found.progress.unwrap();
    assert_eq!(progress.by_status["canceled"], 50 - sent);
    let error = app
        .client
        .steer_broadcast(&made.id, BroadcastVerb::Resume)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("broadcast_state"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_dies_goes_on_where_it_was() {
    let app = TestApp::start().await;
    let openids = people(&app, 3000);
    let mut wanted = broadcast(&app, uploaded());
    wanted.rate_per_second = Some(500);
    let made = add(&app, &wanted).await;
    let mut text = "openid,name\n".to_owned();
    for openid in &openids {
        text.push_str(&format!("{openid},n\n"));
    }
    upload(&app, &made.id, text, true).await.unwrap();
    // It has sent some, and others are with WeChat, when it dies.
    app.pump().await;
    app.advance(Duration::from_secs(1));
    assert!(!app.claim("oa").await.is_empty());
    let app = app.crash_and_restart().await;
    app.advance(Duration::from_secs(120));
    let ended = finish(&app, &made.id).await;
    assert_eq!(ended.messages, 3000);
    let told = told(&app);
    assert_eq!(told.len(), 3000);
    assert!(told.values().all(|texts| texts.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_never_ends_starts_nothing() {
    let app = TestApp::start().await;
    let made = add(&app, &broadcast(&app, uploaded())).await;
    let pieces = (0..6).map(|number| match number {
        5 => Err(std::io::Error::other("the file is gone")),
        _ => Ok(format!("openid,name\n{}", "o1,n\n".repeat(2000)).into_bytes()),
    });
    let broken = app
        .client
        .add_recipients(&made.id, "text/csv", pieces, true)
        .await;
    assert!(broken.is_err());
    // How much of it came is the network's affair; none of it counts.
    let complete = app
        .client
        .steer_broadcast(&made.id, BroadcastVerb::Complete)
        .await;
    match complete {
        Ok(empty) => assert_eq!(empty.recipients, 0),
        Err(error) => assert_eq!(error.code(), Some("broadcast_state")),
    }
    app.pump().await;
    assert_eq!(app.delivered(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_ends_without_a_word_is_no_audience() {
    let app = TestApp::start().await;
    let made = add(&app, &broadcast(&app, uploaded())).await;
    let id = made.id.parse().unwrap();
    let under_way = app.engine.begin_upload(id).await.ok().unwrap();
    let second = upload(&app, &made.id, "openid\no1\n".to_owned(), false).await;
    assert_eq!(second.unwrap_err().code(), Some("broadcast_state"));
    drop(under_way);
    let complete = app
        .client
        .steer_broadcast(&made.id, BroadcastVerb::Complete)
        .await;
    assert_eq!(complete.unwrap_err().code(), Some("broadcast_state"));
    let found = app.client.broadcast(&made.id).await.unwrap();
    assert_eq!(found.state, BroadcastState::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_are_taken_in_as_they_are_known() {
    let app = TestApp::calling_back().await;
    app.perform("oa", Action::Unfollow).await;
    app.perform("oa", Action::Follow).await;
    let slots = data(&[("thing1", "大家好"), ("time2", "2026-11-20 10:00")]);
    let everybody = Audience {
        followers: Some(true),
        ..Audience::default()
    };
    let mut wanted =
        NewBroadcast::new("all", "oa", Kind::Template, &app.template, slots, everybody);
    let made = add(&app, &wanted).await;
    let ended = finish(&app, &made.id).await;
    assert_eq!((ended.recipients, ended.messages), (1, 1));
    assert_eq!(told(&app)[&app.openid], ["大家好"]);

    wanted.send_at = Some(hongyan_testkit::START.parse().unwrap());
    wanted.send_at = wanted.send_at.map(|at| at + Duration::from_secs(600));
    let later = add(&app, &wanted).await;
    app.pump().await;
    let found = app.client.broadcast(&later.id).await.unwrap();
    assert_eq!(found.state, BroadcastState::Ready);
    app.advance(Duration::from_secs(600));
    assert_eq!(finish(&app, &later.id).await.messages, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_at_one_account_is_told_by_another() {
    let app = TestApp::start().await;
    app.consent();
    let bound = json!({"openids": {"mp": app.mp_openid}}).to_string();
    assert_eq!(app.raw("PUT", "/v1/users/42", bound).await.0, 200);
    let body = json!({"name": "n", "account": "oa", "kind": "template", "template_id": app.template,
        "data": {"thing1": "{{ user_id }}", "time2": "2026-11-20 10:00"},
        "fallback": [{"account": "mp", "kind": "subscribe", "template_id": app.subscribe,
            "data": {"character_string1": "A-{{ user_id }}", "thing2": "店"}}],
        "audience": {"recipients": [{"user_id": "42"}]}});
    let (status, made) = app.raw("POST", "/v1/broadcasts", body.to_string()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    let ended = finish(&app, id).await;
    assert_eq!((ended.messages, ended.skipped), (1, 0));
    let text = report(&app, id).await;
    let row = text.lines().nth(1).unwrap();
    assert!(
        row.starts_with(&format!("42,{},mp,accepted", app.mp_openid)),
        "{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_makes_no_second_broadcast() {
    let app = TestApp::start().await;
    let openids = people(&app, 1);
    let wanted = broadcast(&app, to(vec![recipient(&openids[0], "n")]));
    let first = app.client.add_broadcast(&wanted, Some("k")).await.unwrap();
    app.pump().await;
    let again = app.client.add_broadcast(&wanted, Some("k")).await.unwrap();
    assert_eq!(first.id, again.id);
    finish(&app, &first.id).await;
    assert_eq!(app.delivered(), 1);
    let page = PageQuery::default();
    let all = app.client.broadcasts(Some("oa"), &page).await.unwrap();
    assert_eq!(all.items.len(), 1);
}
