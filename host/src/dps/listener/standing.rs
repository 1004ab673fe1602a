//! The places of a listener, and how long whoever has not been admitted may keep one.
//!
//! A handshake proves nothing, so a connection's first claim to its place is short. What admits it is a request that the
//! registrar or the service API lets in; from then on only the protocol's own bounds count. Where all places are taken,
//! one connection makes room, the one that has waited longest to be admitted: whoever came last is not thrown out for it.

use std::{pin::pin, sync::Arc};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::Bounds;

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// Called for each place that is needed and not free; heard in the order in which connections began to listen.
    needed: Arc<Notify>,
    bounds: Bounds,
}

/// One connection's place. Clones are the same place, which is free again once the last is dropped.
#[derive(Debug, Clone)]
pub struct Standing(Arc<Place>);

#[derive(Debug)]
struct Place {
    admitted: CancellationToken,
    /// When it lapses, and from when on it does so for somebody else.
    until: [Instant; 2],
    needed: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let free = Arc::new(Semaphore::new(bounds.connections));
        Self { free, needed: Arc::default(), bounds: *bounds }
    }

    /// Waits until there is a free place, for which one that has not been admitted makes room.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Some(permit);
        }
        self.needed.notify_one();
        let permit = self.free.clone().acquire_owned().await.ok();
        // The place may have become free by itself. A call that nobody has heard is taken back: it would throw out
        // somebody for a place that is there.
        pin!(self.needed.notified()).enable();
        permit
    }

    /// Takes a place for a connection that has just been accepted.
    pub(super) fn take(&self, permit: OwnedSemaphorePermit) -> Standing {
        let now = Instant::now();
        Standing(Arc::new(Place {
            admitted: CancellationToken::new(),
            until: [now + self.bounds.admission, now + self.bounds.crowded_admission],
            needed: self.needed.clone(),
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
        let makes_room = async {
            sleep_until(while_crowded).await;
            self.0.needed.notified().await;
        };
        tokio::select! {
            biased;
            () = self.0.admitted.cancelled() => std::future::pending().await,
            () = sleep_until(until) => {}
            () = makes_room => {}
        }
    }
}
