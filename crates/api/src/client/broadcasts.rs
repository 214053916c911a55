//! Broadcasts.

use std::io;
use std::time::Duration;

use futures_util::stream;
use reqwest::Body;
use reqwest::header::CONTENT_TYPE;

use super::{ApiError, Client, answered, call, chain, segment};
use crate::{Broadcast, BroadcastPreview, List, NewBroadcast, PageQuery, SkippedRecipient};

/// How long an upload or a report may take: they are as long as they are.
const LONG: Duration = Duration::from_secs(6 * 60 * 60);

/// What can be done to a broadcast by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroadcastVerb {
    /// Its audience is complete.
    Complete,
    /// It begins.
    Start,
    /// It rests.
    Pause,
    /// It goes on.
    Resume,
    /// It is stopped for good.
    Cancel,
}

impl BroadcastVerb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }
}

impl Client {
    /// `POST /v1/broadcasts`.
    ///
    /// # Errors
    /// See [`ApiError`]; so it is for every call below.
    pub async fn add_broadcast(
        &self,
        broadcast: &NewBroadcast,
        idempotency_key: Option<&str>,
    ) -> Result<Broadcast, ApiError> {
        call(self.post("/v1/broadcasts", idempotency_key).json(broadcast)).await
    }

    /// `POST /v1/broadcasts/preview`.
    pub async fn preview_broadcast(
        &self,
        broadcast: &NewBroadcast,
    ) -> Result<BroadcastPreview, ApiError> {
        call(self.post("/v1/broadcasts/preview", None).json(broadcast)).await
    }

    /// `GET /v1/broadcasts`, the newest first.
    pub async fn broadcasts(
        &self,
        account: Option<&str>,
        page: &PageQuery,
    ) -> Result<List<Broadcast>, ApiError> {
        let mut request = self.get("/v1/broadcasts").query(page);
        if let Some(account) = account {
            request = request.query(&[("account", account)]);
        }
        call(request).await
    }

    /// `GET /v1/broadcasts/{id}`.
    pub async fn broadcast(&self, id: &str) -> Result<Broadcast, ApiError> {
        call(self.get(&broadcast_path(id, ""))).await
    }

    /// `POST /v1/broadcasts/{id}/…`: complete, start, pause, resume or cancel.
    pub async fn steer_broadcast(
        &self,
        id: &str,
        verb: BroadcastVerb,
    ) -> Result<Broadcast, ApiError> {
        let path = broadcast_path(id, &format!("/{}", verb.as_str()));
        call(self.post(&path, None).timeout(LONG)).await
    }

    /// `POST /v1/broadcasts/{id}/recipients`: a file of people, sent piece by piece as
    /// it is read; `content_type` is `text/csv` or `application/x-ndjson`.
    pub async fn add_recipients(
        &self,
        id: &str,
        content_type: &str,
        pieces: impl Iterator<Item = io::Result<Vec<u8>>> + Send + 'static,
        complete: bool,
    ) -> Result<Broadcast, ApiError> {
        let mut request = self
            .post(&broadcast_path(id, "/recipients"), None)
            .header(CONTENT_TYPE, content_type)
            .body(Body::wrap_stream(stream::iter(pieces)))
            .timeout(LONG);
        if complete {
            request = request.query(&[("complete", "true")]);
        }
        call(request).await
    }

    /// `GET /v1/broadcasts/{id}/skipped`.
    pub async fn skipped_recipients(
        &self,
        id: &str,
        page: &PageQuery,
    ) -> Result<List<SkippedRecipient>, ApiError> {
        call(self.get(&broadcast_path(id, "/skipped")).query(page)).await
    }

    /// `GET /v1/broadcasts/{id}/report`: CSV, handed over piece by piece as it comes.
    pub async fn broadcast_report(
        &self,
        id: &str,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ApiError> {
        let request = self.get(&broadcast_path(id, "/report")).timeout(LONG);
        let mut response = answered(request).await?;
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => {
                    take(&piece)
                        .map_err(|error| ApiError::local(format!("the report: {error}")))?;
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    return Err(ApiError::local(format!(
                        "the report broke off: {}",
                        chain(&error.without_url())
                    )));
                }
            }
        }
    }
}

fn broadcast_path(id: &str, rest: &str) -> String {
    format!("/v1/broadcasts/{}{rest}", segment(id))
}
