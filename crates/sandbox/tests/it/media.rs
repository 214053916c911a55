//! Media: uploads, the library, what messages show of them.

use std::time::Duration;

use hongyan_sandbox::AccountKind;
use serde_json::{Value, json};

use crate::app::{App, Caller};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n rest \xff\x00";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 rest";
const AMR: &[u8] = b"#!AMR\n\x04123456789012";
const MP4: &[u8] = b"\0\0\0\x18ftypmp42 rest";
const DAYS: Duration = Duration::from_secs(24 * 60 * 60);

fn upload(caller: &Caller<'_>, kind: &str, bytes: &[u8]) -> Value {
    let path = format!(
        "/cgi-bin/media/upload?access_token={}&type={kind}",
        caller.token
    );
    caller.app.upload(&path, "a.bin", bytes, &[])
}

fn add(caller: &Caller<'_>, kind: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Value {
    let path = format!(
        "/cgi-bin/material/add_material?access_token={}&type={kind}",
        caller.token
    );
    caller.app.upload(&path, "a.bin", bytes, fields)
}

fn id(answer: &Value) -> &str {
    answer["media_id"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn uploads_are_kept_for_three_days() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::on(dir.path());
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let picture = upload(&caller, "image", PNG);
    assert_eq!(picture["type"], "image");
    assert_eq!(picture["created_at"], crate::app::START_MS / 1000);
    let get = |app: &App, token: &str, id: &str| {
        let path = format!("/cgi-bin/media/get?access_token={token}&media_id={id}");
        app.fetch("GET", &path, "")
    };
    let (head, bytes) = get(&app, &caller.token, id(&picture));
    assert_eq!(bytes, PNG);
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: image/png"), "{head}");
    assert!(
        head.contains("content-disposition: attachment; filename="),
        "{head}"
    );
    let thumb = upload(&caller, "thumb", JPEG);
    assert!(thumb["thumb_media_id"].is_string() && thumb.get("media_id").is_none());

    let video = upload(&caller, "video", MP4);
    let (_, answer) = get(&app, &caller.token, id(&video));
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let url = answer["video_url"].as_str().unwrap();
    let path = url
        .strip_prefix(&format!("http://{}", app.address))
        .unwrap();
    assert_eq!(app.fetch("GET", path, "").1, MP4);

    // Bytes and words outlive the process and a rewrite of the journal.
    let (_copy, later) = App::on_copy(dir.path(), true);
    assert_eq!(get(&later, &caller.token, id(&picture)).1, PNG);
    app.sandbox
        .advance(3 * DAYS - Duration::from_secs(1))
        .unwrap();
    let token = app.token(&account);
    assert_eq!(get(&app, &token, id(&picture)).1, PNG);
    app.sandbox.advance(Duration::from_secs(1)).unwrap();
    let (_, gone) = get(&app, &token, id(&picture));
    let gone: Value = serde_json::from_slice(&gone).unwrap();
    assert_eq!(gone["errcode"], 40007);
    let files = |dir: &std::path::Path| std::fs::read_dir(dir.join("media")).unwrap().count();
    assert_eq!(files(dir.path()), 3);
    let (copy, _rewritten) = App::on_copy(dir.path(), true);
    assert_eq!(files(copy.path()), 0);
    // The next upload clears the files of expired ones away.
    upload(&Caller::new(&app, &account), "image", PNG);
    assert_eq!(files(dir.path()), 1);
}

#[test]
fn what_is_no_medium_is_refused() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let code = |kind: &str, bytes: &[u8]| upload(&caller, kind, bytes)["errcode"].clone();
    assert_eq!(code("sound", PNG), 40004);
    assert_eq!(code("image", b"words"), 40005);
    assert_eq!(code("image", b""), 44001);
    assert_eq!(code("voice", PNG), 40005);
    let mut large = JPEG.to_vec();
    large.resize(65 * 1024, 0);
    assert_eq!(code("thumb", &large), 40012);
    large.resize(10 * 1024 * 1024 + 1, 0);
    assert_eq!(code("image", &large), 40009);
    large.resize(13 * 1024 * 1024, 0);
    assert_eq!(code("image", &large), 45001);
    let path = "/cgi-bin/media/upload?type=image";
    let caller_path = format!("{path}&access_token={}", caller.token);
    assert_eq!(app.post(&caller_path, &json!({})).errcode(), 41005);
    let missing = caller.get("/cgi-bin/media/get");
    assert_eq!(missing["errcode"], 41006);

    let program = app.account(AccountKind::MiniProgram);
    let program = Caller::new(&app, &program);
    assert_eq!(upload(&program, "voice", AMR)["errcode"], 40004);
    assert_eq!(upload(&program, "image", PNG)["type"], "image");
}

