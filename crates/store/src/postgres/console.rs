//! The people of the console and their sessions.

use async_trait::async_trait;
use hongyan_domain::KeyId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::console::{Operator, Role, Session};
use hongyan_domain::port::{ConsoleStore, StoreError};
use jiff::Timestamp;
use tokio_postgres::{Error, Row};

use super::PostgresStore;
use super::fault::{Fault, Outcome, clash, refers_to_nothing};
use super::link::Db;
use super::row::{key_id, key_uuid, millis, number, optional_millis, optional_time, text};
use crate::codes;
use crate::seal::Seal;
use crate::secret;

macro_rules! operator_columns {
    () => {
        "o.id, o.name, o.role, o.password, o.created_at, o.seen_at"
    };
}

#[async_trait]
impl ConsoleStore for PostgresStore {
    async fn add_operator(
        &self,
        operator: &Operator,
        only_as_first: bool,
    ) -> Result<(), StoreError> {
        let sealed = secret::seal_password(&self.seal, operator).map_err(Fault::from)?;
        let sealed = sealed.as_slice();
        self.link
            .run(|db, again| async move { add(&db, operator, sealed, only_as_first, again).await })
            .await
    }

    async fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        self.link
            .look(|db| async move {
                let all = db
                    .prepare_cached(concat!(
                        "-- console.all\nSELECT ",
                        operator_columns!(),
                        " FROM operator o ORDER BY o.name"
                    ))
                    .await?;
                let rows = db.query(&all, &[]).await?;
                rows.iter().map(|row| stored(row, 0, &self.seal)).collect()
            })
            .await
    }

    async fn change_operator(
        &self,
        operator: &Operator,
        ends_sessions: bool,
    ) -> Result<(), StoreError> {
        let sealed = secret::seal_password(&self.seal, operator).map_err(Fault::from)?;
        let sealed = sealed.as_slice();
        self.link
            .run(|db, _| async move { change(&db, operator, sealed, ends_sessions).await })
            .await
    }

    async fn remove_operator(&self, id: KeyId) -> Result<(), StoreError> {
        self.link
            .run(|db, again| async move { remove(&db, id, again).await })
            .await
    }

    async fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move {
                let begin = db
                    .prepare_cached(
                        "-- console.begin\n\
                         WITH seen AS (UPDATE operator SET seen_at = $3 WHERE id = $2) \
                         INSERT INTO session (digest, operator, created_at, ends_at) \
                         VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING",
                    )
                    .await?;
                db.execute(
                    &begin,
                    &[
                        &session.digest.as_slice(),
                        &key_uuid(session.operator),
                        &millis(session.created_at),
                        &millis(session.ends_at),
                    ],
                )
                .await
                .map_err(missing)?;
                Ok(())
            })
            .await
    }

    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(Session, Operator)>, StoreError> {
        self.link
            .look(|db| async move {
                let one = db
                    .prepare_cached(concat!(
                        "-- console.session\nSELECT s.created_at, s.ends_at, ",
                        operator_columns!(),
                        " FROM session s JOIN operator o ON o.id = s.operator WHERE s.digest = $1"
                    ))
                    .await?;
                let Some(row) = db.query_opt(&one, &[&digest.as_slice()]).await? else {
                    return Ok(None);
                };
                let operator = stored(&row, 2, &self.seal)?;
                let session = Session {
                    digest: *digest,
                    operator: operator.id,
                    created_at: from_millisecond(row.try_get(0)?),
                    ends_at: from_millisecond(row.try_get(1)?),
                };
                Ok(Some((session, operator)))
            })
            .await
    }

    async fn prolong_session(
        &self,
        digest: &[u8; 32],
        ends_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move {
                let prolong = db
                    .prepare_cached(
                        "-- console.prolong\nUPDATE session SET ends_at = $2 WHERE digest = $1",
                    )
                    .await?;
                db.execute(&prolong, &[&digest.as_slice(), &millis(ends_at)])
                    .await?;
                Ok(())
            })
            .await
    }

    async fn end_session(&self, digest: &[u8; 32]) -> Result<(), StoreError> {
        self.link
            .run(|db, _| async move {
                let end = db
                    .prepare_cached("-- console.end\nDELETE FROM session WHERE digest = $1")
                    .await?;
                db.execute(&end, &[&digest.as_slice()]).await?;
                Ok(())
            })
            .await
    }

    async fn forget_sessions(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.link
            .look(|db| async move {
                let forget = db
                    .prepare_cached(
                        "-- console.forget\n\
                         DELETE FROM session WHERE ctid = ANY(ARRAY(\
                            SELECT ctid FROM session WHERE ends_at < $1 ORDER BY ends_at LIMIT $2))",
                    )
                    .await?;
                let gone = db.execute(&forget, &[&millis(before), &number(limit)]).await?;
                Ok(usize::try_from(gone).unwrap_or(usize::MAX))
            })
            .await
    }
}

fn missing(error: Error) -> Fault {
    if refers_to_nothing(&error) {
        Fault::missing("this person of the console")
    } else {
        error.into()
    }
}

