//! Making and removing databases, on a thread of its own: tests may be inside a
//! runtime or not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use hongyan_domain::port::Store;
use hongyan_store::{PostgresOptions, PostgresStore, Seal};
use tokio_postgres::{Client, NoTls};

use crate::KEY;

/// A database that lives as long as this value.
pub struct Database {
    url: String,
    name: String,
    orders: Orders,
}

impl Database {
    /// How to reach it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Where the server is gone, so is the database. It is not waited for.
        let _ = self.orders.0.send(Order::Drop(self.name.clone()));
    }
}

enum Order {
    Create(String, bool, mpsc::Sender<Result<(), String>>),
    Run(String, mpsc::Sender<Result<(), String>>),
    Drop(String),
}

#[derive(Clone)]
struct Orders(mpsc::Sender<Order>);

/// The way to the thread.
pub(crate) struct Admin {
    url: Arc<str>,
    orders: Orders,
    made: AtomicU64,
    prefix: String,
}

impl Admin {
    pub(crate) fn start(url: String) -> Self {
        let (orders, inbox) = mpsc::channel();
        let mut random = [0; 6];
        getrandom::fill(&mut random).unwrap();
        let prefix = format!("hongyan_test_{}", hex::encode(random));
        let url: Arc<str> = url.into();
        let (at, template) = (Arc::clone(&url), format!("{prefix}_template"));
        thread::Builder::new()
            .name("test-postgres".to_owned())
            .spawn(move || serve(&at, &template, &inbox))
            .unwrap();
        Self {
            url,
            orders: Orders(orders),
            made: AtomicU64::new(0),
            prefix,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn database(&self, with_tables: bool) -> Database {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_{number}", self.prefix);
        self.ask(|reply| Order::Create(name.clone(), with_tables, reply));
        Database {
            url: at(&self.url, &name),
            name,
            orders: self.orders.clone(),
        }
    }

    pub(crate) fn cut(&self, database: &str) {
        self.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        ));
    }

    pub(crate) fn run(&self, sql: &str) {
        self.ask(|reply| Order::Run(sql.to_owned(), reply));
    }

    fn ask(&self, order: impl FnOnce(mpsc::Sender<Result<(), String>>) -> Order) {
        let (reply, answer) = mpsc::channel();
        self.orders.0.send(order(reply)).unwrap();
        if let Err(error) = answer.recv().unwrap() {
            panic!("{error}");
        }
    }
}

/// The same URL for another database.
fn at(url: &str, database: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, ""), |(b, q)| (b, q));
    let (server, _) = base.rsplit_once('/').unwrap();
    // `postgres://host` has its last slash before the host.
    let server = if server.ends_with('/') { base } else { server };
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{server}/{database}{mark}{query}")
}

fn serve(url: &str, template: &str, inbox: &mpsc::Receiver<Order>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut session = Session {
        url: url.to_owned(),
        template: template.to_owned(),
        has_template: false,
        client: None,
    };
    for order in inbox {
        match order {
            Order::Create(name, with_tables, reply) => {
                let created = runtime.block_on(session.create(&name, with_tables));
                let _ = reply.send(created);
            }
            Order::Run(sql, reply) => {
                let _ = reply.send(runtime.block_on(session.run(&sql)));
            }
            Order::Drop(name) => {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let _ = runtime.block_on(session.run(&sql));
            }
        }
    }
    if session.has_template {
        let sql = format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)");
        let _ = runtime.block_on(session.run(&sql));
    }
}

struct Session {
    url: String,
    template: String,
    has_template: bool,
    client: Option<Client>,
}

impl Session {
    async fn create(&mut self, name: &str, with_tables: bool) -> Result<(), String> {
        if !with_tables {
            return self.run(&format!("CREATE DATABASE {name}")).await;
        }
        if !self.has_template {
            self.run(&format!("CREATE DATABASE {}", self.template))
                .await?;
            let url = at(&self.url, &self.template);
            let store = PostgresStore::open(PostgresOptions::new(url, Seal::new(&KEY)))
                .await
                .map_err(|error| error.to_string())?;
            store.shutdown().await;
            self.has_template = true;
        }
        let strategy = self.strategy().await?;
        let sql = format!(
            "CREATE DATABASE {name} TEMPLATE {} {strategy}",
            self.template
        );
        // The server may not have noticed yet that the template is left.
        let mut tries = 0;
        loop {
            match self.run(&sql).await {
                Err(error) if tries < 100 && error.contains("being accessed") => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                result => return result,
            }
        }
    }

    /// Copying files is three times as fast as the other way, on a server that
    /// does not wait for its disk. Before version 15 it was the only way.
    async fn strategy(&mut self) -> Result<&'static str, String> {
        self.run("SELECT 1").await?;
        let version = self
            .client()
            .await?
            .query_one("SELECT current_setting('server_version_num')::int", &[])
            .await
            .map_err(|error| error.to_string())?;
        Ok(if version.get::<_, i32>(0) < 15_0000 {
            ""
        } else {
            "STRATEGY file_copy"
        })
    }

    /// On the connection there is, or on a new one if that broke with its server.
    async fn run(&mut self, sql: &str) -> Result<(), String> {
        loop {
            let Err(error) = self.client().await?.batch_execute(sql).await else {
                return Ok(());
            };
            match error.as_db_error() {
                // That the server had gone shows only now: these are its last
                // words, or there were none.
                Some(said) if said.code().code().starts_with("57P") => self.client = None,
                None => self.client = None,
                Some(said) => return Err(format!("{sql}: {}", said.message())),
            }
        }
    }

    async fn client(&mut self) -> Result<&Client, String> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            let (client, connection) = tokio_postgres::connect(&self.url, NoTls)
                .await
                .map_err(|error| format!("{}: {error:?}", self.url))?;
            tokio::spawn(connection);
            self.client = Some(client);
        }
        Ok(self.client.as_ref().unwrap())
    }
}