#[test]
fn the_library_keeps_what_it_is_given() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let picture = add(&caller, "image", PNG, &[]);
    let url = picture["url"].as_str().unwrap();
    let path = url
        .strip_prefix(&format!("http://{}", app.address))
        .unwrap();
    assert_eq!(app.fetch("GET", path, "").1, PNG);
    assert_eq!(add(&caller, "video", MP4, &[])["errcode"], 40097);
    let words = json!({ "title": "片头", "introduction": "介绍" }).to_string();
    let video = add(&caller, "video", MP4, &[("description", &words)]);
    let material = |id: &str| {
        let path = format!(
            "/cgi-bin/material/get_material?access_token={}",
            caller.token
        );
        app.fetch("POST", &path, &json!({ "media_id": id }).to_string())
            .1
    };
    assert_eq!(material(id(&picture)), PNG);
    let seen: Value = serde_json::from_slice(&material(id(&video))).unwrap();
    assert_eq!(
        (&seen["title"], &seen["description"]),
        (&json!("片头"), &json!("介绍"))
    );
    app.sandbox.advance(30 * DAYS).unwrap();
    let caller = Caller::new(&app, &account);
    assert_eq!(
        caller.get("/cgi-bin/material/get_materialcount"),
        json!({ "voice_count": 0, "video_count": 1, "image_count": 1, "news_count": 0 })
    );
    let newer = add(&caller, "image", JPEG, &[]);
    let list = |kind: &str, offset: u32, count: u32| {
        let body = json!({ "type": kind, "offset": offset, "count": count });
        caller.post("/cgi-bin/material/batchget_material", &body)
    };
    let page = list("image", 0, 1);
    assert_eq!(
        (&page["total_count"], &page["item_count"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(page["item"][0]["media_id"], newer["media_id"]);
    assert_eq!(
        list("image", 1, 20)["item"][0]["media_id"],
        picture["media_id"]
    );
    assert_eq!(list("image", 0, 21)["errcode"], 40097);
    assert_eq!(list("dance", 0, 1)["errcode"], 40004);
    let delete = |id: &str| {
        caller.post("/cgi-bin/material/del_material", &json!({ "media_id": id }))["errcode"].clone()
    };
    assert_eq!(delete(id(&newer)), 0);
    assert_eq!(delete(id(&newer)), 40007);
    let button = json!({ "type": "media_id", "name": "图", "media_id": id(&picture) });
    let menu = caller.post("/cgi-bin/menu/create", &json!({ "button": [button] }));
    assert_eq!(menu["errcode"], 0);
    assert_eq!(delete(id(&picture)), 48005);
    let (person, _) = app.follower(&account);
    let tap = json!({ "action": "menu_tap", "name": "图" });
    app.perform(&person, &account, tap);
    let shown = &app.inbox(&person)[0]["content"];
    assert_eq!(shown["image"]["media_id"], picture["media_id"]);
}

#[test]
fn pictures_of_articles_have_an_address_alone() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let path = format!("/cgi-bin/media/uploadimg?access_token={}", caller.token);
    let put = |bytes: &[u8]| app.upload(&path, "a.png", bytes, &[]);
    let answer = put(PNG);
    let url = answer["url"].as_str().unwrap();
    let path = url
        .strip_prefix(&format!("http://{}", app.address))
        .unwrap();
    let (head, bytes) = app.fetch("GET", path, "");
    assert!(head.to_ascii_lowercase().contains("image/png") && bytes == PNG);
    assert_eq!(put(b"GIF89a")["errcode"], 40005);
    let mut large = PNG.to_vec();
    large.resize(1024 * 1024, 0);
    assert_eq!(put(&large)["errcode"], 40009);
    for wrong in ["article-..", "nothing", "article-%2e%2e%2fsandbox.journal"] {
        let (head, _) = app.fetch("GET", &format!("/sandbox/v1/media/{wrong}"), "");
        assert!(head.starts_with("HTTP/1.1 404"), "{wrong}: {head}");
    }
}
