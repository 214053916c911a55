//! Consents: rows are locked and read, the domain's rules applied, rows written;
//! many with a few statements.
//!
//! Rows are locked in the order of their keys, so that two who want the same do
//! not wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use hongyan_domain::AccountId;
use hongyan_domain::grant::{Answer, Consent, Grant, GrantKey};
use hongyan_wechat::{OpenId, TemplateId};
use tokio_postgres::Row;

use super::fault::Outcome;
use super::link::Db;
use super::row::{optional_millis, optional_time, text};
use crate::codes;
use crate::ledger::{unpaired, unpaired_text};
use crate::webhook::News;

/// What names a consent: account, openid, template, scene.
pub(super) type Key = (i64, String, String, i32);

pub(super) fn key(key: &GrantKey) -> Key {
    (
        key.account.0,
        text(key.openid.as_str()).into_owned(),
        text(key.template_id.as_str()).into_owned(),
        codes::scene_code(key.scene),
    )
}

pub(super) fn grant_key(key: Key) -> Outcome<GrantKey> {
    let (account, openid, template_id, scene) = key;
    Ok(GrantKey {
        account: AccountId(account),
        openid: OpenId::parse(openid)?,
        template_id: TemplateId::parse(template_id)?,
        scene: codes::scene(scene),
    })
}

/// The columns [`grant`] expects, in a query over `consent c`.
macro_rules! grant_columns {
    () => {
        "c.count, c.held, c.in_doubt, c.long_term, c.refused, c.banned, c.is_fed, c.unpaired, \
         c.changed_at"
    };
}
pub(super) use grant_columns;

/// How many columns that are.
pub(super) const GRANT_COLUMNS: usize = 9;

pub(super) fn grant(row: &Row) -> Outcome<Grant> {
    let number = |stored: i64| u32::try_from(stored).unwrap_or(u32::MAX);
    let (unpaired_events, unpaired_reports) = unpaired(row.try_get(7)?)?;
    Ok(Grant {
        count: number(row.try_get(0)?),
        held: number(row.try_get(1)?),
        in_doubt: number(row.try_get(2)?),
        long_term: row.try_get(3)?,
        refused: row.try_get(4)?,
        banned: row.try_get(5)?,
        is_fed: row.try_get(6)?,
        unpaired_events,
        unpaired_reports,
        changed_at: optional_time(row.try_get(8)?),
    })
}

/// Keys as columns.
struct Keys<'a> {
    accounts: Vec<i64>,
    openids: Vec<&'a str>,
    templates: Vec<&'a str>,
    scenes: Vec<i32>,
}

impl<'a> Keys<'a> {
    fn of(keys: impl IntoIterator<Item = &'a Key>) -> Self {
        let mut columns = Self {
            accounts: Vec::new(),
            openids: Vec::new(),
            templates: Vec::new(),
            scenes: Vec::new(),
        };
        for (account, openid, template, scene) in keys {
            columns.accounts.push(*account);
            columns.openids.push(openid);
            columns.templates.push(template);
            columns.scenes.push(*scene);
        }
        columns
    }
}

/// Whether anything is known of one of these.
pub(super) async fn is_any_known(db: &Db, keys: &BTreeSet<Key>) -> Outcome<bool> {
    let columns = Keys::of(keys);
    let find = db
        .prepare_cached(
            "-- ledger.known\n\
             SELECT 1 FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[]) \
                k(account, openid, template_id, scene) \
             JOIN consent c ON c.account = k.account AND c.openid = k.openid \
                AND c.template_id = k.template_id AND c.scene = k.scene LIMIT 1",
        )
        .await?;
    let found = db
        .query_opt(
            &find,
            &[
                &columns.accounts,
                &columns.openids,
                &columns.templates,
                &columns.scenes,
            ],
        )
        .await?;
    Ok(found.is_some())
}

/// Adds rows for those nothing is known of.
async fn make(db: &Db, keys: impl IntoIterator<Item = &Key>) -> Outcome<()> {
    let columns = Keys::of(keys);
    if columns.accounts.is_empty() {
        return Ok(());
    }
    let make = db
        .prepare_cached(
            "-- ledger.make\n\
             INSERT INTO consent (account, openid, template_id, scene) \
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[]) \
             ON CONFLICT DO NOTHING",
        )
        .await?;
    db.execute(
        &make,
        &[
            &columns.accounts,
            &columns.openids,
            &columns.templates,
            &columns.scenes,
        ],
    )
    .await?;
    Ok(())
}

