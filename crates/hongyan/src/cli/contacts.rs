use std::time::Duration;

use clap::{Args, Subcommand};
use hongyan_api::{
    ChangeContact, ContactCard, ContactFilter, Follow, FollowerSync, PageQuery, SyncPhase,
};

use super::connection::{Connection, explained};
use super::grants::grant_rows;
use super::output::{self, maybe, time, word};
use super::send::word as parse_word;
use crate::failure::Failure;

/// The people an account knows.
#[derive(Debug, Args)]
pub(super) struct Contacts {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The people, by openid
    List(List),
    /// One person: follow state, consents, customer-service windows
    Show(One),
    /// List all followers at WeChat, in the background; goes on where an earlier sync rests
    Sync(Sync),
    /// Set the account's own note about a person, at WeChat too
    Remark(Remark),
    /// Forget a person: contact, session key, consents, windows and bindings
    Forget(Forget),
}

#[derive(Debug, Args)]
struct List {
    /// The account's name
    account: String,
    /// Only unknown, following or unfollowed
    #[arg(long, value_parser = parse_word::<Follow>)]
    follow: Option<Follow>,
    /// Only who has this unionid
    #[arg(long, allow_hyphen_values = true)]
    unionid: Option<String>,
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
    /// The account's name
    account: String,
    /// The person's openid
    #[arg(allow_hyphen_values = true)]
    openid: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Sync {
    /// The account's name
    account: String,
    /// Only say how far the newest sync has come
    #[arg(long, conflicts_with = "watch")]
    status: bool,
    /// Wait until it is over, and say on the way how far it is
    #[arg(long)]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Remark {
    /// The account's name
    account: String,
    /// The person's openid
    #[arg(allow_hyphen_values = true)]
    openid: String,
    /// The note, at most 29 bytes; empty = none
    #[arg(allow_hyphen_values = true)]
    remark: String,
}

#[derive(Debug, Args)]
struct Forget {
    /// The account's name
    account: String,
    /// The person's openid
    #[arg(allow_hyphen_values = true)]
    openid: String,
}

impl Contacts {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List(list) => list.run(&connection).await,
            Verb::Show(one) => {
                let card = connection
                    .contact(&one.account, &one.openid)
                    .await
                    .map_err(|error| explained(&error))?;
                if one.json {
                    output::json(&card)
                } else {
                    show(&card)
                }
            }
            Verb::Sync(sync) => sync.run(&connection).await,
            Verb::Remark(one) => {
                let change = ChangeContact { remark: one.remark };
                let card = connection
                    .change_contact(&one.account, &one.openid, &change)
                    .await
                    .map_err(|error| explained(&error))?;
                show(&card)
            }
            Verb::Forget(one) => {
                connection
                    .forget_contact(&one.account, &one.openid)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!("{} is forgotten at {}", one.openid, one.account))
            }
        }
    }
}

/// How often a sync that is watched is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Sync {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let mut state = if self.status {
            connection.contact_sync(&self.account).await
        } else {
            connection.sync_contacts(&self.account).await
        }
        .map_err(|error| explained(&error))?;
        let mut said = String::new();
        while self.watch && state.phase != SyncPhase::Over {
            let now = progress(&state);
            if now != said {
                output::remark(&now);
                said = now;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            state = connection
                .contact_sync(&self.account)
                .await
                .map_err(|error| explained(&error))?;
        }
        if self.json {
            return output::json(&state);
        }
        output::facts(&[
            ("sync", state.run.to_string()),
            ("phase", word(&state.phase)),
            ("listed", format!("{} of {}", state.listed, state.total)),
            ("gone", state.gone.to_string()),
            ("detailed", state.detailed.to_string()),
            ("started", state.started_at.to_string()),
            ("finished", time(state.finished_at)),
            ("problem", maybe(state.problem)),
        ])
    }
}

fn progress(state: &FollowerSync) -> String {
    let FollowerSync {
        listed,
        total,
        detailed,
        ..
    } = state;
    let at = match &state.problem {
        Some(problem) => problem.clone(),
        None => word(&state.phase),
    };
    format!("{at}: {listed} of {total} listed, details of {detailed}")
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let filter = ContactFilter {
            follow: self.follow,
            unionid: self.unionid,
        };
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .contacts(&self.account, &filter, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|contact| {
                vec![
                    contact.openid.clone(),
                    maybe(contact.unionid.as_deref()),
                    word(&contact.follow),
                    contact.seen_at.to_string(),
                ]
            })
            .collect();
        let head = ["openid", "unionid", "follow", "seen"];
        output::table(&head, rows, "nobody fits")?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

fn show(card: &ContactCard) -> Result<(), Failure> {
    let contact = &card.contact;
    let details = contact.details.clone().unwrap_or_default();
    let (remark, came_by) = (details.remark, maybe(details.subscribe_scene));
    let tags: Vec<_> = details.tags.iter().map(ToString::to_string).collect();
    let tags = tags.join(", ");
    output::facts(&[
        ("openid", contact.openid.clone()),
        ("unionid", maybe(contact.unionid.as_deref())),
        ("user", maybe(card.user_id.as_deref())),
        ("follow", word(&contact.follow)),
        ("followed", time(contact.followed_at)),
        ("unfollowed", time(contact.unfollowed_at)),
        ("scene", maybe(contact.scene.as_deref())),
        ("remark", remark),
        ("tags", tags),
        ("came by", came_by),
        ("seen", contact.seen_at.to_string()),
        ("known since", contact.created_at.to_string()),
    ])?;
    if !card.grants.is_empty() {
        let (head, rows) = grant_rows(&card.grants);
        output::table(&head, rows, "")?;
    }
    if card.windows.is_empty() {
        return Ok(());
    }
    let rows = card
        .windows
        .iter()
        .map(|window| {
            vec![
                word(&window.cause),
                window.opened_at.to_string(),
                window.closes_at.to_string(),
                format!("{} of {}", window.left, window.allowed),
            ]
        })
        .collect();
    output::table(&["window by", "opened", "closes", "left"], rows, "")
}
