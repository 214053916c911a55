use clap::{Args, Subcommand};
use hongyan_api::{Kind, Message, MessageFilter, PageQuery, Status};
use jiff::Timestamp;

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use super::send::word as parse_word;
use crate::failure::Failure;

/// What happened to messages.
#[derive(Debug, Args)]
pub(super) struct Messages {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The newest first
    List(Box<List>),
    /// One message with every call to WeChat
    Show(One),
    /// Send a message again that failed, was not delivered, or is unknown
    Retry(One),
    /// Take a message back that is not being sent yet
    Cancel(One),
}

#[derive(Debug, Args)]
struct List {
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only this kind
    #[arg(long, value_parser = parse_word::<Kind>)]
    kind: Option<Kind>,
    /// Only this status
    #[arg(long, value_parser = parse_word::<Status>)]
    status: Option<Status>,
    /// Only this recipient
    #[arg(long, allow_hyphen_values = true)]
    openid: Option<String>,
    /// Only this recipient, wherever they are known, by the id over linked accounts
    #[arg(long, allow_hyphen_values = true, conflicts_with = "openid")]
    unionid: Option<String>,
    /// Only this recipient, wherever they are known, by your own id
    #[arg(long, value_name = "ID", allow_hyphen_values = true, conflicts_with_all = ["openid", "unionid"])]
    user_id: Option<String>,
    /// Only this reference
    #[arg(long, allow_hyphen_values = true)]
    reference: Option<String>,
    /// Only messages whose last attempt ended in this code
    #[arg(long, allow_negative_numbers = true)]
    errcode: Option<i64>,
    /// Only messages WeChat accepted so many minutes ago or earlier and said nothing about since
    #[arg(long, value_name = "MINUTES")]
    no_receipt_after: Option<u32>,
    /// Made at this time or later
    #[arg(long, value_name = "TIME")]
    created_after: Option<Timestamp>,
    /// Made before this time
    #[arg(long, value_name = "TIME")]
    created_before: Option<Timestamp>,
    /// Only messages of this broadcast, bc_…
    #[arg(long, value_name = "ID")]
    broadcast: Option<String>,
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

#[derive(Debug, Args)]
struct One {
    /// The message's id, msg_…
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Messages {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let (message, json) = match self.verb {
            Verb::List(list) => return list.run(&connection).await,
            Verb::Show(one) => (connection.message(&one.id).await, one.json),
            Verb::Retry(one) => (connection.retry(&one.id).await, one.json),
            Verb::Cancel(one) => (connection.cancel(&one.id).await, one.json),
        };
        let message = message.map_err(|error| explained(&error))?;
        if json {
            output::json(&message)
        } else {
            show(&message)
        }
    }
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let filter = MessageFilter {
            account: self.account,
            kind: self.kind,
            status: self.status,
            openid: self.openid,
            unionid: self.unionid,
            user_id: self.user_id,
            reference: self.reference,
            errcode: self.errcode,
            no_receipt_after_minutes: self.no_receipt_after,
            created_after: self.created_after,
            created_before: self.created_before,
            broadcast: self.broadcast,
        };
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .messages(&filter, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|message| {
                vec![
                    message.id.clone(),
                    message.created_at.to_string(),
                    message.account.clone(),
                    maybe(message.to.openid.as_deref()),
                    message.status.to_string(),
                    maybe(message.errcode),
                    maybe(message.reference.as_deref()),
                ]
            })
            .collect();
        let head = [
            "id",
            "created",
            "account",
            "to",
            "status",
            "errcode",
            "reference",
        ];
        output::table(&head, rows, "no message fits")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

fn show(message: &Message) -> Result<(), Failure> {
    output::facts(&[
        ("id", message.id.clone()),
        ("status", message.status.to_string()),
        ("account", message.account.clone()),
        ("kind", word(&message.kind)),
        ("to", maybe(message.to.openid.as_deref())),
        ("template", maybe(message.template_id.as_deref())),
        ("scene", maybe(message.scene)),
        ("title", maybe(message.title.as_deref())),
        ("reference", maybe(message.reference.as_deref())),
        ("broadcast", maybe(message.broadcast.as_deref())),
        ("created", message.created_at.to_string()),
        ("send at", time(message.send_at)),
        ("deferred until", time(message.deferred_until)),
        ("expires", time(message.expires_at)),
        ("due", time(message.due_at)),
        ("settled", time(message.settled_at)),
        ("msgid", maybe(message.wechat_msgid.as_deref())),
        (
            "waiting",
            message
                .waiting
                .as_ref()
                .map(|w| w.detail.clone())
                .unwrap_or_default(),
        ),
        (
            "receipt",
            message
                .receipt
                .as_ref()
                .map(|r| r.status.clone())
                .unwrap_or_default(),
        ),
    ])?;
    for (key, value) in &message.data {
        output::text(&format!("  {key} = {}", value.value))?;
    }
    if let Some(content) = &message.content {
        output::json(content)?;
    }
    show_routes(message)?;
    let attempts = message.attempts.as_deref().unwrap_or_default();
    if attempts.is_empty() {
        return Ok(());
    }
    let rows = attempts
        .iter()
        .map(|attempt| {
            vec![
                attempt.at.to_string(),
                word(&attempt.outcome),
                maybe(attempt.errcode),
                maybe(attempt.errmsg.as_deref()),
                maybe(attempt.rid.as_deref()),
                format!("{} ms", attempt.elapsed_ms),
            ]
        })
        .collect();
    output::table(
        &["at", "outcome", "errcode", "errmsg", "rid", "took"],
        rows,
        "",
    )?;
    if let Some(diagnosis) = &message.diagnosis {
        output::text(&format!(
            "{}\nWhat to do: {}",
            diagnosis.meaning, diagnosis.fix
        ))?;
    }
    Ok(())
}

/// The ways it was given and what came of each.
fn show_routes(message: &Message) -> Result<(), Failure> {
    let Some(on) = &message.route else {
        return Ok(());
    };
    let row = |position: u32, account: &Option<String>, kind: &Kind, what: String| {
        (
            position,
            vec![
                position.to_string(),
                maybe(account.as_deref()),
                word(kind),
                what,
            ],
        )
    };
    let mut rows: Vec<_> = message
        .routes_left
        .iter()
        .map(|left| {
            row(
                left.position,
                &left.account,
                &left.kind,
                format!("left: {}", left.message),
            )
        })
        .collect();
    rows.push(row(
        on.position,
        &on.account,
        &on.kind,
        message.status.to_string(),
    ));
    rows.extend(
        message
            .fallback
            .iter()
            .map(|open| row(open.position, &open.account, &open.kind, "open".to_owned())),
    );
    rows.sort_by_key(|(position, _)| *position);
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    output::table(&["way", "account", "kind", "what came of it"], rows, "")
}
