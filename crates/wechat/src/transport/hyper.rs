//! The transport over hyper and rustls: HTTP/1.1 with kept connections.

use std::{
    fmt,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

use crate::{Transport, TransportError};

/// Limits of a [`HyperTransport`].
#[derive(Debug, Clone)]
pub struct HyperSettings {
    /// Longest time until a connection takes the request: name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest time from the call to the last byte of the reply.
    pub total_timeout: Duration,
    /// Connections kept open per host while nobody uses them.
    pub max_idle_connections: usize,
    /// How long such a connection is kept.
    pub idle_timeout: Duration,
    /// Largest reply read, in bytes.
    pub max_reply_bytes: usize,
}

impl Default for HyperSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(15),
            max_idle_connections: 4096,
            idle_timeout: Duration::from_secs(50),
            max_reply_bytes: 10 * 1024 * 1024,
        }
    }
}

/// Sends over pooled HTTP/1.1 connections, TLS by rustls with the web's root certificates; plain
/// `http://` is for emulators. Cheap to clone; clones share the pool. Needs a tokio runtime with I/O and
/// time.
#[derive(Clone)]
pub struct HyperTransport {
    client: Client<HttpsConnector<HttpConnector>, Tracked>,
    settings: Arc<HyperSettings>,
}

impl HyperTransport {
    /// A transport with an empty pool.
    ///
    /// # Errors
    /// When the TLS library offers no usable protocol version.
    pub fn new(settings: HyperSettings) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.connect_timeout));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        // The provider is named because a program that links two has no default.
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // hyper-util sends a request again only where the connection closed before taking it, which
        // `Fate` confirms: whatever was taken is reported and never repeated.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .pool_max_idle_per_host(settings.max_idle_connections)
            .build(connector);
        Ok(Self {
            client,
            settings: Arc::new(settings),
        })
    }

    async fn exchange(&self, request: Request<Tracked>) -> Result<Response<Bytes>, TransportError> {
        let response =
            self.client
                .request(request)
                .await
                .map_err(|error| TransportError::Uncertain {
                    reason: chain(&error),
                })?;
        let (parts, body) = response.into_parts();
        let body = collect(body, self.settings.max_reply_bytes).await?;
        Ok(Response::from_parts(parts, body))
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransport")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Transport for HyperTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let fate = Arc::new(Fate::default());
        let (mut parts, body) = request.into_parts();
        // hyper writes the length of a body but leaves it out for an empty one.
        if body.is_empty() && parts.method != Method::GET {
            parts
                .headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let tracked = Tracked {
            data: Some(body),
            fate: Arc::clone(&fate),
        };
        let mut exchange = pin!(self.exchange(Request::from_parts(parts, tracked)));

        let connect_timeout = self
            .settings
            .connect_timeout
            .min(self.settings.total_timeout);
        let first = match timeout(connect_timeout, &mut exchange).await {
            Ok(result) => Some(result),
            Err(_) if fate.abandon() => {
                return Err(TransportError::NotSent {
                    reason: format!("no connection within {connect_timeout:?}"),
                });
            }
            Err(_) => {
                let rest = self.settings.total_timeout.saturating_sub(connect_timeout);
                timeout(rest, &mut exchange).await.ok()
            }
        };
        match first {
            Some(Ok(response)) => Ok(response),
            Some(Err(TransportError::Uncertain { reason })) if fate.abandon() => {
                Err(TransportError::NotSent { reason })
            }
            Some(Err(error)) => Err(error),
            None => Err(TransportError::Uncertain {
                reason: format!("no reply within {:?}", self.settings.total_timeout),
            }),
        }
    }
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, TransportError> {
    let too_large = || TransportError::TooLarge { limit };
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large());
    }
    // Nearly every reply is one frame, which is then handed on without a copy.
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| TransportError::Uncertain {
            reason: chain(&error),
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + joined.len() + data.len() > limit {
            return Err(too_large());
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}

/// The texts of an error and its causes. None of hyper's or rustls' name the request's address.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Whether a connection has begun with a request. Decided once, by whoever comes first: the connection
/// that takes it or the caller who gives up. So "not sent" cannot race with a late connection.
#[derive(Default)]
struct Fate(AtomicU8);

impl Fate {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const ABANDONED: u8 = 2;

    /// Called by the connection; false if the caller gave up before.
    fn take(&self) -> bool {
        self.decide(Self::TAKEN) != Self::ABANDONED
    }

    /// Called by the caller; true if no connection can have written a byte of the request.
    fn abandon(&self) -> bool {
        self.decide(Self::ABANDONED) != Self::TAKEN
    }

    /// Sets the outcome unless there is one, and answers with the one that stands.
    fn decide(&self, wish: u8) -> u8 {
        match self
            .0
            .compare_exchange(Self::WAITING, wish, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => wish,
            Err(standing) => standing,
        }
    }
}

/// A request body that notices when a connection first asks about it. hyper does so right before it
/// writes the request's head; should it ever ask earlier, we only say "unknown" where "not sent" was true.
struct Tracked {
    data: Option<Bytes>,
    fate: Arc<Fate>,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Abandoned;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Abandoned>>> {
        Poll::Ready(if self.fate.take() {
            self.data.take().map(|data| Ok(Frame::data(data)))
        } else {
            Some(Err(Abandoned))
        })
    }

    fn is_end_stream(&self) -> bool {
        // An abandoned body pretends to go on, so that the connection meets the error above.
        self.fate.take() && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let announced = self.data.as_ref().map_or(0, |data| data.len() as u64);
        // An abandoned request announces a byte that never comes, so that it cannot count as complete.
        SizeHint::with_exact(if self.fate.take() {
            announced
        } else {
            announced.max(1)
        })
    }
}

/// Tells a connection that took up a request too late to drop it.
#[derive(Debug, thiserror::Error)]
#[error("the caller gave up before the request was sent")]
struct Abandoned;
