//! A gateway as its own process, a sandbox inside the test, and a receiver of
//! traces.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hongyan_api::{Client, Data, Kind, NewMessage, Recipient, SlotValue};
use hongyan_sandbox::{AccountKind, MessageKind, NewAccount, NewTemplate, Sandbox, SandboxConfig};
use hongyan_testkit::scrape::Scrape;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Running, hongyan, run, stderr, stdout};

/// The gateway knows one account, `shop`, of which a person is a follower.
pub(crate) struct Stage {
    pub(crate) process: Running,
    pub(crate) url: String,
    pub(crate) api_key: String,
    pub(crate) sandbox: Sandbox,
    pub(crate) sandbox_url: String,
    pub(crate) appid: String,
    pub(crate) secret: String,
    template: String,
    openid: String,
    runtime: Runtime,
    log: PathBuf,
    _dir: TempDir,
}

impl Stage {
    /// Starts everything; `more` is added to the configuration, `variables` to
    /// the gateway's environment.
    pub(crate) fn open(more: &str, variables: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = Sandbox::open(SandboxConfig::default()).unwrap();
        let account = sandbox
            .add_account(NewAccount::new(AccountKind::OfficialAccount))
            .unwrap();
        let content = "商品：{{thing1.DATA}}\n";
        let template = NewTemplate::new(MessageKind::Template, "发货通知", content);
        let template = sandbox
            .add_template(&account.appid, template)
            .unwrap()
            .template_id;
        let person = sandbox.add_person("小雁").unwrap().person_id;
        let openid = sandbox.follow(&person, &account.appid).unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let sandbox_url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(sandbox.clone().serve(listener, std::future::pending()));

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hongyan.toml");
        let (appid, secret) = (account.appid, account.secret);
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nunready_s = 0\n\
             [wechat]\napi_base = \"{sandbox_url}\"\n\
             [[accounts]]\nname = \"shop\"\nkind = \"official_account\"\nappid = \"{appid}\"\nsecret = \"{secret}\"\n\
             {more}"
        );
        std::fs::write(&file, config).unwrap();
        let made = run(hongyan()
            .args([
                "keys", "create", "--name", "test", "--scope", "admin", "--config",
            ])
            .arg(&file));
        assert!(made.status.success(), "{}", stderr(&made));
        let log = dir.path().join("log");
        let mut command = hongyan();
        command.args(["serve", "--config"]).arg(&file);
        command.envs(variables.iter().copied());
        let mut process = Running::start_with_log(&mut command, File::create(&log).unwrap());
        let ready = process.read_until("is ready at");
        let url = ready
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap();
        Self {
            url: url.to_owned(),
            api_key: stdout(&made).trim().to_owned(),
            process,
            sandbox,
            sandbox_url,
            appid,
            secret,
            template,
            openid,
            runtime,
            log,
            _dir: dir,
        }
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url, &self.api_key).unwrap()
    }

    pub(crate) fn scrape(&self) -> Scrape {
        self.block_on(Scrape::of(&self.url))
    }

    /// A message to the follower.
    pub(crate) fn message(&self) -> NewMessage {
        self.message_to(&self.openid)
    }

    pub(crate) fn message_to(&self, openid: &str) -> NewMessage {
        let data = Data::from_iter([("thing1".to_owned(), SlotValue::from("耳机"))]);
        NewMessage::new(
            "shop",
            Kind::Template,
            Recipient::openid(openid),
            &self.template,
            data,
        )
    }

    /// Posts JSON to the gateway with headers of one's own; the status.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: String) -> u16 {
        self.block_on(async {
            let client = hongyan_testkit::http();
            let mut request = client
                .post(format!("{}{path}", self.url))
                .bearer_auth(&self.api_key)
                .body(body);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.send().await.unwrap().status().as_u16()
        })
    }

    /// Everything nobody else may see: the account's secret, its token, the key.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let token = self.block_on(self.client().access_token("shop")).unwrap();
        vec![
            self.secret.clone(),
            self.api_key.clone(),
            token.access_token.expose().to_owned(),
        ]
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Ends the gateway as an operator does; its exit code and all it logged.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        self.process.signal("TERM");
        let code = self.process.wait();
        (code, std::fs::read_to_string(&self.log).unwrap())
    }
}

/// What a collector was sent.
pub(crate) struct Export {
    /// The request's head, as it came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Export {
    pub(crate) fn decode(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(&*self.body).unwrap()
    }
}

/// An OTLP receiver that answers all alike.
pub(crate) struct Receiver {
    pub(crate) url: String,
    exports: Arc<Mutex<Vec<Export>>>,
}

impl Receiver {
    pub(crate) fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let exports = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&exports);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer_all(stream.unwrap(), status, &kept));
            }
        });
        Self { url, exports }
    }

    pub(crate) fn exports(&self) -> std::sync::MutexGuard<'_, Vec<Export>> {
        self.exports.lock().unwrap()
    }
}

/// Reads requests with a length from a kept connection until it is closed.
fn answer_all(stream: TcpStream, status: &str, kept: &Mutex<Vec<Export>>) {
    let mut writing = stream.try_clone().unwrap();
    let mut reading = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reading.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head
            .to_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap();
        let mut body = vec![0; length];
        reading.read_exact(&mut body).unwrap();
        kept.lock().unwrap().push(Export { head, body });
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if writing.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
