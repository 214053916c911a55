//! Opening a database: look first, touch later. Whatever is wrong, it is refused
//! before anything is changed.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::fault::describe;
use super::row::now;
use crate::error::{Endpoint, OpenError};
use crate::seal::{Place, Seal};

/// The schema, step by step; their number is the schema's version. Steps are
/// only ever added at the end, and only add, so that programs of the version
/// before can work on while nodes are replaced one by one.
///
/// Each step that an older program could not work beside writes its own number
/// as `compatible_from` into `meta`: a program refuses a schema that is newer
/// than it knows unless its own number is at least that.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
];

/// The oldest server that has all we use.
const OLDEST_SERVER: i32 = 14_0000;

/// Held while the schema is changed, so that one node does it ("hongyan").
const MIGRATION_LOCK: i64 = 0x68_6f6e_6779_616e;

/// How long looking may take.
const LOOK: Duration = Duration::from_secs(30);

/// The pause between two looks whether a server has started.
const STARTING: Duration = Duration::from_millis(250);

/// The sealed value that tells whether the key is the right one.
const PROBE: Place<'static> = Place {
    table: "meta",
    column: "value",
    row: b"seal_probe",
};
const PROBE_TEXT: &[u8] = b"hongyan";

/// A database that may be used.
pub(super) struct Opened {
    /// Where our tables are.
    pub(super) schema: String,
    /// The database's time, and when it was asked for it.
    pub(super) now: i64,
    pub(super) asked: Instant,
}

pub(super) async fn open(
    address: &Address,
    tls: &MakeRustlsConnect,
    migrate: bool,
    seal: &Seal,
) -> Result<Opened, OpenError> {
    let server = &address.endpoint;
    let silent = |_| OpenError::ServerUnavailable {
        server: server.clone(),
        reason: format!("no answer within {LOOK:?}"),
    };
    let mut visit = Visit::begin(address, tls).await?;
    let found = timeout(LOOK, look(&visit.client, server, seal))
        .await
        .map_err(silent)??;
    let known = known();
    if found.version < known {
        if !migrate {
            return Err(OpenError::NotMigrated {
                server: server.clone(),
                found: found.version,
                known,
            });
        }
        refuse_read_only(&visit.client, server).await?;
        take_steps(&mut visit.client, server, seal).await?;
        // Whoever made the tables first chose the key.
        timeout(LOOK, look(&visit.client, server, seal))
            .await
            .map_err(silent)??;
    } else if migrate {
        refuse_read_only(&visit.client, server).await?;
        refuse_lack_of_rights(&visit.client, server).await?;
    }
    let asked = Instant::now();
    let now = visit
        .client
        .query_one(concat!("-- open.now\nSELECT ", now!("$1")), &[&None::<i64>])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| explain(server, &error))?;
    Ok(Opened {
        schema: found.schema,
        now,
        asked,
    })
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// A connection for opening alone.
struct Visit {
    client: Client,
    connection: JoinHandle<()>,
}

impl Visit {
    async fn begin(address: &Address, tls: &MakeRustlsConnect) -> Result<Self, OpenError> {
        let server = &address.endpoint;
        let connect = async {
            loop {
                match address.config.connect(tls.clone()).await {
                    Err(error) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => {
                        tracing::info!(%server, "waiting for the database, which is starting or stopping");
                        tokio::time::sleep(STARTING).await;
                    }
                    other => return other,
                }
            }
        };
        // The time limit to connect is for each address of a host; this is for
        // a server that takes the connection and then says nothing, or does not
        // get ready.
        let (client, connection) = timeout(LOOK, connect)
            .await
            .map_err(|_| OpenError::Unreachable {
                server: server.clone(),
                reason: format!("no answer within {LOOK:?}"),
            })?
            .map_err(|error| explain(server, &error))?;
        let connection = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = describe(&error), "the connection for opening broke");
            }
        });
        Ok(Self { client, connection })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// What lies in a database.
struct Found {
    schema: String,
    /// 0 = nothing.
    version: i64,
}

