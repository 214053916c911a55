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
mod broadcast;
mod callback;
mod client;
mod console;
mod contact;
mod errcode;
mod grant;
mod key;
mod message;
mod page;
mod problem;
pub mod rule;
mod secret;
mod template;
mod user;
mod web;

pub use account::{
    AccessToken, Account, AccountKind, Backend, CallbackKeys, CallbackSettings, CallbackState,
    ChangeAccount, CheckReport, CheckStep, Health, HealthStatus, NewAccount, StepState, TokenMode,
    TokenRefreshes,
};
pub use broadcast::{
    Audience, Broadcast, BroadcastProgress, BroadcastRecipient, BroadcastRoute, BroadcastState,
    NewBroadcast, SkippedRecipient,
};
pub use callback::{
    BodyEncoding, Callback, CallbackDetail, CallbackFilter, CallbackMode, Forward, ReplayCallback,
    Replayed,
};
pub use client::{ApiError, BroadcastVerb, Client, SendOptions, Sent};
pub use console::{
    ChangeOperator, ChangePassword, ConsoleSession, ConsoleState, NewOperator, Operator, Role,
    SetUp, SignIn,
};
pub use contact::{Contact, ContactCard, ContactFilter, Follow, Window, WindowCause};
pub use errcode::{Diagnosis, Errcode};
pub use grant::{AccountReach, Can, ConsentReport, Grant, ReachQuery, ReportConsents, Route};
pub use key::{CreatedKey, Key, NewKey, Scope};
pub use message::{
    Accepted, Attempt, BatchResult, BatchResults, Data, Kind, Language, Message, MessageBatch,
    MessageFilter, MiniProgramLink, MiniProgramState, NewMessage, OnUnknown, Outcome, Overflow,
    PreviewLine, Priority, Receipt, Recipient, SlotValue, Status, StyledValue, Validation, Waiting,
    WaitingFor, Withheld, WithheldReason,
};
pub use page::{List, PageQuery};
pub use problem::{Problem, Violation};
pub use secret::Secret;
pub use template::{Field, Subscription, SyncReport, Template};
pub use user::{BindUser, User};
pub use web::{JsSignature, Login, NewLogin, RedeemTicket, SignPage, TicketHolder};
