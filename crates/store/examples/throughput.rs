//! How fast the store takes messages in and hands them out, on this machine.
//!
//! `cargo run --profile quick -p hongyan-store --example throughput -- [where] [what]`,
//! where = a directory for an SQLite file, or the `postgres://` URL of an empty
//! database; what = how many old messages are to be there, or `callbacks` or
//! `broadcast` to measure nothing but the intake of callbacks, or a broadcast to a
//! million.
#![expect(
    clippy::print_stdout,
    reason = "a program that reports on standard output"
)]
#![expect(clippy::unwrap_used, reason = "a measurement that fails has no result")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hongyan_domain::account::{AccountKind, AccountOptions, AccountSettings, TokenMode};
use hongyan_domain::broadcast::{
    Audience, Broadcast, BroadcastSpec, BroadcastState, CHUNK, Recipient, RecipientId,
};
use hongyan_domain::callback::{Callback, Effect, Mode};
use hongyan_domain::clock::{Clock, SystemClock};
use hongyan_domain::contact::Sighting;
use hongyan_domain::delivery::{Attempt, Decision, History, Outcome, Settlement};
use hongyan_domain::grant::WindowCause;
use hongyan_domain::message::{
    Content, Message, OnUnknown, Priority, State, TemplateContent, Value,
};
use hongyan_domain::port::{Expansion, Intake, MessageFilter, NewBatch, Page, Store};
use hongyan_domain::template::Overflow;
use hongyan_domain::{AccountId, BroadcastId, CallbackId, MessageId};
use hongyan_store::{OpenOptions, PostgresOptions, PostgresStore, Seal, SqliteStore};
use hongyan_wechat::{AppSecret, MsgId};
use jiff::Timestamp;

