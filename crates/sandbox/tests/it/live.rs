//! The page at `/`, what it starts with, and the stream that keeps it fresh.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hongyan_sandbox::{AccountKind, Action, Sandbox, SandboxConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::app::{App, message};
use crate::backend::{Act, Backend, KEY, TOKEN};

/// An open stream of events.
struct Stream {
    socket: TcpStream,
    text: String,
}

impl Stream {
    fn open(app: &App, query: &str) -> Self {
        Self::at(app.address, query)
    }

    fn at(address: SocketAddr, query: &str) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let request = format!("GET /sandbox/v1/events{query} HTTP/1.1\r\nHost: s\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let text = String::new();
        let mut stream = Self { socket, text };
        stream.next("ready");
        assert!(stream.text.contains("text/event-stream"));
        stream
    }

    /// Reads until an event of that name came whole: its id and its data.
    fn next(&mut self, name: &str) -> (String, Value) {
        loop {
            if let Some(found) = self.find(name) {
                return found;
            }
            let mut bytes = [0; 4096];
            let read = self.socket.read(&mut bytes).unwrap();
            assert!(read > 0, "the stream ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    fn find(&mut self, name: &str) -> Option<(String, Value)> {
        let start = self.text.find(&format!("event: {name}\n"))?;
        let end = start + self.text[start..].find("\n\n")?;
        let event = self.text[start..end].to_owned();
        self.text.replace_range(start..end, "");
        let field = |name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let data = serde_json::from_str(&field("data:")).unwrap();
        Some((field("id:"), data))
    }
}

#[test]
fn the_page_is_served_with_or_without_its_program() {
    let app = App::new();
    let page = app.get("/");
    assert_eq!(page.status, 200);
    let kind = page.header("content-type").unwrap();
    assert!(kind.starts_with("text/html"));
    assert!(!page.body.contains("src=\"http") && !page.body.contains("href=\"http"));
    if let Some(policy) = page.header("content-security-policy") {
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        assert!(page.header("etag").is_some());
        let script = page.body.split("src=\"").nth(1).unwrap();
        let script = app.get(script.split('"').next().unwrap());
        assert_eq!(script.status, 200);
        let cache = script.header("cache-control").unwrap();
        assert!(cache.contains("immutable"));
    } else {
        assert!(page.body.contains("scripts/web.sh"), "{}", page.body);
    }
    assert_eq!(app.get("/assets/unknown.js").status, 404);
}

#[test]
fn the_page_starts_with_one_answer() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let (person, _) = app.follower(&account);
    let text = Action::SendText {
        content: "在吗".to_owned(),
    };
    app.act(&person, &account, &text);
    let state = app.control("GET", "/page", &json!(null)).json();
    assert_eq!(state["people"][0]["nickname"], "小明");
    assert_eq!(state["people"][0]["inbox"][0]["kind"], "own");
    assert_eq!(state["people"][0]["inbox"][0]["lines"], json!(["在吗"]));
    assert_eq!(state["accounts"][0]["followers"], 1);
    let path = format!("/page/{}", person.person_id);
    let phone = app.control("GET", &path, &json!(null)).json();
    assert_eq!(phone, state["people"][0]);
    assert_eq!(app.inbox(&person), Vec::<Value>::new(), "only what came");
    let path = format!("/people/{}/inbox?own=true", person.person_id);
    let both = app.control("GET", &path, &json!(null)).json();
    assert_eq!(both["items"].as_array().unwrap().len(), 1);
    let wrong = path.replace("true", "maybe");
    assert_eq!(app.control("GET", &wrong, &json!(null)).status, 422);
}

#[test]
fn the_stream_tells_what_happens() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "名称:{{thing1.DATA}}");
    let mut stream = Stream::open(&app, "");
    let (person, openid) = app.follower(&account);
    let (_, made) = stream.next("state");
    assert_eq!(made["topic"], "person");
    assert_eq!(made["person_id"], json!(person.person_id));

    let token = app.token(&account);
    let path = format!("/cgi-bin/message/template/send?access_token={token}");
    app.post(&path, &message(&openid, &template, "thing1", "书"));
    let (_, told) = stream.next("message");
    assert_eq!(
        (&told["person_id"], &told["openid"]),
        (&json!(person.person_id), &json!(openid))
    );
    let (_, got) = stream.next("call");
    assert_eq!(got["path"], "/cgi-bin/token");
    let (id, sent) = stream.next("call");
    assert_eq!(sent["path"], "/cgi-bin/message/template/send");
    assert!(sent["answer"].as_str().unwrap().contains("msgid"));
    assert!(!stream.text.contains(&token), "secrets are masked");

    app.control("POST", "/clock", &json!({ "advance_ms": 1000 }));
    let fault = json!({ "path": "/cgi-bin/token", "effect": { "errcode": -1 } });
    app.control("POST", "/faults", &fault);
    let mut late = Stream::open(&app, &format!("?last_event_id={id}"));
    for stream in [&mut stream, &mut late] {
        while stream.next("state").1["topic"] != "clock" {}
        assert_eq!(stream.next("state").1["topic"], "faults");
    }
    app.get("/cgi-bin/token?grant_type=client_credential");
    assert_eq!(late.next("call").1["struck"], true);
}

#[test]
fn who_comes_back_too_late_reads_everything_anew() {
    let app = App::new();
    let mut stream = Stream::open(&app, "?last_event_id=0-12");
    stream.next("overrun");
    app.get("/cgi-bin/unknown");
    assert_eq!(stream.next("call").1["path"], "/cgi-bin/unknown");
    assert_eq!(app.control("GET", "/events?x=1", &json!(null)).status, 422);
}

#[test]
fn a_sealed_callback_is_shown_unsealed() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let backend = Backend::new(|_, _| Act::Answer(500, "broken".to_owned()));
    let callback =
        json!({ "url": backend.url, "token": TOKEN, "encoding_aes_key": KEY, "mode": "safe" });
    app.callback(&account, &callback);
    let mut stream = Stream::open(&app, "");
    let (person, _) = app.follower(&account);
    app.settle();
    let (_, pushed) = stream.next("callback");
    assert!(pushed["plain_body"].as_str().unwrap().contains("subscribe"));
    assert!(!pushed["body"].as_str().unwrap().contains("subscribe"));
    assert!(pushed["error"].as_str().unwrap().contains("500"));
    assert!(stream.next("message").1["person_id"] == json!(person.person_id));
}

#[test]
fn watchers_do_not_hold_the_end_up() {
    let runtime = Runtime::new().unwrap();
    let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = runtime.spawn(sandbox.serve(listener, async { drop(stopped.await) }));
    let stream = Stream::at(address, "");
    drop(stop);
    // Open calls are cut after five seconds.
    let ended = async { timeout(Duration::from_secs(4), served).await };
    runtime.block_on(ended).unwrap().unwrap().unwrap();
    drop(stream);
}
