//! Where a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use http::request::Parts;

/// The other end of the connection: a person's machine, or the proxy before us.
/// [`crate::serve`] leaves it with the request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peer(Option<SocketAddr>);

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(Some(address))
    }
}

impl Peer {
    /// Its address, if known.
    pub(crate) fn address(self) -> Option<IpAddr> {
        self.0.map(|address| address.ip())
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}