const AUDIENCE: usize = 1_000_000;
const SINGLES: usize = 100_000;
const CALLERS: usize = 64;
const BATCHED: usize = 300_000;
const CLAIM: usize = 500;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments
        .next()
        .unwrap_or_else(|| std::env::temp_dir().to_str().unwrap().to_owned());
    let what = arguments.next();
    let mut file = None;
    let store: Arc<dyn Store> = if place.starts_with("postgres") {
        let options = PostgresOptions::new(place, Seal::new(&[1; 32]));
        Arc::new(PostgresStore::open(options).await.unwrap())
    } else {
        let directory = tempfile::tempdir_in(place).unwrap();
        let path = directory.path().join("hongyan.db");
        let store = open(&path);
        file = Some((directory, path));
        Arc::new(store)
    };
    let mebibytes = || {
        file.as_ref()
            .map_or(0, |(_, path)| std::fs::metadata(path).unwrap().len() >> 20)
    };
    let account = store.add_account(&settings(), None).await.unwrap().id;

    let old: usize = match what.as_deref() {
        Some("callbacks") => {
            let begin = Begin::now();
            callbacks(&store, account).await;
            report("callbacks, 64 at a time", SINGLES, &begin);
            println!("{} MiB on disk", mebibytes());
            store.shutdown().await;
            return;
        }
        Some("broadcast") => {
            broadcast(&store, account).await;
            println!("{} MiB on disk, {}", mebibytes(), memory());
            store.shutdown().await;
            return;
        }
        count => count.map_or(0, |text| text.parse().unwrap()),
    };
    for _ in 0..old.div_ceil(100_000) {
        batches(&store, account, 100_000).await;
        drain(&store, account, 2).await;
    }
    if old > 0 {
        println!("{old} old messages, {} MiB", mebibytes());
    }

    let begin = Begin::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let store = Arc::clone(&store);
        callers.spawn(async move {
            for _ in 0..SINGLES / CALLERS {
                let batch = NewBatch {
                    messages: vec![message(account)],
                    idempotency: None,
                };
                store.accept(batch).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    report("accept, one each, 64 at a time", SINGLES, &begin);

    let begin = Begin::now();
    batches(&store, account, BATCHED).await;
    report("accept, 1000 each, 2 at a time", BATCHED, &begin);

    let begin = Begin::now();
    let settled = drain(&store, account, 1).await;
    report(
        "claim + settle, 500 each, one after the other",
        settled,
        &begin,
    );

    batches(&store, account, BATCHED).await;
    let begin = Begin::now();
    let settled = drain(&store, account, 4).await;
    report("claim + settle, 500 each, 4 at a time", settled, &begin);

    let begin = Begin::now();
    callbacks(&store, account).await;
    report("callbacks, 64 at a time", SINGLES, &begin);

    let begin = Instant::now();
    let unknown = MessageFilter {
        openids: Some(vec!["oNobody".parse().unwrap()]),
        ..MessageFilter::default()
    };
    let found = store
        .deliveries(
            &unknown,
            Page {
                limit: 50,
                after: None,
            },
        )
        .await
        .unwrap();
    println!(
        "search for somebody unknown: {} in {:?}",
        found.len(),
        begin.elapsed()
    );
    let begin = Instant::now();
    let page = Page {
        limit: 50,
        after: None,
    };
    let newest = store
        .deliveries(&MessageFilter::default(), page)
        .await
        .unwrap();
    println!("the newest: {} in {:?}", newest.len(), begin.elapsed());
    println!("{} MiB on disk, {}", mebibytes(), memory());
    store.shutdown().await;
}

/// The most memory this process ever had, as proc(5) `status` tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find(|line| line.starts_with("VmHWM"));
    most.unwrap_or_default().to_owned()
}

/// A million people are taken in, messages made of them while urgent ones are claimed
/// beside, and counted.
async fn broadcast(store: &Arc<dyn Store>, account: AccountId) {
    let now = SystemClock.now();
    let mut random = [0; 10];
    getrandom::fill(&mut random).unwrap();
    let id = BroadcastId::new(now, random);
    store
        .add_broadcast(&told_to_many(id, account, now), None)
        .await
        .unwrap();
    let chunks = u32::try_from(AUDIENCE / CHUNK).unwrap();
    let begin = Begin::now();
    for first in (0..chunks).step_by(10) {
        let chunks = (0..10).map(|_| (0..CHUNK).map(|_| recipient()).collect());
        let intake = Intake {
            first,
            chunks: chunks.collect(),
            load_cursor: None,
        };
        store.add_recipients(id, &intake).await.unwrap().unwrap();
    }
    report("people taken in, 10000 each", AUDIENCE, &begin);
    let from = [BroadcastState::Loading];
    let run = BroadcastState::Running;
    store
        .move_broadcast(id, &from, run, None, now)
        .await
        .unwrap()
        .unwrap();

    let (mut begin, mut since) = (Begin::now(), 0);
    let whole = Begin::now();
    for chunk in 0..chunks {
        let people = store.recipients(id, chunk).await.unwrap();
        let message = |person: Recipient| Message {
            to: person.to.as_str().parse().unwrap(),
            priority: Priority::Low,
            broadcast: Some(id),
            ..message(account)
        };
        let expansion = Expansion {
            chunk,
            messages: people.into_iter().map(message).collect(),
            skipped: Vec::new(),
        };
        let made = store.expand(id, &expansion).await.unwrap().unwrap();
        assert_eq!(made.messages, CHUNK);
        since += CHUNK;
        if since == AUDIENCE / 5 {
            report("messages made, a thousand each", since, &begin);
            (begin, since) = (Begin::now(), 0);
        }
    }
    report("messages made, all in all", AUDIENCE, &whole);

    let urgent = NewBatch {
        messages: vec![Message {
            priority: Priority::High,
            ..message(account)
        }],
        idempotency: None,
    };
    store.accept(urgent).await.unwrap();
    let begin = Instant::now();
    let claimed = store
        .claim(account, 1, Duration::from_secs(60), Priority::High)
        .await
        .unwrap();
    assert_eq!(claimed.claimed.len(), 1);
    println!("an urgent message claimed in {:?}", begin.elapsed());
    let begin = Instant::now();
    let backlog = store.backlog(account, Priority::Low, 10_000).await.unwrap();
    println!(
        "a backlog of {backlog} or more seen in {:?}",
        begin.elapsed()
    );
    let begin = Instant::now();
    let counts = store.broadcast_counts(id).await.unwrap();
    println!("{counts:?} counted in {:?}", begin.elapsed());
}

fn told_to_many(id: BroadcastId, account: AccountId, now: Timestamp) -> Broadcast {
    Broadcast {
        id,
        account,
        name: "measured".to_owned(),
        state: BroadcastState::Loading,
        spec: BroadcastSpec {
            content: message(account).content,
            fallback: Vec::new(),
            audience: Audience::Upload,
            priority: Priority::Low,
            overflow: Overflow::default(),
            on_unknown: OnUnknown::Keep,
            send_at: None,
            expires_at: None,
            rate_per_second: None,
            starts_by_itself: true,
            skips_invalid: false,
            metadata: None,
        },
        recipients: 0,
        chunks: 0,
        expanded: 0,
        messages: 0,
        skipped: 0,
        load_cursor: None,
        problem: None,
        created_at: now,
        created_by: None,
        started_at: None,
        finished_at: None,
    }
}

fn recipient() -> Recipient {
    let mut person = [0; 14];
    getrandom::fill(&mut person).unwrap();
    Recipient {
        to: RecipientId::Openid(format!("o{}", hex::encode(person)).parse().unwrap()),
        fields: [("name".to_owned(), "张三".into())].into_iter().collect(),
    }
}

fn open(path: &Path) -> SqliteStore {
    let options = OpenOptions {
        exclusive: true,
        create: true,
        clock: Arc::new(SystemClock),
        seal: Seal::new(&[1; 32]),
    };
    SqliteStore::open(path, options).unwrap()
}

/// When something began: by the clock, and in processor time of all threads and
/// of the one that writes.
struct Begin(Instant, f64, f64);

impl Begin {
    fn now() -> Self {
        Self(
            Instant::now(),
            processor_seconds(None),
            processor_seconds(Some("store-writer")),
        )
    }
}

fn report(what: &str, count: usize, begin: &Begin) {
    let now = Begin::now();
    let rate = count as f64 / (now.0 - begin.0).as_secs_f64();
    let each = |from: f64, to: f64| (to - from) * 1e6 / count as f64;
    println!(
        "{what}: {rate:.0}/s; processor time each {:.1} µs, of the writer {:.1} µs",
        each(begin.1, now.1),
        each(begin.2, now.2)
    );
}

/// User and system time of this process' threads of that name so far, from the
/// 14th and 15th field of proc(5) `stat`.
fn processor_seconds(name: Option<&str>) -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let seconds = |stat: String| {
        let (head, fields) = stat.rsplit_once(") ")?;
        if name.is_some_and(|name| !head.ends_with(name)) {
            return None;
        }
        let ticks = fields.split(' ').skip(11).take(2);
        Some(
            ticks
                .filter_map(|field| field.parse::<f64>().ok())
                .sum::<f64>()
                / 100.0,
        )
    };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok())
        .filter_map(seconds)
        .sum()
}

