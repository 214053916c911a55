//! Consents and customer-service windows: rows are read, the domain's rules
//! applied, rows written.

use async_trait::async_trait;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::delivery::Settlement;
use hongyan_domain::grant::{
    Consent, Grant, GrantKey, Hold, Use, Window, Withheld, use_windows, window_clearance,
};
use hongyan_domain::port::{Ask, LedgerEntry, LedgerStore, Need, StoreError};
use hongyan_domain::{AccountId, MessageId};
use hongyan_wechat::{OpenId, TemplateId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::credentials::refuse_missing;
use super::fault::Outcome;
use super::news::Teller;
use super::row::{millis, optional_millis, optional_time};
use super::tally::{self, Look};
use crate::codes;
use crate::ledger::{after_use, unpaired, unpaired_text, use_of_decision};
use crate::webhook::News;

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn answered(&self, consents: &[Consent]) -> Result<Vec<bool>, StoreError> {
        let (consents, now) = (consents.to_vec(), millis(self.clock.now()));
        self.write(consents.len(), move |db| {
            let mut teller = Teller::prepare(db, now)?;
            consents
                .iter()
                .map(|consent| {
                    refuse_missing(db, consent.key.account)?;
                    answered(db, consent, &mut teller)
                })
                .collect()
        })
        .await
    }

    async fn clear(&self, account: AccountId, asks: &[Ask]) -> Result<Vec<Hold>, StoreError> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let (asks, now) = (asks.to_vec(), self.clock.now());
        // A reader answers what needs no hold; that is mostly all.
        let (asks, answers) = self
            .read(move |db| {
                let answers = look(db, account, &asks, now)?;
                Ok((asks, answers))
            })
            .await?;
        if let Some(answers) = answers.iter().copied().collect() {
            return Ok(answers);
        }
        self.write(asks.len(), move |db| {
            asks.iter()
                .zip(&answers)
                .map(|(ask, answer)| match answer {
                    Some(answer) => Ok(*answer),
                    None => let_through(db, account, ask, now),
                })
                .collect()
        })
        .await
    }

    async fn grants(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Vec<(GrantKey, Grant)>, StoreError> {
        let openid = openid.clone();
        self.read(move |db| {
            let mut all = db.prepare_cached(concat!(
                "-- ledger.grants\nSELECT ",
                grant_columns!(),
                ", template_id, scene FROM consent WHERE account = ?1 AND openid = ?2 \
                 ORDER BY template_id, scene"
            ))?;
            let mut rows = all.query(params![account.0, openid.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let key = GrantKey {
                    account,
                    openid: openid.clone(),
                    template_id: TemplateId::parse(row.get::<_, String>(9)?)?,
                    scene: codes::scene(row.get::<_, i64>(10)?),
                };
                found.push((key, grant(row)?));
            }
            Ok(found)
        })
        .await
    }

    async fn windows(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Vec<Window>, StoreError> {
        let openid = openid.clone();
        self.read(move |db| windows(db, account, &openid)).await
    }
}

/// The columns [`grant`] expects.
macro_rules! grant_columns {
    () => {
        "count, held, in_doubt, long_term, refused, banned, is_fed, unpaired, changed_at"
    };
}
use grant_columns;

fn grant(row: &Row<'_>) -> Outcome<Grant> {
    let (unpaired_events, unpaired_reports) =
        unpaired(row.get::<_, Option<String>>(7)?.as_deref())?;
    Ok(Grant {
        count: row.get(0)?,
        held: row.get(1)?,
        in_doubt: row.get(2)?,
        long_term: row.get(3)?,
        refused: row.get(4)?,
        banned: row.get(5)?,
        is_fed: row.get(6)?,
        unpaired_events,
        unpaired_reports,
        changed_at: optional_time(row.get(8)?),
    })
}

fn load(db: &Connection, key: &GrantKey) -> Outcome<Option<Grant>> {
    let mut one = db.prepare_cached(concat!(
        "-- ledger.load\nSELECT ",
        grant_columns!(),
        " FROM consent WHERE account = ?1 AND openid = ?2 AND template_id = ?3 AND scene = ?4"
    ))?;
    let mut rows = one.query(params![
        key.account.0,
        key.openid.as_str(),
        key.template_id.as_str(),
        codes::scene_code(key.scene)
    ])?;
    rows.next()?.map(grant).transpose()
}

fn keep(db: &Connection, key: &GrantKey, grant: &Grant) -> Outcome<()> {
    db.prepare_cached(
        "-- ledger.keep\n\
         INSERT OR REPLACE INTO consent (account, openid, template_id, scene, count, held, \
            in_doubt, long_term, refused, banned, is_fed, unpaired, changed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        key.account.0,
        key.openid.as_str(),
        key.template_id.as_str(),
        codes::scene_code(key.scene),
        grant.count,
        grant.held,
        grant.in_doubt,
        grant.long_term,
        grant.refused,
        grant.banned,
        grant.is_fed,
        unpaired_text(grant)?,
        optional_millis(grant.changed_at),
    ])?;
    Ok(())
}

/// Takes in an answer; whether it counted.
pub(super) fn answered(
    db: &Connection,
    consent: &Consent,
    teller: &mut Teller<'_>,
) -> Outcome<bool> {
    let stored = load(db, &consent.key)?;
    let before = stored.clone().unwrap_or_default();
    let mut grant = before.clone();
    let counted = grant.answered(consent);
    if grant != before {
        keep(db, &consent.key, &grant)?;
    }
    if counted {
        teller.tell(|| Some(News::of_consent(consent)))?;
    }
    Ok(counted)
}

/// Holds what a message needs and counts it, if it fits.
fn let_through(db: &Connection, account: AccountId, ask: &Ask, now: Timestamp) -> Outcome<Hold> {
    let now = millis(now);
    let is_counted = match tally::look(db, account, ask, now)? {
        Look::Full(reason) => return Ok(Hold::Withheld(reason)),
        Look::Counted => true,
        Look::Fits => false,
    };
    let answer = match &ask.need {
        Some(Need::Grant { template_id, scene }) => {
            let key = GrantKey {
                account,
                openid: ask.openid.clone(),
                template_id: template_id.clone(),
                scene: *scene,
            };
            hold(db, ask.message, &key)?
        }
        Some(Need::Follower | Need::Window) | None => Hold::Free,
    };
    if !is_counted && !matches!(answer, Hold::Withheld(_)) {
        tally::count(db, account, ask, now)?;
    }
    Ok(answer)
}

/// The answers that need nothing written; `None` = a consent is to be held or a
/// message to be counted.
fn look(
    db: &Connection,
    account: AccountId,
    asks: &[Ask],
    now: Timestamp,
) -> Outcome<Vec<Option<Hold>>> {
    let mut anybody_unfollowed = None;
    let mut answers = Vec::with_capacity(asks.len());
    for ask in asks {
        let answer = match &ask.need {
            None => Some(Hold::Free),
            Some(Need::Follower) => {
                let anybody = match anybody_unfollowed {
                    Some(known) => known,
                    None => *anybody_unfollowed.insert(someone_unfollowed(db, account)?),
                };
                Some(if anybody && has_unfollowed(db, account, &ask.openid)? {
                    Hold::Withheld(Withheld::NotFollowing)
                } else {
                    Hold::Free
                })
            }
            Some(Need::Window) => Some(window_clearance(&windows(db, account, &ask.openid)?, now)),
            Some(Need::Grant { template_id, scene }) => {
                // Nothing known: nothing to hold.
                let is_known = db
                    .prepare_cached(
                        "-- ledger.known\n\
                         SELECT EXISTS (SELECT 1 FROM consent WHERE account = ?1 AND openid = ?2 \
                            AND template_id = ?3 AND scene = ?4) \
                         OR EXISTS (SELECT 1 FROM hold \
                            WHERE seq = (SELECT seq FROM message WHERE id = ?5))",
                    )?
                    .query_one(
                        params![
                            account.0,
                            ask.openid.as_str(),
                            template_id.as_str(),
                            codes::scene_code(*scene),
                            ask.message.as_bytes()
                        ],
                        |row| row.get::<_, bool>(0),
                    )?;
                (!is_known).then_some(Hold::Free)
            }
        };
        answers.push(match answer {
            Some(Hold::Free) if !ask.tallies.is_empty() => None,
            answer => answer,
        });
    }
    Ok(answers)
}

fn someone_unfollowed(db: &Connection, account: AccountId) -> Outcome<bool> {
    Ok(db
        .prepare_cached(
            "-- ledger.unfollowed\n\
             SELECT EXISTS (SELECT 1 FROM contact INDEXED BY contact_unfollowed \
                WHERE account = ?1 AND follow = 2)",
        )?
        .query_one([account.0], |row| row.get(0))?)
}

fn has_unfollowed(db: &Connection, account: AccountId, openid: &OpenId) -> Outcome<bool> {
    Ok(db
        .prepare_cached(
            "-- ledger.has_unfollowed\n\
             SELECT EXISTS (\
                SELECT 1 FROM contact INDEXED BY contact_unfollowed \
                WHERE account = ?1 AND openid = ?2 AND follow = 2)",
        )?
        .query_one(params![account.0, openid.as_str()], |row| row.get(0))?)
}

/// Holds a consent for an open message, once.
fn hold(db: &Connection, message: MessageId, key: &GrantKey) -> Outcome<Hold> {
    let found: Option<(i64, bool, bool)> = db
        .prepare_cached(
            "-- ledger.message\n\
             SELECT m.seq, w.seq IS NOT NULL, h.seq IS NOT NULL FROM message m \
             LEFT JOIN work w ON w.seq = m.seq LEFT JOIN hold h ON h.seq = m.seq \
             WHERE m.id = ?1",
        )?
        .query_one([message.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let seq = match found {
        Some((_, true, true)) => return Ok(Hold::Held),
        Some((seq, true, false)) => seq,
        // Over meanwhile, by another hand: nobody would give the consent back,
        // and nothing is to be sent any more.
        _ => return Ok(Hold::Withheld(Withheld::NoConsentLeft)),
    };
    let mut grant = load(db, key)?.unwrap_or_default();
    let answer = grant.hold();
    if answer == Hold::Held {
        keep(db, key, &grant)?;
        db.prepare_cached(
            "-- ledger.hold\n\
             INSERT INTO hold (seq, account, openid, template_id, scene) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            seq,
            key.account.0,
            key.openid.as_str(),
            key.template_id.as_str(),
            codes::scene_code(key.scene)
        ])?;
    }
    Ok(answer)
}

/// Takes a message's hold away; which consent it held.
fn let_go(db: &Connection, seq: i64) -> Outcome<Option<GrantKey>> {
    let mut gone = db.prepare_cached(
        "-- ledger.let_go\n\
         DELETE FROM hold WHERE seq = ?1 RETURNING account, openid, template_id, scene",
    )?;
    let mut rows = gone.query([seq])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(GrantKey {
        account: AccountId(row.get(0)?),
        openid: OpenId::parse(row.get::<_, String>(1)?)?,
        template_id: TemplateId::parse(row.get::<_, String>(2)?)?,
        scene: codes::scene(row.get::<_, i64>(3)?),
    }))
}

/// Ends the hold of a message that left the hands or the queue, if it has one.
pub(super) fn return_hold(db: &Connection, seq: i64, outcome: Use, at: Timestamp) -> Outcome<()> {
    match let_go(db, seq)? {
        Some(key) => used(db, &key, true, outcome, at),
        None => Ok(()),
    }
}

fn used(
    db: &Connection,
    key: &GrantKey,
    was_held: bool,
    outcome: Use,
    at: Timestamp,
) -> Outcome<()> {
    match after_use(load(db, key)?, was_held, outcome, at) {
        Some(grant) => keep(db, key, &grant),
        None => Ok(()),
    }
}

/// What a settlement, written under its own lease, does to the ledgers.
pub(super) fn settle(db: &Connection, seq: i64, settlement: &Settlement) -> Outcome<()> {
    let held = let_go(db, seq)?;
    let unsaid = use_of_decision(&settlement.decision);
    match &settlement.ledger {
        Some(LedgerEntry::Grant { key, outcome }) => {
            let was_held = held.is_some();
            used(
                db,
                held.as_ref().unwrap_or(key),
                was_held,
                *outcome,
                settlement.at,
            )
        }
        Some(LedgerEntry::Window { openid, outcome }) => {
            if let Some(key) = held {
                used(db, &key, true, unsaid, settlement.at)?;
            }
            let account: i64 = db
                .prepare_cached("-- ledger.account\nSELECT account FROM message WHERE seq = ?1")?
                .query_one([seq], |row| row.get(0))?;
            let account = AccountId(account);
            let before = windows(db, account, openid)?;
            let mut after = before.clone();
            use_windows(&mut after, *outcome, settlement.at);
            for (window, _) in after.iter().zip(&before).filter(|(new, old)| new != old) {
                keep_window(db, account, openid, window)?;
            }
            Ok(())
        }
        None => match held {
            Some(key) => used(db, &key, true, unsaid, settlement.at),
            None => Ok(()),
        },
    }
}

fn windows(db: &Connection, account: AccountId, openid: &OpenId) -> Outcome<Vec<Window>> {
    let mut all = db.prepare_cached(
        "-- ledger.windows\n\
         SELECT cause, opened_at, allowed, used, closes_at FROM service_window \
         WHERE account = ?1 AND openid = ?2 ORDER BY cause",
    )?;
    let mut rows = all.query(params![account.0, openid.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Window {
            cause: codes::window_cause(row.get::<_, i64>(0)?)?,
            opened_at: from_millisecond(row.get(1)?),
            allowed: row.get(2)?,
            used: row.get(3)?,
            closes_at: from_millisecond(row.get(4)?),
        });
    }
    Ok(found)
}

fn keep_window(
    db: &Connection,
    account: AccountId,
    openid: &OpenId,
    window: &Window,
) -> Outcome<()> {
    db.prepare_cached(
        "-- ledger.keep_window\n\
         UPDATE service_window SET used = ?4, closes_at = ?5 \
         WHERE account = ?1 AND openid = ?2 AND cause = ?3",
    )?
    .execute(params![
        account.0,
        openid.as_str(),
        window.cause.code(),
        window.used,
        millis(window.closes_at)
    ])?;
    Ok(())
}

/// Opens a window in the place of an older one of the same cause.
pub(super) fn open_window(
    db: &Connection,
    account: AccountId,
    openid: &OpenId,
    window: &Window,
) -> Outcome<()> {
    db.prepare_cached(
        "-- ledger.open_window\n\
         INSERT INTO service_window AS w \
            (account, openid, cause, opened_at, allowed, used, closes_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) \
         ON CONFLICT (account, openid, cause) DO UPDATE SET opened_at = excluded.opened_at, \
            allowed = excluded.allowed, used = 0, closes_at = excluded.closes_at \
         WHERE w.opened_at <= excluded.opened_at",
    )?
    .execute(params![
        account.0,
        openid.as_str(),
        window.cause.code(),
        millis(window.opened_at),
        window.allowed,
        millis(window.closes_at)
    ])?;
    Ok(())
}

/// Forgets a person's consents and windows. What open messages hold of them is
/// let go when they are settled.
pub(super) fn forget(db: &Connection, account: AccountId, openid: &OpenId) -> Outcome<()> {
    for table in [
        "-- ledger.forget_consents\nDELETE FROM consent WHERE account = ?1 AND openid = ?2",
        "-- ledger.forget_windows\nDELETE FROM service_window WHERE account = ?1 AND openid = ?2",
    ] {
        db.prepare_cached(table)?
            .execute(params![account.0, openid.as_str()])?;
    }
    Ok(())
}
