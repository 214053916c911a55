//! Gateway and sandbox in one process, seeded so that everything can be tried at
//! once. Seeds are laid where they are missing, so a demo that was killed goes on
//! with what it had.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hongyan_api::Client;
use hongyan_domain::account::{
    Account, AccountKind, AccountOptions, AccountSettings, CallbackSettings, DEFAULT_MAX_IN_FLIGHT,
    TokenMode,
};
use hongyan_domain::key::Scope;
use hongyan_domain::rule::RuleSet;
use hongyan_engine::Engine;
use hongyan_sandbox::{
    AccountPatch, AccountView, Action, Callback, CallbackFormat, CallbackMode, MessageKind,
    NewAccount, NewTemplate, Sandbox, SandboxConfig, Subscription,
};
use hongyan_wechat::AppSecret;
use serde_json::{Value, json};

use crate::cli::output;
use crate::config::Config;
use crate::failure::Failure;
use crate::wiring::{Gateway, StopSignal, listen, reachable};

/// The official account, as seeded.
const OFFICIAL: Seed = Seed {
    name: "demo-oa",
    title: "鸿雁演示号",
    appid: "wx0de3000000000a01",
    kind: AccountKind::OfficialAccount,
    templates: &[
        (
            MessageKind::Template,
            None,
            "订单发货通知",
            "商品名称：{{thing1.DATA}}\n发货时间：{{time2.DATA}}\n",
        ),
        (
            MessageKind::Template,
            None,
            "缴费成功通知",
            "缴费单号：{{character_string1.DATA}}\n缴费金额：{{amount2.DATA}}\n缴费项目：{{thing3.DATA}}\n联系电话：{{phone_number4.DATA}}\n",
        ),
        (
            MessageKind::Notification,
            Some(Subscription::OneTime),
            "课程开始提醒",
            "课程名称：{{thing1.DATA}}\n开始时间：{{time2.DATA}}\n",
        ),
        (
            MessageKind::OneTime,
            Some(Subscription::OneTime),
            "订阅模板消息",
            "{{content.DATA}}",
        ),
    ],
};

/// The mini program, as seeded.
const MINI: Seed = Seed {
    name: "demo-mp",
    title: "鸿雁演示小程序",
    appid: "wx0de3000000000b02",
    kind: AccountKind::MiniProgram,
    templates: &[
        (
            MessageKind::Subscribe,
            Some(Subscription::OneTime),
            "取餐提醒",
            "取餐码：{{character_string1.DATA}}\n门店名称：{{thing2.DATA}}\n下单时间：{{time3.DATA}}\n",
        ),
        (
            MessageKind::Subscribe,
            Some(Subscription::LongTerm),
            "就诊提醒",
            "就诊人：{{name1.DATA}}\n就诊科室：{{thing2.DATA}}\n就诊时间：{{date3.DATA}}\n",
        ),
    ],
};

/// Under which both accounts stand, so that a person has one unionid at both.
const OPEN_PLATFORM: &str = "demo";

const PEOPLE: [&str; 3] = ["小雁", "阿明", "Nora"];

/// The name of the demo's API key.
const KEY_NAME: &str = "demo";

struct Seed {
    name: &'static str,
    /// What phones call it.
    title: &'static str,
    appid: &'static str,
    kind: AccountKind,
    templates: &'static [(
        MessageKind,
        Option<Subscription>,
        &'static str,
        &'static str,
    )],
}

/// What programs read.
const DEMO_FILE: &str = "demo.json";

