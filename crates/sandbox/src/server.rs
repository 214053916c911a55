//! Serving: WeChat's paths, the control API and the page on one listener.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::api::dispatch::{Reply, handle};
use crate::{Sandbox, control, page};

/// How long open connections may take to end after the shutdown signal.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept: the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Sandbox {
    /// Everything as one router, for mounting in another server.
    ///
    /// The caller's address is taken from [`ConnectInfo<SocketAddr>`]; without
    /// one every caller counts as 127.0.0.1. A dropped connection cannot be
    /// asked of a router, so there the answer breaks off in its first byte;
    /// [`Sandbox::serve`] closes without a byte.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(page::routes())
            .nest("/sandbox/v1", control::routes())
            .fallback(wechat)
            .with_state(self.clone())
    }

    /// Serves until `shutdown` resolves, then lets open calls end for at most
    /// five seconds.
    ///
    /// # Errors
    /// When the listener's address cannot be read.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        listener.local_addr()?;
        self.world.start_pushing(tokio::runtime::Handle::current());
        let graceful = GracefulShutdown::new();
        let router = self.router();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            self.connection(stream, peer, router.clone(), &graceful);
        }
        drop(listener);
        self.world.live.end();
        // Those still open are cut when their tasks end with the runtime.
        let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
        Ok(())
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
        graceful: &GracefulShutdown,
    ) {
        // Only delays answers where it fails.
        let _ = stream.set_nodelay(true);
        let sandbox = self.clone();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let sandbox = sandbox.clone();
            let router = router.clone();
            async move {
                if is_wechat(request.uri().path()) {
                    return match handle(&sandbox.world, request, peer.ip()).await {
                        Reply::Answer(response) => Ok(response),
                        Reply::Hangup => Err(HungUp),
                    };
                }
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                Ok(router
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|never: Infallible| match never {}))
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // Broken connections are the clients' business.
            let _ = watched.await;
        });
    }
}

/// Whether a path is one of WeChat's API and neither our own nor one of
/// WeChat's pages.
fn is_wechat(path: &str) -> bool {
    path != "/" && !path.starts_with("/sandbox/") && !page::is_page(path)
}

async fn wechat(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    match handle(&sandbox.world, request, peer).await {
        Reply::Answer(response) => response,
        Reply::Hangup => (StatusCode::BAD_GATEWAY, Body::new(Broken)).into_response(),
    }
}

/// Makes hyper close the connection without an answer.
#[derive(Debug)]
struct HungUp;

impl fmt::Display for HungUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was dropped by a fault")
    }
}

impl std::error::Error for HungUp {}

/// A body that fails at once.
struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = HungUp;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, HungUp>>> {
        std::task::Poll::Ready(Some(Err(HungUp)))
    }
}
