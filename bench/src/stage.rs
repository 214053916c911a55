//! Sandbox and gateways with an account, a template and people: everything a
//! measurement needs before it begins.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::child::{self, Server};
use crate::control::{call, text};
use crate::failure::{Failure, system};
use crate::past::{Home, Past};
use crate::plan::Case;
use crate::process::Memory;
use crate::script::Bare;

/// The path that is measured.
const SEND: &str = "/cgi-bin/message/template/send";

/// Messages go to so many people in turn.
const PEOPLE: usize = 100;

/// A secret the sandbox does not know.
const WRONG_SECRET: &str = "ffffffffffffffffffffffffffffffff";

/// How long a gateway may take to notice something it or another one is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the first start may differ from the database's clock.
const MARGIN: Duration = Duration::from_secs(60);

/// An official account at the sandbox with a template and followers.
#[derive(Debug)]
pub(crate) struct Official {
    pub(crate) appid: String,
    pub(crate) secret: String,
    pub(crate) template_id: String,
    pub(crate) openids: Vec<String>,
}

/// What is started, and where.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// The program that is measured.
    pub(crate) binary: &'a Path,
    /// Where the databases lie.
    pub(crate) dir: &'a Path,
    /// The case's database, where it is not a file.
    pub(crate) postgres: Option<&'a crate::postgres::Database>,
}

/// Everything that runs. Dropping it ends the processes, then removes the files.
#[derive(Debug)]
pub(crate) struct Stage {
    binary: PathBuf,
    config: PathBuf,
    /// The emulator.
    pub(crate) sandbox: Server,
    /// What is measured; at least one.
    gateways: Vec<Server>,
    /// From the start of the first gateway to its first answer, on an empty
    /// database.
    pub(crate) ready_empty: Duration,
    /// An API key for everything.
    pub(crate) key: String,
    /// The account the gateways send for.
    account: Official,
    /// The account of the bare loop.
    bare: Official,
    people: Vec<String>,
    /// No message of ours is older.
    since: String,
    dir: TempDir,
}

