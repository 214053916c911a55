use std::time::Duration;

use clap::{Args, Subcommand};
use hongyan_api::{
    ChangeWebhook, EventType, NewWebhook, PageQuery, RetryWebhook, RotateWebhookSecret, Webhook,
    WebhookDelivery, WebhookDeliveryDetail, WebhookDeliveryFilter, WebhookDeliveryState,
    WebhookWithSecret,
};
use jiff::Timestamp;

use super::connection::{Connection, explained};
use super::output::{self, maybe, time, word};
use super::send::word as parse_word;
use crate::failure::Failure;

/// How often `ping` looks what came of it, and for how long: longer than an endpoint has
/// to answer.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOKS: u32 = 120;

/// Endpoints that are told what happens.
#[derive(Debug, Args)]
pub(super) struct Webhooks {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All endpoints, the oldest first
    List(List),
    /// One endpoint
    Show(One),
    /// Add an endpoint and print its secret: it is not shown again
    Add(Add),
    /// Change an endpoint, or switch it on or off
    Set(Set),
    /// Remove an endpoint with all that was told to it
    Remove(Id),
    /// Give an endpoint a new secret and print it; both count for a while
    RotateSecret(Rotate),
    /// Tell an endpoint a ping and say what it answered; exit code 0 only if it took it
    Ping(Id),
    /// What was and is to be told to an endpoint, the newest first
    Deliveries(Deliveries),
    /// One thing told, with what is posted
    Delivery(Told),
    /// Tell once more: one delivery, or all that was given up since a time
    Retry(Retry),
}

#[derive(Debug, Args)]
struct List {
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
struct Id {
    /// The endpoint's id, wh_…
    id: String,
}

#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    id: Id,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Add {
    /// Where things are posted to
    url: String,
    #[command(flatten)]
    what: What,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct What {
    /// What people should know about it
    #[arg(long)]
    description: Option<String>,
    /// The only account it is told of; repeat it for several; all when left out
    #[arg(long = "account", value_name = "NAME")]
    accounts: Vec<String>,
    /// The only type it is told, such as message.delivered; repeat it for several; all when left out
    #[arg(long = "event", value_name = "TYPE", value_parser = parse_word::<EventType>)]
    events: Vec<EventType>,
}

#[derive(Debug, Args)]
struct Set {
    #[command(flatten)]
    id: Id,
    /// Where things are posted to
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    what: What,
    /// Tell it of all accounts
    #[arg(long, conflicts_with = "accounts")]
    all_accounts: bool,
    /// Tell it everything
    #[arg(long, conflicts_with = "events")]
    all_events: bool,
    /// Switch it on; what waited for it goes out
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Switch it off
    #[arg(long)]
    disable: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    id: Id,
    /// For how many hours the former secret still counts: 0 to 168
    #[arg(long, value_name = "HOURS")]
    overlap_hours: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Deliveries {
    #[command(flatten)]
    id: Id,
    /// pending, delivered or failed
    #[arg(long, value_parser = parse_word::<WebhookDeliveryState>)]
    state: Option<WebhookDeliveryState>,
    /// Only of this type, such as message.failed
    #[arg(long, value_name = "TYPE", value_parser = parse_word::<EventType>)]
    event: Option<EventType>,
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
struct Told {
    #[command(flatten)]
    id: Id,
    /// The delivery's id, whd_…
    delivery: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Retry {
    #[command(flatten)]
    id: Id,
    /// The delivery's id, whd_…
    #[arg(required_unless_present = "since", conflicts_with = "since")]
    delivery: Option<String>,
    /// All that was given up and happened at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
}

impl Webhooks {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List(list) => list.run(&connection).await,
            Verb::Show(one) => {
                let found = connection.webhook(&one.id.id).await;
                show(&found.map_err(|error| explained(&error))?, one.json)
            }
            Verb::Add(add) => add.run(&connection).await,
            Verb::Set(set) => set.run(&connection).await,
            Verb::Remove(Id { id }) => {
                connection
                    .remove_webhook(&id)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!("{id} is gone"))
            }
            Verb::RotateSecret(rotate) => {
                let wanted = RotateWebhookSecret {
                    overlap_hours: rotate.overlap_hours,
                };
                let rotated = connection
                    .rotate_webhook_secret(&rotate.id.id, &wanted)
                    .await
                    .map_err(|error| explained(&error))?;
                show_secret(&rotated, rotate.json)
            }
            Verb::Ping(Id { id }) => ping(&connection, &id).await,
            Verb::Deliveries(deliveries) => deliveries.run(&connection).await,
            Verb::Delivery(told) => {
                let found = connection
                    .webhook_delivery(&told.id.id, &told.delivery)
                    .await
                    .map_err(|error| explained(&error))?;
                show_delivery(&found, told.json)
            }
            Verb::Retry(retry) => retry.run(&connection).await,
        }
    }
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .webhooks(&page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|webhook| {
                vec![
                    webhook.id.clone(),
                    webhook.url.clone(),
                    standing(webhook),
                    all_or(&webhook.accounts),
                    all_or(&words(&webhook.events)),
                ]
            })
            .collect();
        output::table(
            &["id", "url", "state", "accounts", "events"],
            rows,
            "no endpoint yet: add one with `hongyan webhooks add URL`",
        )?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

impl Add {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let new = NewWebhook {
            url: self.url,
            description: self.what.description,
            accounts: self.what.accounts,
            events: self.what.events,
        };
        let made = connection
            .add_webhook(&new, None)
            .await
            .map_err(|error| explained(&error))?;
        show_secret(&made, self.json)
    }
}

impl Set {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let change = ChangeWebhook {
            url: self.url,
            description: self.what.description,
            accounts: if self.all_accounts {
                Some(Vec::new())
            } else {
                some(self.what.accounts)
            },
            events: if self.all_events || !self.what.events.is_empty() {
                Some(self.what.events)
            } else {
                None
            },
            enabled: match (self.enable, self.disable) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                (false, false) => None,
            },
        };
        if change == ChangeWebhook::default() {
            return Err(Failure::usage(
                "say what to change: --url, --description, --account, --event, --enable, --disable …",
            ));
        }
        let changed = connection
            .change_webhook(&self.id.id, &change)
            .await
            .map_err(|error| explained(&error))?;
        show(&changed, self.json)
    }
}

