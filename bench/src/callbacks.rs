//! Callbacks in safe mode: proved, deciphered and stored durably before they are
//! answered, beside what one would write instead.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hongyan_wechat::AppId;
use hongyan_wechat::callback::{EncodingAesKey, signature};
use serde::Serialize;
use serde_json::json;
use tokio::process::Command;

use crate::failure::{Failure, system};
use crate::figures::Spread;
use crate::flags::Flags;
use crate::http::{Connection, request};
use crate::load::{self, Amount, Until, micros_each, per_second};
use crate::measure::Say;
use crate::peers;
use crate::script::InTurn;
use crate::stage::Stage;
use crate::table::Table;

const TOKEN: &str = "HongyanBench2026";
const AES_KEY: &str = "t2T6e5TcTYoctjJPZWLbpjJKQ1APxNeWR9rXHWx78y8";

/// Callbacks made before the clock runs: making one costs more than sending it.
const READY: usize = 20_000;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Callbacks {
    /// `/healthz` under the same load.
    pub(crate) healthz_per_s: f64,
    /// Callbacks a second, each of them new.
    pub(crate) per_s: f64,
    /// Processor time of the gateway for each.
    pub(crate) gateway_us: f64,
    /// From the first byte of a callback to the last of its answer.
    pub(crate) waits: Spread,
    /// wechatpy with Flask under gunicorn, which stores nothing; or why not.
    pub(crate) peer: Result<(f64, Spread), String>,
}

/// Ready requests, handed out one after the other.
struct Ready {
    requests: Vec<Vec<u8>>,
    next: AtomicU64,
}

/// Measures callbacks at the first gateway of a stage.
///
/// # Errors
/// When one is not answered as it must be, or not kept.
pub(crate) async fn measure(
    flags: &Flags,
    stage: &Stage,
    say: Say<'_>,
) -> Result<Callbacks, Failure> {
    let change = json!({ "callback": { "token": TOKEN, "encoding_aes_key": AES_KEY } });
    stage
        .gateway("PATCH", "/v1/accounts/bench", Some(&change))
        .await?;
    let gateway = stage.addresses()[0];
    say("/healthz");
    let amount = Amount {
        lanes: flags.in_flight,
        until: Until::Time(flags.time),
        pace: None,
    };
    let healthz = load::run("healthz", &[gateway], amount, InTurn::health(gateway)).await?;
    say("callbacks");
    let ready = ready(
        stage.appid(),
        gateway,
        "/callback/bench",
        0,
        callbacks_for(flags.time),
    )?;
    let before = stage.cpu()?;
    let (count, elapsed, waits) = push(gateway, flags.in_flight, ready).await?;
    let cpu = stage.cpu()?.saturating_sub(before);
    let kept = kept(stage).await?;
    if kept != count {
        return Err(Failure::Wrong(format!(
            "{count} callbacks were answered and {kept} are kept"
        )));
    }
    say("wechatpy with Flask under gunicorn");
    let peer = peer(flags, stage.appid()).await?;
    Ok(Callbacks {
        healthz_per_s: healthz.per_second(),
        per_s: per_second(count, elapsed),
        gateway_us: micros_each(cpu, count),
        waits,
        peer,
    })
}

/// So many callbacks as may be taken in such a time.
fn callbacks_for(time: Duration) -> usize {
    READY * usize::try_from(time.as_secs()).unwrap_or(1).max(1)
}

/// Text messages of different people, sealed and signed as WeChat does.
fn ready(
    appid: &str,
    address: SocketAddr,
    path: &str,
    first: usize,
    count: usize,
) -> Result<Vec<Vec<u8>>, Failure> {
    let wrong = |what: &str| Failure::Wrong(what.to_owned());
    let key: EncodingAesKey = AES_KEY.parse().map_err(|_| wrong("the key"))?;
    let appid: AppId = appid.parse().map_err(|_| wrong("the appid"))?;
    let requests = (first..first + count).map(|n| {
        let (time, nonce) = ("1767225662", (100_000_000 + n).to_string());
        let person = format!("oBenchPerson{:016}", n % 1000);
        let plain = format!(
            "<xml><ToUserName><![CDATA[gh_3c1f0e5a77b2]]></ToUserName>\n\
             <FromUserName><![CDATA[{person}]]></FromUserName>\n\
             <CreateTime>{time}</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n\
             <Content><![CDATA[你好，鸿雁 {n}]]></Content>\n<MsgId>{}</MsgId>\n</xml>",
            24_983_716_520_000_000_u64 + n as u64
        );
        let mut random = [b'0'; 16];
        random[..nonce.len()].copy_from_slice(nonce.as_bytes());
        let sealed = key.encrypt(random, plain.as_bytes(), &appid);
        let proof = signature(TOKEN, &[time, &nonce, &sealed]);
        let plain_proof = signature(TOKEN, &[time, &nonce]);
        let body = format!(
            "<xml>\n    <ToUserName><![CDATA[gh_3c1f0e5a77b2]]></ToUserName>\n    \
             <Encrypt><![CDATA[{sealed}]]></Encrypt>\n</xml>\n"
        );
        let target = format!(
            "{path}?signature={plain_proof}&timestamp={time}&nonce={nonce}&openid={person}\
             &encrypt_type=aes&msg_signature={proof}"
        );
        request("POST", &target, address, &[], &body)
    });
    Ok(requests.collect())
}

