//! `hongyan broadcasts`.

mod create;
mod watch;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use hongyan_api::{Broadcast, BroadcastVerb, PageQuery};

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use crate::failure::Failure;
use create::Create;

/// One thing told to many people.
#[derive(Debug, Args)]
pub(super) struct Broadcasts {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a broadcast and send its people
    Create(Box<Create>),
    /// The newest first
    List(List),
    /// One broadcast and how far it has come
    Show(One),
    /// Follow a broadcast to its end; Ctrl-C leaves it running
    Watch(Id),
    /// Start one that is ready
    Start(One),
    /// Let it rest
    Pause(One),
    /// Let it go on
    Resume(One),
    /// Stop it for good
    Cancel(One),
    /// What became of everybody, as CSV
    Report(Report),
    /// The people no message was made for, and why
    Skipped(Skipped),
}

#[derive(Debug, Args)]
struct Id {
    /// The broadcast's id, bc_…
    id: String,
}

#[derive(Debug, Args)]
struct One {
    /// The broadcast's id, bc_…
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    part: Part,
}

#[derive(Debug, Args)]
struct Skipped {
    /// The broadcast's id, bc_…
    id: String,
    #[command(flatten)]
    part: Part,
}

#[derive(Debug, Args)]
struct Part {
    /// How many at most
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Part {
    fn page(&self) -> PageQuery {
        PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor.clone(),
        }
    }
}

#[derive(Debug, Args)]
struct Report {
    /// The broadcast's id, bc_…
    id: String,
    /// Write it there instead of to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Broadcasts {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let (verb, one) = match self.verb {
            Verb::Create(create) => return create.run(&connection).await,
            Verb::List(list) => return list.run(&connection).await,
            Verb::Show(one) => {
                let found = connection.broadcast(&one.id).await;
                return one.show(&found.map_err(|error| explained(&error))?);
            }
            Verb::Watch(one) => return watch::watch(&connection, &one.id).await,
            Verb::Report(report) => return report.run(&connection).await,
            Verb::Skipped(skipped) => return skipped.run(&connection).await,
            Verb::Start(one) => (BroadcastVerb::Start, one),
            Verb::Pause(one) => (BroadcastVerb::Pause, one),
            Verb::Resume(one) => (BroadcastVerb::Resume, one),
            Verb::Cancel(one) => (BroadcastVerb::Cancel, one),
        };
        let found = connection
            .steer_broadcast(&one.id, verb)
            .await
            .map_err(|error| explained(&error))?;
        one.show(&found)
    }
}

impl One {
    fn show(&self, broadcast: &Broadcast) -> Result<(), Failure> {
        if self.json {
            output::json(broadcast)
        } else {
            show(broadcast)
        }
    }
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let list = connection
            .broadcasts(self.account.as_deref(), &self.part.page())
            .await
            .map_err(|error| explained(&error))?;
        if self.part.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|one| {
                vec![
                    one.id.clone(),
                    one.created_at.to_string(),
                    one.account.clone(),
                    one.name.clone(),
                    one.state.to_string(),
                    one.recipients.to_string(),
                    one.messages.to_string(),
                    one.skipped.to_string(),
                ]
            })
            .collect();
        let head = [
            "id", "created", "account", "name", "state", "people", "messages", "skipped",
        ];
        output::table(&head, rows, "there are no broadcasts")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

impl Skipped {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let list = connection
            .skipped_recipients(&self.id, &self.part.page())
            .await
            .map_err(|error| explained(&error))?;
        if self.part.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|one| {
                vec![
                    one.who.clone(),
                    one.reason.clone(),
                    maybe(one.detail.as_deref()),
                ]
            })
            .collect();
        output::table(&["who", "reason", "detail"], rows, "nobody was skipped")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

impl Report {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let mut out: Box<dyn Write> = match &self.output {
            None => Box::new(io::stdout().lock()),
            Some(path) => Box::new(File::create(path).map_err(|error| {
                Failure::new(format!("cannot write {}: {error}", path.display()))
            })?),
        };
        connection
            .broadcast_report(&self.id, |piece| out.write_all(piece))
            .await
            .map_err(|error| explained(&error))?;
        Ok(out.flush()?)
    }
}

fn show(broadcast: &Broadcast) -> Result<(), Failure> {
    let progress = broadcast.progress.as_ref();
    let by_status: Vec<_> = progress
        .iter()
        .flat_map(|found| &found.by_status)
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    output::facts(&[
        ("id", broadcast.id.clone()),
        ("name", broadcast.name.clone()),
        ("state", broadcast.state.to_string()),
        ("problem", maybe(broadcast.problem.as_deref())),
        ("account", broadcast.account.clone()),
        ("kind", word(&broadcast.kind)),
        ("template", maybe(broadcast.template_id.as_deref())),
        ("people", broadcast.recipients.to_string()),
        ("messages", broadcast.messages.to_string()),
        ("by status", by_status.join(", ")),
        ("skipped", broadcast.skipped.to_string()),
        (
            "per second",
            maybe(progress.and_then(|found| found.per_second)),
        ),
        (
            "time left",
            progress
                .and_then(|found| found.seconds_left)
                .map(watch::span)
                .unwrap_or_default(),
        ),
        ("created", broadcast.created_at.to_string()),
        ("send at", time(broadcast.send_at)),
        ("expires", time(broadcast.expires_at)),
        ("started", time(broadcast.started_at)),
        ("finished", time(broadcast.finished_at)),
    ])
}