async fn batches(store: &Arc<dyn Store>, account: AccountId, count: usize) {
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let store = Arc::clone(store);
        callers.spawn(async move {
            for _ in 0..count / 2000 {
                let messages = (0..1000).map(|_| message(account)).collect();
                store
                    .accept(NewBatch {
                        messages,
                        idempotency: None,
                    })
                    .await
                    .unwrap();
            }
        });
    }
    callers.join_all().await;
}

/// Text messages of a thousand people: each is kept, its sender noted, a
/// customer-service window opened.
async fn callbacks(store: &Arc<dyn Store>, account: AccountId) {
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let store = Arc::clone(store);
        callers.spawn(async move {
            for n in 0..SINGLES / CALLERS {
                let callback = callback(account, caller * SINGLES + n);
                let openid = callback.openid.clone().unwrap();
                let effects = [
                    Effect::Seen(Sighting::of(openid.clone(), callback.created_at)),
                    Effect::Opened {
                        openid,
                        cause: WindowCause::Message,
                        at: callback.created_at,
                    },
                ];
                store.receive(&callback, &effects, &[]).await.unwrap();
            }
        });
    }
    callers.join_all().await;
}

fn callback(account: AccountId, number: usize) -> Callback {
    let now = SystemClock.now();
    let mut random = [0; 10];
    getrandom::fill(&mut random).unwrap();
    Callback {
        id: CallbackId::new(now, random),
        account,
        received_at: now,
        dedupe_key: format!("oP4uB6jKx0QmTzR3yVdWc9LnEaSs-{number}"),
        openid: Some(format!("oPerson-{}", number % 1000).parse().unwrap()),
        msg_type: "text".to_owned(),
        event: None,
        event_key: None,
        created_at: now,
        mode: Mode::Safe,
        query: "signature=0123456789012345678901234567890123456789&timestamp=1800000000&nonce=1\
                &encrypt_type=aes&msg_signature=0123456789012345678901234567890123456789"
            .to_owned(),
        content_type: Some("text/xml".to_owned()),
        body: vec![b'x'; 700].into(),
        text: "<xml></xml>".repeat(30),
        reply: None,
        repeats: 0,
    }
}

