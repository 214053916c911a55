use std::time::Duration;

use clap::{Args, Subcommand};
use hongyan_api::{Callback, CallbackDetail, CallbackFilter, PageQuery, ReplayCallback};
use jiff::Timestamp;

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use crate::failure::Failure;

/// How often `tail` looks for more.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many `tail` asks for at once.
const TAIL_PAGE: u32 = 100;

/// What WeChat told an account.
#[derive(Debug, Args)]
pub(super) struct Callbacks {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The newest first
    List(List),
    /// One callback: as it came, what was answered, where it went
    Show(One),
    /// Send a callback to the account's backends once more
    Replay(Replay),
    /// Print callbacks as they come, until Ctrl-C
    Tail(Tail),
}

#[derive(Debug, Args)]
struct Which {
    /// The account's name
    account: String,
    /// Only from this person
    #[arg(long, allow_hyphen_values = true)]
    openid: Option<String>,
    /// Only this MsgType, such as text or event
    #[arg(long, value_name = "TYPE")]
    msg_type: Option<String>,
    /// Only this Event, such as subscribe
    #[arg(long)]
    event: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    which: Which,
    /// Came at this time or later
    #[arg(long, value_name = "TIME")]
    received_after: Option<Timestamp>,
    /// Came before this time
    #[arg(long, value_name = "TIME")]
    received_before: Option<Timestamp>,
    /// How many at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct Tail {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct One {
    /// The account's name
    account: String,
    /// The callback's id, evt_…
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Replay {
    /// The account's name
    account: String,
    /// The callback's id, evt_…
    id: String,
    /// One of the account's backends; all when left out
    #[arg(long)]
    url: Option<String>,
}

impl Callbacks {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List(list) => list.run(&connection).await,
            Verb::Show(one) => {
                let callback = connection
                    .callback(&one.account, &one.id)
                    .await
                    .map_err(|error| explained(&error))?;
                if one.json {
                    output::json(&callback)
                } else {
                    show(&callback)
                }
            }
            Verb::Replay(replay) => {
                let wanted = ReplayCallback { url: replay.url };
                let answer = connection
                    .replay_callback(&replay.account, &replay.id, &wanted)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!(
                    "{} goes to {}",
                    replay.id,
                    answer.queued.join(", ")
                ))
            }
            Verb::Tail(tail) => tail.run(&connection).await,
        }
    }
}

impl Which {
    fn filter(&self) -> CallbackFilter {
        CallbackFilter {
            openid: self.openid.clone(),
            msg_type: self.msg_type.clone(),
            event: self.event.clone(),
            received_after: None,
            received_before: None,
        }
    }
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let filter = CallbackFilter {
            received_after: self.received_after,
            received_before: self.received_before,
            ..self.which.filter()
        };
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .callbacks(&self.which.account, &filter, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.which.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|callback| {
                vec![
                    callback.id.clone(),
                    callback.received_at.to_string(),
                    maybe(callback.openid.as_deref()),
                    callback.msg_type.clone(),
                    maybe(callback.event.as_deref()),
                    maybe(callback.event_key.as_deref()),
                    callback.repeats.to_string(),
                ]
            })
            .collect();
        let head = ["id", "came", "from", "type", "event", "key", "repeats"];
        output::table(&head, rows, "no callback fits")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

impl Tail {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let filter = self.which.filter();
        // Ids are ordered by time, so the newest one seen is where to go on.
        let mut newest = self.since(connection, &filter, None, 1).await?;
        let mut last = newest.pop().map(|callback| callback.id);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut fresh = self
                .since(connection, &filter, last.as_deref(), TAIL_PAGE)
                .await?;
            while let Some(callback) = fresh.pop() {
                self.print(&callback)?;
                last = Some(callback.id);
            }
        }
    }

    /// The callbacks newer than `last`, the newest first.
    async fn since(
        &self,
        connection: &Connection,
        filter: &CallbackFilter,
        last: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Callback>, Failure> {
        let mut page = PageQuery {
            limit: Some(limit),
            cursor: None,
        };
        let mut fresh = Vec::new();
        loop {
            let list = connection
                .callbacks(&self.which.account, filter, &page)
                .await
                .map_err(|error| explained(&error))?;
            let count = list.items.len();
            let newer = list
                .items
                .into_iter()
                .take_while(|callback| last.is_none_or(|last| callback.id.as_str() > last));
            let before = fresh.len();
            fresh.extend(newer);
            let is_all = fresh.len() - before < count || last.is_none();
            page.cursor = list.next_cursor;
            if is_all || page.cursor.is_none() {
                return Ok(fresh);
            }
        }
    }

    fn print(&self, callback: &Callback) -> Result<(), Failure> {
        if self.which.json {
            return output::text(&serde_json::to_string(callback)?);
        }
        let what = [
            Some(callback.msg_type.as_str()),
            callback.event.as_deref(),
            callback.event_key.as_deref(),
        ];
        let what: Vec<&str> = what.into_iter().flatten().collect();
        output::text(&format!(
            "{}  {}  {}  {}",
            callback.received_at,
            callback.id,
            maybe(callback.openid.as_deref()),
            what.join(" ")
        ))
    }
}

fn show(detail: &CallbackDetail) -> Result<(), Failure> {
    let callback = &detail.callback;
    output::facts(&[
        ("id", callback.id.clone()),
        ("account", callback.account.clone()),
        ("from", maybe(callback.openid.as_deref())),
        ("type", callback.msg_type.clone()),
        ("event", maybe(callback.event.as_deref())),
        ("key", maybe(callback.event_key.as_deref())),
        ("made", callback.created_at.to_string()),
        ("came", callback.received_at.to_string()),
        ("mode", word(&callback.mode)),
        ("repeats", callback.repeats.to_string()),
    ])?;
    output::text(&callback.text)?;
    match callback.reply.as_deref() {
        None => output::text("no answer is known yet")?,
        Some("") => output::text("answered with nothing (success)")?,
        Some(reply) => output::text(&format!("answered:\n{reply}"))?,
    }
    if detail.forwards.is_empty() {
        return Ok(());
    }
    let rows = detail
        .forwards
        .iter()
        .map(|forward| {
            vec![
                forward.url.clone(),
                forward.attempts.to_string(),
                maybe(forward.status),
                time(forward.due_at),
                maybe(forward.error.as_deref()),
            ]
        })
        .collect();
    output::table(
        &["forwarded to", "tries", "status", "next", "error"],
        rows,
        "",
    )
}
