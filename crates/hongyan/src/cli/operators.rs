use clap::{Args, Subcommand};
use hongyan_domain::clock::SystemClock;
use hongyan_domain::console::{LoginName, Operator, Role};
use hongyan_domain::port::{Store, StoreError};
use hongyan_engine::chance::Chance;
use hongyan_engine::{ConsoleRefusal, hash_password, make_operator, make_password};
use secrecy::ExposeSecret as _;

use super::ConfigFile;
use super::output::{self, time};
use crate::failure::Failure;
use crate::wiring::{Purpose, open_store};

/// People of the console.
#[derive(Debug, Args)]
pub(super) struct Operators {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let somebody in and print their first password, alone: it is not shown again
    Create {
        #[command(flatten)]
        file: ConfigFile,
        /// The name they sign in with
        #[arg(long)]
        name: LoginName,
        /// admin, operator or viewer
        #[arg(long)]
        role: Role,
    },
    /// Everybody who may use the console
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give somebody a new password and print it; they are signed out everywhere
    ResetPassword {
        #[command(flatten)]
        file: ConfigFile,
        /// Their name
        name: String,
    },
    /// Let somebody in no more; they are signed out within seconds
    Remove {
        #[command(flatten)]
        file: ConfigFile,
        /// Their name
        name: String,
    },
}

impl Operators {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Create { file, name, role } => {
                let store = open_store(&file.load()?, Purpose::Add).await?.store;
                let password = make_password();
                let operator = make_operator(&SystemClock, &Chance::fresh(), name, role, &password)
                    .map_err(refused)?;
                store
                    .add_operator(&operator, false)
                    .await
                    .map_err(|error| match error {
                        StoreError::Taken { what } => {
                            Failure::new(format!("{what} is taken: choose another --name"))
                        }
                        other => other.into(),
                    })?;
                store.shutdown().await;
                output::text(password.expose_secret())
            }
            Verb::List { file, json } => {
                let store = open_store(&file.load()?, Purpose::Look).await?.store;
                list(&store.operators().await?, json)
            }
            Verb::ResetPassword { file, name } => {
                let store = open_store(&file.load()?, Purpose::Look).await?.store;
                let mut operator = named(&*store, &name).await?;
                let password = make_password();
                operator.password =
                    hash_password(operator.name.as_str(), &password).map_err(refused)?;
                store.change_operator(&operator, true).await?;
                store.shutdown().await;
                output::text(password.expose_secret())
            }
            Verb::Remove { file, name } => {
                let store = open_store(&file.load()?, Purpose::Look).await?.store;
                let operator = named(&*store, &name).await?;
                store.remove_operator(operator.id).await?;
                store.shutdown().await;
                output::text(&format!("{} is removed", operator.name))
            }
        }
    }
}

fn refused(refusal: ConsoleRefusal) -> Failure {
    Failure::new(refusal.to_string())
}

async fn named(store: &dyn Store, name: &str) -> Result<Operator, Failure> {
    store
        .operators()
        .await?
        .into_iter()
        .find(|operator| operator.name.as_str() == name)
        .ok_or_else(|| {
            Failure::new(format!(
                "nobody of the console is called {name:?}: see `hongyan operators list`"
            ))
        })
}

fn list(operators: &[Operator], json: bool) -> Result<(), Failure> {
    if json {
        let shown: Vec<_> = operators
            .iter()
            .map(|operator| {
                serde_json::json!({
                    "id": operator.id.to_string(),
                    "name": operator.name,
                    "role": operator.role,
                    "created_at": operator.created_at,
                    "seen_at": operator.seen_at,
                })
            })
            .collect();
        return output::json(&shown);
    }
    let rows = operators
        .iter()
        .map(|operator| {
            vec![
                operator.name.to_string(),
                operator.role.as_str().to_owned(),
                time(Some(operator.created_at)),
                time(operator.seen_at),
            ]
        })
        .collect();
    output::table(
        &["name", "role", "since", "last signed in"],
        rows,
        "nobody yet: open the link that the gateway prints when it starts, or use `hongyan operators create`",
    )
}
