//! What a message needs before it may be sent, and what its sending did to that.

use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::delivery::{Claimed, Decision, Outcome};
use hongyan_domain::grant::{GrantKey, Hold, Use, WindowUse, Withheld};
use hongyan_domain::message::{Kind, Message, Priority, State};
use hongyan_domain::port::{Ask, LedgerEntry, Need, StoreError};

use super::{gate, tallies};
use crate::Engine;

/// No consent, or the consents are used up (发送订阅消息, 43101).
const NO_CONSENT: i64 = 43101;
/// The template or the ability is banned (43107).
const BANNED: i64 = 43107;
/// No customer-service window is open (45015).
const WINDOW_CLOSED: i64 = 45015;
/// The messages of the window are used up (45047).
const WINDOW_USED_UP: i64 = 45047;

/// What a message of this account needs, if anything.
pub(super) fn need(account: &Account, message: &Message) -> Option<Need> {
    match message.kind() {
        Kind::Template => (account.settings.kind == AccountKind::OfficialAccount
            && !account.settings.options.send_to_unfollowed)
            .then_some(Need::Follower),
        Kind::Subscribe | Kind::Notification | Kind::OneTime => {
            message
                .content
                .template_id()
                .map(|template_id| Need::Grant {
                    template_id: template_id.clone(),
                    scene: message.content.scene(),
                })
        }
        Kind::CustomerService => Some(Need::Window),
    }
}

/// What to write into the ledger with a settlement.
pub(super) fn entry(
    message: &Message,
    hold: Hold,
    outcome: Option<&Outcome>,
    decision: &Decision,
) -> Option<LedgerEntry> {
    let errcode = match outcome {
        Some(Outcome::Refused(refusal)) => refusal.errcode.0,
        _ => 0,
    };
    match message.kind() {
        Kind::Template => None,
        Kind::Subscribe | Kind::Notification | Kind::OneTime => {
            let outcome = match (outcome, decision) {
                _ if errcode == NO_CONSENT => Use::DeniedByWechat,
                _ if errcode == BANNED => Use::BannedByWechat,
                (
                    _,
                    Decision::Settle {
                        state: State::Accepted,
                        ..
                    },
                ) => Use::Consumed,
                (Some(Outcome::Uncertain { .. } | Outcome::Interrupted), _)
                | (
                    _,
                    Decision::Settle {
                        state: State::Unknown,
                        ..
                    },
                ) => Use::Doubtful,
                _ => Use::Returned,
            };
            let held = hold == Hold::Held;
            // What held nothing has nothing to give back.
            if !held && matches!(outcome, Use::Returned | Use::Doubtful) {
                return None;
            }
            Some(LedgerEntry::Grant {
                key: GrantKey {
                    account: message.account,
                    openid: message.to.clone(),
                    template_id: message.content.template_id()?.clone(),
                    scene: message.content.scene(),
                },
                outcome,
            })
        }
        Kind::CustomerService => {
            let outcome = match decision {
                _ if errcode == WINDOW_CLOSED => WindowUse::Closed,
                _ if errcode == WINDOW_USED_UP => WindowUse::UsedUp,
                Decision::Settle {
                    state: State::Accepted,
                    ..
                } => WindowUse::Spent,
                _ => return None,
            };
            Some(LedgerEntry::Window {
                openid: message.to.clone(),
                outcome,
            })
        }
    }
}

impl Engine {
    /// Asks the ledger about claimed messages of one account; one answer each, in
    /// order.
    pub(super) async fn clear(
        &self,
        account: &Account,
        claimed: &[Claimed],
    ) -> Result<Vec<Hold>, StoreError> {
        let drops = gate::drops(account, self.clock.now());
        let mut holds = vec![Hold::Free; claimed.len()];
        let (mut asks, mut places) = (Vec::new(), Vec::new());
        for (place, item) in claimed.iter().enumerate() {
            if drops && item.message.priority != Priority::High {
                holds[place] = Hold::Withheld(Withheld::QuietHours);
                continue;
            }
            let need = need(account, &item.message);
            let tallies = tallies::of(account, &item.message);
            if need.is_some() || !tallies.is_empty() {
                asks.push(Ask {
                    message: item.message.id,
                    openid: item.message.to.clone(),
                    need,
                    tallies,
                });
                places.push(place);
            }
        }
        if !asks.is_empty() {
            let answers = self.store.clear(account.id, &asks).await?;
            for (place, hold) in places.into_iter().zip(answers) {
                holds[place] = hold;
            }
        }
        Ok(holds)
    }
}
