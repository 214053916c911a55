//! Connections: accepted, served, drained.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::extract::{Peer, Stopping};

/// How long a connection may take to send the head of a request, the pause
/// before it included: slow ones must not hold sockets for ever.
const HEADER_TIME: Duration = Duration::from_secs(75);

/// How long open requests may still take once the end is asked for.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The pause after a connection could not be accepted (most likely because no
/// file descriptor is left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `shutdown` is ready, then lets open requests end for at
/// most [`DRAIN_TIME`]; callers who wait for an outcome are answered at once with
/// what is known. HTTP/1.1, `TCP_NODELAY`.
///
/// # Errors
/// When the listener has no address.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping::from(stopping);
    let open = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, Peer::from(peer)),
            Err(error) => {
                tracing::warn!(%address, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let (router, stopping) = (router.clone(), stopping.clone());
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(stopping.clone());
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .serve_connection(TokioIo::new(stream), service);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    // Nobody listening any more is as good as everybody told.
    let _ = stop.send(true);
    if tokio::time::timeout(DRAIN_TIME, open.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(%address, "requests were cut off at the end of the time to drain");
    }
    Ok(())
}
