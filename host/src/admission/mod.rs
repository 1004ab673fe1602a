//! Who may have a decision made, when, and by which threads: what keeps tenants from one another.
//!
//! A tenant has a [`Share`]: so many decisions at once, so many requests that wait for one, for so long, and perhaps so
//! many a second. [`Lanes`] lets what a tenant runs beyond its part of the processors give way to everybody else. Knows
//! neither what is decided nor HTTP.

mod lane;
mod lanes;
mod pace;
mod share;

pub use lane::Lane;
pub use lanes::Lanes;
pub use pace::Habit;
pub use share::{Counted, Place, Share};

use std::{num::NonZeroU32, time::Duration};

use thiserror::Error;

use crate::engine::MAX_INSTANCES;

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