impl Deliveries {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let filter = WebhookDeliveryFilter {
            state: self.state,
            event: self.event,
        };
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .webhook_deliveries(&self.id.id, &filter, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|one| {
                vec![
                    one.id.clone(),
                    word(&one.event),
                    maybe(one.subject.as_deref()),
                    one.at.to_string(),
                    word(&one.state),
                    one.attempts.to_string(),
                    maybe(one.last.as_ref().and_then(|last| last.status)),
                    time(one.due_at),
                ]
            })
            .collect();
        output::table(
            &[
                "id", "event", "of", "happened", "state", "tries", "status", "next",
            ],
            rows,
            "nothing fits",
        )?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

impl Retry {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let id = &self.id.id;
        if let Some(delivery) = &self.delivery {
            connection
                .retry_webhook_delivery(id, delivery)
                .await
                .map_err(|error| explained(&error))?;
            return output::text(&format!("{delivery} is on its way"));
        }
        // One of the two is there, or the command line was refused.
        let since = self.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let retried = connection
            .retry_webhook(id, &RetryWebhook { since })
            .await
            .map_err(|error| explained(&error))?;
        output::text(&format!("{} on their way", retried.queued))
    }
}

async fn ping(connection: &Connection, id: &str) -> Result<(), Failure> {
    let mut told: WebhookDelivery = connection
        .ping_webhook(id)
        .await
        .map_err(|error| explained(&error))?;
    for _ in 0..LOOKS {
        if told.state != WebhookDeliveryState::Pending {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        told = connection
            .webhook_delivery(id, &told.id)
            .await
            .map_err(|error| explained(&error))?
            .delivery;
    }
    let last = told.last.as_ref();
    match told.state {
        WebhookDeliveryState::Delivered => output::text(&format!(
            "it answered {} after {} ms",
            maybe(last.and_then(|last| last.status)),
            maybe(last.map(|last| last.elapsed_ms)),
        )),
        WebhookDeliveryState::Failed => Err(Failure::new(format!(
            "it did not take the ping: {}",
            maybe(last.and_then(|last| last.error.as_deref()))
        ))),
        WebhookDeliveryState::Pending => Err(Failure::new(
            "the ping waits: see `hongyan webhooks deliveries`, and whether the endpoint asked for a rest (`hongyan webhooks show`)",
        )),
    }
}

fn words(events: &[EventType]) -> Vec<String> {
    events.iter().map(word).collect()
}

fn all_or(list: &[String]) -> String {
    if list.is_empty() {
        "all".to_owned()
    } else {
        list.join(", ")
    }
}

fn standing(webhook: &Webhook) -> String {
    match (&webhook.disabled, webhook.failing_since) {
        (Some(disabled), _) => format!("disabled: {}", word(&disabled.why)),
        (None, Some(since)) => format!("failing since {since}"),
        (None, None) => "enabled".to_owned(),
    }
}

fn show(webhook: &Webhook, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(webhook);
    }
    output::facts(&[
        ("id", webhook.id.clone()),
        ("url", webhook.url.clone()),
        ("description", webhook.description.clone()),
        ("state", standing(webhook)),
        ("rests until", time(webhook.rests_until)),
        ("accounts", all_or(&webhook.accounts)),
        ("events", all_or(&words(&webhook.events))),
        ("former secret ends", time(webhook.former_secret_ends_at)),
        ("made", webhook.created_at.to_string()),
    ])
}

fn show_secret(made: &WebhookWithSecret, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(made);
    }
    show(&made.webhook, false)?;
    output::facts(&[("secret", made.secret.expose().to_owned())])?;
    output::remark("the secret is not shown again: your program checks webhook-signature with it");
    Ok(())
}

fn show_delivery(found: &WebhookDeliveryDetail, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(found);
    }
    let told = &found.delivery;
    let last = told.last.as_ref();
    output::facts(&[
        ("id", told.id.clone()),
        ("event", word(&told.event)),
        ("of", maybe(told.subject.as_deref())),
        ("account", maybe(told.account.as_deref())),
        ("happened", told.at.to_string()),
        ("state", word(&told.state)),
        ("tries", told.attempts.to_string()),
        ("next", time(told.due_at)),
        ("last try", maybe(last.map(|last| last.at))),
        ("status", maybe(last.and_then(|last| last.status))),
        ("error", maybe(last.and_then(|last| last.error.as_deref()))),
    ])?;
    output::json(&found.body)
}
