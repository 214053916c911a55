//! A past: messages that are over, written through the gateway's own store, so
//! that every table and index holds what it would hold had they been sent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hongyan_domain::account::{Account, AccountSettings};
use hongyan_domain::clock::{SystemClock, from_millisecond};
use hongyan_domain::delivery::{Attempt, Claimed, Decision, History, Outcome, Refusal, Settlement};
use hongyan_domain::message::{
    Content, Message, OnUnknown, Priority, State, TemplateContent, Value,
};
use hongyan_domain::port::{NewBatch, Store};
use hongyan_domain::{AccountId, MessageId};
use hongyan_store::{OpenOptions, PostgresOptions, PostgresStore, Seal, SqliteStore};
use hongyan_wechat::{ErrCode, MsgId};
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::postgres::{self, Database};
use crate::stage::DATA;

/// The past is as long as that, and ends a day ago.
const DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Messages in one call.
const BATCH: u64 = 1000;
/// Messages that are taken in before they are settled: the queue stays short, as
/// it was in a past without trouble.
const CHUNK: u64 = 50 * BATCH;
/// Messages in one claim.
const CLAIM: usize = 500;
/// Calls at once. More do not help either database on few cores.
const WORKERS: usize = 2;

/// Every so manieth message has a reference.
const REFERENCE_EVERY: u64 = 10;
/// Every so manieth message failed.
const FAILED_EVERY: u8 = 32;
/// Each person got about so many.
const PER_PERSON: u64 = 20;
/// WeChat's code for a person who does not follow the account.
const NOT_FOLLOWING: i64 = 43_004;

/// Where the messages go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Home<'a> {
    /// The gateway's file; the gateway must not run.
    Sqlite(&'a Path),
    /// The case's database.
    Postgres(&'a Database),
}

/// What the messages of the past have in common.
#[derive(Debug)]
pub(crate) struct Past<'a> {
    /// Where they go.
    pub(crate) home: Home<'a>,
    /// The gateway's.
    pub(crate) key_file: &'a Path,
    /// They were made from this.
    pub(crate) template_id: &'a str,
    /// When it ends, but for a day.
    pub(crate) now: Timestamp,
}

fn past(error: impl std::fmt::Display) -> Failure {
    Failure::Past(error.to_string())
}

impl Past<'_> {
    /// Writes so many messages that are over.
    ///
    /// # Errors
    /// When the store refuses anything.
    pub(crate) async fn fill(&self, count: u64) -> Result<(), Failure> {
        let store = self.open().await?;
        let accounts = store.accounts().await.map_err(past)?;
        let account = accounts
            .into_iter()
            .next()
            .ok_or_else(|| past("there is no account"))?;
        let measured = account.settings.clone();
        // Large claims need room in flight; afterwards it is as it was.
        let roomy = AccountSettings {
            max_in_flight: 10_000,
            ..measured.clone()
        };
        change(&store, &account, &roomy).await?;
        let maker = Arc::new(Maker {
            account: account.id,
            template_id: self.template_id.to_owned(),
            first_ms: self.now.as_millisecond() - (DAYS + 1) * DAY_MS,
            count,
        });
        for from in (0..count).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
            let to = count.min(from + CHUNK);
            take_in(&store, &maker, from, to).await?;
            let settled = send(&store, account.id).await?;
            if settled != to - from {
                let text = format!("{settled} of {} messages were settled", to - from);
                return Err(past(text));
            }
        }
        change(&store, &account, &measured).await?;
        store.shutdown().await;
        match self.home {
            Home::Sqlite(_) => Ok(()),
            Home::Postgres(database) => postgres::tidy(database).await,
        }
    }

    async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        let seal = Seal::load_or_create(self.key_file).map_err(past)?;
        Ok(match self.home {
            Home::Sqlite(file) => {
                let options = OpenOptions {
                    exclusive: true,
                    create: false,
                    clock: Arc::new(SystemClock),
                    seal,
                };
                Arc::new(SqliteStore::open(file, options).map_err(past)?)
            }
            Home::Postgres(database) => {
                let options = PostgresOptions::new(database.url.clone(), seal);
                Arc::new(PostgresStore::open(options).await.map_err(past)?)
            }
        })
    }
}

async fn change(
    store: &Arc<dyn Store>,
    account: &Account,
    settings: &AccountSettings,
) -> Result<(), Failure> {
    let changed = store.change_account(account.id, settings).await;
    changed.map(drop).map_err(past)
}

/// Takes the messages of these numbers in.
async fn take_in(
    store: &Arc<dyn Store>,
    maker: &Arc<Maker>,
    from: u64,
    to: u64,
) -> Result<(), Failure> {
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS as u64 {
        let (store, maker) = (Arc::clone(store), Arc::clone(maker));
        workers.spawn(async move {
            let mut first = from + worker * BATCH;
            while first < to {
                let numbers = first..to.min(first + BATCH);
                let messages = numbers.map(|number| maker.message(number));
                let batch = NewBatch {
                    messages: messages.collect::<Result<_, _>>()?,
                    idempotency: None,
                };
                store.accept(batch).await.map_err(past)?;
                first += WORKERS as u64 * BATCH;
            }
            Ok(0)
        });
    }
    all(workers).await.map(drop)
}

