//! Running the binary.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use hongyan_api::Client;
use serde_json::Value;

pub(crate) fn hongyan() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hongyan"));
    for (name, _) in std::env::vars() {
        if name.starts_with("HONGYAN_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A process that is killed when the test is over, however it ends.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::spawn(command.stderr(Stdio::inherit()))
    }

    /// The same with what it logs in a file.
    pub(crate) fn start_with_log(command: &mut Command, log: File) -> Self {
        Self::spawn(command.stderr(log))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let out = BufReader::new(child.stdout.take().expect("standard output is piped"));
        Self { child, out }
    }

    /// The lines up to the one that contains `word`.
    pub(crate) fn read_until(&mut self, word: &str) -> String {
        let mut text = String::new();
        loop {
            let before = text.len();
            let read = self.out.read_line(&mut text).expect("UTF-8");
            assert!(
                read > 0,
                "the process ended before it said {word:?}:\n{text}"
            );
            if text[before..].contains(word) {
                return text;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success());
    }

    /// The exit code, once the process has ended.
    pub(crate) fn wait(mut self) -> Option<i32> {
        let mut rest = String::new();
        let _ = self.out.read_to_string(&mut rest);
        self.child.wait().expect("the process ends").code()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is killed");
        self.child.wait().expect("the process ends");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a gateway says that it listens.
pub(crate) fn address(gateway: &mut Running) -> String {
    let said = gateway.read_until("is ready at");
    let (_, after) = said.split_once("http://").expect("an address");
    after.split(' ').next().expect("an address").to_owned()
}

/// Status and whole answer of a request on a connection of its own; `None` =
/// nobody listens. An empty key is left out.
pub(crate) fn get(address: &str, path: &str, key: &str) -> Option<(u16, String)> {
    exchange(address, "GET", path, key, "")
}

/// Like [`get`], with a body.
pub(crate) fn post(address: &str, path: &str, key: &str, body: &Value) -> (u16, String) {
    exchange(address, "POST", path, key, &body.to_string()).expect("it listens")
}

fn exchange(
    address: &str,
    method: &str,
    path: &str,
    key: &str,
    body: &str,
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let key = if key.is_empty() {
        String::new()
    } else {
        format!("Authorization: Bearer {key}\r\n")
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{key}Connection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer))
}

/// A demo on ports of its own.
pub(crate) struct Demo {
    pub(crate) process: Running,
    pub(crate) info: Value,
}

impl Demo {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut process = Running::start(
            hongyan()
                .args([
                    "demo",
                    "--listen",
                    "127.0.0.1:0",
                    "--sandbox-listen",
                    "127.0.0.1:0",
                ])
                .arg("--data-dir")
                .arg(dir),
        );
        process.read_until("Ctrl-C");
        let info = std::fs::read(dir.join("demo.json")).expect("demo.json is written");
        Self {
            process,
            info: serde_json::from_slice(&info).expect("JSON"),
        }
    }

    pub(crate) fn text(&self, pointer: &str) -> String {
        self.info
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{pointer}"))
            .to_owned()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.text("/gateway_url"), &self.text("/api_key")).expect("a client")
    }

    /// The control API; it asks for no key and overlooks the one it is sent.
    pub(crate) fn sandbox(&self) -> Client {
        Client::new(&self.text("/sandbox_url"), "none").expect("a client")
    }

    pub(crate) fn openid(&self) -> String {
        let appid = self.text("/accounts/0/appid");
        self.text(&format!("/people/0/openids/{appid}"))
    }

    /// A command that talks to this demo's gateway.
    pub(crate) fn hongyan(&self) -> Command {
        let mut command = hongyan();
        command
            .env("HONGYAN_URL", self.text("/gateway_url"))
            .env("HONGYAN_API_KEY", self.text("/api_key"));
        command
    }
}
