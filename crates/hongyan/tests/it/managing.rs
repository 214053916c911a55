//! Followers, tags, menus, codes and files by commands, against a gateway that runs by
//! itself.

use serde_json::Value;

use crate::stage::Stage;
use crate::support::{hongyan, run, stderr, stdout};

/// What a command prints that must succeed.
fn says(stage: &Stage, arguments: &[&str]) -> String {
    let done = run(hongyan()
        .args(arguments)
        .env("HONGYAN_URL", &stage.url)
        .env("HONGYAN_API_KEY", &stage.api_key));
    assert!(done.status.success(), "{arguments:?}: {}", stderr(&done));
    stdout(&done)
}

#[test]
fn what_is_kept_at_wechat_is_managed_by_commands() {
    let stage = Stage::open("", &[]);
    let synced = says(&stage, &["contacts", "sync", "shop", "--watch", "--json"]);
    let synced: Value = serde_json::from_str(&synced).unwrap();
    assert_eq!(
        (&synced["phase"], &synced["listed"], &synced["detailed"]),
        (&"over".into(), &1.into(), &1.into())
    );
    let people = says(&stage, &["contacts", "list", "shop", "--json"]);
    let people: Value = serde_json::from_str(&people).unwrap();
    let openid = people["items"][0]["openid"].as_str().unwrap();

    let tag = says(&stage, &["tags", "add", "shop", "华东"]);
    let tag = tag.trim();
    assert!(says(&stage, &["tags", "give", "shop", tag, openid]).contains("1 people"));
    assert_eq!(
        says(&stage, &["tags", "members", "shop", tag]).trim(),
        openid
    );
    let card = says(&stage, &["contacts", "remark", "shop", openid, "老客户"]);
    assert!(card.contains("老客户") && card.contains(tag), "{card}");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("menu.toml");
    std::fs::write(
        &file,
        "[[button]]\ntype = \"click\"\nname = \"今日\"\nkey = \"TODAY\"\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    assert!(says(&stage, &["menu", "plan", "shop", file]).contains("+ 今日"));
    says(
        &stage,
        &["menu", "apply", "shop", file, "--note", "opening"],
    );
    assert!(says(&stage, &["menu", "plan", "shop", file]).contains("nothing would change"));
    let shown = says(&stage, &["menu", "show", "shop"]);
    assert!(shown.contains("key = \"TODAY\""), "{shown}");
    assert!(says(&stage, &["menu", "history", "shop"]).contains("opening"));

    let code = says(&stage, &["qrcodes", "create", "shop", "shop-12"]);
    assert!(code.contains("/cgi-bin/showqrcode?ticket="), "{code}");
    assert!(says(&stage, &["qrcodes", "list", "shop"]).contains("shop-12"));

    let picture = dir.path().join("poster.png");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\nrest").unwrap();
    let id = says(
        &stage,
        &["media", "upload", "shop", picture.to_str().unwrap()],
    );
    assert!(id.starts_with("med_"));
    assert!(says(&stage, &["media", "list", "shop"]).contains(id.trim()));
}

#[test]
fn menus_are_checked_without_a_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("menu.json");
    std::fs::write(&file, r#"{"button":[{"type":"veiw","name":"a"}]}"#).unwrap();
    let check = || run(hongyan().args(["menu", "check"]).arg(&file));
    let refused = check();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("did you mean view?"),
        "{}",
        stderr(&refused)
    );
    std::fs::write(
        &file,
        r#"{"button":[{"type":"view","name":"a","url":"https://a.example/"}]}"#,
    )
    .unwrap();
    assert!(check().status.success());
}