/// Claims and settles whatever is there; how many that were.
async fn send(store: &Arc<dyn Store>, account: AccountId) -> Result<u64, Failure> {
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let store = Arc::clone(store);
        workers.spawn(async move {
            let mut settled = 0;
            loop {
                let batch = store
                    .claim(account, CLAIM, Duration::from_secs(60), Priority::Low)
                    .await
                    .map_err(past)?;
                if batch.claimed.is_empty() {
                    return Ok(settled);
                }
                settled += batch.claimed.len() as u64;
                let settlements = batch.claimed.iter().map(settlement).collect();
                store.settle(settlements).await.map_err(past)?;
            }
        });
    }
    all(workers).await
}

async fn all(mut workers: JoinSet<Result<u64, Failure>>) -> Result<u64, Failure> {
    let mut sum = 0;
    while let Some(worker) = workers.join_next().await {
        sum += worker.map_err(past)??;
    }
    Ok(sum)
}

/// What became of a message a second after it was taken in.
fn settlement(claimed: &Claimed) -> Settlement {
    let message = &claimed.message;
    let at = from_millisecond(message.created_at.as_millisecond() + 1000);
    let chance = message.id.as_bytes()[15];
    let (outcome, state, msgid) = if chance.is_multiple_of(FAILED_EVERY) {
        let refusal = Refusal {
            errcode: ErrCode(NOT_FOLLOWING),
            errmsg: "require subscribe".to_owned(),
            rid: Some(format!("6920{chance:04x}-1a2b3c4d-5e6f7a8b")),
        };
        (Outcome::Refused(refusal), State::Failed, None)
    } else {
        let msgid = Some(MsgId(4_000_000_000_000_000_000 + u64::from(chance)));
        (Outcome::Accepted { msgid }, State::Accepted, msgid)
    };
    Settlement {
        message: message.id,
        lease_token: claimed.lease.token,
        attempts: vec![Attempt::new(at, &outcome, Duration::from_millis(60))],
        decision: Decision::Settle { state, msgid },
        history: History::default(),
        at,
        ledger: None,
        awaits_receipt: false,
        tallied: false,
    }
}

/// Makes the messages of the past by their numbers.
#[derive(Debug)]
struct Maker {
    account: AccountId,
    template_id: String,
    /// When the first one was made, in milliseconds since 1970.
    first_ms: i64,
    count: u64,
}

impl Maker {
    fn message(&self, number: u64) -> Result<Message, Failure> {
        let into = i128::from(DAYS * DAY_MS) * i128::from(number) / i128::from(self.count.max(1));
        let into = i64::try_from(into).unwrap_or(i64::MAX);
        let at = from_millisecond(self.first_ms.saturating_add(into));
        let mut random = [0; 10];
        random[2..].copy_from_slice(&scatter(number).to_be_bytes());
        let person = scatter(number) % (self.count / PER_PERSON + 1);
        let data = DATA.map(|(key, text)| (key.to_owned(), Value::from(text)));
        Ok(Message {
            id: MessageId::new(at, random),
            account: self.account,
            to: format!("oOld{:024x}", scatter(person))
                .parse()
                .map_err(past)?,
            content: Content::Template(TemplateContent {
                template_id: self.template_id.parse().map_err(past)?,
                data: data.into_iter().collect(),
                url: None,
                miniprogram: None,
            }),
            priority: Priority::Normal,
            on_unknown: OnUnknown::Keep,
            send_at: None,
            expires_at: None,
            reference: number
                .is_multiple_of(REFERENCE_EVERY)
                .then(|| format!("order-{number}")),
            metadata: None,
            created_at: at,
            created_by: None,
            trace_context: None,
            broadcast: None,
            handling: None,
        })
    }
}

/// A number that looks like chance and is different for each: the last step of
/// SplitMix64.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_past_is_spread_over_thirty_days_and_many_people() {
        let maker = Maker {
            account: AccountId(1),
            template_id: "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo".to_owned(),
            first_ms: 1_700_000_000_000,
            count: 2000,
        };
        let all: Vec<_> = (0..2000).map(|n| maker.message(n).unwrap()).collect();
        let ids: HashSet<_> = all.iter().map(|message| message.id).collect();
        assert_eq!(ids.len(), 2000);
        let people: HashSet<_> = all.iter().map(|message| message.to.as_str()).collect();
        assert_eq!(people.len(), 101);
        let referenced = all.iter().filter(|message| message.reference.is_some());
        assert_eq!(referenced.count(), 200);
        let times: Vec<_> = all.iter().map(|m| m.created_at.as_millisecond()).collect();
        assert!(times.is_sorted());
        let length = times[1999] - times[0];
        assert!(length > 29 * DAY_MS && length < DAYS * DAY_MS);
    }
}