async fn drain(store: &Arc<dyn Store>, account: AccountId, workers: usize) -> usize {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut settled = 0;
            loop {
                let batch = store
                    .claim(account, CLAIM, Duration::from_secs(60), Priority::Low)
                    .await
                    .unwrap();
                if batch.claimed.is_empty() {
                    return settled;
                }
                settled += batch.claimed.len();
                let now = SystemClock.now();
                let took = Outcome::Accepted {
                    msgid: Some(MsgId(1)),
                };
                let settlements: Arc<[_]> = batch
                    .claimed
                    .into_iter()
                    .map(|claimed| Settlement {
                        message: claimed.message.id,
                        lease_token: claimed.lease.token,
                        attempts: vec![Attempt::new(now, &took, Duration::from_millis(50))],
                        decision: Decision::Settle {
                            state: State::Accepted,
                            msgid: Some(MsgId(1)),
                        },
                        history: History::default(),
                        at: now,
                        ledger: None,
                        awaits_receipt: false,
                        tallied: false,
                    })
                    .collect();
                store.settle(settlements).await.unwrap();
            }
        });
    }
    tasks.join_all().await.into_iter().sum()
}

fn settings() -> AccountSettings {
    AccountSettings {
        name: "measured".parse().unwrap(),
        kind: AccountKind::OfficialAccount,
        appid: "wx0123456789abcdef".parse().unwrap(),
        secret: AppSecret::new("0123456789abcdef0123456789abcdef"),
        original_id: None,
        token_mode: TokenMode::Stable,
        callback: None,
        rate_per_second: None,
        max_in_flight: 10_000,
        disabled: false,
        options: AccountOptions::default(),
    }
}

fn message(account: AccountId) -> Message {
    let mut random = [0; 24];
    getrandom::fill(&mut random).unwrap();
    let now = SystemClock.now();
    let (id, person) = random.split_first_chunk::<10>().unwrap();
    let data = [
        ("thing1", "包裹已发出"),
        ("time2", "2026-11-20 10:00"),
        ("amount3", "¥128.00"),
    ];
    Message {
        id: MessageId::new(now, *id),
        account,
        to: format!("o{}", hex::encode(person)).parse().unwrap(),
        content: Content::Template(TemplateContent {
            template_id: "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo"
                .parse()
                .unwrap(),
            data: data
                .into_iter()
                .map(|(key, text)| (key.to_owned(), Value::from(text)))
                .collect(),
            url: Some("https://shop.example/orders/42".to_owned()),
            miniprogram: None,
        }),
        priority: Priority::Normal,
        on_unknown: OnUnknown::Keep,
        send_at: None,
        expires_at: None,
        reference: None,
        metadata: None,
        created_at: now,
        created_by: None,
        trace_context: None,
        broadcast: None,
        handling: None,
    }
}
