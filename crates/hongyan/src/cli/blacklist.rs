use clap::{Args, Subcommand};
use hongyan_api::PageQuery;

use super::connection::{Connection, explained};
use super::output;
use super::people::{Named, report};
use crate::failure::Failure;

/// Whom an official account wants to hear nothing from.
#[derive(Debug, Args)]
pub(super) struct Blacklist {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The people on it
    List(List),
    /// Put people on it
    Add(OfPeople),
    /// Take people off it
    Remove(OfPeople),
}

#[derive(Debug, Args)]
struct List {
    /// The account's name
    account: String,
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
    #[command(flatten)]
    people: Named,
}

impl Blacklist {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self.verb {
            Verb::List(list) => list.run(&connection).await,
            Verb::Add(of) => of.run(&connection, false).await,
            Verb::Remove(of) => of.run(&connection, true).await,
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
            .blacklist(&self.account, &page)
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
                .change_blacklist(&self.account, &people)
                .await
                .map_err(|error| explained(&error))?;
            changes.push(changed);
        }
        let done = if remove { "taken off:" } else { "put on:" };
        report(changes, done)
    }
}
