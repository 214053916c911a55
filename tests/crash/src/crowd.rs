//! A broadcast in every round: everybody of it is told, once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use hongyan_api::{
    Audience, Broadcast, BroadcastRecipient, BroadcastState, Client, Data, NewBroadcast, SlotValue,
};
use serde_json::{Map, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::failure::{Failure, system};
use crate::judge::{Fault, Listed, Wrong};
use crate::node::SharedNode;
use crate::sandbox::{Account, Sandbox, text};

/// How long a broadcast may take to begin, or to end once everything is up.
const PATIENCE: Duration = Duration::from_secs(240);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// People to be told, at one account.
#[derive(Debug, Clone)]
pub(crate) struct Crowd {
    account: Account,
    openids: Vec<String>,
}

/// A broadcast that was promised.
#[derive(Debug)]
pub(crate) struct Promised {
    id: String,
    /// What marks the message of each of its people.
    marks: Vec<String>,
}

impl Crowd {
    /// Makes so many followers of an account.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub(crate) async fn gather(
        sandbox: &Sandbox,
        account: &Account,
        count: u32,
    ) -> Result<Self, Failure> {
        let bulk = json!({ "appid": account.appid, "count": count });
        let made = sandbox.insist("POST", "/bulk/people", Some(&bulk)).await?;
        let openids = lines(&text(&made, "/openids_url")?).await?;
        Ok(Self {
            account: account.clone(),
            openids,
        })
    }

    /// Makes a broadcast, whatever is broken meanwhile. One that was cut off while its
    /// people were taken in never starts, and another is made.
    ///
    /// # Errors
    /// When none begins for a long time.
    pub(crate) async fn tell(
        self,
        nodes: Vec<SharedNode>,
        round: u64,
    ) -> Result<Promised, Failure> {
        let began = Instant::now();
        let mut attempt = 0;
        let mut last = String::new();
        while began.elapsed() < PATIENCE {
            let mark = |n: usize| format!("b{round}-{attempt}-{n}");
            let marks: Vec<_> = (0..self.openids.len()).map(mark).collect();
            let wanted = self.broadcast(&marks);
            let key = format!("crowd-{round}-{attempt}");
            match any(&nodes) {
                None => {}
                Some(client) => match client.add_broadcast(&wanted, Some(key.as_str())).await {
                    Ok(Broadcast { id, state, .. }) => match state {
                        BroadcastState::Loading
                        | BroadcastState::Failed
                        | BroadcastState::Canceled => attempt += 1,
                        _ => return Ok(Promised { id, marks }),
                    },
                    Err(error) => {
                        last = error.to_string();
                        // The answer that was kept says that it failed.
                        if error.status.is_some_and(|status| status < 500) {
                            attempt += 1;
                        }
                    }
                },
            }
            sleep(PAUSE).await;
        }
        Err(Failure::Odd(format!("no broadcast begins: {last}")))
    }

    fn broadcast(&self, marks: &[String]) -> NewBroadcast {
        let mut data = Data::new();
        data.insert("thing1".to_owned(), SlotValue::from("{{ mark }}"));
        data.insert("time2".to_owned(), SlotValue::from("2026-11-20 10:00"));
        let people = self.openids.iter().zip(marks);
        let recipients = people.map(|(openid, mark)| BroadcastRecipient {
            openid: Some(openid.clone()),
            fields: Some(Map::from_iter([("mark".to_owned(), mark.as_str().into())])),
            ..BroadcastRecipient::default()
        });
        let audience = Audience {
            recipients: Some(recipients.collect()),
            ..Audience::default()
        };
        let Account {
            name,
            kind,
            template_id,
            ..
        } = &self.account;
        NewBroadcast::new("crowd", *name, *kind, template_id, data, audience)
    }
}

impl Promised {
    /// Waits until it is over.
    ///
    /// # Errors
    /// When it does not end although everything is up.
    pub(crate) async fn ends(&self, nodes: &[SharedNode]) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            if let Some(client) = any(nodes)
                && let Ok(found) = client.broadcast(&self.id).await
                && found.state == BroadcastState::Finished
            {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::Odd(format!("{} does not end", self.id)));
            }
            sleep(PAUSE).await;
        }
    }

    /// Who has no message. Messages that were not sent, or twice, are found as those
    /// of other messages are.
    pub(crate) fn forgotten(&self, listed: &[Listed]) -> Vec<Fault> {
        let made: HashSet<&str> = listed.iter().map(|one| one.reference.as_str()).collect();
        let forgotten = self
            .marks
            .iter()
            .filter(|mark| !made.contains(mark.as_str()));
        forgotten
            .map(|mark| Fault {
                wrong: Wrong::Lost,
                id: None,
                detail: format!("{}: {mark} of it has no message", self.id),
            })
            .collect()
    }
}

fn any(nodes: &[SharedNode]) -> Option<Client> {
    nodes.iter().find_map(|node| node.client())
}

/// The lines behind a URL of the sandbox.
async fn lines(url: &str) -> Result<Vec<String>, Failure> {
    let told = || system("cannot read the list of people");
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let mut stream = TcpStream::connect(host).await.map_err(told())?;
    // In HTTP/1.0 an answer of unknown length ends with its connection.
    let request = format!("GET /{path} HTTP/1.0\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(told())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(told())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => {
            Ok(body.lines().map(str::to_owned).collect())
        }
        _ => Err(Failure::Odd("there is no list of people".to_owned())),
    }
}