/// Runs the demo until told to stop.
pub(crate) async fn run(
    dir: PathBuf,
    address: SocketAddr,
    sandbox_address: SocketAddr,
) -> Result<(), Failure> {
    let asked = StopSignal::listen()?;
    std::fs::create_dir_all(&dir).map_err(|error| {
        Failure::new(format!(
            "cannot create the folder {}: {error}",
            dir.display()
        ))
    })?;
    let sandbox_listener = listen(sandbox_address).await?;
    let sandbox_url = format!("http://{}", reachable(sandbox_listener.local_addr()?));
    let sandbox = Sandbox::open(SandboxConfig {
        data_dir: Some(dir.join("sandbox")),
        public_url: Some(sandbox_url.clone()),
        ..SandboxConfig::default()
    })?;
    let gateway = Gateway::open(&config(&dir, address, &sandbox_url)?).await?;
    let engine = gateway.engine.clone();
    let gateway_url = gateway.url.clone();
    let console = gateway
        .setup_link()
        .await?
        .unwrap_or_else(|| format!("{gateway_url}/"));

    let (stop_sandbox, sandbox_stopped) = tokio::sync::oneshot::channel::<()>();
    let emulator = tokio::spawn(sandbox.clone().serve(sandbox_listener, async {
        let _ = sandbox_stopped.await;
    }));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(gateway.run(async {
        let _ = stopped.await;
    }));

    let seeded = seed(&dir, &sandbox, &engine, &gateway_url, &sandbox_url).await;
    let seeded = match seeded {
        Ok(demo) => output::text(&introduction(&demo, &dir.join(DEMO_FILE), &console)),
        Err(failure) => Err(failure),
    };
    if seeded.is_ok() {
        asked.heard().await;
    }
    // The gateway first: what it is sending must find the sandbox there.
    let _ = stop.send(());
    serving.await??;
    let _ = stop_sandbox.send(());
    emulator.await??;
    seeded
}

impl From<Failure> for std::io::Error {
    fn from(failure: Failure) -> Self {
        Self::other(failure.to_string())
    }
}

/// The configuration of the demo's gateway: everything inside its folder.
fn config(dir: &Path, address: SocketAddr, sandbox_url: &str) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.server.listen = address;
    config.database.url = crate::config::DatabaseUrl::Sqlite(dir.join("hongyan.db"));
    config.secrets.key_file = dir.join("hongyan.key");
    let base = sandbox_url.parse::<hongyan_wechat::BaseUrl>()?;
    config.wechat.api_base = Some(base.clone());
    config.wechat.mp_base = Some(base.clone());
    config.wechat.open_base = Some(base);
    // Who tries the demo has their programs on this machine.
    config.webhooks.allow_private = true;
    config.phone_url = Some(format!("{sandbox_url}/"));
    Ok(config)
}

/// Lays what is missing, and writes `demo.json`; what it says.
async fn seed(
    dir: &Path,
    sandbox: &Sandbox,
    engine: &Engine,
    gateway_url: &str,
    sandbox_url: &str,
) -> Result<Value, Failure> {
    let mut accounts = Vec::new();
    for seed in [&OFFICIAL, &MINI] {
        let account = account_at_sandbox(sandbox, seed, gateway_url)?;
        let known = account_at_gateway(engine, seed, &account, sandbox_url).await?;
        engine.sync_templates(known.id).await?;
        welcome(engine, &known).await?;
        let templates: Vec<Value> = account
            .templates
            .iter()
            .map(|template| {
                json!({
                    "template_id": template.template_id,
                    "kind": template.kind,
                    "title": template.title,
                    "keys": template.keys,
                })
            })
            .collect();
        accounts.push(json!({
            "name": seed.name,
            "kind": account.kind,
            "appid": account.appid,
            "secret": account.secret,
            "templates": templates,
        }));
    }
    let people = people(sandbox)?;
    acquaint(engine, sandbox, &people).await?;
    let path = dir.join(DEMO_FILE);
    let api_key = api_key(engine, &path).await?;
    Client::new(gateway_url, &api_key)?.ready().await?;
    let demo = json!({
        "gateway_url": gateway_url,
        "sandbox_url": sandbox_url,
        "api_key": api_key,
        "accounts": accounts,
        "people": people,
    });
    write_privately(&path, &demo)?;
    Ok(demo)
}

fn account_at_sandbox(
    sandbox: &Sandbox,
    seed: &Seed,
    gateway_url: &str,
) -> Result<AccountView, Failure> {
    let find = || {
        sandbox
            .accounts()
            .into_iter()
            .find(|account| account.appid == seed.appid)
    };
    let account = match find() {
        Some(account) => account,
        None => {
            let kind = match seed.kind {
                AccountKind::OfficialAccount => hongyan_sandbox::AccountKind::OfficialAccount,
                AccountKind::MiniProgram => hongyan_sandbox::AccountKind::MiniProgram,
            };
            let mut new = NewAccount::new(kind);
            new.appid = Some(seed.appid.to_owned());
            new.open_platform = Some(OPEN_PLATFORM.to_owned());
            sandbox.add_account(new)?
        }
    };
    for (kind, subscription, title, content) in seed.templates {
        if !account
            .templates
            .iter()
            .any(|template| template.title == *title)
        {
            let mut template = NewTemplate::new(*kind, title, content);
            template.subscription = *subscription;
            sandbox.add_template(seed.appid, template)?;
        }
    }
    let (token, encoding_aes_key) = callback_secrets(&account.secret);
    let callback = Callback {
        url: format!("{gateway_url}/callback/{}", seed.name),
        token,
        encoding_aes_key: Some(encoding_aes_key),
        mode: CallbackMode::Safe,
        format: match seed.kind {
            AccountKind::OfficialAccount => CallbackFormat::Xml,
            AccountKind::MiniProgram => CallbackFormat::Json,
        },
    };
    sandbox.update_account(
        seed.appid,
        AccountPatch {
            name: account.name.is_none().then(|| Some(seed.title.to_owned())),
            callback: Some(Some(callback)),
            ..AccountPatch::default()
        },
    )?;
    find().ok_or_else(|| Failure::new("the sandbox lost the demo's account"))
}

