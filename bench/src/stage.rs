//! Sandbox and gateway with an account, a template and people: everything a
//! measurement needs before it begins.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::child::{self, Server};
use crate::control::{call, text};
use crate::failure::{Failure, system};
use crate::script::Bare;

/// The path that is measured.
const SEND: &str = "/cgi-bin/message/template/send";

/// Messages go to so many people in turn.
const PEOPLE: usize = 100;

/// A secret the sandbox does not know.
const WRONG_SECRET: &str = "ffffffffffffffffffffffffffffffff";

/// How long the gateway may take to notice something it is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// An official account at the sandbox with a template and followers.
#[derive(Debug)]
struct Official {
    appid: String,
    secret: String,
    template_id: String,
    openids: Vec<String>,
}

/// Everything that runs. Dropping it ends the processes, then removes the files.
#[derive(Debug)]
pub(crate) struct Stage {
    binary: PathBuf,
    config: PathBuf,
    /// The emulator.
    pub(crate) sandbox: Server,
    /// What is measured.
    pub(crate) gateway: Server,
    /// An API key for everything.
    pub(crate) key: String,
    /// The account the gateway sends for.
    account: Official,
    /// The account of the bare loop.
    bare: Official,
    dir: TempDir,
}

impl Stage {
    /// Starts both programs in a new directory inside `dir` and prepares them.
    pub(crate) async fn set(
        binary: PathBuf,
        dir: &Path,
        max_in_flight: u32,
    ) -> Result<Self, Failure> {
        let told = format!("cannot make a directory in {}", dir.display());
        // The programs run inside it, where a relative path means another place.
        let dir = std::fs::canonicalize(dir)
            .and_then(|dir| TempDir::with_prefix_in("hongyan-bench-", dir))
            .map_err(system(told))?;
        let arguments = ["--listen", "127.0.0.1:0"];
        let probe = "/sandbox/v1/stats";
        let sandbox = Server::start(&binary, "sandbox", &arguments, probe, dir.path()).await?;
        let config = dir.path().join("hongyan.toml");
        let settings = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n\
             [wechat]\napi_base = \"http://{}\"\n\
             [log]\nlevel = \"warn\"\n",
            sandbox.address
        );
        std::fs::write(&config, settings).map_err(system("cannot write hongyan.toml"))?;
        let gateway = serve(&binary, &config, dir.path()).await?;
        let key = child::make_key(&binary, &config)?;
        let people = people(&sandbox).await?;
        let account = official(&sandbox, &people).await?;
        let bare = official(&sandbox, &people).await?;
        let stage = Self {
            binary,
            config,
            sandbox,
            gateway,
            key,
            account,
            bare,
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
        Ok(stage)
    }

    /// Calls the gateway.
    pub(crate) async fn gateway(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        call(self.gateway.address, method, target, Some(&self.key), body).await
    }

    /// Reads from the sandbox's control API.
    pub(crate) async fn sandbox(&self, target: &str) -> Result<Value, Failure> {
        call(
            self.sandbox.address,
            "GET",
            &format!("/sandbox/v1{target}"),
            None,
            None,
        )
        .await
    }

    /// The appid the gateway sends for.
    pub(crate) fn appid(&self) -> &str {
        &self.account.appid
    }

    /// One request to send for each person.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let message = |openid| {
            json!({
                "account": "bench",
                "kind": "template",
                "to": { "openid": openid },
                "template_id": self.account.template_id,
                "data": { "thing1": "一封鸿雁传书", "time2": "2026-11-20 10:00" },
            })
        };
        self.account.openids.iter().map(message).collect()
    }

    /// The bare loop: what the gateway sends, read from a message it really sent,
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
    /// messages are taken in and wait.
    pub(crate) async fn hold(&self) -> Result<(), Failure> {
        self.change_secret(WRONG_SECRET).await?;
        self.gateway("POST", "/v1/accounts/bench/check", None)
            .await?;
        let began = Instant::now();
        while text(
            &self.gateway("GET", "/v1/accounts/bench", None).await?,
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

    /// Ends the gateway with SIGKILL and starts it again on the same database.
    pub(crate) async fn restart(self) -> Result<Self, Failure> {
        let Self {
            binary,
            config,
            sandbox,
            gateway,
            key,
            account,
            bare,
            dir,
        } = self;
        gateway.kill();
        let gateway = serve(&binary, &config, dir.path()).await?;
        Ok(Self {
            binary,
            config,
            sandbox,
            gateway,
            key,
            account,
            bare,
            dir,
        })
    }

    /// Size of the program, in bytes.
    pub(crate) fn binary_size(&self) -> Result<u64, Failure> {
        let metadata =
            std::fs::metadata(&self.binary).map_err(system("cannot read the program"))?;
        Ok(metadata.len())
    }
}

async fn serve(binary: &Path, config: &Path, dir: &Path) -> Result<Server, Failure> {
    let config = config.to_string_lossy();
    Server::start(binary, "serve", &["--config", &config], "/readyz", dir).await
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
