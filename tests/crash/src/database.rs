//! What the gateways store in, and how it breaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hongyan_test_postgres::{Server, Settings, Stop};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::failure::{Failure, system};
use crate::flags;
use crate::relay::Relay;

/// The role and the database that are the gateways' own.
const ROLE: &str = "owner";
const NAME: &str = "postgres";

/// What the gateways store in.
pub(crate) enum Database {
    /// A file in the run's folder. It breaks with its gateway.
    Sqlite,
    /// A server of our own, behind a relay.
    Postgres(Postgres),
}

/// A PostgreSQL server that writes to disk as in production.
pub(crate) struct Postgres {
    server: Arc<Server>,
    relay: Relay,
    /// Held while the server is broken, so that this happens one at a time.
    broken: Mutex<()>,
}

impl Database {
    /// Starts what there is to start.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(kind: flags::Database) -> Result<Self, Failure> {
        if kind == flags::Database::Sqlite {
            return Ok(Self::Sqlite);
        }
        let server = blocking(|| {
            Server::start(&Settings {
                durable: true,
                lines: Vec::new(),
                ..Settings::default()
            })
        })
        .await?;
        let relay = Relay::open()
            .await
            .map_err(system("no port for the relay"))?;
        relay.lead_to(Some(address_in(&server.url_for(ROLE, NAME))?));
        Ok(Self::Postgres(Postgres {
            server: Arc::new(server),
            relay,
            broken: Mutex::default(),
        }))
    }

    /// As `[database] url` has it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite => "sqlite:hongyan.db".to_owned(),
            Self::Postgres(postgres) => {
                format!("postgres://{ROLE}@{}/{NAME}", postgres.relay.address)
            }
        }
    }

    /// Breaks all connections in the network.
    pub(crate) fn cut(&self) {
        if let Self::Postgres(postgres) = self {
            postgres.relay.cut();
        }
    }

    /// SIGKILL to the server; started again after so long.
    ///
    /// # Errors
    /// When it does not start again.
    pub(crate) async fn kill(&self, down: Duration) -> Result<(), Failure> {
        let Self::Postgres(postgres) = self else {
            return Ok(());
        };
        let _turn = postgres.broken.lock().await;
        let server = Arc::clone(&postgres.server);
        blocking(move || server.stop(Stop::Kill)).await?;
        sleep(down).await;
        let server = Arc::clone(&postgres.server);
        blocking(move || server.resume()).await
    }

    /// The server answers nothing for so long, and keeps its connections.
    ///
    /// # Errors
    /// When the signals cannot be sent.
    pub(crate) async fn freeze(&self, time: Duration) -> Result<(), Failure> {
        let Self::Postgres(postgres) = self else {
            return Ok(());
        };
        let _turn = postgres.broken.lock().await;
        let server = Arc::clone(&postgres.server);
        blocking(move || server.freeze(true)).await?;
        sleep(time).await;
        let server = Arc::clone(&postgres.server);
        blocking(move || server.freeze(false)).await
    }
}

/// Runs what waits for a server; that gives up by panicking.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    spawn_blocking(work)
        .await
        .map_err(|error| Failure::Odd(format!("PostgreSQL: {error}")))
}

/// Where the server of a URL listens.
fn address_in(url: &str) -> Result<SocketAddr, Failure> {
    url.split_once('@')
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| Failure::Odd("PostgreSQL's URL names no address and port".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_url() {
        let found = address_in("postgres://owner@127.0.0.1:5433/postgres").unwrap();
        assert_eq!(found.port(), 5433);
        assert!(address_in("postgres:///postgres").is_err());
    }
}
