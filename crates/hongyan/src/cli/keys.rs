use clap::{Args, Subcommand};
use hongyan_domain::KeyId;
use hongyan_domain::clock::{Clock, SystemClock};
use hongyan_domain::key::Scope;
use hongyan_domain::port::StoreError;
use hongyan_engine::chance::Chance;
use hongyan_engine::make_key;
use jiff::Timestamp;

use super::ConfigFile;
use super::output::{self, time};
use crate::failure::Failure;
use crate::wiring::{Purpose, open_store};

/// API keys.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key and print it, alone: it is not shown again
    Create(Create),
    /// All keys, without their texts
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a key; it stops working within seconds
    Remove {
        #[command(flatten)]
        file: ConfigFile,
        /// Its name or its id
        key: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    file: ConfigFile,
    /// What to call it
    #[arg(long)]
    name: String,
    /// admin, send, read or token; repeat it for several
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// The only account it may touch; repeat it for several; all when left out
    #[arg(long = "account", value_name = "NAME")]
    accounts: Vec<String>,
    /// After this time it no longer works
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Timestamp>,
}

impl Keys {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Create(create) => create.run().await,
            Verb::List { file, json } => {
                let store = open_store(&file.load()?, Purpose::Look).await?.store;
                let keys = store.keys().await?;
                if json {
                    let keys: Vec<_> = keys
                        .iter()
                        .map(|key| {
                            serde_json::json!({
                                "id": key.id.to_string(),
                                "name": key.name,
                                "scopes": key.scopes,
                                "accounts": key.accounts,
                                "created_at": key.created_at,
                                "expires_at": key.expires_at,
                            })
                        })
                        .collect();
                    return output::json(&keys);
                }
                let rows = keys
                    .iter()
                    .map(|key| {
                        let scopes: Vec<_> = key.scopes.iter().map(Scope::to_string).collect();
                        vec![
                            key.id.to_string(),
                            key.name.clone(),
                            scopes.join(", "),
                            key.accounts.join(", "),
                            time(key.expires_at),
                        ]
                    })
                    .collect();
                output::table(
                    &["id", "name", "scopes", "accounts", "expires"],
                    rows,
                    "no key yet: make one with `hongyan keys create`",
                )
            }
            Verb::Remove { file, key } => remove(&file, &key).await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(Failure::usage("--name is 1 to 64 characters on one line"));
        }
        let now = SystemClock.now();
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Failure::usage("--expires-at has passed already"));
        }
        let store = open_store(&self.file.load()?, Purpose::Add).await?.store;
        let (key, text) = make_key(
            &SystemClock,
            &Chance::fresh(),
            name,
            self.scopes,
            self.accounts,
            self.expires_at,
        );
        store
            .add_key(&key, None)
            .await
            .map_err(|error| match error {
                StoreError::Taken { what } => Failure::new(format!(
                    "{what} is taken: choose another --name, or remove that key"
                )),
                other => other.into(),
            })?;
        store.shutdown().await;
        output::text(text.expose())
    }
}

async fn remove(file: &ConfigFile, wanted: &str) -> Result<(), Failure> {
    let store = open_store(&file.load()?, Purpose::Look).await?.store;
    let by_id = wanted.parse::<KeyId>().ok();
    let keys = store.keys().await?;
    let key = keys
        .iter()
        .find(|key| Some(key.id) == by_id || key.name == wanted)
        .ok_or_else(|| {
            Failure::new(format!(
                "no key is called {wanted:?}: see `hongyan keys list`"
            ))
        })?;
    store.remove_key(key.id).await?;
    store.shutdown().await;
    output::text(&format!("{} is removed", key.name))
}
