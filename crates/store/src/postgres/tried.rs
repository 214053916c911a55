//! Steps that must not be done twice and leave nothing by which a second try would
//! know the first one: it asks what became of the first one's transaction.

use std::sync::{Mutex, PoisonError};

use super::fault::{Fault, Outcome};
use super::link::Db;

/// A try that may have been committed: its transaction, and what it came to.
#[derive(Debug)]
pub(super) struct Tried<T>(Mutex<Option<(String, T)>>);

impl<T> Default for Tried<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Tried<T> {
    /// What an earlier try came to, if it was committed.
    pub(super) async fn earlier(&self, db: &Db) -> Outcome<Option<T>> {
        let Some((transaction, result)) = self.lock().clone() else {
            return Ok(None);
        };
        let find = db
            .prepare_cached("-- store.tried\nSELECT pg_xact_status($1::text::xid8)")
            .await?;
        let row = db.query_one(&find, &[&transaction]).await?;
        match row.try_get::<_, Option<&str>>(0)? {
            Some("committed") => Ok(Some(result)),
            Some("in progress") => Err(Fault::unavailable("an earlier try is not over yet")),
            _ => Ok(None),
        }
    }

    /// Notes what this try comes to, in its transaction, before it is committed.
    pub(super) async fn note(&self, db: &Db, result: &T) -> Outcome<()> {
        let find = db
            .prepare_cached("-- store.try\nSELECT pg_current_xact_id()::text")
            .await?;
        let transaction = db.query_one(&find, &[]).await?.try_get(0)?;
        *self.lock() = Some((transaction, result.clone()));
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(String, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
