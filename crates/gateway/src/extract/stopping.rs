//! The wish to stop, for handlers that would wait.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use tokio::sync::watch;

/// Becomes ready when the gateway is asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(Option<watch::Receiver<bool>>);

impl From<watch::Receiver<bool>> for Stopping {
    fn from(stopping: watch::Receiver<bool>) -> Self {
        Self(Some(stopping))
    }
}

impl Stopping {
    /// Returns when the gateway is asked to stop; never, where nobody can.
    pub(crate) async fn asked(mut self) {
        match &mut self.0 {
            // An error says that the server is gone: stopped, too.
            Some(stopping) => drop(stopping.wait_for(|stop| *stop).await),
            None => std::future::pending().await,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Stopping {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Absent where the router is served by something other than ours.
        Ok(parts
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or(Self(None)))
    }
}
