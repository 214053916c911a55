//! A program of the account's owner, as small as can be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::watch;

use crate::app::port;

/// A server that notes what it hears and answers what it was told to.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Its address, without a path.
    pub url: String,
    shared: Arc<Shared>,
}

/// What a [`Backend`] heard.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The path.
    pub path: String,
    /// The raw query.
    pub query: String,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Bytes,
}

#[derive(Debug)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    answer: Mutex<(u16, String)>,
    /// `Retry-After` of its answers, in seconds.
    wait: Mutex<Option<u64>>,
    /// Whether answers are given at all.
    open: watch::Sender<bool>,
}

impl Backend {
    /// Starts one that answers `success` to everything.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            heard: Mutex::default(),
            answer: Mutex::new((200, "success".to_owned())),
            wait: Mutex::default(),
            open: watch::Sender::new(true),
        });
        let (listener, url) = port().await;
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// Answers this from now on.
    pub fn says(&self, status: u16, body: impl Into<String>) {
        *lock(&self.shared.answer) = (status, body.into());
        *lock(&self.shared.wait) = None;
    }

    /// Answers this status from now on and asks to be left alone for so many seconds.
    pub fn asks_for_rest(&self, status: u16, seconds: u64) {
        self.says(status, "");
        *lock(&self.shared.wait) = Some(seconds);
    }

    /// Gives no answer before [`Backend::release`].
    pub fn hold(&self) {
        self.shared.open.send_replace(false);
    }

    /// Answers what waits, and everything from now on.
    pub fn release(&self) {
        self.shared.open.send_replace(true);
    }

    /// What it heard, the oldest first.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.heard).clone()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    lock(&shared.heard).push(Heard {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    });
    // The sender lives as long as this task: it cannot be gone.
    let _ = shared.open.subscribe().wait_for(|open| *open).await;
    let (status, body) = lock(&shared.answer).clone();
    let wait = *lock(&shared.wait);
    let headers = wait.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers.into_iter().collect(),
        body,
    )
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
