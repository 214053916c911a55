//! Who calls, and what they may do.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use hongyan_domain::account::Account;
use hongyan_domain::broadcast::Broadcast;
use hongyan_domain::delivery::Delivery;
use hongyan_domain::key::{ApiKey, Scope};
use hongyan_domain::trace::TraceContext;
use hongyan_domain::{BroadcastId, KeyId, MessageId};
use hongyan_engine::Engine;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Gateway;
use super::cookie::{refuse_foreign, session_cookie};
use crate::app::GatewaySettings;
use crate::problem::{Code, Problem};

/// The scope a handler needs, as a type.
pub(crate) trait Need: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident: $scope:ident;)*) => {
        $($(#[$doc])* #[derive(Debug)] pub(crate) struct $name;
        impl Need for $name { const SCOPE: Scope = Scope::$scope; })*
    };
}

needs! {
    /// Needs the scope `admin`.
    CanAdmin: Admin;
    /// Needs the scope `send`.
    CanSend: Send;
    /// Needs the scope `read`.
    CanRead: Read;
    /// Needs the scope `token`.
    CanToken: Token;
}

/// A caller whose key (or whose session in the console) is valid and has the scope of `N`. The only way to the
/// engine.
pub(crate) struct Caller<N> {
    gateway: Gateway,
    key: Arc<ApiKey>,
    trace_context: Option<TraceContext>,
    need: PhantomData<N>,
}

impl<N: Need> Caller<N> {
    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.gateway.0.engine
    }

    /// How the gateway is set up.
    pub(crate) fn settings(&self) -> &GatewaySettings {
        &self.gateway.0.settings
    }

    /// The id of the caller's key.
    pub(crate) fn key_id(&self) -> KeyId {
        self.key.id
    }

    /// What the caller's key is called, or who is signed in.
    pub(crate) fn name(&self) -> &str {
        &self.key.name
    }

    /// What the caller may do.
    pub(crate) fn scopes(&self) -> &[Scope] {
        &self.key.scopes
    }

    /// The span of the request, where it is recorded.
    pub(crate) fn trace_context(&self) -> Option<&TraceContext> {
        self.trace_context.as_ref()
    }

    /// Whether the caller may touch the account of this name.
    pub(crate) fn may_touch(&self, account: &str) -> bool {
        self.key.may_touch(account)
    }

    /// Whether the caller's key is restricted to some accounts.
    pub(crate) fn is_restricted(&self) -> bool {
        !self.key.accounts.is_empty()
    }

    /// Whether the caller may see, make or remove a key that is restricted to
    /// `accounts`: it must not reach further than the caller's own.
    pub(crate) fn covers(&self, accounts: &[String]) -> bool {
        !self.is_restricted()
            || (!accounts.is_empty() && accounts.iter().all(|name| self.may_touch(name)))
    }

    /// The account of this name, if there is one and the caller may touch it.
    pub(crate) fn account(&self, name: &str) -> Result<Arc<Account>, Problem> {
        self.engine()
            .account(name)
            .filter(|_| self.may_touch(name))
            .ok_or_else(|| {
                let shown: String = name.chars().take(64).collect();
                Problem::new(
                    Code::UnknownAccount,
                    format!(
                        "there is no account {shown:?}; GET /v1/accounts lists those there are"
                    ),
                )
            })
    }

    /// The accounts the caller may touch, by name.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        let mut accounts = self.engine().accounts();
        accounts.retain(|account| self.may_touch(account.name().as_str()));
        accounts
    }

    /// The message of this id with its account, if there is one and the caller
    /// may see it.
    pub(crate) async fn delivery(&self, id: &str) -> Result<(Delivery, Arc<Account>), Problem> {
        let unknown = || {
            let shown: String = id.chars().take(64).collect();
            Problem::new(
                Code::UnknownMessage,
                format!("there is no message {shown:?}"),
            )
        };
        let id: MessageId = id.parse().map_err(|_| unknown())?;
        let delivery = self.engine().delivery(id).await?.ok_or_else(unknown)?;
        let account = self
            .engine()
            .account_by_id(delivery.message.account)
            .filter(|account| self.may_touch(account.name().as_str()))
            .ok_or_else(unknown)?;
        Ok((delivery, account))
    }

    /// The broadcast of this id with its account, if there is one and the caller may
    /// see it.
    pub(crate) async fn broadcast(&self, id: &str) -> Result<(Broadcast, Arc<Account>), Problem> {
        let unknown = || {
            let shown: String = id.chars().take(64).collect();
            Problem::new(
                Code::UnknownBroadcast,
                format!("there is no broadcast {shown:?}"),
            )
        };
        let id: BroadcastId = id.parse().map_err(|_| unknown())?;
        let broadcast = self.engine().broadcast(id).await?.ok_or_else(unknown)?;
        let account = self
            .engine()
            .account_by_id(broadcast.account)
            .filter(|account| self.may_touch(account.name().as_str()))
            .ok_or_else(unknown)?;
        Ok((broadcast, account))
    }
}

impl<N: Need> FromRequestParts<Gateway> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        let engine = &gateway.0.engine;
        let key = match (bearer(parts), session_cookie(&parts.headers)) {
            (Some(text), _) => engine.authenticate(text).await?.ok_or_else(|| {
                Problem::new(
                    Code::InvalidKey,
                    "the API key is unknown, was removed, or has ended",
                )
                .challenge("Bearer realm=\"hongyan\", error=\"invalid_token\"")
            })?,
            (None, Some(cookie)) => {
                refuse_foreign(&parts.method, &parts.headers)?;
                engine.session(cookie).await?.ok_or_else(|| {
                    Problem::new(Code::SignedOut, "the session is over; sign in again")
                })?
            }
            (None, None) => {
                return Err(Problem::new(
                    Code::MissingKey,
                    "this needs an API key: send the header Authorization: Bearer <API key>",
                )
                .challenge("Bearer realm=\"hongyan\""));
            }
        };
        if !key.allows(N::SCOPE) {
            let held: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
            return Err(Problem::new(
                Code::InsufficientScope,
                format!(
                    "this needs a key with the scope {}; this one has {}",
                    N::SCOPE,
                    held.join(", ")
                ),
            )
            .challenge(&format!(
                "Bearer realm=\"hongyan\", error=\"insufficient_scope\", scope=\"{}\"",
                N::SCOPE
            )));
        }
        Ok(Self {
            gateway: gateway.clone(),
            key,
            // Left there by the layer around all routes.
            trace_context: parts.extensions.get().cloned(),
            need: PhantomData,
        })
    }
}

/// The key in `Authorization: Bearer …` (RFC 6750; the scheme in any letter
/// case).
fn bearer(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = header.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// A caller and the account that the path names.
pub(crate) struct AtAccount<N> {
    /// Who calls.
    pub(crate) caller: Caller<N>,
    /// The account.
    pub(crate) account: Arc<Account>,
    /// What else the path names, such as an openid; else empty.
    pub(crate) item: String,
}

impl<N: Need> FromRequestParts<Gateway> for AtAccount<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, gateway).await?;
        let (mut name, mut item) = (String::from("\u{fffd}"), String::new());
        // An error says that it is not UTF-8, so no account's name.
        if let Ok(named) = RawPathParams::from_request_parts(parts, gateway).await {
            for (key, value) in &named {
                match key {
                    "account" => value.clone_into(&mut name),
                    _ => value.clone_into(&mut item),
                }
            }
        }
        let account = caller.account(&name)?;
        Ok(Self {
            caller,
            account,
            item,
        })
    }
}
