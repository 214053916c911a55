//! A broadcast as its caller wants it, checked and begun.

use hongyan_domain::broadcast::{
    Audience, Broadcast, BroadcastSpec, BroadcastState, CHUNK, Recipient,
};
use hongyan_domain::message::Card;
use hongyan_domain::port::{Idempotency, Intake, StoreError};
use hongyan_domain::template::Violation;
use hongyan_domain::{AccountId, BroadcastId, KeyId};

use super::script::Script;
use super::steer::Steered;
use crate::Engine;
use crate::intake::{Rejection, impossible_times};
use crate::ways::{DraftWay, at_way};

/// A broadcast as its caller wants it.
#[derive(Debug, Clone)]
pub struct NewBroadcast {
    /// What people call it.
    pub name: String,
    /// The name of the account that is to send it.
    pub account: String,
    /// Further ways. They stand for [`BroadcastSpec::fallback`], which is to be empty.
    pub fallback: Vec<DraftWay>,
    /// What else was asked for.
    pub spec: BroadcastSpec,
    /// Those named in the request; with [`Audience::List`] only.
    pub recipients: Vec<Recipient>,
    /// The API key it came with.
    pub created_by: KeyId,
}

/// A broadcast that passed the check.
#[derive(Debug, Clone)]
pub struct PlannedBroadcast {
    /// The broadcast as it will first be stored.
    pub broadcast: Broadcast,
    recipients: Vec<Recipient>,
}

/// What a broadcast says, looked at.
pub(super) struct Proofread {
    account: AccountId,
    pub(super) spec: BroadcastSpec,
    /// `None` = a text cannot be read.
    pub(super) script: Option<Script>,
    /// What is wrong with it, whoever it is for.
    pub(super) violations: Vec<Violation>,
}

impl Engine {
    /// Checks a broadcast: accounts, templates, times, and a sample of the people
    /// where they are named already and must all fit.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub async fn plan_broadcast(&self, new: NewBroadcast) -> Result<PlannedBroadcast, Rejection> {
        let now = self.clock.now();
        let Proofread {
            account,
            spec,
            script,
            mut violations,
        } = self.proofread(&new.account, new.spec, new.fallback).await?;
        if let Some(script) = &script
            && !spec.skips_invalid
            && violations.is_empty()
        {
            let sample = sample_of(&new.recipients);
            violations = self.check_sample(script, spec.overflow, &sample).await?;
        }
        if !violations.is_empty() {
            return Err(Rejection::Invalid {
                violations,
                preview: Card::default(),
            });
        }
        let broadcast = Broadcast {
            id: BroadcastId::new(now, self.chance.ten_bytes()),
            account,
            name: new.name,
            state: BroadcastState::Loading,
            spec,
            recipients: 0,
            chunks: 0,
            expanded: 0,
            messages: 0,
            skipped: 0,
            load_cursor: None,
            problem: None,
            created_at: now,
            created_by: Some(new.created_by),
            started_at: None,
            finished_at: None,
        };
        Ok(PlannedBroadcast {
            broadcast,
            recipients: new.recipients,
        })
    }

    /// Looks at what a broadcast says, whoever it is for.
    pub(super) async fn proofread(
        &self,
        account: &str,
        mut spec: BroadcastSpec,
        fallback: Vec<DraftWay>,
    ) -> Result<Proofread, Rejection> {
        let account = self.account_for(account, spec.content.kind())?;
        let mut said = spec.content.clone();
        let (_, mut found) = self.examine(&account, &mut said, spec.overflow).await?;
        for (index, way) in fallback.into_iter().enumerate() {
            let refused = |rejection| at_way(index, rejection);
            let account = self
                .account_for(&way.account, way.content.kind())
                .map_err(refused)?;
            let mut said = way.content.clone();
            let examined = self.examine(&account, &mut said, spec.overflow).await;
            let (_, wrong) = examined.map_err(refused)?;
            found.extend(wrong.into_iter().map(|mut one| {
                one.pointer.insert_str(0, &format!("/fallback/{index}"));
                one
            }));
            spec.fallback.push((account.id, way.content));
        }
        let mut violations = impossible_times(spec.send_at, spec.expires_at, self.clock.now());
        let script = match Script::read(account.id, &spec) {
            Ok(script) => {
                // The rules for a text hold for what a template makes, not for the
                // template.
                found.retain(|one| !script.is_template_at(&one.pointer));
                violations.append(&mut found);
                Some(script)
            }
            Err(unreadable) => {
                violations.extend(unreadable);
                None
            }
        };
        Ok(Proofread {
            account: account.id,
            spec,
            script,
            violations,
        })
    }

    /// Makes a broadcast. With [`Audience::List`] its people are taken in and it
    /// begins, if it is to begin by itself. A crash in between leaves it
    /// [`BroadcastState::Failed`]: nobody is told anything.
    ///
    /// # Errors
    /// Storage's.
    pub async fn make_broadcast(
        &self,
        planned: PlannedBroadcast,
        idempotency: Option<&Idempotency>,
    ) -> Result<Broadcast, StoreError> {
        let PlannedBroadcast {
            broadcast,
            recipients,
        } = planned;
        self.store.add_broadcast(&broadcast, idempotency).await?;
        self.broadcasts.work.notify_one();
        if broadcast.spec.audience != Audience::List {
            return Ok(broadcast);
        }
        let chunks = recipients.chunks(CHUNK).map(<[_]>::to_vec).collect();
        let intake = Intake {
            first: 0,
            chunks,
            load_cursor: None,
        };
        let taken = self.store.add_recipients(broadcast.id, &intake).await?;
        let Some(taken) = taken else {
            // Canceled in this very moment, or its account is gone.
            let now = self.store.broadcast(broadcast.id).await?;
            return Ok(now.unwrap_or(broadcast));
        };
        Ok(match self.audience_is_complete(taken.id, true).await? {
            Steered::Done(moved) | Steered::InState(moved) | Steered::Unfit(moved, _) => moved,
            Steered::Missing => taken,
        })
    }
}

/// The first of them and others at even distances, a hundred at most; each with its
/// place in the list.
fn sample_of(recipients: &[Recipient]) -> Vec<(usize, Recipient)> {
    super::sample::places(recipients.len())
        .map(|place| (place, recipients[place].clone()))
        .collect()
}
