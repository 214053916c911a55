//! What handlers take: who calls, which account, which page, what body. What is
//! wrong with any of them is a [`Problem`] before the handler begins.

mod body;
mod caller;
mod cookie;
mod creation;
mod outsider;
mod page;
mod peer;
mod query;
mod stopping;
mod upload;

pub(crate) use body::{Json, Typed, decode};
pub(crate) use caller::{AtAccount, Caller, CanAdmin, CanRead, CanSend, CanToken, Need};
pub(crate) use cookie::{FromConsole, session_cookie, set_session_cookie};
pub(crate) use creation::Creation;
pub(crate) use outsider::Outsider;
pub(crate) use page::PageOf;
pub(crate) use peer::Peer;
pub(crate) use query::{Query, invalid};
pub(crate) use stopping::Stopping;
pub(crate) use upload::Upload;

use std::sync::Arc;

use hongyan_engine::Engine;

use crate::app::GatewaySettings;

/// What all handlers share. Only [`Caller`] gives the engine out, and [`Outsider`]
/// a part of it.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Inner>);

struct Inner {
    engine: Engine,
    settings: GatewaySettings,
}

impl Gateway {
    pub(crate) fn new(engine: Engine, settings: GatewaySettings) -> Self {
        Self(Arc::new(Inner { engine, settings }))
    }

    /// Whether work can be taken in; else why not.
    pub(crate) async fn ready(&self) -> Result<(), String> {
        self.0.engine.ready().await
    }
}