/// Token and EncodingAESKey of the demo's accounts, made of their secrets so that
/// both sides know them.
fn callback_secrets(secret: &str) -> (String, String) {
    let token = secret.chars().take(24).collect();
    let key = secret.chars().cycle().take(43).collect();
    (token, key)
}

/// Something to answer with, unless there are rules already.
async fn welcome(engine: &Engine, account: &Account) -> Result<(), Failure> {
    let rules = engine.rules(account).await?;
    if account.settings.kind != AccountKind::OfficialAccount || *rules != RuleSet::default() {
        return Ok(());
    }
    let rules: RuleSet = serde_json::from_value(json!({
        "rules": [
            {"name": "welcome", "when": {"event": "subscribe"},
             "reply": {"type": "text", "content": "欢迎关注鸿雁演示号！回复“帮助”看看我能做什么。\nWelcome! Write \"help\" to see what I can do."}},
            {"name": "help", "when": {"text": {"contains": ["帮助", "help"]}},
             "reply": {"type": "text", "content": "这条回复来自演示账号的回复规则：hongyan rules show demo-oa\nThis answer comes from the account's reply rules."}},
            {"name": "menu", "when": {"event": "CLICK"},
             "reply": {"type": "text", "content": "您点击了菜单 {{key}}。\nYou tapped the menu item {{key}}."}},
        ],
        "default": {"type": "text", "content": "收到：{{text}}\nReceived: {{text}}"}
    }))?;
    match engine.replace_rules(account, rules).await {
        Ok(_) => Ok(()),
        Err(rejection) => Err(Failure::new(format!(
            "the demo's reply rules were not taken: {rejection:?}"
        ))),
    }
}

async fn account_at_gateway(
    engine: &Engine,
    seed: &Seed,
    account: &AccountView,
    sandbox_url: &str,
) -> Result<Arc<Account>, Failure> {
    let (token, encoding_aes_key) = callback_secrets(&account.secret);
    let settings = AccountSettings {
        name: seed.name.parse()?,
        kind: seed.kind,
        appid: account.appid.parse()?,
        secret: AppSecret::new(&*account.secret),
        original_id: Some(account.original_id.parse()?),
        token_mode: TokenMode::Stable,
        callback: Some(CallbackSettings {
            token: AppSecret::new(token),
            encoding_aes_key: Some(AppSecret::new(encoding_aes_key)),
            previous: None,
        }),
        rate_per_second: None,
        max_in_flight: DEFAULT_MAX_IN_FLIGHT,
        disabled: false,
        options: AccountOptions {
            redirects: vec![sandbox_url.to_owned()],
            js_origins: vec![sandbox_url.to_owned()],
            ..AccountOptions::default()
        },
    };
    let known = match engine.account(seed.name) {
        None => engine.add_account(settings, None).await?,
        // What was changed since at the demo is kept.
        Some(known)
            if known.settings.secret != settings.secret || known.settings.callback.is_none() =>
        {
            engine.change_account(known.id, settings).await?
        }
        Some(known) => known,
    };
    Ok(known)
}

