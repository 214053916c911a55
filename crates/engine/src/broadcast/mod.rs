//! Broadcasts: one thing told to many people.
//!
//! People are taken in first ([`Upload`], [`load`]), then a chunk at a time becomes
//! messages ([`expand`]), no faster than they are sent. Each step is one of
//! storage's, so whoever dies in between leaves nothing half done.

mod desk;
mod expand;
mod load;
mod make;
mod plan;
mod preview;
mod progress;
mod sample;
mod script;
mod standing;
mod steer;
mod upload;

pub use plan::{NewBroadcast, PlannedBroadcast};
pub use preview::{BroadcastPreview, PersonPreview};
pub use progress::BroadcastProgress;
pub use steer::Steered;
pub use upload::{Upload, UploadRefusal};

pub(crate) use desk::{Desk, Step};

use hongyan_domain::broadcast::{Broadcast, Skipped};
use hongyan_domain::port::{Page, StoreError};
use hongyan_domain::{AccountId, BroadcastId};
use tokio::sync::Notify;

use crate::Engine;
use progress::Tallies;
use standing::Standings;

/// What is held in memory about broadcasts.
#[derive(Debug, Default)]
pub(crate) struct Broadcasts {
    standings: Standings,
    tallies: Tallies,
    /// Somebody did something to one: its loop looks at once.
    work: Notify,
}

impl Engine {
    /// One broadcast.
    ///
    /// # Errors
    /// Storage's.
    pub async fn broadcast(&self, id: BroadcastId) -> Result<Option<Broadcast>, StoreError> {
        self.store.broadcast(id).await
    }

    /// Broadcasts of these accounts (`None` = all), the newest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn broadcasts(
        &self,
        accounts: Option<&[AccountId]>,
        page: &Page<BroadcastId>,
    ) -> Result<Vec<Broadcast>, StoreError> {
        self.store.broadcasts(accounts, page).await
    }

    /// The people no message was made for, each with a number to go on after.
    ///
    /// # Errors
    /// Storage's.
    pub async fn skipped_of(
        &self,
        id: BroadcastId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, Skipped)>, StoreError> {
        self.store.skipped(id, page).await
    }

    /// Takes in how a broadcast stands now: its messages are sent or held back
    /// accordingly, and its loop looks at it.
    fn heed_broadcast(&self, broadcast: &Broadcast) {
        self.broadcasts.standings.note(
            broadcast.id,
            Some(broadcast.state),
            broadcast.spec.rate_per_second,
            self.clock.now(),
        );
        self.broadcasts.work.notify_one();
    }
}
