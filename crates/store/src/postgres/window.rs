//! Customer-service windows.

use std::collections::BTreeMap;

use hongyan_domain::clock::from_millisecond;
use hongyan_domain::grant::{Window, WindowUse, use_windows};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::fault::Outcome;
use super::link::Db;
use super::row::millis;
use crate::codes;

/// The columns [`window`] expects.
macro_rules! window_columns {
    () => {
        "cause, opened_at, allowed, used, closes_at"
    };
}

fn window(row: &Row) -> Outcome<Window> {
    let number = |stored: i64| u32::try_from(stored).unwrap_or(u32::MAX);
    let cause: i16 = row.try_get(0)?;
    Ok(Window {
        cause: codes::window_cause(cause)?,
        opened_at: from_millisecond(row.try_get(1)?),
        allowed: number(row.try_get(2)?),
        used: number(row.try_get(3)?),
        closes_at: from_millisecond(row.try_get(4)?),
    })
}

pub(super) async fn of_person(db: &Db, account: i64, openid: &str) -> Outcome<Vec<Window>> {
    let find = db
        .prepare_cached(concat!(
            "-- window.of_person\nSELECT ",
            window_columns!(),
            " FROM service_window WHERE account = $1 AND openid = $2 ORDER BY cause"
        ))
        .await?;
    let rows = db.query(&find, &[&account, &openid]).await?;
    rows.iter().map(window).collect()
}

pub(super) async fn of_people(
    db: &Db,
    account: i64,
    openids: &[&str],
) -> Outcome<BTreeMap<String, Vec<Window>>> {
    let find = db
        .prepare_cached(concat!(
            "-- window.of_people\nSELECT ",
            window_columns!(),
            ", openid FROM service_window WHERE account = $1 AND openid = ANY($2::text[]) \
             ORDER BY openid, cause"
        ))
        .await?;
    let mut found = BTreeMap::<String, Vec<Window>>::new();
    for row in db.query(&find, &[&account, &openids]).await? {
        found
            .entry(row.try_get(5)?)
            .or_default()
            .push(window(&row)?);
    }
    Ok(found)
}

/// Takes in what became of a send, in a transaction.
pub(super) async fn used(
    db: &Db,
    account: i64,
    openid: &str,
    outcome: WindowUse,
    at: Timestamp,
) -> Outcome<()> {
    let lock = db
        .prepare_cached(concat!(
            "-- window.lock\nSELECT ",
            window_columns!(),
            " FROM service_window WHERE account = $1 AND openid = $2 ORDER BY cause FOR UPDATE"
        ))
        .await?;
    let rows = db.query(&lock, &[&account, &openid]).await?;
    let before = rows.iter().map(window).collect::<Outcome<Vec<_>>>()?;
    let mut after = before.clone();
    use_windows(&mut after, outcome, at);
    let keep = db
        .prepare_cached(
            "-- window.keep\n\
             UPDATE service_window SET used = $4, closes_at = $5 \
             WHERE account = $1 AND openid = $2 AND cause = $3",
        )
        .await?;
    for (window, _) in after.iter().zip(&before).filter(|(new, old)| new != old) {
        db.execute(
            &keep,
            &[
                &account,
                &openid,
                &i16::from(window.cause.code()),
                &i64::from(window.used),
                &millis(window.closes_at),
            ],
        )
        .await?;
    }
    Ok(())
}

/// Windows that opened: by account, openid and cause the newest one.
#[derive(Default)]
pub(super) struct Opened(BTreeMap<(i64, String, u8), Window>);

impl Opened {
    pub(super) fn add(&mut self, account: i64, openid: &str, window: Window) {
        let key = (account, openid.to_owned(), window.cause.code());
        let newest = self.0.entry(key).or_insert(window);
        if newest.opened_at <= window.opened_at {
            *newest = window;
        }
    }

    /// Writes them in the place of older ones.
    pub(super) async fn write(&self, db: &Db) -> Outcome<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let accounts: Vec<i64> = self.0.keys().map(|key| key.0).collect();
        let openids: Vec<&str> = self.0.keys().map(|key| key.1.as_str()).collect();
        let causes: Vec<i16> = self.0.keys().map(|key| key.2.into()).collect();
        let opened: Vec<i64> = self.0.values().map(|w| millis(w.opened_at)).collect();
        let allowed: Vec<i64> = self.0.values().map(|w| w.allowed.into()).collect();
        let closes: Vec<i64> = self.0.values().map(|w| millis(w.closes_at)).collect();
        let open = db
            .prepare_cached(
                "-- window.open\n\
                 INSERT INTO service_window AS w \
                    (account, openid, cause, opened_at, allowed, used, closes_at) \
                 SELECT account, openid, cause, opened_at, allowed, 0, closes_at \
                 FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::bigint[], \
                    $5::bigint[], $6::bigint[]) \
                    n(account, openid, cause, opened_at, allowed, closes_at) \
                 ON CONFLICT (account, openid, cause) DO UPDATE SET \
                    opened_at = excluded.opened_at, allowed = excluded.allowed, used = 0, \
                    closes_at = excluded.closes_at \
                 WHERE w.opened_at <= excluded.opened_at",
            )
            .await?;
        db.execute(
            &open,
            &[&accounts, &openids, &causes, &opened, &allowed, &closes],
        )
        .await?;
        Ok(())
    }
}
