//! The emulator behind a relay, with accounts, templates and people.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hongyan_api::{ApiError, Client, Kind};
use serde_json::{Value, json};

use crate::failure::{Failure, call, system};
use crate::judge::Effect;
use crate::program::{Process, Program, Recipe};
use crate::relay::Relay;

/// People each account can write to.
const PEOPLE: usize = 40;
/// Deliveries read at once.
const PAGE: u64 = 20_000;
/// How long a call of ours may fail, because the sandbox was just killed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long every send takes at least, so that every kill finds some under way, in
/// milliseconds.
const SEND_MS: u64 = 20;
/// Far more calls than a run makes in a day.
const QUOTA: u64 = 100_000_000;

/// The emulator. Gateways and harness reach it through its relay.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// The process.
    pub(crate) program: Program,
    /// The network in front of it.
    pub(crate) relay: Relay,
    client: Client,
    /// Repeats that WeChat dropped, before the process that runs now.
    dropped_before: AtomicU64,
}

/// An account at the sandbox and the gateways.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Its name at the gateways.
    pub(crate) name: &'static str,
    /// What it sends.
    pub(crate) kind: Kind,
    /// `stable` or `classic`.
    pub(crate) token_mode: &'static str,
    /// Its id at WeChat.
    pub(crate) appid: String,
    /// Its secret.
    pub(crate) secret: String,
    /// Its one template.
    pub(crate) template_id: String,
    /// Whom it can write to.
    pub(crate) openids: Vec<String>,
}

/// The accounts of every run: both ways to get a token, both answers WeChat may
/// give to a repeat, and a kind without de-duplication.
const ACCOUNTS: [(&str, Kind, &str, &str); 3] = [
    ("stable", Kind::Template, "stable", "first_msgid"),
    ("classic", Kind::Template, "classic", "refuse"),
    ("mini", Kind::Subscribe, "stable", "first_msgid"),
];

/// How many accounts there are.
pub(crate) const ACCOUNT_COUNT: usize = ACCOUNTS.len();

