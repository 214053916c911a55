//! What people would get, before there is a broadcast.

use hongyan_domain::broadcast::RecipientId;
use hongyan_domain::message::Card;
use hongyan_domain::template::Violation;

use super::make::Maker;
use super::plan::{NewBroadcast, Proofread};
use crate::Engine;
use crate::intake::Rejection;

/// What a broadcast would say.
#[derive(Debug, Clone, PartialEq)]
pub struct BroadcastPreview {
    /// What is wrong with it, whoever it is for.
    pub violations: Vec<Violation>,
    /// What each of the people named would get, in their order; empty where a text
    /// cannot be read.
    pub people: Vec<PersonPreview>,
}

/// What one person would get by the first way.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonPreview {
    /// The person as they were named.
    pub to: RecipientId,
    /// What their phone would show; empty where it cannot be written.
    pub card: Card,
    /// Every further rule that breaks with their data, by any of the ways.
    pub violations: Vec<Violation>,
}

impl Engine {
    /// Writes a broadcast's texts for the people named in it. Nothing is stored and
    /// nobody is told anything.
    ///
    /// # Errors
    /// Why it could not be made at all, such as an unknown account or template.
    pub async fn preview_broadcast(
        &self,
        new: NewBroadcast,
    ) -> Result<BroadcastPreview, Rejection> {
        let Proofread {
            spec,
            script,
            mut violations,
            ..
        } = self.proofread(&new.account, new.spec, new.fallback).await?;
        let mut people = Vec::new();
        if let Some(script) = &script {
            match Maker::new(self, script, spec.overflow).await? {
                Err(halt) => violations.push(halt.into_violation()),
                Ok(maker) => people.extend(new.recipients.into_iter().map(|recipient| {
                    let (card, mut wrong) = maker.shown_to(&recipient);
                    wrong.retain(|one| !violations.contains(one));
                    PersonPreview {
                        to: recipient.to,
                        card,
                        violations: wrong,
                    }
                })),
            }
        }
        Ok(BroadcastPreview { violations, people })
    }
}