async fn look(client: &Client, server: &Endpoint, seal: &Seal) -> Result<Found, OpenError> {
    let failed = |error: Error| explain(server, &error);
    let row = client
        .query_one(
            "-- open.server\n\
             SELECT current_setting('server_version_num')::int, \
                current_setting('server_version'), current_schema()::text, \
                to_regclass(quote_ident(current_schema()) || '.meta') IS NOT NULL",
            &[],
        )
        .await
        .map_err(failed)?;
    let number: i32 = row.try_get(0).map_err(failed)?;
    if number < OLDEST_SERVER {
        return Err(OpenError::ServerTooOld {
            server: server.clone(),
            version: row.try_get(1).map_err(failed)?,
        });
    }
    let Some(schema) = row.try_get::<_, Option<String>>(2).map_err(failed)? else {
        return Err(OpenError::NoRights {
            server: server.clone(),
            reason: "no schema of its search_path is there for it".to_owned(),
        });
    };
    if !row.try_get::<_, bool>(3).map_err(failed)? {
        refuse_others(client, server, &schema).await?;
        return Ok(Found { schema, version: 0 });
    }
    let meta = match client
        .query("-- open.meta\nSELECT name, value FROM meta", &[])
        .await
    {
        Ok(rows) => rows,
        Err(error)
            if matches!(
                error.code(),
                Some(&SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_TABLE)
            ) =>
        {
            Vec::new()
        }
        Err(error) => return Err(failed(error)),
    };
    let value = |name: &str| {
        let row = meta
            .iter()
            .find(|row| row.try_get(0).is_ok_and(|found: &str| found == name))?;
        row.try_get::<_, String>(1).ok()
    };
    let number = |name| value(name).and_then(|text| text.parse::<i64>().ok());
    let (Some("hongyan"), Some(version)) = (value("application").as_deref(), number("schema"))
    else {
        return Err(OpenError::ForeignTables {
            server: server.clone(),
            schema,
            table: "meta".to_owned(),
        });
    };
    let compatible_from = number("compatible_from").unwrap_or(version);
    if version > known() && compatible_from > known() {
        return Err(OpenError::NewerSchema {
            server: server.clone(),
            found: version,
            compatible_from,
            known: known(),
        });
    }
    let probe = value("seal_probe").and_then(|text| hex::decode(text).ok());
    match probe.map(|probe| seal.open(PROBE, &probe)) {
        Some(Ok(text)) if text == PROBE_TEXT => Ok(Found { schema, version }),
        _ => Err(OpenError::SealedOtherwise {
            server: server.clone(),
        }),
    }
}

/// Refuses a schema with tables that are not ours; those of extensions are
/// nobody's.
async fn refuse_others(client: &Client, server: &Endpoint, schema: &str) -> Result<(), OpenError> {
    let other = client
        .query_opt(
            "-- open.others\n\
             SELECT c.relname::text FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 \
             WHERE c.relkind IN ('r', 'p') AND NOT EXISTS (\
                SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
                AND d.objid = c.oid AND d.deptype = 'e') \
             ORDER BY 1 LIMIT 1",
            &[&schema],
        )
        .await
        .map_err(|error| explain(server, &error))?;
    match other {
        None => Ok(()),
        Some(row) => Err(OpenError::ForeignTables {
            server: server.clone(),
            schema: schema.to_owned(),
            table: row.try_get(0).map_err(|error| explain(server, &error))?,
        }),
    }
}

async fn refuse_read_only(client: &Client, server: &Endpoint) -> Result<(), OpenError> {
    let row = client
        .query_one(
            "-- open.writable\n\
             SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'",
            &[],
        )
        .await
        .map_err(|error| explain(server, &error))?;
    let is = |column| row.try_get(column).unwrap_or(false);
    let reason = match (is(0), is(1)) {
        (true, _) => "it is a standby",
        (_, true) => "it is set to read-only",
        _ => return Ok(()),
    };
    Err(OpenError::ReadOnlyServer {
        server: server.clone(),
        reason: reason.to_owned(),
    })
}

