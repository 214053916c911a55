//! Writing callbacks down with all that follows from them, many in one
//! transaction.
//!
//! What follows is done kind by kind, and rows are locked in the same order by
//! all: receipts, contacts, consents, windows, codes.

use std::collections::BTreeSet;

use hongyan_domain::CallbackId;
use hongyan_domain::callback::{Effect, NewReceipt, Received};
use hongyan_domain::grant::{Consent, Window};
use hongyan_domain::port::StoreError;
use hongyan_wechat::OpenId;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::contact::Sightings;
use super::fault::{Fault, Outcome};
use super::link::{Db, closed};
use super::menus::Scans;
use super::receipt::Taken;
use super::reception::Call;
use super::row::{millis, small, text};
use super::window::Opened;
use super::{consent, contact, forward, intake, news, receipt};
use crate::webhook::News;
use crate::{codes, digest};

pub(super) fn callback_uuid(id: CallbackId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A callback that came before: which of the calls, its id, its answer.
struct Earlier {
    call: usize,
    id: Uuid,
    reply: Option<String>,
}

/// One result each, in order. No two calls may be repeats of each other.
pub(super) async fn receive(
    db: &Db,
    calls: &[&Call],
    again: bool,
) -> Outcome<Vec<Result<Received, StoreError>>> {
    let mut results: Vec<Option<Result<Received, StoreError>>> = vec![None; calls.len()];
    let accounts: BTreeSet<i64> = calls.iter().map(|call| call.callback.account.0).collect();
    let accounts: Vec<i64> = accounts.into_iter().collect();
    let found = intake::begin(db, &accounts).await?;
    for (result, call) in results.iter_mut().zip(calls) {
        if !found.contains(&call.callback.account.0) {
            *result = Some(Err(Fault::missing("the account").into()));
        }
    }
    let mut repeats = earlier(db, calls, &open(&results)).await?;
    note(calls, &repeats, again, &mut results);
    let new = open(&results);
    let inserted = insert(db, calls, &new).await?;
    if inserted.len() < new.len() {
        // Another node was faster.
        let rest: Vec<usize> = new
            .iter()
            .copied()
            .filter(|&i| !inserted.contains(&callback_uuid(calls[i].callback.id)))
            .collect();
        let missed = earlier(db, calls, &rest).await?;
        note(calls, &missed, again, &mut results);
        repeats.extend(missed);
        for i in rest {
            if results[i].is_none() {
                return Err(Fault::taken(format!("the id {}", calls[i].callback.id)));
            }
        }
    }
    count_repeats(db, calls, &repeats).await?;
    let new: Vec<usize> = open(&results);
    let mut news: Vec<News> = new
        .iter()
        .map(|&i| News::of_callback(&calls[i].callback))
        .collect();
    for (i, received) in apply(db, calls, &new, &mut news).await? {
        results[i] = Some(Ok(received));
    }
    let forwards: Vec<forward::New<'_>> = new
        .iter()
        .flat_map(|&i| {
            let callback = &calls[i].callback;
            let (account, id) = (callback.account.0, callback_uuid(callback.id));
            calls[i]
                .forward_to
                .iter()
                .map(move |url| (account, id, url.as_str()))
        })
        .collect();
    let now = calls.iter().map(|call| call.now).max().unwrap_or_default();
    // One journey for both.
    tokio::try_join!(
        forward::add(db, &forwards, now),
        news::tell(db, &news, Some(now))
    )?;
    db.commit().await?;
    Ok(results
        .into_iter()
        .map(|result| result.unwrap_or_else(|| Err(closed())))
        .collect())
}

fn open(results: &[Option<Result<Received, StoreError>>]) -> Vec<usize> {
    (0..results.len())
        .filter(|&i| results[i].is_none())
        .collect()
}

fn note(
    calls: &[&Call],
    repeats: &[Earlier],
    again: bool,
    results: &mut [Option<Result<Received, StoreError>>],
) {
    for Earlier { call, id, reply } in repeats {
        let is_itself = callback_uuid(calls[*call].callback.id) == *id;
        results[*call] = Some(Ok(if is_itself && again {
            // The try before this one wrote it; what its receipts found is told
            // to those who look.
            Received::New {
                settled: Vec::new(),
                early: 0,
            }
        } else {
            Received::Repeated {
                id: CallbackId::from_bytes(id.into_bytes()),
                reply: reply.clone(),
            }
        }));
    }
}

/// Those of the calls that came before. A repeat has the same `CreateTime`; the
/// spans beside its own are looked into for the sake of those that do not.
async fn earlier(db: &Db, calls: &[&Call], some: &[usize]) -> Outcome<Vec<Earlier>> {
    if some.is_empty() {
        return Ok(Vec::new());
    }
    let (mut places, mut spans, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    for &i in some {
        let span = digest::dedupe_span(&calls[i].callback);
        for span in [span, span - 1, span + 1] {
            places.push(i64::try_from(i).unwrap_or(i64::MAX));
            spans.push(span);
            digests.push(calls[i].dedupe);
        }
    }
    let find = db
        .prepare_cached(
            "-- inbox.earlier\n\
             SELECT k.n, c.id, c.reply \
             FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) k(n, span, dedupe) \
             JOIN callback c ON (c.created_at >> 20) = k.span AND c.dedupe = k.dedupe",
        )
        .await?;
    let rows = db.query(&find, &[&places, &spans, &digests]).await?;
    rows.iter()
        .map(|row| {
            let call: i64 = row.try_get(0)?;
            Ok(Earlier {
                call: usize::try_from(call).unwrap_or(usize::MAX),
                id: row.try_get(1)?,
                reply: row.try_get(2)?,
            })
        })
        .collect()
}

async fn count_repeats(db: &Db, calls: &[&Call], repeats: &[Earlier]) -> Outcome<()> {
    let ids: Vec<Uuid> = repeats
        .iter()
        .filter(|one| callback_uuid(calls[one.call].callback.id) != one.id)
        .map(|one| one.id)
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let count = db
        .prepare_cached(
            "-- inbox.repeat\nUPDATE callback SET repeats = repeats + 1 WHERE id = ANY($1)",
        )
        .await?;
    db.execute(&count, &[&ids]).await?;
    Ok(())
}

/// Writes callbacks that are new; which of them were.
async fn insert(db: &Db, calls: &[&Call], new: &[usize]) -> Outcome<BTreeSet<Uuid>> {
    if new.is_empty() {
        return Ok(BTreeSet::new());
    }
    let all = || new.iter().map(|&i| calls[i]);
    let each = || all().map(|call| &call.callback);
    let ids: Vec<Uuid> = each().map(|c| callback_uuid(c.id)).collect();
    let accounts: Vec<i64> = each().map(|c| c.account.0).collect();
    let received: Vec<i64> = each().map(|c| millis(c.received_at)).collect();
    let created: Vec<i64> = each().map(|c| millis(c.created_at)).collect();
    let digests: Vec<Uuid> = all().map(|call| call.dedupe).collect();
    let repeats: Vec<i32> = each().map(|c| small(c.repeats)).collect();
    let modes: Vec<i16> = each().map(|c| codes::mode_code(c.mode)).collect();
    let keys: Vec<_> = each().map(|c| text(&c.dedupe_key)).collect();
    let openids: Vec<_> = each()
        .map(|c| c.openid.as_ref().map(|id| text(id.as_str())))
        .collect();
    let kinds: Vec<_> = each().map(|c| text(&c.msg_type)).collect();
    let events: Vec<_> = each().map(|c| c.event.as_deref().map(text)).collect();
    let event_keys: Vec<_> = each().map(|c| c.event_key.as_deref().map(text)).collect();
    let queries: Vec<_> = each().map(|c| text(&c.query)).collect();
    let content: Vec<_> = each()
        .map(|c| c.content_type.as_deref().map(text))
        .collect();
    let replies: Vec<_> = each().map(|c| c.reply.as_deref().map(text)).collect();
    let bodies: Vec<&[u8]> = each().map(|c| &c.body[..]).collect();
    let texts: Vec<_> = each().map(|c| digest::separate_text(c).map(text)).collect();
    let insert = db
        .prepare_cached(
            "-- inbox.insert\n\
             INSERT INTO callback (id, account, received_at, created_at, dedupe, repeats, mode, \
                dedupe_key, openid, msg_type, event, event_key, query, content_type, reply, body, \
                text) \
             SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], \
                $5::uuid[], $6::int[], $7::smallint[], $8::text[], $9::text[], $10::text[], \
                $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], \
                $17::text[]) \
             ON CONFLICT DO NOTHING RETURNING id",
        )
        .await?;
    let parameters: [&(dyn ToSql + Sync); 17] = [
        &ids,
        &accounts,
        &received,
        &created,
        &digests,
        &repeats,
        &modes,
        &keys,
        &openids,
        &kinds,
        &events,
        &event_keys,
        &queries,
        &content,
        &replies,
        &bodies,
        &texts,
    ];
    let rows = db.query(&insert, &parameters).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// What follows from calls that can be done together.
#[derive(Default)]
struct Effects<'a> {
    sightings: Sightings,
    opened: Opened,
    consents: Vec<&'a Consent>,
    receipts: Vec<(usize, receipt::One<'a>)>,
    forgotten: Vec<(i64, &'a OpenId)>,
    scans: Scans,
}

impl<'a> Effects<'a> {
    fn add(&mut self, call: usize, account: i64, effect: &'a Effect) {
        match effect {
            Effect::Seen(sighting) => self.sightings.add(account, sighting),
            Effect::Opened { openid, cause, at } => {
                let window = Window::open(*cause, *at);
                self.opened.add(account, &text(openid.as_str()), window);
            }
            Effect::Answered(consent) => self.consents.push(consent),
            Effect::Receipt(receipt) => {
                let one: (i64, &NewReceipt) = (account, receipt);
                self.receipts.push((call, one));
            }
            Effect::Forgotten { openid } => self.forgotten.push((account, openid)),
            Effect::Scanned { scene, followed } => self.scans.add(account, scene, *followed),
        }
    }

    /// Does it; what became of the receipts, by call.
    async fn apply(self, db: &Db, now: i64, news: &mut Vec<News>) -> Outcome<Vec<(usize, Taken)>> {
        let (calls, receipts): (Vec<usize>, Vec<receipt::One<'_>>) =
            self.receipts.into_iter().unzip();
        let taken = receipt::take(db, &receipts, now, news).await?;
        self.sightings.write(db).await?;
        consent::answered(db, &self.consents, news).await?;
        self.opened.write(db).await?;
        self.scans.write(db).await?;
        for (account, openid) in self.forgotten {
            contact::forget(db, account, openid.as_str()).await?;
        }
        Ok(calls.into_iter().zip(taken).collect())
    }
}

/// Does what follows from new calls; their results.
async fn apply(
    db: &Db,
    calls: &[&Call],
    new: &[usize],
    news: &mut Vec<News>,
) -> Outcome<Vec<(usize, Received)>> {
    let now = calls.iter().map(|call| call.now).max().unwrap_or_default();
    let is_forgetting = |effect: &Effect| matches!(effect, Effect::Forgotten { .. });
    let forgets = new
        .iter()
        .any(|&i| calls[i].effects.iter().any(is_forgetting));
    let mut taken = Vec::new();
    let mut together = Effects::default();
    for &i in new {
        for effect in &calls[i].effects {
            together.add(i, calls[i].callback.account.0, effect);
            // What comes before it is forgotten, what comes after is not.
            if forgets {
                let one = std::mem::take(&mut together);
                taken.extend(one.apply(db, now, news).await?);
            }
        }
    }
    taken.extend(together.apply(db, now, news).await?);
    let mut received: Vec<(usize, Received)> = Vec::with_capacity(new.len());
    for &i in new {
        let (mut settled, mut early) = (Vec::new(), 0);
        for (_, one) in taken.iter().filter(|(call, _)| *call == i) {
            match one {
                Taken::Settled(id) => settled.push(*id),
                Taken::Kept => early += 1,
                Taken::Known => {}
            }
        }
        received.push((i, Received::New { settled, early }));
    }
    Ok(received)
}
