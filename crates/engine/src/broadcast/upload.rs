//! Taking in people that come in a stream.

use hongyan_domain::BroadcastId;
use hongyan_domain::broadcast::{Audience, Broadcast, BroadcastState, CHUNK, Recipient};
use hongyan_domain::port::{Intake, StoreError};

use crate::Engine;

/// Chunks written in one step.
const CHUNKS_AT_ONCE: usize = 4;

/// People a broadcast may have at most.
const MOST_PEOPLE: u64 = 10_000_000;

/// What is noted while an upload is under way: one that never ends leaves it behind.
const UNDER_WAY: &str = "upload";

/// Why people cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadRefusal {
    /// No such broadcast.
    #[error("there is no such broadcast")]
    Missing,
    /// Its audience is not uploaded, or complete.
    #[error("{0}")]
    NotOpen(String),
    /// Another upload to it is under way, or broke off.
    #[error("another upload to this broadcast is under way or broke off")]
    UnderWay,
    /// There are too many.
    #[error("a broadcast has at most {MOST_PEOPLE} people")]
    TooMany,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An upload to a broadcast. Holds some thousand people at most. Unless it ends with
/// [`Upload::finish`], the broadcast never starts: half a file is none.
pub struct Upload {
    engine: Engine,
    broadcast: Broadcast,
    chunks: Vec<Vec<Recipient>>,
    taken: u64,
}

impl Engine {
    /// Begins to take people in.
    ///
    /// # Errors
    /// See [`UploadRefusal`].
    pub async fn begin_upload(&self, id: BroadcastId) -> Result<Upload, UploadRefusal> {
        let found = self.store.broadcast(id).await?;
        let broadcast = found.ok_or(UploadRefusal::Missing)?;
        if broadcast.spec.audience != Audience::Upload {
            return Err(UploadRefusal::NotOpen(
                "the audience of this broadcast is not uploaded; make it with \"audience\": {\"upload\": true}"
                    .to_owned(),
            ));
        }
        if broadcast.state != BroadcastState::Loading {
            return Err(UploadRefusal::NotOpen(format!(
                "the broadcast is {}; people are taken in only while it is loading",
                broadcast.state
            )));
        }
        if broadcast.load_cursor.is_some() {
            return Err(UploadRefusal::UnderWay);
        }
        let mut upload = Upload {
            engine: self.clone(),
            broadcast,
            chunks: Vec::new(),
            taken: 0,
        };
        // From here on an end without a word is seen.
        upload.write(Some(UNDER_WAY)).await?;
        Ok(upload)
    }
}

impl Upload {
    /// Takes one person in.
    ///
    /// # Errors
    /// See [`UploadRefusal`]; the upload is then over.
    pub async fn push(&mut self, person: Recipient) -> Result<(), UploadRefusal> {
        if self.broadcast.recipients + self.waiting() >= MOST_PEOPLE {
            return Err(UploadRefusal::TooMany);
        }
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            if self.chunks.len() == CHUNKS_AT_ONCE {
                self.write(Some(UNDER_WAY)).await?;
            }
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(person);
        }
        self.taken += 1;
        Ok(())
    }

    fn waiting(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// Ends the upload: everything is taken in.
    ///
    /// # Errors
    /// See [`UploadRefusal`].
    pub async fn finish(mut self) -> Result<Broadcast, UploadRefusal> {
        self.write(None).await?;
        Ok(self.broadcast)
    }

    /// Gives the upload up. Where nothing of it is stored yet the broadcast stays as
    /// it was and another upload may follow; else it fails. Whether it failed.
    ///
    /// # Errors
    /// Storage's.
    pub async fn give_up(mut self, why: &str) -> Result<bool, StoreError> {
        if self.taken == self.waiting() {
            self.chunks.clear();
            return match self.write(None).await {
                Err(UploadRefusal::Store(error)) => Err(error),
                // Another took its place.
                _ => Ok(false),
            };
        }
        self.engine.fail_broadcast(self.broadcast.id, why).await?;
        Ok(true)
    }

    async fn write(&mut self, cursor: Option<&str>) -> Result<(), UploadRefusal> {
        let intake = Intake {
            first: self.broadcast.chunks,
            chunks: std::mem::take(&mut self.chunks),
            load_cursor: cursor.map(str::to_owned),
        };
        let store = &self.engine.store;
        match store.add_recipients(self.broadcast.id, &intake).await? {
            Some(broadcast) => {
                self.broadcast = broadcast;
                Ok(())
            }
            None => match store.broadcast(self.broadcast.id).await? {
                None => Err(UploadRefusal::Missing),
                Some(now) if now.state == BroadcastState::Loading => Err(UploadRefusal::UnderWay),
                Some(now) => Err(UploadRefusal::NotOpen(format!(
                    "the broadcast is {} by now; nothing more is taken in",
                    now.state
                ))),
            },
        }
    }
}
