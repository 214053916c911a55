//! Broadcasts: one file of people, told as fast as it goes, with urgent messages
//! beside it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::arrivals::{self, Arrivals};
use crate::control::{call, text};
use crate::failure::{Failure, system};
use crate::figures::Spread;
use crate::flags::{Database, Flags};
use crate::http::Connection;
use crate::latency::Waits;
use crate::load::{self, Amount, Until, per_second};
use crate::measure::Say;
use crate::plan::{self, count};
use crate::script::InTurn;
use crate::stage::{Place, Stage};
use crate::table::Table;

/// `high` messages a second beside the broadcast.
const HIGH_PACE: f64 = 250.0;

/// They are sent so long at most.
const HIGH_TIME: Duration = Duration::from_secs(10);

/// A broadcast that does not end by then never does.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What was measured at one size.
#[derive(Debug, Serialize)]
pub(crate) struct Broadcast {
    /// People.
    people: u64,
    /// People taken in out of the file, a second.
    upload_per_s: f64,
    /// From the start to the last arrival, messages a second.
    per_s: f64,
    /// The most memory the gateway ever had, in bytes.
    peak: u64,
    /// From accepting a `high` message to its arrival meanwhile.
    high: Spread,
}

/// Measures a broadcast of each size, each on a stage of its own.
///
/// # Errors
/// When somebody is not told, or told twice.
pub(crate) async fn measure(
    flags: &Flags,
    place: &Place<'_>,
    say: Say<'_>,
) -> Result<Vec<Broadcast>, Failure> {
    let mut all = Vec::with_capacity(flags.messages.len());
    for &people in &flags.messages {
        say(&format!("a broadcast to {} people", count(people)));
        let case = plan::base(flags, Database::Sqlite);
        let stage = Stage::set(place, case, flags.max_in_flight).await?;
        all.push(one(flags, &stage, people).await?);
    }
    Ok(all)
}

async fn one(flags: &Flags, stage: &Stage, people: u64) -> Result<Broadcast, Failure> {
    let bulk = json!({ "appid": stage.appid(), "count": people });
    let sandbox = stage.sandbox.address;
    let made = call(
        sandbox,
        "POST",
        "/sandbox/v1/bulk/people",
        None,
        Some(&bulk),
    )
    .await?;
    let openids = openids(sandbox, &text(&made, "/openids_url")?).await?;
    let message = stage.messages("low").swap_remove(0);
    let wanted = json!({
        "name": "bench", "account": "bench", "kind": "template", "start": false,
        "template_id": message["template_id"], "data": message["data"],
        "audience": { "upload": true },
    });
    let made = stage
        .gateway("POST", "/v1/broadcasts", Some(&wanted))
        .await?;
    let path = format!("/v1/broadcasts/{}", text(&made, "/id")?);
    let began = Instant::now();
    upload(stage, &format!("{path}/recipients?complete=true"), &openids).await?;
    let upload_per_s = per_second(people, began.elapsed());
    drop(openids);

    let began = Instant::now();
    stage
        .gateway("POST", &format!("{path}/start"), None)
        .await?;
    let amount = Amount {
        lanes: flags.producers,
        until: Until::Time(HIGH_TIME),
        pace: Some(HIGH_PACE),
    };
    let addresses = stage.addresses();
    let script = InTurn::singles(addresses[0], &stage.key, &stage.messages("high"));
    let high = load::run("messages", &addresses, amount, script).await?;
    let elapsed = finish(stage, &path, people, began).await?;
    let expected = people + high.ids.len() as u64;
    arrivals::wait(stage, expected).await?;
    let (mut waits, mut arrived) = (Waits::new(&high), Arrivals::default());
    arrived.read(stage, |id, at| waits.note(id, at)).await?;
    if arrived.count != expected {
        return Err(Failure::Wrong(format!(
            "{expected} messages were to arrive, {} did",
            arrived.count
        )));
    }
    Ok(Broadcast {
        people,
        upload_per_s,
        per_s: per_second(people, elapsed),
        peak: stage.memory()?.peak,
        high: Spread::of(waits.all()),
    })
}

/// Waits until the broadcast is over; how long it took to the last message.
async fn finish(
    stage: &Stage,
    path: &str,
    people: u64,
    began: Instant,
) -> Result<Duration, Failure> {
    loop {
        let arrived = arrivals::total(stage).await?;
        // Urgent ones are among them: a small part, and over long before.
        let elapsed = began.elapsed();
        if arrived >= people {
            let found: Value = stage.gateway("GET", path, None).await?;
            if found["state"] == "finished" {
                let (messages, skipped) = (&found["messages"], &found["skipped"]);
                return if *messages == people && *skipped == 0 {
                    Ok(over(&found).unwrap_or(elapsed))
                } else {
                    Err(Failure::Wrong(format!(
                        "{messages} messages and {skipped} skipped of {people} people"
                    )))
                };
            }
        }
        if elapsed > PATIENCE {
            return Err(Failure::Wrong("the broadcast does not end".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How long a broadcast took by its own account.
fn over(broadcast: &Value) -> Option<Duration> {
    let at = |name: &str| broadcast[name].as_str()?.parse::<jiff::Timestamp>().ok();
    let span = at("finished_at")?.duration_since(at("started_at")?);
    span.try_into().ok()
}

/// The openids behind a URL of the sandbox, one a line.
async fn openids(sandbox: SocketAddr, url: &str) -> Result<String, Failure> {
    let target = url
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|slash| &rest[slash..]))
        .unwrap_or(url);
    let told = || system("the list of people");
    let mut stream = TcpStream::connect(sandbox).await.map_err(told())?;
    // In HTTP/1.0 an answer of unknown length ends with its connection.
    let request = format!("GET {target} HTTP/1.0\r\nhost: {sandbox}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(told())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(told())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(Failure::Wrong("there is no list of people".to_owned())),
    }
}

async fn upload(stage: &Stage, target: &str, openids: &str) -> Result<(), Failure> {
    let address = stage.addresses()[0];
    let body = format!("openid\n{openids}");
    let mut request = format!(
        "POST {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: text/csv\r\ncontent-length: {}\r\n\r\n",
        stage.key,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body.as_bytes());
    let told = || system("the upload");
    let mut connection = Connection::open(address).await.map_err(told())?;
    let answer = connection.exchange(&request).await.map_err(told())?;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(Failure::Wrong(format!("the upload: {}", answer.shown())))
    }
}

/// What came out, as a table.
pub(crate) fn markdown(measured: &[Broadcast]) -> String {
    let mut table = Table::new([
        "broadcast",
        "people taken in",
        "told",
        "most memory",
        "`high` meanwhile",
    ]);
    for one in measured {
        table.push([
            count(one.people),
            format!("{:.1} k/s", one.upload_per_s / 1000.0),
            format!("{:.1} k/s", one.per_s / 1000.0),
            format!("{} MiB", one.peak / 1024 / 1024),
            format!(
                "p50 {:.1} ms, p99 {:.1} ms",
                one.high.p50_ms, one.high.p99_ms
            ),
        ]);
    }
    table.markdown()
}