/// The people, who all follow the official account and have met the mini
/// program.
fn people(sandbox: &Sandbox) -> Result<Vec<Value>, Failure> {
    for nickname in PEOPLE {
        let known = sandbox
            .people()
            .into_iter()
            .find(|person| person.nickname == nickname);
        let person = match known {
            Some(person) => person,
            None => sandbox.add_person(nickname)?,
        };
        if !person.openids.contains_key(OFFICIAL.appid) {
            sandbox.follow(&person.person_id, OFFICIAL.appid)?;
        }
        sandbox.openid(&person.person_id, MINI.appid)?;
    }
    let seeded = sandbox
        .people()
        .into_iter()
        .filter(|p| PEOPLE.contains(&p.nickname.as_str()));
    Ok(seeded
        .map(|person| {
            json!({
                "person_id": person.person_id,
                "nickname": person.nickname,
                "unionid": person.unionid,
                "openids": person.openids,
            })
        })
        .collect())
}

/// Makes the people known to the gateway at both accounts, so that one account's message
/// finds them at the other: as if they had opened the mini program, and the followers
/// had been synced and named.
async fn acquaint(engine: &Engine, sandbox: &Sandbox, people: &[Value]) -> Result<(), Failure> {
    let (Some(official), Some(mini)) = (engine.account(OFFICIAL.name), engine.account(MINI.name))
    else {
        return Ok(());
    };
    if engine.follower_sync(&official).await?.is_some() {
        return Ok(());
    }
    for person in people
        .iter()
        .filter_map(|person| person["person_id"].as_str())
    {
        let opened = sandbox.perform(person, MINI.appid, &Action::Login).await?;
        if let Some(code) = opened.code {
            let login = engine.login(&mini, &code).await;
            login.map_err(|failure| Failure::new(failure.to_string()))?;
        }
    }
    let synced = engine.sync_followers(&official).await;
    synced.map_err(|failure| Failure::new(failure.to_string()))?;
    // WeChat tells nobody's name; a note says who is who.
    for person in people {
        let openid = person["openids"][OFFICIAL.appid]
            .as_str()
            .unwrap_or_default();
        let nickname = person["nickname"].as_str().unwrap_or_default();
        let noted = engine
            .set_remark(&official, &openid.parse()?, nickname)
            .await;
        noted.map_err(|failure| Failure::new(failure.to_string()))?;
    }
    Ok(())
}

/// The key of an earlier run while it works, else a new one.
async fn api_key(engine: &Engine, path: &Path) -> Result<String, Failure> {
    let earlier = std::fs::read(path)
        .ok()
        .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
        .and_then(|demo| demo["api_key"].as_str().map(str::to_owned));
    if let Some(text) = earlier
        && engine.authenticate(&text).await?.is_some()
    {
        return Ok(text);
    }
    if let Some(lost) = engine
        .keys()
        .await?
        .into_iter()
        .find(|key| key.name == KEY_NAME)
    {
        engine.remove_key(lost.id).await?;
    }
    let (key, text) = engine.new_key(KEY_NAME.to_owned(), vec![Scope::Admin], Vec::new(), None);
    engine.add_key(&key, None).await?;
    Ok(text.expose().to_owned())
}

/// Writes the file whole or not at all, readable by its owner alone.
fn write_privately(path: &Path, demo: &Value) -> Result<(), Failure> {
    let unfinished = path.with_extension("json.new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options
        .open(&unfinished)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", unfinished.display())))?;
    file.write_all(serde_json::to_string_pretty(demo)?.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    Ok(())
}

fn introduction(demo: &Value, path: &Path, console: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (gateway, sandbox) = (text(&demo["gateway_url"]), text(&demo["sandbox_url"]));
    let person = &demo["people"][0];
    let openid = text(&person["openids"][OFFICIAL.appid]);
    let template = text(&demo["accounts"][0]["templates"][0]["template_id"]);
    format!(
        r#"
Hongyan 鸿雁 demo is ready.

  The console (open in a browser): {console}
  The phones (open in a browser):  {sandbox}/
  The API and its documentation:   {gateway}/docs
  Everything a program needs:      {}

Send {} a message / 给 {} 发一条消息:

curl '{gateway}/v1/messages?wait=5' \
  -H 'Authorization: Bearer {}' \
  -H 'Content-Type: application/json' \
  -d '{{"account":"demo-oa","kind":"template","to":{{"openid":"{openid}"}},"template_id":"{template}","data":{{"thing1":"一封鸿雁传书","time2":"2026-11-20 10:00"}}}}'

then look at the phones, or at
curl {sandbox}/sandbox/v1/people/{}/inbox

Ctrl-C ends the demo; it goes on where it was when started again.
"#,
        path.display(),
        text(&person["nickname"]),
        text(&person["nickname"]),
        text(&demo["api_key"]),
        text(&person["person_id"]),
    )
}
