//! What happened to a message: leases, attempts, outcomes, receipts.

use std::time::Duration;

use hongyan_wechat::{ErrCode, MsgId, OpenId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grant::Withheld;
use crate::ids::{AccountId, MessageId};
use crate::message::{Content, Handling, Message, State, Status};
use crate::port::LedgerEntry;

/// WeChat's refusal of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code decisions are made on.
    pub errcode: ErrCode,
    /// WeChat's words, without the rid.
    pub errmsg: String,
    /// By which WeChat's support finds the call, for seven days.
    pub rid: Option<String>,
}

/// How one call to WeChat ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// errcode 0: WeChat took it.
    Accepted {
        /// WeChat's number for it, which the receipt repeats.
        msgid: Option<MsgId>,
    },
    /// WeChat answered with a code.
    Refused(Refusal),
    /// The call certainly had no effect: it never reached WeChat, or something
    /// in between turned it away.
    NotSent {
        /// Why, without secrets.
        reason: String,
    },
    /// No usable answer: the message may or may not have gone out.
    Uncertain {
        /// What happened, without secrets.
        reason: String,
    },
    /// The process that sent it ended before it could write down the answer.
    Interrupted,
    /// WeChat was not asked: by what we know it would have refused.
    Withheld(Withheld),
}

/// The short word of an [`Outcome`], as storage and API keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// See [`Outcome::Accepted`].
    Accepted,
    /// See [`Outcome::Refused`].
    Refused,
    /// See [`Outcome::NotSent`].
    NotSent,
    /// See [`Outcome::Uncertain`].
    Uncertain,
    /// See [`Outcome::Interrupted`].
    Interrupted,
    /// See [`Outcome::Withheld`].
    Withheld,
}

impl From<&Outcome> for OutcomeKind {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted { .. } => Self::Accepted,
            Outcome::Refused(_) => Self::Refused,
            Outcome::NotSent { .. } => Self::NotSent,
            Outcome::Uncertain { .. } => Self::Uncertain,
            Outcome::Interrupted => Self::Interrupted,
            Outcome::Withheld(_) => Self::Withheld,
        }
    }
}

impl OutcomeKind {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Accepted,
        Self::Refused,
        Self::NotSent,
        Self::Uncertain,
        Self::Interrupted,
        Self::Withheld,
    ];

    /// The name in API and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::Uncertain => "uncertain",
            Self::Interrupted => "interrupted",
            Self::Withheld => "withheld",
        }
    }

    /// The number storage keeps.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Refused => 1,
            Self::NotSent => 2,
            Self::Uncertain => 3,
            Self::Interrupted => 4,
            Self::Withheld => 5,
        }
    }

    /// The outcome of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One call to WeChat and how it ended, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When the call began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// WeChat's code, if it answered with one other than 0.
    pub errcode: Option<i64>,
    /// WeChat's words, or ours where there was no answer.
    pub errmsg: Option<String>,
    /// WeChat's request id.
    pub rid: Option<String>,
    /// How long the call took.
    pub elapsed_ms: u32,
}

impl Attempt {
    /// The record of a call that began at `at` and ended in `outcome`.
    #[must_use]
    pub fn new(at: Timestamp, outcome: &Outcome, elapsed: Duration) -> Self {
        let mut attempt = Self {
            at,
            outcome: outcome.into(),
            errcode: None,
            errmsg: None,
            rid: None,
            elapsed_ms: u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX),
        };
        match outcome {
            Outcome::Accepted { .. } => {}
            Outcome::Refused(refusal) => {
                attempt.errcode = Some(refusal.errcode.0);
                attempt.errmsg = Some(refusal.errmsg.clone());
                attempt.rid = refusal.rid.clone();
            }
            Outcome::NotSent { reason } | Outcome::Uncertain { reason } => {
                attempt.errmsg = Some(reason.clone());
            }
            Outcome::Interrupted => {
                attempt.errmsg =
                    Some("the gateway stopped before it could note the answer".to_owned());
            }
            Outcome::Withheld(reason) => {
                attempt.errmsg = Some(reason.sentence().to_owned());
            }
        }
        attempt
    }
}

/// The time-bound right to work on a message. Only the holder of the token may
/// settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Grows with every claim of the message; an older one no longer counts.
    pub token: i64,
    /// When others may claim the message.
    pub until: Timestamp,
}

