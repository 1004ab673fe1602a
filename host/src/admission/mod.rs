//! Who may have a decision made, when, and by which threads: what keeps tenants from one another.
//!
//! A tenant has a [`Share`]: so many decisions at once, so many requests that wait for one, for so long, and perhaps so
//! many a second. [`Lanes`] lets what a tenant runs beyond its part of the processors give way to everybody else. Knows
//! neither what is decided nor HTTP.

mod lane;
mod lanes;
mod pace;

pub use lane::Lane;
pub use lanes::Lanes;
pub use pace::Habit;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::pace::{Pace, Suspicion};
use crate::{engine::MAX_INSTANCES, metrics::Words};

/// Decisions that are made at the same time, for all tenants. The engine's pool has more instances, so that the
/// verification of new versions always finds some.
pub const PLACES: usize = MAX_INSTANCES as usize - 32;

/// Requests of one tenant whose bodies arrive at the same time. They hold no place, but each may hold a body's memory and a
/// connection. Far more than arrive at once from callers that do not dawdle.
const READING: usize = 512;

/// How much of the server one tenant may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Decisions at once.
    pub concurrency: usize,
    /// Requests that wait for one of these.
    pub queue: usize,
    /// How long each waits at most.
    pub queue_time: Duration,
    /// Requests a second, if that is limited.
    pub rate: Option<NonZeroU32>,
}

impl Default for Quotas {
    /// A policy waits for nothing but a processor, so twice as many decisions as there are processors keep them busy, and
    /// more would only take memory. However many there are, a tenant gets an eighth of the places at most. The time in
    /// the queue and that of a decision stay within four seconds, which DPS is known to wait.
    fn default() -> Self {
        Self {
            concurrency: (2 * processors()).clamp(4, PLACES / 8),
            queue: 100,
            queue_time: Duration::from_millis(2000),
            rate: None,
        }
    }
}

/// The processors this thread may use.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// Why a tenant's request is turned away at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OverQuota {
    /// More requests a second than it may make.
    #[error("the tenant makes more requests than its {0} a second")]
    Rate(NonZeroU32),
    /// Too many of its requests wait already.
    #[error("the tenant has {concurrency} decisions under way and {queue} more waiting, which is all it may")]
    Queue {
        /// Decisions at once.
        concurrency: usize,
        /// Requests that may wait.
        queue: usize,
    },
    /// Too many of its requests are still arriving.
    #[error("{READING} of the tenant's requests are still arriving, which is all it may have")]
    Reading,
    /// It waited as long as it may.
    #[error("none of the tenant's {concurrency} places for decisions came free within {} ms", .waited.as_millis())]
    Waited {
        /// Decisions at once.
        concurrency: usize,
        /// How long it waited.
        waited: Duration,
    },
}

impl OverQuota {
    /// The stable words for the reasons.
    const WORDS: [&str; 4] = ["rate", "reading", "queue", "queue-time"];

    /// The stable word for this reason.
    fn as_str(self) -> &'static str {
        let [rate, reading, queue, waited] = Self::WORDS;
        match self {
            Self::Rate(_) => rate,
            Self::Reading => reading,
            Self::Queue { .. } => queue,
            Self::Waited { .. } => waited,
        }
    }
}

/// One tenant's part of the server.
#[derive(Debug)]
pub struct Share {
    quotas: Quotas,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    reading: AtomicUsize,
    rate: Option<(NonZeroU32, Arc<DefaultDirectRateLimiter>)>,
    pace: Arc<Pace>,
    suspicion: Suspicion,
    rejections: Words,
}

/// A place for a decision, for as long as it is held.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

impl Share {
    /// A share of this size, of which nothing is taken.
    #[must_use]
    pub fn new(quotas: Quotas) -> Self {
        Self {
            places: Arc::new(Semaphore::new(quotas.concurrency)),
            waiting: AtomicUsize::new(0),
            reading: AtomicUsize::new(0),
            rate: quotas.rate.map(|rate| (rate, Arc::new(RateLimiter::direct(Quota::per_second(rate))))),
            pace: Arc::default(),
            suspicion: Suspicion::default(),
            rejections: Words::new(OverQuota::WORDS),
            quotas,
        }
    }

    /// A share of another size for the same tenant: what it used, and how many requests it made, is not forgotten.
    #[must_use]
    pub fn resized(&self, quotas: Quotas) -> Self {
        let mut share = Self { pace: self.pace.clone(), ..Self::new(quotas) };
        if quotas.rate == self.quotas.rate {
            share.rate = self.rate.clone();
        }
        share
    }

    /// Its size.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        self.quotas
    }

    /// What the tenant is called where turns are taken: nothing else is called so for as long as the share is held.
    #[must_use]
    pub fn name(self: &Arc<Self>) -> u64 {
        Arc::as_ptr(self).addr() as u64
    }

    /// Counts processor time that the tenant used.
    pub fn used(&self, time: Duration) {
        self.pace.count(time);
    }

    /// How many of its decisions are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.quotas.concurrency.saturating_sub(self.places.available_permits())
    }

    /// How many of its requests wait for a place.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many of its requests were turned away, by reason.
    pub fn rejections(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.rejections.read()
    }

    /// Counts a request against the tenant's rate.
    ///
    /// # Errors
    ///
    /// If there were too many.
    pub fn request(&self) -> Result<(), OverQuota> {
        match &self.rate {
            Some((rate, limiter)) if limiter.check().is_err() => Err(self.reject(OverQuota::Rate(*rate))),
            _ => Ok(()),
        }
    }

    fn reject(&self, why: OverQuota) -> OverQuota {
        self.rejections.add(why.as_str());
        why
    }

    /// Counts a request whose body arrives, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub fn reading(&self) -> Result<Counted<'_>, OverQuota> {
        Counted::among(&self.reading, READING).ok_or_else(|| self.reject(OverQuota::Reading))
    }

    /// Waits for a place, in the order of asking, for as long as the tenant's requests may.
    ///
    /// # Errors
    ///
    /// If too many wait, or it took too long.
    pub async fn place(&self) -> Result<Place, OverQuota> {
        let Quotas { concurrency, queue, queue_time: waited, .. } = self.quotas;
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(Place(place));
        }
        let Some(_waiting) = Counted::among(&self.waiting, queue) else {
            return Err(self.reject(OverQuota::Queue { concurrency, queue }));
        };
        match tokio::time::timeout(waited, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(Place(place)),
            _ => Err(self.reject(OverQuota::Waited { concurrency, waited })),
        }
    }
}

/// One of those who wait, or arrive: counted until this is dropped.
#[derive(Debug)]
pub struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn among(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let one_more = |waiting| (waiting < most).then_some(waiting + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
