//! QR codes that carry a scene (page "生成带参数的二维码").

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::clock::DAY_MS;

/// Codes made between two looks for those long expired.
const CROWD: usize = 10_000;

/// One code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QrCode {
    pub(crate) ticket: String,
    /// A number's digits or a text: events do not tell them apart.
    pub(crate) scene: String,
    /// `None` of a permanent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<i64>,
    /// What the code says.
    pub(crate) url: String,
}

impl QrCode {
    pub(crate) fn has_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }
}

/// The codes of an account.
#[derive(Debug, Default)]
pub(crate) struct QrCodes {
    by_ticket: HashMap<String, QrCode>,
    /// The newest ticket of each scene.
    by_scene: HashMap<String, String>,
    permanent: usize,
    made: usize,
}

impl QrCodes {
    /// Adds a code. `now` and then those that expired a day ago are forgotten.
    pub(crate) fn add(&mut self, code: QrCode, now: i64) {
        self.made += 1;
        if self.made.is_multiple_of(CROWD) {
            let recent = |code: &QrCode| !code.has_expired(now - DAY_MS);
            self.by_ticket.retain(|_, code| recent(code));
            let by_ticket = &self.by_ticket;
            self.by_scene
                .retain(|_, ticket| by_ticket.contains_key(ticket));
        }
        self.permanent += usize::from(code.expires_at.is_none());
        self.by_scene
            .insert(code.scene.clone(), code.ticket.clone());
        self.by_ticket.insert(code.ticket.clone(), code);
    }

    pub(crate) fn by_ticket(&self, ticket: &str) -> Option<&QrCode> {
        self.by_ticket.get(ticket)
    }

    /// The newest code of a scene.
    pub(crate) fn by_scene(&self, scene: &str) -> Option<&QrCode> {
        self.by_ticket.get(self.by_scene.get(scene)?)
    }

    /// Permanent codes made so far.
    pub(crate) fn permanent(&self) -> usize {
        self.permanent
    }

    /// What a snapshot must keep, the newest code of a scene last.
    pub(crate) fn living(&self, now: i64) -> Vec<&QrCode> {
        let mut living: Vec<&QrCode> = self
            .by_ticket
            .values()
            .filter(|code| !code.has_expired(now - DAY_MS))
            .collect();
        let newest = |code: &QrCode| self.by_scene.get(&code.scene) == Some(&code.ticket);
        living.sort_by_key(|code| newest(code));
        living
    }
}
