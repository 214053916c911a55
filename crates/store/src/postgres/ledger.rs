//! The ledgers: what messages hold of them, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::delivery::Settlement;
use hongyan_domain::grant::{
    Consent, Grant, GrantKey, Hold, Use, Window, Withheld, window_clearance,
};
use hongyan_domain::port::{Ask, LedgerEntry, LedgerStore, Need, StoreError};
use hongyan_wechat::OpenId;
use jiff::Timestamp;
use uuid::Uuid;

use super::consent::{self, GRANT_COLUMNS, Key, grant_columns};
use super::fault::{Fault, Outcome};
use super::link::Db;
use super::row::{message_uuid, text};
use super::tally::Tallies;
use super::tried::Tried;
use super::{PostgresStore, intake, news, window};
use crate::codes;
use crate::ledger::{after_use, use_of_decision};

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn answered(&self, consents: &[Consent]) -> Result<Vec<bool>, StoreError> {
        if consents.is_empty() {
            return Ok(Vec::new());
        }
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move { answered(&db, consents, tried, self.by_hand()).await })
            .await
    }

    async fn clear(&self, account: AccountId, asks: &[Ask]) -> Result<Vec<Hold>, StoreError> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let answers = &self
            .link
            .look(|db| async move { look(&db, account, asks, now).await })
            .await?;
        if counted(asks, answers).next().is_none()
            && let Some(answers) = answers.iter().copied().collect()
        {
            return Ok(answers);
        }
        self.link
            .run(|db, _| async move { hold(&db, account, asks, answers, self.by_hand()).await })
            .await
    }

    async fn grants(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Vec<(GrantKey, Grant)>, StoreError> {
        self.link
            .look(|db| async move {
                let find = db
                    .prepare_cached(concat!(
                        "-- ledger.grants\nSELECT ",
                        grant_columns!(),
                        ", c.account, c.openid, c.template_id, c.scene FROM consent c \
                         WHERE c.account = $1 AND c.openid = $2 ORDER BY c.template_id, c.scene"
                    ))
                    .await?;
                let rows = db
                    .query(&find, &[&account.0, &text(openid.as_str())])
                    .await?;
                rows.iter()
                    .map(|row| {
                        let key = consent::grant_key((
                            row.try_get(GRANT_COLUMNS)?,
                            row.try_get(GRANT_COLUMNS + 1)?,
                            row.try_get(GRANT_COLUMNS + 2)?,
                            row.try_get(GRANT_COLUMNS + 3)?,
                        ))?;
                        Ok((key, consent::grant(row)?))
                    })
                    .collect()
            })
            .await
    }

    async fn windows(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Vec<Window>, StoreError> {
        self.link
            .look(|db| async move { window::of_person(&db, account.0, openid.as_str()).await })
            .await
    }
}

/// To count twice would promise too much: a second try asks what became of the
/// first one's transaction.
async fn answered(
    db: &Db,
    consents: &[Consent],
    tried: &Tried<Vec<bool>>,
    by_hand: Option<i64>,
) -> Outcome<Vec<bool>> {
    if let Some(counted) = tried.earlier(db).await? {
        return Ok(counted);
    }
    let accounts: BTreeSet<i64> = consents.iter().map(|c| c.key.account.0).collect();
    let accounts: Vec<i64> = accounts.into_iter().collect();
    let found = intake::begin(db, &accounts).await?;
    if found.len() < accounts.len() {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    let mut news = Vec::new();
    let consents: Vec<&Consent> = consents.iter().collect();
    let counted = consent::answered(db, &consents, &mut news).await?;
    news::tell(db, &news, by_hand).await?;
    tried.note(db, &counted).await?;
    db.commit().await?;
    Ok(counted)
}

fn key_of(account: AccountId, ask: &Ask) -> Option<Key> {
    match ask.need.as_ref()? {
        Need::Grant { template_id, scene } => Some((
            account.0,
            text(ask.openid.as_str()).into_owned(),
            text(template_id.as_str()).into_owned(),
            codes::scene_code(*scene),
        )),
        Need::Follower | Need::Window => None,
    }
}

/// Those that are counted if they are let through.
fn counted<'a>(asks: &'a [Ask], answers: &'a [Option<Hold>]) -> impl Iterator<Item = &'a Ask> {
    asks.iter()
        .zip(answers)
        .filter(|(ask, answer)| {
            !ask.tallies.is_empty() && !matches!(answer, Some(Hold::Withheld(_)))
        })
        .map(|(ask, _)| ask)
}

/// The answers that need no hold; `None` = a consent is to be held.
async fn look(
    db: &Db,
    account: AccountId,
    asks: &[Ask],
    now: Timestamp,
) -> Outcome<Vec<Option<Hold>>> {
    let openids = |wanted: &Need| -> Vec<&str> {
        asks.iter()
            .filter(|ask| ask.need.as_ref() == Some(wanted))
            .map(|ask| ask.openid.as_str())
            .collect()
    };
    let (followers, writers) = (openids(&Need::Follower), openids(&Need::Window));
    let unfollowed = if followers.is_empty() {
        BTreeSet::new()
    } else {
        unfollowed(db, account, &followers).await?
    };
    let windows = if writers.is_empty() {
        BTreeMap::new()
    } else {
        window::of_people(db, account.0, &writers).await?
    };
    let keys: BTreeSet<Key> = asks.iter().filter_map(|ask| key_of(account, ask)).collect();
    let is_known = !keys.is_empty()
        && (consent::is_any_known(db, &keys).await? || is_any_held(db, asks).await?);
    Ok(asks
        .iter()
        .map(|ask| match &ask.need {
            None => Some(Hold::Free),
            Some(Need::Follower) => Some(if unfollowed.contains(ask.openid.as_str()) {
                Hold::Withheld(Withheld::NotFollowing)
            } else {
                Hold::Free
            }),
            Some(Need::Window) => {
                let of_person = windows.get(ask.openid.as_str());
                Some(window_clearance(of_person.map_or(&[], Vec::as_slice), now))
            }
            Some(Need::Grant { .. }) => (!is_known).then_some(Hold::Free),
        })
        .collect())
}

/// Who of these stopped following. Where nobody did that is one look into an
/// index that holds nobody else.
async fn unfollowed(db: &Db, account: AccountId, openids: &[&str]) -> Outcome<BTreeSet<String>> {
    let find = db
        .prepare_cached(
            "-- ledger.unfollowed\n\
             SELECT c.openid FROM contact c \
             WHERE c.account = $1 AND c.follow = 2 AND c.openid = ANY($2::text[]) \
             AND EXISTS (SELECT 1 FROM contact u WHERE u.account = $1 AND u.follow = 2)",
        )
        .await?;
    let rows = db.query(&find, &[&account.0, &openids]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn is_any_held(db: &Db, asks: &[Ask]) -> Outcome<bool> {
    let ids: Vec<Uuid> = asks.iter().map(|ask| message_uuid(ask.message)).collect();
    let find = db
        .prepare_cached("-- ledger.any_held\nSELECT 1 FROM hold WHERE id = ANY($1) LIMIT 1")
        .await?;
    Ok(db.query_opt(&find, &[&ids]).await?.is_some())
}

/// Counts messages and holds consents for open ones, once for each: a second try
/// finds them counted and held.
async fn hold(
    db: &Db,
    account: AccountId,
    asks: &[Ask],
    answers: &[Option<Hold>],
    by_hand: Option<i64>,
) -> Outcome<Vec<Hold>> {
    let ids: BTreeSet<Uuid> = asks
        .iter()
        .zip(answers)
        .filter(|(_, answer)| answer.is_none())
        .map(|(ask, _)| message_uuid(ask.message))
        .collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let keys: BTreeSet<Key> = asks.iter().filter_map(|ask| key_of(account, ask)).collect();
    // An open message stays open until the hold is written: whoever ends it
    // finds the hold.
    let open = db
        .prepare_cached(
            "-- ledger.open\n\
             SELECT w.id FROM unnest($1::uuid[]) i(id) JOIN work w ON w.id = i.id \
             ORDER BY w.id FOR KEY SHARE OF w",
        )
        .await?;
    let held = db
        .prepare_cached("-- ledger.held\nSELECT id FROM hold WHERE id = ANY($1)")
        .await?;
    let counted: Vec<&Ask> = counted(asks, answers).collect();
    let begin = async {
        db.begin().await?;
        Tallies::read(db, account, &counted, by_hand).await
    };
    let (mut tallies, open, held) = tokio::try_join!(
        begin,
        async { Ok(db.query(&open, &[&ids]).await?) },
        async { Ok(db.query(&held, &[&ids]).await?) }
    )?;
    let set = |rows: &[tokio_postgres::Row]| -> Outcome<BTreeSet<Uuid>> {
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    };
    let (open, mut held) = (set(&open)?, set(&held)?);
    let mut grants = consent::lock(db, &keys, &BTreeSet::new()).await?;
    let (mut changed, mut holds) = (BTreeMap::new(), Vec::new());
    let mut told = Vec::with_capacity(asks.len());
    for (ask, answer) in asks.iter().zip(answers) {
        let id = message_uuid(ask.message);
        if let Some(reason) = tallies.refusal(ask)
            && !matches!(answer, Some(Hold::Withheld(_)))
        {
            told.push(Hold::Withheld(reason));
            continue;
        }
        let answer = match (answer, key_of(account, ask)) {
            (Some(answer), _) => *answer,
            (None, None) => Hold::Free,
            // Over meanwhile, by another hand: nobody would give the consent
            // back, and nothing is to be sent any more.
            (None, Some(_)) if !open.contains(&id) => Hold::Withheld(Withheld::NoConsentLeft),
            (None, Some(_)) if held.contains(&id) => Hold::Held,
            (None, Some(key)) => match grants.get_mut(&key) {
                None => Hold::Free,
                Some(grant) => {
                    let answer = grant.hold();
                    if answer == Hold::Held {
                        changed.insert(key.clone(), grant.clone());
                        held.insert(id);
                        holds.push((id, key));
                    }
                    answer
                }
            },
        };
        if !matches!(answer, Hold::Withheld(_)) {
            tallies.count(ask);
        }
        told.push(answer);
    }
    keep_holds(db, &holds).await?;
    consent::write(db, &changed).await?;
    tallies.write(db).await?;
    db.commit().await?;
    Ok(told)
}

async fn keep_holds(db: &Db, holds: &[(Uuid, Key)]) -> Outcome<()> {
    if holds.is_empty() {
        return Ok(());
    }
    let keep = db
        .prepare_cached(
            "-- ledger.hold\n\
             INSERT INTO hold (id, account, openid, template_id, scene) \
             SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::int[])",
        )
        .await?;
    let ids: Vec<Uuid> = holds.iter().map(|(id, _)| *id).collect();
    let accounts: Vec<i64> = holds.iter().map(|(_, key)| key.0).collect();
    let openids: Vec<&str> = holds.iter().map(|(_, key)| key.1.as_str()).collect();
    let templates: Vec<&str> = holds.iter().map(|(_, key)| key.2.as_str()).collect();
    let scenes: Vec<i32> = holds.iter().map(|(_, key)| key.3).collect();
    db.execute(&keep, &[&ids, &accounts, &openids, &templates, &scenes])
        .await?;
    Ok(())
}

/// Takes holds away; which consents they held, by message.
async fn let_go(db: &Db, ids: &[Uuid]) -> Outcome<BTreeMap<Uuid, Key>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let take = db
        .prepare_cached(
            "-- ledger.let_go\n\
             DELETE FROM hold WHERE id = ANY($1) \
             RETURNING id, account, openid, template_id, scene",
        )
        .await?;
    let rows = db.query(&take, &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let key = (
                row.try_get(1)?,
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
            );
            Ok((row.try_get(0)?, key))
        })
        .collect()
}

/// What a send did to a consent.
struct Used {
    key: Key,
    was_held: bool,
    outcome: Use,
    at: Timestamp,
}

async fn write_used(db: &Db, used: &[Used]) -> Outcome<()> {
    if used.is_empty() {
        return Ok(());
    }
    let keys: BTreeSet<Key> = used.iter().map(|one| one.key.clone()).collect();
    // WeChat's own word is noted also where nothing was known.
    let needed: BTreeSet<Key> = used
        .iter()
        .filter(|one| matches!(one.outcome, Use::DeniedByWechat | Use::BannedByWechat))
        .map(|one| one.key.clone())
        .collect();
    let mut grants = consent::lock(db, &keys, &needed).await?;
    let mut changed = BTreeMap::new();
    for one in used {
        let stored = grants.get(&one.key).cloned();
        if let Some(grant) = after_use(stored, one.was_held, one.outcome, one.at) {
            grants.insert(one.key.clone(), grant.clone());
            changed.insert(one.key.clone(), grant);
        }
    }
    consent::write(db, &changed).await
}

/// Ends the holds of messages that left the hands or the queue, in a transaction.
pub(super) async fn return_holds(db: &Db, ended: &[(Uuid, Use)], at: Timestamp) -> Outcome<()> {
    let ids: Vec<Uuid> = ended.iter().map(|(id, _)| *id).collect();
    let held = let_go(db, &ids).await?;
    let used: Vec<Used> = ended
        .iter()
        .filter_map(|(id, outcome)| {
            Some(Used {
                key: held.get(id)?.clone(),
                was_held: true,
                outcome: *outcome,
                at,
            })
        })
        .collect();
    write_used(db, &used).await
}

/// A settlement that was written under its own lease and touches the ledgers.
pub(super) struct Entry<'a> {
    pub(super) account: i64,
    pub(super) settlement: &'a Settlement,
    pub(super) holds_consent: bool,
}

/// What settlements do to the ledgers, in their transaction.
pub(super) async fn settle(db: &Db, entries: &[Entry<'_>]) -> Outcome<()> {
    let ids: Vec<Uuid> = entries
        .iter()
        .filter(|entry| entry.holds_consent)
        .map(|entry| message_uuid(entry.settlement.message))
        .collect();
    let held = let_go(db, &ids).await?;
    let (mut used, mut windows) = (Vec::new(), Vec::new());
    for Entry {
        account,
        settlement,
        ..
    } in entries
    {
        let at = settlement.at;
        let own = held.get(&message_uuid(settlement.message));
        let unsaid = |key: &Key| Used {
            key: key.clone(),
            was_held: true,
            outcome: use_of_decision(&settlement.decision),
            at,
        };
        match &settlement.ledger {
            Some(LedgerEntry::Grant { key, outcome }) => used.push(Used {
                key: own.cloned().unwrap_or_else(|| consent::key(key)),
                was_held: own.is_some(),
                outcome: *outcome,
                at,
            }),
            Some(LedgerEntry::Window { openid, outcome }) => {
                used.extend(own.map(unsaid));
                windows.push((*account, openid.as_str(), *outcome, at));
            }
            None => used.extend(own.map(unsaid)),
        }
    }
    write_used(db, &used).await?;
    windows.sort_by_key(|&(account, openid, _, _)| (account, openid));
    for (account, openid, outcome, at) in windows {
        window::used(db, account, openid, outcome, at).await?;
    }
    Ok(())
}
