use clap::{Args, Subcommand};
use hongyan_api::{NewTag, PageQuery};

use super::connection::{Connection, explained};
use super::output;
use super::people::{Named, report};
use crate::failure::Failure;

/// Tags of an official account's followers.
#[derive(Debug, Args)]
pub(super) struct Tags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The account's tags
    List {
        /// The account's name
        account: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a tag
    Add {
        /// The account's name
        account: String,
        /// 1 to 30 characters
        name: String,
    },
    /// Rename a tag
    Rename {
        /// The account's name
        account: String,
        /// WeChat's number of the tag
        id: i64,
        /// The new name
        name: String,
    },
    /// Remove a tag, and from its people
    Remove {
        /// The account's name
        account: String,
        /// WeChat's number of the tag
        id: i64,
    },
    /// The people with a tag
    Members(Members),
    /// Give a tag to people
    Give(OfPeople),
    /// Take a tag from people
    Take(OfPeople),
}

#[derive(Debug, Args)]
struct Members {
    /// The account's name
    account: String,
    /// WeChat's number of the tag
    id: i64,
    /// How many at most
    #[arg(long, default_value_t = 500)]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct OfPeople {
    /// The account's name
    account: String,
    /// WeChat's number of the tag
    id: i64,
    #[command(flatten)]
    people: Named,
}

impl Tags {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List { account, json } => list(&connection, &account, json).await,
            Verb::Add { account, name } => {
                let tag = connection
                    .add_tag(&account, &NewTag { name }, None)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&tag.id.to_string())
            }
            Verb::Rename { account, id, name } => {
                connection
                    .rename_tag(&account, id, &NewTag { name })
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!("tag {id} has a new name"))
            }
            Verb::Remove { account, id } => {
                connection
                    .remove_tag(&account, id)
                    .await
                    .map_err(|error| explained(&error))?;
                output::text(&format!("tag {id} is gone"))
            }
            Verb::Members(members) => members.run(&connection).await,
            Verb::Give(of) => of.run(&connection, false).await,
            Verb::Take(of) => of.run(&connection, true).await,
        }
    }
}

async fn list(connection: &Connection, account: &str, json: bool) -> Result<(), Failure> {
    let tags = connection
        .tags(account)
        .await
        .map_err(|error| explained(&error))?;
    if json {
        return output::json(&tags);
    }
    let rows = tags
        .items
        .into_iter()
        .map(|tag| {
            let whose = if tag.built_in { "WeChat's own" } else { "" };
            vec![
                tag.id.to_string(),
                tag.name,
                tag.count.to_string(),
                whose.to_owned(),
            ]
        })
        .collect();
    output::table(
        &["id", "name", "people", ""],
        rows,
        "the account has no tags",
    )
}

impl Members {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let page = PageQuery {
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let list = connection
            .tagged(&self.account, self.id, &page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        output::text(&list.items.join("\n"))?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

impl OfPeople {
    async fn run(self, connection: &Connection, remove: bool) -> Result<(), Failure> {
        let mut changes = Vec::new();
        for people in self.people.requests(remove)? {
            let changed = connection
                .tag_people(&self.account, self.id, &people)
                .await
                .map_err(|error| explained(&error))?;
            changes.push(changed);
        }
        let done = if remove { "taken from" } else { "given to" };
        report(changes, done)
    }
}
