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
mod follower;
mod grant;
mod history;
mod key;
mod media;
mod menu;
mod message;
mod page;
mod problem;
mod qrcode;
mod quota;
pub mod rule;
mod secret;
mod tag;
mod template;
mod timing;
mod user;
mod web;
mod webhook;

pub use account::{
    AccessToken, Account, AccountKind, Backend, CallbackKeys, CallbackSettings, CallbackState,
    ChangeAccount, CheckReport, CheckStep, Health, HealthStatus, NewAccount, StepState, TokenMode,
    TokenRefreshes,
};
pub use broadcast::{
    Audience, Broadcast, BroadcastPreview, BroadcastProgress, BroadcastRecipient, BroadcastState,
    NewBroadcast, PersonPreview, SkippedRecipient,
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
pub use contact::{
    Contact, ContactCard, ContactDetails, ContactFilter, Follow, Window, WindowCause,
};
pub use errcode::{Diagnosis, Errcode};
pub use follower::{ChangeContact, FollowerSync, SyncPhase};
pub use grant::{AccountReach, Can, ConsentReport, Grant, ReachQuery, ReportConsents, Route};
pub use history::{Happened, Happenings, History, HistoryQuery, HistoryStep};
pub use key::{CreatedKey, Key, NewKey, Scope};
pub use media::{Media, MediaForm, MediaKind, MediaQuery, ShowTyping};
pub use menu::{
    AppliedMenu, ConditionalMenu, LiveMenu, MatchMenu, MatchRule, MatchedMenu, Menu, MenuButton,
    MenuChange, MenuChangeKind, MenuNote, MenuPlan, MenuSource, MenuVersion, RollBackMenu,
};
pub use message::{
    Accepted, Attempt, BatchResult, BatchResults, Data, Fallback, Kind, Language, LeftRoute,
    Message, MessageBatch, MessageFilter, MessageRoute, MiniProgramLink, MiniProgramState,
    NewMessage, OnUnknown, Outcome, Overflow, PreviewLine, PreviewTarget, Priority, Receipt,
    Recipient, RetiredKind, SlotValue, Status, StyledValue, Validation, Waiting, WaitingFor,
    WhyLeft, Withheld, WithheldReason,
};
pub use page::{List, PageQuery};
pub use problem::{Problem, Violation};
pub use qrcode::{NewQrCode, QrCode};
pub use quota::{
    AccountQuota, AccountStats, ClearQuota, Clearings, Forecast, QueueDepth, Quota, Stats,
};
pub use secret::Secret;
pub use tag::{NewTag, People, PeopleChanged, Tag};
pub use template::{
    AddedTemplate, ChangeKind, Field, FieldNames, LibraryKeyword, LibraryQuery, LibraryTitle,
    LibraryTitles, NewTemplate, Subscription, SyncReport, Template, TemplateCategory,
    TemplateChange, TemplateForm, TemplateSender, TemplateWarning,
};
pub use timing::{FrequencyCap, QuietAction, QuietHours};
pub use user::{BindUser, User};
pub use web::{JsSignature, Login, NewLogin, RedeemTicket, SignPage, TicketHolder};
pub use webhook::{
    ChangeWebhook, Disabled, EventType, NewWebhook, RetriedWebhook, RetryWebhook,
    RotateWebhookSecret, Webhook, WebhookBody, WebhookDelivery, WebhookDeliveryDetail,
    WebhookDeliveryFilter, WebhookDeliveryState, WebhookTry, WebhookWithSecret, WhyDisabled,
};
