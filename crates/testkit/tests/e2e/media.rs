//! Files: kept here, handed to WeChat when a message needs them, and anew when WeChat
//! has lost them.

use std::time::Duration;

use hongyan_api::{
    Media, MediaKind, MediaQuery, Message, NewMessage, PageQuery, Recipient, ShowTyping, Status,
};
use hongyan_sandbox::{Action, FaultEffect, NewFault};
use hongyan_testkit::TestApp;
use serde_json::{Value, json};

const UPLOAD: &str = "/cgi-bin/media/upload";

/// A PNG of one pixel.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

async fn upload(app: &TestApp, account: &str) -> Media {
    let query = MediaQuery {
        file_name: Some("poster.png".to_owned()),
        ..MediaQuery::default()
    };
    app.client
        .upload_media(account, PNG.to_vec(), &query)
        .await
        .unwrap()
}

fn picture(app: &TestApp, media_id: &str) -> NewMessage {
    let body = json!({"msgtype": "image", "image": {"media_id": media_id}});
    let Value::Object(body) = body else {
        unreachable!("it is an object")
    };
    NewMessage::customer_service("oa", Recipient::openid(&app.openid), body)
}

/// The person writes, which opens a window, and is sent the picture.
async fn show(app: &TestApp, media_id: &str) -> Message {
    let hello = Action::SendText {
        content: "hi".to_owned(),
    };
    app.perform("oa", hello).await;
    app.send_and_pump(&picture(app, media_id)).await
}

fn shown(app: &TestApp) -> String {
    let item = app.inbox().remove(0);
    let content = item.content.unwrap();
    content["image"]["media_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_handed_over_once_and_anew_when_its_time_is_over() {
    let app = TestApp::calling_back().await;
    let media = upload(&app, "oa").await;
    assert_eq!(
        (media.type_, media.size),
        (MediaKind::Image, PNG.len() as u64)
    );
    assert_eq!(media.wechat_media_id, None);
    assert_eq!(upload(&app, "oa").await.id, media.id, "the same bytes once");
    assert_eq!(app.calls(UPLOAD), 0, "nothing is told to WeChat yet");

    assert_eq!(show(&app, &media.id).await.status, Status::Accepted);
    let known = app.client.media("oa", &media.id).await.unwrap();
    let at_wechat = known.wechat_media_id.unwrap();
    assert_eq!(shown(&app), at_wechat);
    assert_eq!(show(&app, &media.id).await.status, Status::Accepted);
    assert_eq!(app.calls(UPLOAD), 1);

    app.advance(Duration::from_secs(3 * 24 * 60 * 60 - 9 * 60));
    assert_eq!(show(&app, &media.id).await.status, Status::Accepted);
    assert_eq!(app.calls(UPLOAD), 2);
    assert_ne!(shown(&app), at_wechat);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_wechat_lost_is_handed_over_again() {
    let app = TestApp::calling_back().await;
    let media = upload(&app, "oa").await;
    app.sandbox
        .add_fault(NewFault {
            path: "/cgi-bin/message/custom/send".to_owned(),
            times: Some(1),
            probability: None,
            effect: FaultEffect {
                errcode: Some(40007),
                ..FaultEffect::default()
            },
        })
        .unwrap();
    let sent = show(&app, &media.id).await;
    assert_eq!(sent.status, Status::Accepted);
    let codes: Vec<_> = sent
        .attempts
        .unwrap()
        .iter()
        .map(|one| one.errcode)
        .collect();
    assert_eq!(codes, [Some(40007), None]);
    assert_eq!(app.calls(UPLOAD), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_refused_before_it_is_sent() {
    let app = TestApp::calling_back().await;
    let unknown = picture(&app, "med_00000000000070008000000000000000");
    let verdict = app.client.validate(&unknown).await.unwrap();
    assert_eq!(verdict.violations[0].rule, "unknown_media");
    assert_eq!(verdict.violations[0].pointer, "/content/image/media_id");

    let at_mp = upload(&app, "mp").await;
    let foreign = app
        .client
        .validate(&picture(&app, &at_mp.id))
        .await
        .unwrap();
    assert!(!foreign.valid, "a file belongs to its account");

    let sound = app
        .client
        .upload_media("oa", b"#!AMR\nx".to_vec(), &MediaQuery::default())
        .await
        .unwrap();
    let verdict = app
        .client
        .validate(&picture(&app, &sound.id))
        .await
        .unwrap();
    assert_eq!(verdict.violations[0].rule, "wrong_media_type");
    let text = app
        .client
        .upload_media("oa", b"hello".to_vec(), &MediaQuery::default())
        .await;
    assert_eq!(text.unwrap_err().code(), Some("validation_failed"));

    // Removed after it was taken in: the message fails and says why.
    let media = upload(&app, "oa").await;
    let hello = Action::SendText {
        content: "hi".to_owned(),
    };
    app.perform("oa", hello).await;
    let id = app.send(&picture(&app, &media.id)).await;
    app.client.remove_media("oa", &media.id).await.unwrap();
    app.pump().await;
    let message = app.get(&id).await;
    assert_eq!(message.status, Status::Failed);
    let said = message.attempts.unwrap()[0].errmsg.clone().unwrap();
    assert!(said.contains(&media.id), "{said}");
    assert_eq!(app.calls("/cgi-bin/message/custom/send"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_brings_a_file_and_its_type() {
    let app = TestApp::start().await;
    let mut form = b"--x\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage\r\n\
        --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\n"
        .to_vec();
    form.extend_from_slice(PNG);
    form.extend_from_slice(b"\r\n--x--\r\n");
    let path = "/v1/accounts/oa/media";
    let kind = "multipart/form-data; boundary=x";
    let (status, media) = app.raw_as(kind, "POST", path, form).await;
    assert_eq!(status, 201, "{media}");
    assert_eq!(
        (&media["file_name"], &media["type"]),
        (&json!("a.png"), &json!("image"))
    );
    let (status, problem) = app.raw_as(kind, "POST", path, "--x").await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_form")));
    let large = vec![0x89_u8; 10 * 1024 * 1024 + 70 * 1024];
    let (status, _) = app.raw_as("image/png", "POST", path, large).await;
    assert_eq!(status, 413);

    let page = PageQuery::default();
    let listed = app.client.medias("oa", &page).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    app.client.remove_media("oa", &listed[0].id).await.unwrap();
    let gone = app.client.media("oa", &listed[0].id).await.unwrap_err();
    assert_eq!(gone.status, Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_shown_to_whoever_just_wrote() {
    let app = TestApp::calling_back().await;
    let typing = ShowTyping {
        openid: app.openid.clone(),
        typing: true,
    };
    app.advance(Duration::from_secs(60));
    let early = app.client.show_typing("oa", &typing).await.unwrap_err();
    assert_eq!(early.problem.unwrap().errcode, Some(45080));
    let hello = Action::SendText {
        content: "hi".to_owned(),
    };
    app.perform("oa", hello).await;
    app.client.show_typing("oa", &typing).await.unwrap();
}