/// Locks and reads consents, after adding those of `needed` that are missing.
pub(super) async fn lock(
    db: &Db,
    keys: &BTreeSet<Key>,
    needed: &BTreeSet<Key>,
) -> Outcome<BTreeMap<Key, Grant>> {
    make(db, needed).await?;
    let columns = Keys::of(keys);
    let lock = db
        .prepare_cached(concat!(
            "-- ledger.lock\nSELECT ",
            grant_columns!(),
            ", c.account, c.openid, c.template_id, c.scene \
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[]) WITH ORDINALITY \
                k(account, openid, template_id, scene, n) \
             JOIN consent c ON c.account = k.account AND c.openid = k.openid \
                AND c.template_id = k.template_id AND c.scene = k.scene \
             ORDER BY k.n FOR UPDATE OF c"
        ))
        .await?;
    let rows = db
        .query(
            &lock,
            &[
                &columns.accounts,
                &columns.openids,
                &columns.templates,
                &columns.scenes,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let key = (
                row.try_get(GRANT_COLUMNS)?,
                row.try_get(GRANT_COLUMNS + 1)?,
                row.try_get(GRANT_COLUMNS + 2)?,
                row.try_get(GRANT_COLUMNS + 3)?,
            );
            Ok((key, grant(row)?))
        })
        .collect()
}

/// Writes consents that are locked.
pub(super) async fn write(db: &Db, changed: &BTreeMap<Key, Grant>) -> Outcome<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let columns = Keys::of(changed.keys());
    let column = |of: fn(&Grant) -> i64| -> Vec<i64> { changed.values().map(of).collect() };
    let flag = |of: fn(&Grant) -> bool| -> Vec<bool> { changed.values().map(of).collect() };
    let unpaired = changed
        .values()
        .map(unpaired_text)
        .collect::<Result<Vec<_>, _>>()?;
    let changed_at: Vec<Option<i64>> = changed
        .values()
        .map(|grant| optional_millis(grant.changed_at))
        .collect();
    let write = db
        .prepare_cached(
            "-- ledger.write\n\
             UPDATE consent c SET count = k.count, held = k.held, in_doubt = k.in_doubt, \
                long_term = k.long_term, refused = k.refused, banned = k.banned, \
                is_fed = k.is_fed, unpaired = k.unpaired, changed_at = k.changed_at \
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::bigint[], \
                $6::bigint[], $7::bigint[], $8::bool[], $9::bool[], $10::bool[], $11::bool[], \
                $12::text[], $13::bigint[]) \
                k(account, openid, template_id, scene, count, held, in_doubt, long_term, \
                    refused, banned, is_fed, unpaired, changed_at) \
             WHERE c.account = k.account AND c.openid = k.openid \
                AND c.template_id = k.template_id AND c.scene = k.scene",
        )
        .await?;
    db.execute(
        &write,
        &[
            &columns.accounts,
            &columns.openids,
            &columns.templates,
            &columns.scenes,
            &column(|grant| grant.count.into()),
            &column(|grant| grant.held.into()),
            &column(|grant| grant.in_doubt.into()),
            &flag(|grant| grant.long_term),
            &flag(|grant| grant.refused),
            &flag(|grant| grant.banned),
            &flag(|grant| grant.is_fed),
            &unpaired,
            &changed_at,
        ],
    )
    .await?;
    Ok(())
}

/// Takes in answers, in a transaction; which of them counted. What is to be told of
/// those is added to `news`.
pub(super) async fn answered(
    db: &Db,
    consents: &[&Consent],
    news: &mut Vec<News>,
) -> Outcome<Vec<bool>> {
    let keys: BTreeSet<Key> = consents
        .iter()
        .filter(|consent| consent.answer != Answer::Filter)
        .map(|consent| key(&consent.key))
        .collect();
    if keys.is_empty() {
        return Ok(vec![false; consents.len()]);
    }
    let mut grants = lock(db, &keys, &keys).await?;
    let counted: Vec<bool> = consents
        .iter()
        .map(|consent| {
            grants
                .get_mut(&key(&consent.key))
                .is_some_and(|grant| grant.answered(consent))
        })
        .collect();
    write(db, &grants).await?;
    let counting = consents
        .iter()
        .zip(&counted)
        .filter(|(_, counted)| **counted);
    news.extend(counting.map(|(consent, _)| News::of_consent(consent)));
    Ok(counted)
}
