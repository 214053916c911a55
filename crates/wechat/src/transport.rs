//! How a request travels. The difference that matters is whether it may have arrived.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};

#[cfg(feature = "hyper")]
pub(crate) mod hyper;

/// Carries one request to WeChat and its reply back, once.
///
/// An implementation must not repeat a request that may have arrived, must send a `Content-Length` and
/// never a chunked body (WeChat answers that with HTTP 412), and must bound the time and the size of the
/// reply. The request's URI holds secrets: it must not be logged or put into an error.
pub trait Transport: Send + Sync {
    /// Sends the request and reads the whole reply.
    ///
    /// # Errors
    /// See [`TransportError`]; where the outcome is in doubt it is [`TransportError::Uncertain`].
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send {
        T::send(self, request)
    }
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request certainly never reached WeChat: name lookup, connection, TLS, or no connection in time.
    #[error("not sent: {reason}")]
    NotSent {
        /// What went wrong, without secrets.
        reason: String,
    },
    /// The request may have taken effect: time-out or lost connection after it may have left.
    #[error("outcome unknown: {reason}")]
    Uncertain {
        /// What went wrong, without secrets.
        reason: String,
    },
    /// WeChat answered with more than the transport reads, so the outcome is unknown.
    #[error("outcome unknown: the reply is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}
