//! The places of a listener, and how long whoever has not been admitted may keep one.
//!
//! A handshake proves nothing, so a connection's first claim to its place is short. What admits it is a request that the
//! registrar or the service API lets in; from then on only the protocol's own bounds count.

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::Bounds;

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// Whether somebody waits for a place.
    crowded: watch::Sender<bool>,
    bounds: Bounds,
}

/// One connection's place. Clones are the same place, which is free again once the last is dropped.
#[derive(Debug, Clone)]
pub struct Standing(Arc<Place>);

#[derive(Debug)]
struct Place {
    admitted: CancellationToken,
    /// When it lapses, and when it does while somebody waits.
    until: [Instant; 2],
    crowded: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let free = Arc::new(Semaphore::new(bounds.connections));
        Self { free, crowded: watch::Sender::new(false), bounds: *bounds }
    }

    /// Waits until there is a free place; those who have not been admitted make room meanwhile.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Some(permit);
        }
        self.crowded.send_replace(true);
        let permit = self.free.clone().acquire_owned().await.ok();
        self.crowded.send_replace(false);
        permit
    }

    /// Takes a place for a connection that has just been accepted.
    pub(super) fn take(&self, permit: OwnedSemaphorePermit) -> Standing {
        let now = Instant::now();
        Standing(Arc::new(Place {
            admitted: CancellationToken::new(),
            until: [now + self.bounds.admission, now + self.bounds.crowded_admission],
            crowded: self.crowded.subscribe(),
            _permit: permit,
        }))
    }
}

impl Standing {
    /// A request on the connection was let in.
    pub fn admit(&self) {
        self.0.admitted.cancel();
    }

    /// Ends when the connection has to go, which is never once it is admitted.
    pub async fn lapses(&self) {
        let [until, while_crowded] = self.0.until;
        let mut crowded = self.0.crowded.clone();
        let makes_room = async {
            sleep_until(while_crowded).await;
            if crowded.wait_for(|crowded| *crowded).await.is_err() {
                // The listener has stopped: nobody waits any more.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = self.0.admitted.cancelled() => std::future::pending().await,
            () = sleep_until(until) => {}
            () = makes_room => {}
        }
    }
}
