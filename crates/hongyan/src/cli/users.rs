use clap::{Args, Subcommand};
use hongyan_api::{BindUser, PageQuery, User};

use super::connection::{Connection, explained};
use super::output::{self, maybe};
use super::send::pair;
use crate::failure::Failure;

/// Your own ids of people, and what they are bound to.
#[derive(Debug, Args)]
pub(super) struct Users {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All users, by id
    List(List),
    /// One user
    Show(One),
    /// Bind an id of yours to a unionid or to openids
    Bind(Bind),
    /// Remove a user's bindings
    Remove {
        /// Your id of the person
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
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
struct One {
    /// Your id of the person
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Bind {
    /// Your id of the person
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// The person over linked accounts
    #[arg(long, allow_hyphen_values = true)]
    unionid: Option<String>,
    /// The person at an account; repeat it for several
    #[arg(long = "openid", value_name = "ACCOUNT=OPENID", value_parser = pair)]
    openids: Vec<(String, String)>,
    /// Take openids that belong to other users from them
    #[arg(long)]
    take_over: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Users {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        let (user, json) = match self.verb {
            Verb::List(list) => return list.run(&connection).await,
            Verb::Remove { id } => {
                connection
                    .remove_user(&id)
                    .await
                    .map_err(|error| explained(&error))?;
                return output::text(&format!("nothing is bound to {id} any more"));
            }
            Verb::Show(one) => (connection.user(&one.id).await, one.json),
            Verb::Bind(bind) => {
                let binding = BindUser {
                    unionid: bind.unionid,
                    openids: bind.openids.into_iter().collect(),
                    take_over: bind.take_over,
                };
                (connection.bind_user(&bind.id, &binding).await, bind.json)
            }
        };
        let user = user.map_err(|error| explained(&error))?;
        if json {
            output::json(&user)
        } else {
            output::facts(&[
                ("user", user.id.clone()),
                ("unionid", maybe(user.unionid.as_deref())),
                ("openids", openids(&user)),
                ("bound", user.created_at.to_string()),
                ("changed", user.updated_at.to_string()),
            ])
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
            .users(&page)
            .await
            .map_err(|error| explained(&error))?;
        if self.json {
            return output::json(&list);
        }
        let rows = list
            .items
            .iter()
            .map(|user| {
                vec![
                    user.id.clone(),
                    maybe(user.unionid.as_deref()),
                    openids(user),
                ]
            })
            .collect();
        let empty = "no user yet: bind one with `hongyan users bind`";
        output::table(&["user", "unionid", "openids"], rows, empty)?;
        output::more(list.next_cursor.as_deref());
        Ok(())
    }
}

fn openids(user: &User) -> String {
    let pairs: Vec<String> = user
        .openids
        .iter()
        .map(|(account, openid)| format!("{account}={openid}"))
        .collect();
    pairs.join(" ")
}
