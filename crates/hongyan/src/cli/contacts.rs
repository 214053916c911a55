use clap::{Args, Subcommand};
use hongyan_api::{ContactCard, ContactFilter, Follow, PageQuery};

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
    output::facts(&[
        ("openid", contact.openid.clone()),
        ("unionid", maybe(contact.unionid.as_deref())),
        ("user", maybe(card.user_id.as_deref())),
        ("follow", word(&contact.follow)),
        ("followed", time(contact.followed_at)),
        ("unfollowed", time(contact.unfollowed_at)),
        ("scene", maybe(contact.scene.as_deref())),
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