/// Sends them all over so many connections: how many, how long, and how long each
/// waited.
async fn push(
    address: SocketAddr,
    lanes: usize,
    requests: Vec<Vec<u8>>,
) -> Result<(u64, Duration, Spread), Failure> {
    let ready = Arc::new(Ready {
        requests,
        next: AtomicU64::new(0),
    });
    let began = Instant::now();
    let lanes: Vec<_> = (0..lanes)
        .map(|_| tokio::spawn(lane(Arc::clone(&ready), address)))
        .collect();
    let mut waits = Vec::with_capacity(ready.requests.len());
    for lane in lanes {
        let lane = lane
            .await
            .map_err(|error| Failure::Wrong(error.to_string()))?;
        waits.extend(lane?);
    }
    let elapsed = began.elapsed();
    Ok((waits.len() as u64, elapsed, Spread::of(waits)))
}

/// Milliseconds each of a lane's requests took.
async fn lane(ready: Arc<Ready>, address: SocketAddr) -> Result<Vec<f64>, Failure> {
    let broken = || system(format!("the connection to {address}"));
    let mut connection = Connection::open(address).await.map_err(broken())?;
    let mut waits = Vec::new();
    loop {
        let number = ready.next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = usize::try_from(number)
            .ok()
            .and_then(|number| ready.requests.get(number))
        else {
            return Ok(waits);
        };
        let began = Instant::now();
        let answer = connection.exchange(request).await.map_err(broken())?;
        if answer.status != 200 || answer.body != b"success" {
            return Err(Failure::Wrong(format!("a callback got {}", answer.shown())));
        }
        waits.push(began.elapsed().as_secs_f64() * 1000.0);
    }
}

/// How many callbacks the gateway counted as new, by its metrics.
async fn kept(stage: &Stage) -> Result<u64, Failure> {
    let address = stage.addresses()[0];
    let broken = || system("the metrics");
    let mut connection = Connection::open(address).await.map_err(broken())?;
    let ask = request("GET", "/metrics", address, &[], "");
    let answer = connection.exchange(&ask).await.map_err(broken())?;
    let text = String::from_utf8_lossy(answer.body);
    let line = text
        .lines()
        .find(|line| line.starts_with("hongyan_callbacks_total") && line.contains("message"));
    line.and_then(|line| line.rsplit(' ').next())
        .and_then(|count| count.parse().ok())
        .ok_or_else(|| Failure::Wrong("the gateway does not count callbacks".to_owned()))
}

async fn peer(flags: &Flags, appid: &str) -> Result<Result<(f64, Spread), String>, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let gunicorn = root.join(".venv/bin/gunicorn");
    if !gunicorn.is_file() {
        return Ok(Err(format!("not installed: {}", peers::REMEDY)));
    }
    let address = free_port()?;
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let _until_measured = Command::new(gunicorn)
        .args([
            "--bind",
            &address.to_string(),
            "--workers",
            &workers.to_string(),
        ])
        .args([
            "--worker-class",
            "gthread",
            "--threads",
            "32",
            "--keep-alive",
            "60",
        ])
        .args(["--log-level", "error", "wechatpy_callback:app"])
        .current_dir(root.join("bench/peers"))
        .env("TOKEN", TOKEN)
        .env("AES_KEY", AES_KEY)
        .env("APPID", appid)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(system("cannot start gunicorn"))?;
    let began = Instant::now();
    while Connection::open(address).await.is_err() {
        if began.elapsed() > Duration::from_secs(15) {
            return Ok(Err("gunicorn does not answer".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // As many as it takes in about that time. Its workers end when it does.
    let count = 1_000 * usize::try_from(flags.time.as_secs()).unwrap_or(1).max(1);
    let ready = ready(appid, address, "/", 0, count)?;
    Ok(match push(address, flags.in_flight, ready).await {
        Ok((count, elapsed, waits)) => Ok((per_second(count, elapsed), waits)),
        Err(failure) => Err(failure.to_string()),
    })
}

fn free_port() -> Result<SocketAddr, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(system("no free port"))
}

impl Callbacks {
    /// The table.
    pub(crate) fn markdown(&self) -> String {
        let mut table = Table::new(["callbacks in safe mode", "figure", "ratio", "goal", "met"]);
        let rate = |per_s: f64| format!("{:.1} k/s", per_s / 1000.0);
        let waits =
            |waits: &Spread| format!("p50 {:.1} ms, p99 {:.1} ms", waits.p50_ms, waits.p99_ms);
        let ratio = self.per_s / self.healthz_per_s;
        let yes = |met: bool| if met { "yes" } else { "no" }.to_owned();
        let none = String::new;
        table.push([
            "`/healthz`".to_owned(),
            rate(self.healthz_per_s),
            none(),
            none(),
            none(),
        ]);
        table.push([
            "stored durably".to_owned(),
            format!(
                "{}; {}; {:.0} µs of the gateway each",
                rate(self.per_s),
                waits(&self.waits),
                self.gateway_us
            ),
            format!("{ratio:.2} of `/healthz`"),
            "≥ 0.3".to_owned(),
            yes(ratio >= 0.3),
        ]);
        match &self.peer {
            Ok((per_s, peer_waits)) => {
                let times = self.per_s / per_s;
                table.push([
                    "wechatpy with Flask under gunicorn, nothing stored".to_owned(),
                    format!("{}; {}", rate(*per_s), waits(peer_waits)),
                    format!("ours {times:.1} times"),
                    "≥ 5".to_owned(),
                    yes(times >= 5.0),
                ]);
            }
            Err(why) => table.push([
                "wechatpy with Flask under gunicorn".to_owned(),
                why.clone(),
                none(),
                "≥ 5".to_owned(),
                none(),
            ]),
        }
        table.markdown()
    }
}
