//! What travels over the gateway's HTTP API: requests, answers, problems, and a
//! small [`Client`] for them.
//!
//! Invariants
//! - Names and shapes only: no rule of the product is decided here, and the
//!   gateway converts to and from its own types.
//! - Requests refuse unknown fields by name; answers are read tolerantly, so that
//!   an older client understands a newer gateway.
//! - Secrets are written, never read back, and cannot be printed ([`Secret`]).

mod account;
mod client;
mod errcode;
mod key;
mod message;
mod page;
mod problem;
mod secret;
mod template;

pub use account::{
    AccessToken, Account, AccountKind, CallbackSettings, CallbackState, ChangeAccount, CheckReport,
    CheckStep, Health, HealthStatus, NewAccount, StepState, TokenMode, TokenRefreshes,
};
pub use client::{ApiError, Client, SendOptions, Sent};
pub use errcode::{Diagnosis, Errcode};
pub use key::{CreatedKey, Key, NewKey, Scope};
pub use message::{
    Accepted, Attempt, BatchResult, BatchResults, Data, Kind, Language, Message, MessageBatch,
    MessageFilter, MiniProgramLink, MiniProgramState, NewMessage, OnUnknown, Outcome, Overflow,
    PreviewLine, Priority, Receipt, Recipient, SlotValue, Status, StyledValue, Validation, Waiting,
    WaitingFor,
};
pub use page::{List, PageQuery};
pub use problem::{Problem, Violation};
pub use secret::Secret;
pub use template::{Field, Subscription, SyncReport, Template};