async fn refuse_lack_of_rights(client: &Client, server: &Endpoint) -> Result<(), OpenError> {
    let row = client
        .query_one(
            "-- open.rights\n\
             SELECT string_agg(t.name || ': ' || p.name, ', ') \
             FROM unnest(ARRAY['account', 'lane', 'message', 'work', 'outcome', 'attempt', \
                'idempotency', 'credential', 'template', 'api_key', 'contact', 'consent', 'hold', \
                'callback', 'awaited', 'early_receipt', 'forward', 'broadcast', 'tally']) t(name), \
                unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p(name) \
             WHERE NOT has_table_privilege(quote_ident(current_schema()) || '.' || t.name, p.name)",
            &[],
        )
        .await
        .map_err(|error| explain(server, &error))?;
    match row.try_get(0).map_err(|error| explain(server, &error))? {
        None => Ok(()),
        Some(missing) => Err(OpenError::NoRights {
            server: server.clone(),
            reason: missing,
        }),
    }
}

/// Takes the missing steps, each in a transaction with its number.
async fn take_steps(client: &mut Client, server: &Endpoint, seal: &Seal) -> Result<(), OpenError> {
    for (step, sql) in (1_i64..).zip(MIGRATIONS) {
        let probe = seal
            .seal(PROBE, PROBE_TEXT)
            .map_err(|error| OpenError::ServerUnavailable {
                server: server.clone(),
                reason: error.to_string(),
            })?;
        take_step(client, step, sql, &hex::encode(probe))
            .await
            .map_err(|error| explain(server, &error))?;
    }
    Ok(())
}

async fn take_step(client: &mut Client, step: i64, sql: &str, probe: &str) -> Result<(), Error> {
    let change = client.transaction().await?;
    change
        .execute(
            "-- open.lock\nSELECT pg_advisory_xact_lock($1)",
            &[&MIGRATION_LOCK],
        )
        .await?;
    // Another node may have been faster.
    let is_first = !change
        .query_one(
            // Of the catalogue itself: a session's memory of names may be older
            // than the lock.
            "-- open.begun\n\
             SELECT EXISTS (SELECT 1 FROM pg_class c \
                JOIN pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname = current_schema() AND c.relname = 'meta')",
            &[],
        )
        .await?
        .try_get::<_, bool>(0)?;
    if !is_first {
        let done: String = change
            .query_one(
                "-- open.done\nSELECT value FROM meta WHERE name = 'schema'",
                &[],
            )
            .await?
            .try_get(0)?;
        if done.parse::<i64>().is_ok_and(|done| done >= step) {
            return Ok(());
        }
    }
    change.batch_execute(sql).await?;
    if is_first {
        change
            .execute(
                "-- open.keep_probe\n\
                 INSERT INTO meta (name, value) VALUES ('application', 'hongyan'), \
                    ('seal_probe', $1)",
                &[&probe],
            )
            .await?;
    }
    change
        .execute(
            "-- open.note_step\n\
             INSERT INTO meta (name, value) VALUES ('schema', $1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[&step.to_string()],
        )
        .await?;
    change.commit().await
}

fn explain(server: &Endpoint, error: &Error) -> OpenError {
    let (server, reason) = (server.clone(), describe(error));
    let Some(code) = error.code() else {
        // The one thing that is asked of us and not of the network.
        return if reason.contains("password missing") {
            OpenError::LoginRefused {
                server,
                reason: "it asks for a password and there is none".to_owned(),
            }
        } else {
            OpenError::Unreachable { server, reason }
        };
    };
    match code.code() {
        "28000" | "28P01" => OpenError::LoginRefused { server, reason },
        "3D000" => OpenError::NoDatabase { server },
        "42501" => OpenError::NoRights { server, reason },
        "25006" => OpenError::ReadOnlyServer { server, reason },
        _ => OpenError::ServerUnavailable { server, reason },
    }
}
