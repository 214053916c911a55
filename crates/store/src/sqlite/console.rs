//! The people of the console and their sessions.

use async_trait::async_trait;
use hongyan_domain::KeyId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::console::{Operator, Session};
use hongyan_domain::port::{ConsoleStore, StoreError};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use secrecy::SecretString;

use super::SqliteStore;
use super::fault::{Fault, Outcome};
use super::row::{millis, number, optional_millis};
use crate::codes;
use crate::seal::Seal;
use crate::secret;

macro_rules! operator_columns {
    () => {
        "o.id, o.name, o.role, o.password, o.created_at, o.seen_at"
    };
}

#[async_trait]
impl ConsoleStore for SqliteStore {
    async fn add_operator(
        &self,
        operator: &Operator,
        only_as_first: bool,
    ) -> Result<(), StoreError> {
        let password = secret::seal_password(&self.seal, operator).map_err(Fault::from)?;
        let operator = operator.clone();
        self.write(1, move |db| {
            if only_as_first && anybody(db)? {
                return Err(Fault::in_use("somebody uses the console already"));
            }
            refuse_taken(db, &operator)?;
            db.prepare_cached(
                "-- console.add\n\
                 INSERT INTO operator (id, name, role, password, created_at, seen_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                operator.id.as_bytes(),
                operator.name.as_str(),
                codes::role_code(operator.role),
                password,
                millis(operator.created_at),
                optional_millis(operator.seen_at)
            ])?;
            Ok(())
        })
        .await
    }

    async fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        let stored = self
            .read(move |db| {
                let mut all = db.prepare_cached(concat!(
                    "-- console.all\nSELECT ",
                    operator_columns!(),
                    " FROM operator o ORDER BY o.name"
                ))?;
                let mut rows = all.query([])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(Stored::of(row, 0)?);
                }
                Ok(found)
            })
            .await?;
        stored
            .into_iter()
            .map(|one| Ok(one.open(&self.seal)?))
            .collect()
    }

    async fn change_operator(
        &self,
        operator: &Operator,
        ends_sessions: bool,
    ) -> Result<(), StoreError> {
        let password = secret::seal_password(&self.seal, operator).map_err(Fault::from)?;
        let operator = operator.clone();
        self.write(1, move |db| {
            refuse_taken(db, &operator)?;
            let changed = db
                .prepare_cached(
                    "-- console.change\n\
                     UPDATE operator SET name = ?2, role = ?3, password = ?4 WHERE id = ?1",
                )?
                .execute(params![
                    operator.id.as_bytes(),
                    operator.name.as_str(),
                    codes::role_code(operator.role),
                    password
                ])?;
            if changed == 0 {
                return Err(Fault::missing("this person of the console"));
            }
            refuse_without_admin(db)?;
            if ends_sessions {
                db.prepare_cached("-- console.end_all\nDELETE FROM session WHERE operator = ?1")?
                    .execute([operator.id.as_bytes()])?;
            }
            Ok(())
        })
        .await
    }

    async fn remove_operator(&self, id: KeyId) -> Result<(), StoreError> {
        self.write(1, move |db| {
            let removed = db
                .prepare_cached("-- console.remove\nDELETE FROM operator WHERE id = ?1")?
                .execute([id.as_bytes()])?;
            if removed == 0 {
                return Err(Fault::missing("this person of the console"));
            }
            refuse_without_admin(db)
        })
        .await
    }

    async fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        let session = session.clone();
        self.write(1, move |db| {
            let seen = db
                .prepare_cached("-- console.seen\nUPDATE operator SET seen_at = ?2 WHERE id = ?1")?
                .execute(params![
                    session.operator.as_bytes(),
                    millis(session.created_at)
                ])?;
            if seen == 0 {
                return Err(Fault::missing("this person of the console"));
            }
            db.prepare_cached(
                "-- console.begin\n\
                 INSERT INTO session (digest, operator, created_at, ends_at) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                session.digest,
                session.operator.as_bytes(),
                millis(session.created_at),
                millis(session.ends_at)
            ])?;
            Ok(())
        })
        .await
    }

    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(Session, Operator)>, StoreError> {
        let digest = *digest;
        let stored = self
            .read(move |db| {
                let mut one = db.prepare_cached(concat!(
                    "-- console.session\nSELECT s.operator, s.created_at, s.ends_at, ",
                    operator_columns!(),
                    " FROM session s JOIN operator o ON o.id = s.operator WHERE s.digest = ?1"
                ))?;
                let mut rows = one.query([digest])?;
                let Some(row) = rows.next()? else {
                    return Ok(None);
                };
                let session = Session {
                    digest,
                    operator: KeyId::from_bytes(row.get(0)?),
                    created_at: from_millisecond(row.get(1)?),
                    ends_at: from_millisecond(row.get(2)?),
                };
                Ok(Some((session, Stored::of(row, 3)?)))
            })
            .await?;
        stored
            .map(|(session, one)| Ok((session, one.open(&self.seal)?)))
            .transpose()
    }

    async fn prolong_session(
        &self,
        digest: &[u8; 32],
        ends_at: Timestamp,
    ) -> Result<(), StoreError> {
        let digest = *digest;
        self.write(1, move |db| {
            db.prepare_cached(
                "-- console.prolong\nUPDATE session SET ends_at = ?2 WHERE digest = ?1",
            )?
            .execute(params![digest, millis(ends_at)])?;
            Ok(())
        })
        .await
    }

    async fn end_session(&self, digest: &[u8; 32]) -> Result<(), StoreError> {
        let digest = *digest;
        self.write(1, move |db| {
            db.prepare_cached("-- console.end\nDELETE FROM session WHERE digest = ?1")?
                .execute([digest])?;
            Ok(())
        })
        .await
    }

    async fn forget_sessions(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.write(limit.min(1), move |db| {
            Ok(db
                .prepare_cached(
                    "-- console.forget\n\
                     DELETE FROM session WHERE digest IN (\
                        SELECT digest FROM session WHERE ends_at < ?1 ORDER BY ends_at LIMIT ?2)",
                )?
                .execute([millis(before), number(limit)])?)
        })
        .await
    }
}

