//! The places of a listener, and who gives up theirs when all are taken: the connection that has been idle for longest.
//!
//! A connection is idle unless a request on it is being answered: when it has said nothing, or half a head, or is kept for
//! the next request. So whoever opens connections and does no more keeps nobody out.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How long a connection may be idle whoever waits: time to say a request, and to take its answer.
const SPARED: Duration = Duration::from_secs(1);
/// How long is waited for a place before it is looked again who is idle.
const LOOK: Duration = Duration::from_millis(100);

/// What stands in place of a moment while a request is being answered.
const BUSY: u64 = u64::MAX;

/// All places of a listener.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<u64, Arc<Seat>>>>,
    next: Arc<AtomicU64>,
    spared: Duration,
}

/// One connection's place. Free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    seats: Seats,
    seat: Arc<Seat>,
    _permit: OwnedSemaphorePermit,
}

/// What a connection is at.
#[derive(Debug)]
pub(super) struct Seat {
    /// Milliseconds since the first use of any at which it became idle, or [`BUSY`].
    idle_since: AtomicU64,
    leave: Notify,
}

/// A request that is being answered, until this is dropped.
pub(super) struct Busy(Arc<Seat>);

impl Seats {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), taken: Arc::default(), next: Arc::default(), spared: SPARED }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection that has just been accepted. If there is none, whoever has been idle for longest leaves.
    pub(super) async fn take(&self) -> Option<Place> {
        let permit = self.free().await?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat { idle_since: AtomicU64::new(now()), leave: Notify::new() });
        self.taken().insert(number, seat.clone());
        Some(Place { number, seats: self.clone(), seat, _permit: permit })
    }

    async fn free(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Some(permit);
        }
        loop {
            self.make_room();
            if let Ok(permit) = timeout(LOOK, self.free.clone().acquire_owned()).await {
                return permit.ok();
            }
        }
    }

    fn make_room(&self) {
        // Nobody has been idle for longer than the clock has run.
        let Some(spared) = now().checked_sub(milliseconds(self.spared)) else { return };
        let taken = self.taken();
        let idle = taken.values().map(|seat| (seat.idle_since.load(Ordering::Relaxed), seat));
        if let Some((_, seat)) = idle.filter(|(since, _)| *since <= spared).min_by_key(|(since, _)| *since) {
            seat.leave.notify_one();
        }
    }
}

impl Place {
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Ends once the connection, idle, has to go.
    pub(super) async fn leaves(&self) {
        loop {
            self.seat.leave.notified().await;
            // Its next request may have come this very moment.
            if self.seat.idle_since.load(Ordering::Relaxed) != BUSY {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seats.taken().remove(&self.number);
    }
}

impl Seat {
    /// Says that a request is being answered.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.idle_since.store(BUSY, Ordering::Relaxed);
        Busy(self.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(now(), Ordering::Relaxed);
    }
}

fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    milliseconds(START.elapsed())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two places, in which nobody is spared.
    async fn full() -> (Seats, [Place; 2]) {
        let seats = Seats { spared: Duration::ZERO, ..Seats::new(2) };
        let [first, second] = [seats.take().await.unwrap(), seats.take().await.unwrap()];
        (seats, [first, second])
    }

    #[tokio::test]
    async fn who_is_idle_for_longest_leaves() {
        let (seats, [first, second]) = full().await;
        first.seat.idle_since.store(0, Ordering::Relaxed);
        second.seat.idle_since.store(now(), Ordering::Relaxed);
        let leaving = async {
            first.leaves().await;
            drop(first);
        };
        tokio::join!(leaving, async { assert!(seats.take().await.is_some()) });
        assert!(timeout(Duration::ZERO, second.leaves()).await.is_err(), "one place was wanted");
        assert_eq!(seats.taken().len(), 1);
    }

    #[tokio::test]
    async fn who_has_just_come_stays() {
        let seats = Seats { spared: Duration::MAX, ..Seats::new(1) };
        let place = seats.take().await.unwrap();
        place.seat.idle_since.store(0, Ordering::Relaxed);
        seats.make_room();
        assert!(timeout(Duration::ZERO, place.leaves()).await.is_err());
    }

    #[tokio::test]
    async fn who_is_answered_stays() {
        let (seats, [first, second]) = full().await;
        let [one, other] = [&first, &second].map(|place| place.seat().busy());
        seats.make_room();
        drop(one);
        let leaving = async {
            first.leaves().await;
            drop(first);
        };
        tokio::join!(leaving, async { assert!(seats.take().await.is_some()) });
        // Called while it is answered, it stays for as long as it is.
        second.seat.leave.notify_one();
        assert!(timeout(Duration::ZERO, second.leaves()).await.is_err());
        drop(other);
    }
}