fn refused(operator: &Operator, error: Error) -> Fault {
    match clash(&error) {
        Some("operator_name") => Fault::taken(format!("the name {:?}", operator.name.as_str())),
        Some(_) => Fault::taken("the person"),
        None => error.into(),
    }
}

/// Ends a transaction as its work ended.
async fn end(db: &Db, worked: Outcome<()>) -> Outcome<()> {
    match worked {
        Ok(()) => Ok(db.commit().await?),
        Err(fault @ Fault::Told(_)) => {
            db.roll_back().await?;
            Err(fault)
        }
        Err(fault) => Err(fault),
    }
}

/// Whoever changes the people is alone with them: two must not both be the first, nor
/// both be the last but one.
async fn begin_alone(db: &Db) -> Outcome<()> {
    let lock = db
        .prepare_cached("-- console.lock\nLOCK TABLE operator IN SHARE ROW EXCLUSIVE MODE")
        .await?;
    db.begin().await?;
    db.execute(&lock, &[]).await?;
    Ok(())
}

async fn add(
    db: &Db,
    operator: &Operator,
    sealed: &[u8],
    only_as_first: bool,
    again: bool,
) -> Outcome<()> {
    let id = key_uuid(operator.id);
    if again {
        let find = db
            .prepare_cached("-- console.added\nSELECT 1 FROM operator WHERE id = $1")
            .await?;
        if db.query_opt(&find, &[&id]).await?.is_some() {
            return Ok(());
        }
    }
    let anybody = db
        .prepare_cached("-- console.anybody\nSELECT EXISTS (SELECT 1 FROM operator)")
        .await?;
    let add = db
        .prepare_cached(
            "-- console.add\n\
             INSERT INTO operator (id, name, role, password, created_at, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .await?;
    begin_alone(db).await?;
    let worked = async {
        if only_as_first && db.query_one(&anybody, &[]).await?.try_get::<_, bool>(0)? {
            return Err(Fault::in_use("somebody uses the console already"));
        }
        db.execute(
            &add,
            &[
                &id,
                &text(operator.name.as_str()),
                &codes::role_code(operator.role),
                &sealed,
                &millis(operator.created_at),
                &optional_millis(operator.seen_at),
            ],
        )
        .await
        .map_err(|error| refused(operator, error))?;
        Ok(())
    };
    let worked = worked.await;
    end(db, worked).await
}

async fn change(db: &Db, operator: &Operator, sealed: &[u8], ends_sessions: bool) -> Outcome<()> {
    let id = key_uuid(operator.id);
    let change = db
        .prepare_cached(
            "-- console.change\n\
             UPDATE operator SET name = $2, role = $3, password = $4 WHERE id = $1",
        )
        .await?;
    let end_all = db
        .prepare_cached("-- console.end_all\nDELETE FROM session WHERE operator = $1")
        .await?;
    begin_alone(db).await?;
    let worked = async {
        let changed = db
            .execute(
                &change,
                &[
                    &id,
                    &text(operator.name.as_str()),
                    &codes::role_code(operator.role),
                    &sealed,
                ],
            )
            .await
            .map_err(|error| refused(operator, error))?;
        if changed == 0 {
            return Err(Fault::missing("this person of the console"));
        }
        refuse_without_admin(db).await?;
        if ends_sessions {
            db.execute(&end_all, &[&id]).await?;
        }
        Ok(())
    };
    let worked = worked.await;
    end(db, worked).await
}

async fn remove(db: &Db, id: KeyId, again: bool) -> Outcome<()> {
    let remove = db
        .prepare_cached("-- console.remove\nDELETE FROM operator WHERE id = $1")
        .await?;
    begin_alone(db).await?;
    let worked = async {
        // Where they are gone the second time, the first one did it.
        if db.execute(&remove, &[&key_uuid(id)]).await? == 0 && !again {
            return Err(Fault::missing("this person of the console"));
        }
        refuse_without_admin(db).await
    };
    let worked = worked.await;
    end(db, worked).await
}

async fn refuse_without_admin(db: &Db) -> Outcome<()> {
    let find = db
        .prepare_cached("-- console.admin\nSELECT EXISTS (SELECT 1 FROM operator WHERE role = $1)")
        .await?;
    let row = db
        .query_one(&find, &[&codes::role_code(Role::Admin)])
        .await?;
    if row.try_get(0)? {
        Ok(())
    } else {
        Err(Fault::in_use(
            "nobody would be left with the role admin; give it to somebody else first",
        ))
    }
}

/// Columns from `at` on: those of `operator_columns`.
fn stored(row: &Row, at: usize, seal: &Seal) -> Outcome<Operator> {
    let id = key_id(row.try_get(at)?);
    let name: &str = row.try_get(at + 1)?;
    Ok(Operator {
        id,
        name: name
            .parse()
            .map_err(|error| Fault::corrupt(format!("a name to sign in with: {error}")))?,
        role: codes::role(row.try_get::<_, i16>(at + 2)?)?,
        password: secret::open_password(seal, id, row.try_get(at + 3)?)?,
        created_at: from_millisecond(row.try_get(at + 4)?),
        seen_at: optional_time(row.try_get(at + 5)?),
    })
}