/// What earlier attempts left behind, as far as decisions need it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Attempts so far that count against the limit.
    pub attempts: u32,
    /// When the first call began of which nobody knows whether it took effect.
    pub first_uncertain_at: Option<Timestamp>,
    /// Whether the message may have gone out before somebody asked by hand for
    /// another try: that try is wished for, but what became of the former is
    /// still not known.
    pub doubted: bool,
}

impl History {
    /// Whether the message may have gone out already.
    #[must_use]
    pub fn may_have_gone_out(&self) -> bool {
        self.doubted || self.first_uncertain_at.is_some()
    }
}

/// A message handed out for sending.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The message.
    pub message: Message,
    /// The right to work on it.
    pub lease: Lease,
    /// What happened before.
    pub history: History,
    /// When the earlier claim was made, if one was never settled: its holder
    /// may have sent the message.
    pub interrupted_at: Option<Timestamp>,
}

/// What to do with a message after an attempt. Made by
/// [`crate::retry::decide`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The sending is over.
    Settle {
        /// The new state; never [`State::Open`].
        state: State,
        /// WeChat's number, if it gave one.
        msgid: Option<MsgId>,
    },
    /// Try again, not before `at`.
    RetryAt {
        /// When.
        at: Timestamp,
    },
    /// The account's allowance is used up. The message stays due: it is its
    /// account that waits.
    Park {
        /// When the allowance starts again.
        until: Timestamp,
    },
    /// The person cannot be reached this way: the message goes on another, due now,
    /// as if it had just come: nothing is known to have gone out, and the count of
    /// attempts against the limit begins again. All attempts are kept.
    Reroute(Box<Reroute>),
}

/// The way a message goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reroute {
    /// The account that sends from now on.
    pub account: AccountId,
    /// The person there.
    pub to: OpenId,
    /// What is said.
    pub content: Content,
    /// The message's handling from now on.
    pub handling: Handling,
}

/// What is written down after an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The message.
    pub message: MessageId,
    /// The token of the claim; with a lost lease only the attempts are written.
    pub lease_token: i64,
    /// The attempts made under this claim, oldest first.
    pub attempts: Vec<Attempt>,
    /// What follows.
    pub decision: Decision,
    /// The history to keep for the next claim.
    pub history: History,
    /// When this was decided.
    pub at: Timestamp,
    /// What the send did to what it needed, where it needed something.
    pub ledger: Option<LedgerEntry>,
    /// Whether WeChat will tell what became of the message: it is then waited
    /// for. Only looked at where the message is settled as accepted.
    pub awaits_receipt: bool,
    /// Whether the message was counted against a frequency cap or the like
    /// ([`crate::port::Ask::tallies`]). The count is taken back where it certainly
    /// did not go out: settled as failed, expired or canceled, or sent on another way.
    pub tallied: bool,
}

/// WeChat's later word on a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// WeChat's status text, such as `success` or `failed:user block`.
    pub status: String,
    /// When the event was made.
    pub at: Timestamp,
}

/// A message with all that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Where it stands.
    pub state: State,
    /// When it is due next; only while open.
    pub due_at: Option<Timestamp>,
    /// Until when somebody is at work on it; only while open.
    pub leased_until: Option<Timestamp>,
    /// WeChat's number.
    pub wechat_msgid: Option<MsgId>,
    /// When the sending was over.
    pub settled_at: Option<Timestamp>,
    /// The code of the last attempt.
    pub last_errcode: Option<i64>,
    /// All attempts, oldest first. Empty in lists.
    pub attempts: Vec<Attempt>,
    /// How many attempts were made, also in lists.
    pub attempt_count: u32,
    /// WeChat's receipt.
    pub receipt: Option<Receipt>,
}

impl Delivery {
    /// The word people see at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        match self.state {
            State::Open => {
                if self.leased_until.is_some_and(|until| until > now) {
                    Status::Sending
                } else if self.attempt_count > 0 {
                    Status::Retrying
                } else if self.message.send_at.is_some() && self.due_at.is_some_and(|at| at > now) {
                    Status::Scheduled
                } else {
                    Status::Queued
                }
            }
            State::Accepted => Status::Accepted,
            State::Delivered => Status::Delivered,
            State::Undelivered => Status::Undelivered,
            State::Failed => Status::Failed,
            State::Unknown => Status::Unknown,
            State::Expired => Status::Expired,
            State::Canceled => Status::Canceled,
        }
    }
}