fn anybody(db: &Connection) -> Outcome<bool> {
    Ok(db
        .prepare_cached("-- console.anybody\nSELECT EXISTS (SELECT 1 FROM operator)")?
        .query_one([], |row| row.get(0))?)
}

fn refuse_taken(db: &Connection, operator: &Operator) -> Outcome<()> {
    let taken = db
        .prepare_cached("-- console.clash\nSELECT 1 FROM operator WHERE name = ?1 AND id <> ?2")?
        .query_one(
            params![operator.name.as_str(), operator.id.as_bytes()],
            |_| Ok(()),
        )
        .optional()?;
    match taken {
        Some(()) => Err(Fault::taken(format!(
            "the name {:?}",
            operator.name.as_str()
        ))),
        None => Ok(()),
    }
}

fn refuse_without_admin(db: &Connection) -> Outcome<()> {
    let is_there: bool = db
        .prepare_cached("-- console.admin\nSELECT EXISTS (SELECT 1 FROM operator WHERE role = ?1)")?
        .query_one(
            [codes::role_code(hongyan_domain::console::Role::Admin)],
            |row| row.get(0),
        )?;
    if is_there {
        Ok(())
    } else {
        Err(Fault::in_use(
            "nobody would be left with the role admin; give it to somebody else first",
        ))
    }
}

/// An operator whose password is still sealed.
struct Stored {
    operator: Operator,
    sealed: Vec<u8>,
}

impl Stored {
    /// Columns from `at` on: those of `operator_columns`.
    fn of(row: &Row<'_>, at: usize) -> Outcome<Self> {
        let name: String = row.get(at + 1)?;
        Ok(Self {
            operator: Operator {
                id: KeyId::from_bytes(row.get(at)?),
                name: name
                    .parse()
                    .map_err(|error| Fault::corrupt(format!("a name to sign in with: {error}")))?,
                role: codes::role(row.get::<_, i64>(at + 2)?)?,
                password: SecretString::default(),
                created_at: from_millisecond(row.get(at + 4)?),
                seen_at: row.get::<_, Option<i64>>(at + 5)?.map(from_millisecond),
            },
            sealed: row.get(at + 3)?,
        })
    }

    fn open(self, seal: &Seal) -> Outcome<Operator> {
        let password = secret::open_password(seal, self.operator.id, &self.sealed)?;
        Ok(Operator {
            password,
            ..self.operator
        })
    }
}
