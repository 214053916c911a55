use std::time::Duration;

use async_trait::async_trait;
use hongyan_wechat::{OpenId, TemplateId};

use super::StoreError;
use crate::grant::{Consent, Grant, GrantKey, Hold, Use, Window, WindowUse, Withheld};
use crate::ids::{AccountId, MessageId};

/// What a message needs before it may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// That its recipient has not stopped following.
    Follower,
    /// A consent of its recipient.
    Grant {
        /// To this template.
        template_id: TemplateId,
        /// Under this scene (kind `one_time`).
        scene: Option<u16>,
    },
    /// An open customer-service window.
    Window,
}

/// One message of an account that asks to be let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The message. A hold belongs to it: asking again holds nothing more.
    pub message: MessageId,
    /// Its recipient.
    pub openid: OpenId,
    /// What it needs, if anything.
    pub need: Option<Need>,
    /// The counts it must fit into.
    pub tallies: Vec<Tally>,
}

/// A count a message must fit into: the messages of the account let through under
/// the same key a while back, this one not among them. Messages that turned out not
/// to go out are not counted ([`crate::delivery::Settlement::tallied`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What is counted: a digest of the engine's.
    pub key: [u8; 16],
    /// So many at most, from 1 on.
    pub at_most: u32,
    /// In so long a time back; at most [`crate::timing::LONGEST_SPAN`].
    pub within: Duration,
    /// Why the message is withheld where it does not fit.
    pub reason: Withheld,
}

/// What a send did to what it needed. Part of a [`crate::delivery::Settlement`]:
/// written in the same step, and only under a lease that is still held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerEntry {
    /// The consent it used.
    Grant {
        /// Which.
        key: GrantKey,
        /// What became of it.
        outcome: Use,
    },
    /// The customer-service windows of its recipient.
    Window {
        /// The recipient.
        openid: OpenId,
        /// What became of them.
        outcome: WindowUse,
    },
}

/// The ledgers: consents and customer-service windows.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Takes in an answer that came by our API or a page. Whether it counted (a
    /// second report of the same tap does not).
    async fn answered(&self, consents: &[Consent]) -> Result<Vec<bool>, StoreError>;

    /// Asks for messages of one account to be let through; holds a consent for
    /// each that needs one, and counts each that has tallies. One answer each, in
    /// order. What is withheld by a tally holds nothing, and what is withheld for its
    /// need is not counted. A message that was counted before is not counted again,
    /// nor stopped by a tally.
    async fn clear(&self, account: AccountId, asks: &[Ask]) -> Result<Vec<Hold>, StoreError>;

    /// What is known of a person's consents at an account, by template and scene.
    async fn grants(
        &self,
        account: AccountId,
        openid: &OpenId,
    ) -> Result<Vec<(GrantKey, Grant)>, StoreError>;

    /// The customer-service windows of a person, closed ones included.
    async fn windows(&self, account: AccountId, openid: &OpenId)
    -> Result<Vec<Window>, StoreError>;
}
