//! A served sandbox and a byte-level client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use hongyan_sandbox::{
    AccountKind, AccountView, Action, ClockBase, MessageKind, NewAccount, NewTemplate, PersonView,
    Sandbox, SandboxConfig, Subscription, TemplateView,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// 2026-01-05 12:00 in Beijing.
pub(crate) const START_MS: i64 = 1_767_585_600_000;

pub(crate) struct App {
    pub(crate) sandbox: Sandbox,
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
}

/// One parsed answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn errcode(&self) -> i64 {
        self.json()
            .get("errcode")
            .and_then(Value::as_i64)
            .unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl App {
    pub(crate) fn new() -> Self {
        Self::with(SandboxConfig::default())
    }

    pub(crate) fn on(dir: &Path) -> Self {
        Self::with(SandboxConfig {
            data_dir: Some(dir.to_owned()),
            ..SandboxConfig::default()
        })
    }

    /// A sandbox on a copy of a directory, as after a kill; its journal is
    /// rewritten where it is asked for. The copy lives as long as its guard.
    pub(crate) fn on_copy(dir: &Path, rewritten: bool) -> (tempfile::TempDir, Self) {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let target = copy.path().join(entry.file_name());
            if entry.path().is_dir() {
                std::fs::create_dir(&target).unwrap();
                for file in std::fs::read_dir(entry.path()).unwrap() {
                    let file = file.unwrap();
                    std::fs::copy(file.path(), target.join(file.file_name())).unwrap();
                }
            } else {
                std::fs::copy(entry.path(), &target).unwrap();
            }
        }
        let app = Self::with(SandboxConfig {
            data_dir: Some(copy.path().to_owned()),
            rewrite_above: if rewritten { 0 } else { u64::MAX },
            ..SandboxConfig::default()
        });
        (copy, app)
    }

    /// Always on the manual clock and a fixed seed.
    pub(crate) fn with(config: SandboxConfig) -> Self {
        let clock = ClockBase::Manual(START_MS);
        let sandbox = Sandbox::open(SandboxConfig {
            clock,
            seed: Some(1),
            ..config
        })
        .unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = sandbox.clone();
        runtime.spawn(async move {
            served
                .serve(listener, async { drop(stopped.await) })
                .await
                .unwrap();
        });
        Self {
            sandbox,
            address,
            runtime: Some(runtime),
            stop: Some(stop),
        }
    }

    pub(crate) fn account(&self, kind: AccountKind) -> AccountView {
        self.sandbox.add_account(NewAccount::new(kind)).unwrap()
    }

    pub(crate) fn template(&self, account: &AccountView, content: &str) -> TemplateView {
        let kind = match account.kind {
            AccountKind::OfficialAccount => MessageKind::Template,
            AccountKind::MiniProgram => MessageKind::Subscribe,
        };
        let new = NewTemplate::new(kind, "订单通知", content);
        self.sandbox.add_template(&account.appid, new).unwrap()
    }

    pub(crate) fn long_term(&self, account: &AccountView) -> TemplateView {
        let mut new = NewTemplate::new(MessageKind::Subscribe, "到站", "线路:{{thing1.DATA}}");
        new.subscription = Some(Subscription::LongTerm);
        self.sandbox.add_template(&account.appid, new).unwrap()
    }

    /// A person who follows the account, with their openid.
    pub(crate) fn follower(&self, account: &AccountView) -> (PersonView, String) {
        let person = self.sandbox.add_person("小明").unwrap();
        let openid = self
            .sandbox
            .follow(&person.person_id, &account.appid)
            .unwrap();
        (person, openid)
    }

    pub(crate) fn act(&self, person: &PersonView, account: &AccountView, action: &Action) {
        self.sandbox
            .act(&person.person_id, &account.appid, action)
            .unwrap();
    }

    pub(crate) fn token(&self, account: &AccountView) -> String {
        let path = format!(
            "/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
            account.appid, account.secret
        );
        self.get(&path).json()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until no push is on its way.
    pub(crate) fn settle(&self) {
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(self.sandbox.callbacks_settled());
    }

    /// Makes the account push to an address.
    pub(crate) fn callback(&self, account: &AccountView, callback: &Value) {
        let path = format!("/accounts/{}", account.appid);
        let patched = self.control("PATCH", &path, &json!({ "callback": callback }));
        assert_eq!(patched.status, 200, "{patched:?}");
    }

    /// Lets a person do something; the whole answer.
    pub(crate) fn perform(&self, person: &PersonView, account: &AccountView, what: Value) -> Value {
        let mut body = json!({ "appid": account.appid });
        body.as_object_mut()
            .unwrap()
            .extend(what.as_object().unwrap().clone());
        let path = format!("/people/{}/actions", person.person_id);
        let done = self.control("POST", &path, &body);
        assert_eq!(done.status, 200, "{done:?}");
        done.json()
    }

    pub(crate) fn inbox(&self, person: &PersonView) -> Vec<Value> {
        let path = format!("/people/{}/inbox", person.person_id);
        let inbox = self.control("GET", &path, &json!(null)).json();
        inbox["items"].as_array().unwrap().clone()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(&body.to_string())).unwrap()
    }

    /// A control call below `/sandbox/v1`.
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let path = format!("/sandbox/v1{path}");
        self.call(method, &path, Some(&body.to_string())).unwrap()
    }

    /// `None` where the connection closed without a byte.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&str>) -> Option<Answer> {
        let length = body.map(|body| format!("Content-Length: {}\r\n", body.len()));
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}\r\n{}",
            self.address,
            length.unwrap_or_default(),
            body.unwrap_or_default()
        ))
    }

    /// The bytes that come back before the connection ends.
    pub(crate) fn exchange(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // Refused before it was read, a long request breaks off.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        // A reset after the last byte is as good as an orderly end.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    }

    /// Uploads a file and form fields beside it.
    pub(crate) fn upload(
        &self,
        path: &str,
        name: &str,
        file: &[u8],
        fields: &[(&str, &str)],
    ) -> Value {
        let mut body = Vec::new();
        for (field, value) in fields {
            let head = format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(value.as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"media\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        request.extend(body);
        let answer = self.exchange(&request);
        let text = String::from_utf8(answer).unwrap();
        let (_, json) = text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(json).unwrap()
    }

    /// Fetches a file: the head of the answer and the bytes.
    pub(crate) fn fetch(&self, method: &str, path: &str, body: &str) -> (String, Vec<u8>) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = self.exchange(request.as_bytes());
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head, answer[end + 4..].to_vec())
    }

    pub(crate) fn raw(&self, request: &str) -> Option<Answer> {
        let text = String::from_utf8(self.exchange(request.as_bytes())).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunk(body);
        }
        Some(answer)
    }
}

/// An account calling with its token.
pub(crate) struct Caller<'a> {
    pub(crate) app: &'a App,
    pub(crate) token: String,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(app: &'a App, account: &AccountView) -> Self {
        Self {
            app,
            token: app.token(account),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let joint = if path.contains('?') { '&' } else { '?' };
        self.app
            .get(&format!("{path}{joint}access_token={}", self.token))
            .json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.app
            .post(&format!("{path}?access_token={}", self.token), body)
            .json()
    }

    pub(crate) fn form(&self, path: &str, body: &str) -> Value {
        let path = format!("{path}?access_token={}", self.token);
        self.app.call("POST", &path, Some(body)).unwrap().json()
    }
}

fn unchunk(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    whole
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The body of a template message with one keyword.
pub(crate) fn message(openid: &str, template: &TemplateView, key: &str, value: &str) -> Value {
    json!({
        "touser": openid,
        "template_id": template.template_id,
        "url": "https://example.com/o/1",
        "data": { key: { "value": value } },
    })
}