impl Sandbox {
    /// Starts it in the folder and waits for it.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(binary: &Path, dir: &Path) -> Result<Self, Failure> {
        let data_dir = dir.join("sandbox").display().to_string();
        let program = Program::new(Recipe {
            name: "the sandbox".to_owned(),
            binary: binary.to_owned(),
            arguments: [
                "sandbox",
                "--listen",
                "127.0.0.1:0",
                "--data-dir",
                &data_dir,
            ]
            .map(str::to_owned)
            .into(),
            environment: Vec::new(),
            log: dir.join("sandbox.log"),
        });
        let relay = Relay::open()
            .await
            .map_err(system("no port for the relay"))?;
        let url = format!("http://{}", relay.address);
        // The control API asks for no key and overlooks the one it is sent.
        let client = Client::new(&url, "none").map_err(call("the sandbox's client"))?;
        let sandbox = Self {
            program,
            relay,
            client,
            dropped_before: AtomicU64::new(0),
        };
        let mut process = sandbox.program.hold().await;
        sandbox.raise(&mut process).await?;
        drop(process);
        Ok(sandbox)
    }

    /// The address that stays.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.relay.address)
    }

    async fn raise(&self, process: &mut Process) -> Result<(), Failure> {
        self.program.start(process)?;
        self.relay.lead_to(Some(self.program.ready().await?));
        self.slow_down().await
    }

    /// Forgets the faults that are left.
    ///
    /// # Errors
    /// When the sandbox cannot be reached.
    pub(crate) async fn calm(&self) -> Result<(), Failure> {
        self.insist("DELETE", "/faults", None).await?;
        self.slow_down().await
    }

    async fn slow_down(&self) -> Result<(), Failure> {
        let slow = json!({ "path": "/cgi-bin/message/*", "effect": { "delay_ms": SEND_MS } });
        self.insist("POST", "/faults", Some(&slow)).await.map(drop)
    }

    /// Kills it and starts it again: its journal must have everything it answered.
    ///
    /// # Errors
    /// When it does not start again.
    pub(crate) async fn kill(&self, down: Duration) -> Result<(), Failure> {
        let mut process = self.program.hold().await;
        // Its counters are not in its journal.
        let dropped = self.duplicates().await;
        self.dropped_before.fetch_add(dropped, Ordering::Relaxed);
        self.relay.lead_to(None);
        self.program.kill(&mut process).await;
        tokio::time::sleep(down).await;
        self.raise(&mut process).await
    }

    async fn duplicates(&self) -> u64 {
        let stats = self.ask("GET", "/stats", None).await;
        stats.map_or(0, |stats| stats["duplicates"].as_u64().unwrap_or(0))
    }

    /// Repeats that WeChat dropped by their `client_msg_id`; those between the last
    /// look and a kill are not in it.
    pub(crate) async fn dropped_repeats(&self) -> u64 {
        self.dropped_before.load(Ordering::Relaxed) + self.duplicates().await
    }

    /// One call of the control API, below `/sandbox/v1`.
    ///
    /// # Errors
    /// As it comes.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        self.client
            .call_raw(method, &format!("/sandbox/v1{path}"), body)
            .await
    }

    /// The same, again and again while there is no answer.
    ///
    /// # Errors
    /// When the sandbox refuses, or is away for too long.
    pub(crate) async fn insist(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let began = Instant::now();
        loop {
            match self.ask(method, path, body).await {
                Err(error) if error.status.is_none() && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                answer => return answer.map_err(call(format!("{method} {path} at the sandbox"))),
            }
        }
    }

    /// Makes the accounts with their templates and people.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub(crate) async fn populate(&self) -> Result<Vec<Account>, Failure> {
        let mut people = Vec::with_capacity(PEOPLE);
        for n in 0..PEOPLE {
            let person = json!({ "nickname": format!("person {n}") });
            let made = self.insist("POST", "/people", Some(&person)).await?;
            people.push(text(&made, "/person_id")?);
        }
        let mut accounts = Vec::new();
        for (name, kind, token_mode, duplicate_answer) in ACCOUNTS {
            accounts.push(
                self.account(name, kind, token_mode, duplicate_answer, &people)
                    .await?,
            );
        }
        Ok(accounts)
    }

    async fn account(
        &self,
        name: &'static str,
        kind: Kind,
        token_mode: &'static str,
        duplicate_answer: &str,
        people: &[String],
    ) -> Result<Account, Failure> {
        let (account_kind, send) = match kind {
            Kind::Template => ("official_account", "/cgi-bin/message/template/send"),
            _ => ("mini_program", "/cgi-bin/message/subscribe/send"),
        };
        let new = json!({ "kind": account_kind, "duplicate_answer": duplicate_answer });
        let made = self.insist("POST", "/accounts", Some(&new)).await?;
        let (appid, secret) = (text(&made, "/appid")?, text(&made, "/secret")?);
        let mut template = json!({
            "kind": kind,
            "title": "订单发货通知",
            "content": "商品名称：{{thing1.DATA}}\n发货时间：{{time2.DATA}}\n",
        });
        if kind == Kind::Subscribe {
            template["subscription"] = json!("long_term");
        }
        let path = format!("/accounts/{appid}/templates");
        let template = self.insist("POST", &path, Some(&template)).await?;
        let template_id = text(&template, "/template_id")?;
        for path in [send, "/cgi-bin/token", "/cgi-bin/stable_token"] {
            let quota = json!({ "path": path, "limit": QUOTA });
            let target = format!("/accounts/{appid}/quota");
            self.insist("PUT", &target, Some(&quota)).await?;
        }
        let mut openids = Vec::with_capacity(people.len());
        for person in people {
            let action = match kind {
                Kind::Template => json!({ "appid": appid, "action": "follow" }),
                _ => json!({
                    "appid": appid,
                    "action": "subscribe_popup",
                    "results": { template_id.as_str(): "accept" },
                }),
            };
            let path = format!("/people/{person}/actions");
            let done = self.insist("POST", &path, Some(&action)).await?;
            openids.push(text(&done, "/openid")?);
        }
        Ok(Account {
            name,
            kind,
            token_mode,
            appid,
            secret,
            template_id,
            openids,
        })
    }

    /// Refreshes an account's token behind the gateways' back. What comes of it is
    /// not of interest: the sandbox may be away or find it too often.
    pub(crate) async fn steal(&self, account: &Account) {
        let Account { appid, secret, .. } = account;
        if account.token_mode == "classic" {
            // The first makes theirs the one before last, the second ends it.
            for _ in 0..2 {
                let path = format!(
                    "/cgi-bin/token?grant_type=client_credential&appid={appid}&secret={secret}"
                );
                drop(self.client.call_raw("GET", &path, None::<&Value>).await);
            }
        } else {
            let body = json!({
                "grant_type": "client_credential",
                "appid": appid,
                "secret": secret,
                "force_refresh": true,
            });
            drop(
                self.client
                    .call_raw("POST", "/cgi-bin/stable_token", Some(&body))
                    .await,
            );
        }
    }

    /// Everything that took effect since `from`, and where to go on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn effects(
        &self,
        mut from: u64,
        into: &mut Vec<Effect>,
    ) -> Result<u64, Failure> {
        loop {
            let path = format!("/deliveries?since={from}&limit={PAGE}");
            let page = self.insist("GET", &path, None).await?;
            let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
            for item in items {
                into.push(effect(item)?);
            }
            if items.is_empty() {
                return Ok(from);
            }
            from = page["next_since"]
                .as_u64()
                .ok_or_else(|| Failure::Odd("a page of deliveries lacks next_since".to_owned()))?;
        }
    }
}

/// Shared among those who break it and those who read from it.
pub(crate) type SharedSandbox = Arc<Sandbox>;

fn effect(item: &Value) -> Result<Effect, Failure> {
    Ok(Effect {
        reference: text(item, "/data/thing1/value")?,
        client_msg_id: item["client_msg_id"].as_str().map(str::to_owned),
    })
}

/// The text at a JSON pointer.
///
/// # Errors
/// When there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| Failure::Odd(format!("an answer lacks {pointer}: {value}")))
}