impl Stage {
    /// Starts sandbox and gateways in a new directory and prepares them.
    pub(crate) async fn set(
        place: &Place<'_>,
        case: Case,
        max_in_flight: u32,
    ) -> Result<Self, Failure> {
        let told = format!("cannot make a directory in {}", place.dir.display());
        let dir = TempDir::with_prefix_in("hongyan-bench-", place.dir).map_err(system(told))?;
        let binary = place.binary.to_owned();
        let arguments = ["--listen", "127.0.0.1:0"];
        let files = (dir.path(), "sandbox.log");
        let probe = "/sandbox/v1/stats";
        let sandbox = Server::start(&binary, "sandbox", &arguments, probe, files).await?;
        let config = dir.path().join("hongyan.toml");
        let url = place
            .postgres
            .map_or("sqlite:hongyan.db", |database| &database.url);
        let settings = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n\
             [database]\nurl = {}\n\
             [wechat]\napi_base = \"http://{}\"\n\
             [log]\nlevel = \"warn\"\n",
            json!(url),
            sandbox.address
        );
        std::fs::write(&config, settings).map_err(system("cannot write hongyan.toml"))?;
        let gateway = serve(&binary, &config, dir.path(), 0).await?;
        let key = child::make_key(&binary, &config)?;
        let people = people(&sandbox).await?;
        let account = official(&sandbox, &people).await?;
        let bare = official(&sandbox, &people).await?;
        let now = text(&sandbox_says(&sandbox, "/clock").await?, "/now")?;
        let now: jiff::Timestamp = now
            .parse()
            .map_err(|error| Failure::Wrong(format!("the sandbox's clock: {error}")))?;
        let mut stage = Self {
            binary,
            config,
            sandbox,
            ready_empty: gateway.ready_after,
            gateways: vec![gateway],
            key,
            account,
            bare,
            people,
            since: (now - MARGIN).to_string(),
            dir,
        };
        let new = json!({
            "name": "bench",
            "kind": "official_account",
            "appid": stage.account.appid,
            "secret": stage.account.secret,
            "max_in_flight": max_in_flight,
        });
        stage.gateway("POST", "/v1/accounts", Some(&new)).await?;
        stage
            .gateway("POST", "/v1/accounts/bench/templates/sync", None)
            .await?;
        if case.old > 0 {
            stage.gateways.clear();
            stage.fill(place, case.old, now).await?;
        }
        stage.start(case.nodes).await?;
        Ok(stage)
    }

    /// Fills the database with messages that are over.
    async fn fill(&self, place: &Place<'_>, old: u64, now: jiff::Timestamp) -> Result<(), Failure> {
        let file = self.dir.path().join("hongyan.db");
        let past = Past {
            home: match place.postgres {
                None => Home::Sqlite(&file),
                Some(database) => Home::Postgres(database),
            },
            key_file: &self.dir.path().join("hongyan.key"),
            template_id: &self.account.template_id,
            now,
        };
        past.fill(old).await
    }

    /// Starts gateways until there are so many, one after the other.
    async fn start(&mut self, nodes: usize) -> Result<(), Failure> {
        while self.gateways.len() < nodes {
            let number = self.gateways.len();
            let gateway = serve(&self.binary, &self.config, self.dir.path(), number).await?;
            self.gateways.push(gateway);
        }
        Ok(())
    }

    /// Calls the first gateway.
    pub(crate) async fn gateway(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.node(0, method, target, body).await
    }

    async fn node(
        &self,
        number: usize,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let address = self.gateways[number].address;
        call(address, method, target, Some(&self.key), body).await
    }

    /// Where the gateways answer.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.gateways.iter().map(|one| one.address).collect()
    }

    /// The longest of the gateways' last starts.
    pub(crate) fn ready_after(&self) -> Duration {
        let all = self.gateways.iter().map(|one| one.ready_after);
        all.max().unwrap_or_default()
    }

    /// The memory of the gateway that has most.
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        let mut most = Memory {
            resident: 0,
            peak: 0,
        };
        for gateway in &self.gateways {
            let memory = gateway.memory()?;
            most.resident = most.resident.max(memory.resident);
            most.peak = most.peak.max(memory.peak);
        }
        Ok(most)
    }

    /// Processor time of all gateways.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        self.gateways.iter().map(Server::cpu).sum()
    }

    /// Reads from the sandbox's control API.
    pub(crate) async fn sandbox(&self, target: &str) -> Result<Value, Failure> {
        sandbox_says(&self.sandbox, target).await
    }

    /// The appid the gateways send for.
    pub(crate) fn appid(&self) -> &str {
        &self.account.appid
    }

    /// Since when messages are ours: those that were filled in are older.
    pub(crate) fn since(&self) -> &str {
        &self.since
    }

    /// A further account at the sandbox like that of the gateways.
    pub(crate) async fn official(&self) -> Result<Official, Failure> {
        official(&self.sandbox, &self.people).await
    }

    /// One request to send for each person.
    pub(crate) fn messages(&self, priority: &str) -> Vec<Value> {
        let message = |openid| {
            json!({
                "account": "bench",
                "kind": "template",
                "to": { "openid": openid },
                "template_id": self.account.template_id,
                "data": DATA.map(|(key, value)| (key.to_owned(), json!(value)))
                    .into_iter().collect::<serde_json::Map<_, _>>(),
                "priority": priority,
            })
        };
        self.account.openids.iter().map(message).collect()
    }

    /// The bare loop: what a gateway sends, read from a message it really sent,
    /// with a valid token and other ids. `first` is the number of its first
    /// request.
    pub(crate) async fn bare_loop(&self, first: u64) -> Result<Bare, Failure> {
        let token = format!(
            "/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
            self.bare.appid, self.bare.secret
        );
        let token = call(self.sandbox.address, "GET", &token, None, None).await?;
        let target = format!("{SEND}?access_token={}", text(&token, "/access_token")?);
        let sent = self
            .sandbox(&format!("/requests?path={SEND}&limit=1"))
            .await?;
        let body = text(&sent, "/items/0/body")?;
        let mut body: Value = serde_json::from_str(&body)
            .map_err(|error| Failure::Wrong(format!("the gateway sent no JSON: {error}")))?;
        body["template_id"] = json!(self.bare.template_id);
        Bare::new(
            self.sandbox.address,
            &target,
            &body,
            &self.bare.openids,
            first,
        )
    }

    /// Holds the account back as WeChat would: its secret is wrong, so its
    /// messages are taken in and wait, at every gateway.
    pub(crate) async fn hold(&self) -> Result<(), Failure> {
        self.change_secret(WRONG_SECRET).await?;
        self.gateway("POST", "/v1/accounts/bench/check", None)
            .await?;
        let began = Instant::now();
        for number in 0..self.gateways.len() {
            while text(
                &self.node(number, "GET", "/v1/accounts/bench", None).await?,
                "/health/status",
            )? != "unhealthy"
            {
                if began.elapsed() > PATIENCE {
                    return Err(Failure::Wrong(
                        "a wrong secret does not hold the account".to_owned(),
                    ));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// Lets the account go.
    pub(crate) async fn release(&self) -> Result<(), Failure> {
        self.change_secret(&self.account.secret).await
    }

    async fn change_secret(&self, secret: &str) -> Result<(), Failure> {
        let change = json!({ "secret": secret });
        self.gateway("PATCH", "/v1/accounts/bench", Some(&change))
            .await?;
        Ok(())
    }

    /// Ends all gateways with SIGKILL and starts them again on the same database.
    pub(crate) async fn restart(&mut self) -> Result<(), Failure> {
        let nodes = self.gateways.len();
        self.gateways.clear();
        self.start(nodes).await
    }
}

/// What every message says, by whomever it is sent.
pub(crate) const DATA: [(&str, &str); 2] =
    [("thing1", "一封鸿雁传书"), ("time2", "2026-11-20 10:00")];

async fn serve(binary: &Path, config: &Path, dir: &Path, number: usize) -> Result<Server, Failure> {
    let config = config.to_string_lossy();
    let arguments = ["--config", &*config];
    let log = format!("gateway-{number}.log");
    Server::start(binary, "serve", &arguments, "/readyz", (dir, &log)).await
}

async fn sandbox_says(sandbox: &Server, target: &str) -> Result<Value, Failure> {
    let target = format!("/sandbox/v1{target}");
    call(sandbox.address, "GET", &target, None, None).await
}

async fn people(sandbox: &Server) -> Result<Vec<String>, Failure> {
    let mut people = Vec::with_capacity(PEOPLE);
    for n in 0..PEOPLE {
        let person = json!({ "nickname": format!("person {n}") });
        let made = call(
            sandbox.address,
            "POST",
            "/sandbox/v1/people",
            None,
            Some(&person),
        )
        .await?;
        people.push(text(&made, "/person_id")?);
    }
    Ok(people)
}

/// An account whose template is that of the gateway's and whom all people follow.
async fn official(sandbox: &Server, people: &[String]) -> Result<Official, Failure> {
    let control = async |method: &str, path: &str, body: Value| {
        let target = format!("/sandbox/v1{path}");
        call(sandbox.address, method, &target, None, Some(&body)).await
    };
    let made = control("POST", "/accounts", json!({ "kind": "official_account" })).await?;
    let (appid, secret) = (text(&made, "/appid")?, text(&made, "/secret")?);
    let template = json!({
        "kind": "template",
        "title": "订单发货通知",
        "content": "商品名称：{{thing1.DATA}}\n发货时间：{{time2.DATA}}\n",
    });
    let template = control("POST", &format!("/accounts/{appid}/templates"), template).await?;
    let quota = json!({ "path": SEND, "limit": 1_000_000_000_000_u64 });
    control("PUT", &format!("/accounts/{appid}/quota"), quota).await?;
    let mut openids = Vec::with_capacity(people.len());
    for person in people {
        let follow = json!({ "action": "follow", "appid": appid });
        let followed = control("POST", &format!("/people/{person}/actions"), follow).await?;
        openids.push(text(&followed, "/openid")?);
    }
    Ok(Official {
        appid,
        secret,
        template_id: text(&template, "/template_id")?,
        openids,
    })
}
