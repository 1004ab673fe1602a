//! What Berth counts and times, and under which names it tells: the one place where metrics are defined.
//!
//! What is counted are plain atomics, held by whoever counts; nothing on the way of a request takes a lock or looks up a
//! label. Names, units and labels are [`families`], written down by a [`Sheet`] when somebody asks. Who gathers the
//! numbers for that, and who may see them, is the admin listener's business.

pub mod families;
mod family;
mod histogram;
mod phase;
mod request;
mod words;

pub use family::{Counter, Description, Family, Gauge, Kind, Labels, Sheet, exposition};
pub use histogram::Histogram;
pub use phase::{Phase, SAMPLE, Timer};
pub use request::{Account, CALLER_LEFT, DECISION, Requests};
pub use words::Words;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::contract::Stage;

/// The instruments of one server.
#[derive(Debug)]
pub struct Metrics {
    /// What became of the webhook's requests.
    pub requests: Requests,
    /// What became of changes of policies: [`SERVED`], [`REFUSED`], [`SUPERSEDED`].
    pub reloads: Words,
    /// The stages at which changes of policies were refused.
    pub reload_refusals: Words,
    /// Decisions that the process for long decisions is making.
    pub behind: Level,
    /// The number of that process, or 0 while there is none.
    pub behind_process: Level,
    /// How often that process ended and was started again.
    pub behind_restarts: Tally,
    /// How often the owner of the catalogue failed and was started again.
    pub catalogue_restarts: Tally,
    /// 1 while the owner of the catalogue is not there, after it failed, or cannot watch all of it.
    pub catalogue_down: Level,
    /// Tenants' manifests that were refused.
    pub manifest_refusals: Tally,
    /// The webhook's connections.
    pub webhook: Arc<Connections>,
    /// The admin listener's connections.
    pub admin: Arc<Connections>,
}

/// What is told of the log, which the whole process shares.
pub static LOG: Log = Log { dropped: Tally::new(), panics: Tally::new() };

/// Counts about the log.
#[derive(Debug)]
pub struct Log {
    /// Lines that were dropped, since whoever reads the log is too slow.
    pub dropped: Tally,
    /// Threads that panicked.
    pub panics: Tally,
}

/// A change that serves.
pub const SERVED: &str = "served";
/// A change that did not pass verification.
pub const REFUSED: &str = "refused";
/// A change that another overtook.
pub const SUPERSEDED: &str = "superseded";

impl Metrics {
    /// Instruments at zero. The codes are those that an answer of the webhook may have.
    #[must_use]
    pub fn new(codes: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            requests: Requests::new(codes),
            reloads: Words::new([SERVED, REFUSED, SUPERSEDED]),
            reload_refusals: Words::new(Stage::ALL.map(Stage::as_str)),
            behind: Level::default(),
            behind_process: Level::default(),
            behind_restarts: Tally::default(),
            catalogue_restarts: Tally::default(),
            catalogue_down: Level::default(),
            manifest_refusals: Tally::default(),
            webhook: Arc::default(),
            admin: Arc::default(),
        }
    }
}

/// A number that goes up.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// At zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are at the moment.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// It is this much now.
    pub fn set(&self, level: u64) {
        self.0.store(level, Ordering::Relaxed);
    }

    /// One more, until the guard is dropped.
    #[must_use]
    pub fn hold(&self) -> Held<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of what a [`Level`] counts.
#[derive(Debug)]
pub struct Held<'a>(&'a Level);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connections of one listener.
#[derive(Debug)]
pub struct Connections {
    /// Those that are open.
    pub open: Level,
    /// Those that were accepted.
    pub accepted: Tally,
    /// Those that came to nothing, by reason.
    pub failures: Words,
    /// What became of new certificates: [`SERVED`], [`REFUSED`].
    pub certificates: Words,
    /// When the certificate stops to be valid, in seconds since 1970; 0 without TLS.
    pub certificate_expires: Level,
}

impl Connections {
    /// Its peer holds as many connections as it may.
    pub const TOO_MANY: &str = "too-many-of-peer";
    /// It was idle for longest when another needed its place.
    pub const IDLE: &str = "idle-when-full";
    /// No TLS handshake came about.
    pub const HANDSHAKE: &str = "tls-handshake";
    /// It sent what is not HTTP, or more of a head than is taken.
    pub const NOT_HTTP: &str = "not-http";
    /// It took its answer too slowly.
    pub const SLOW_READER: &str = "slow-reader";
    /// It ended in the middle of something, or a head took too long.
    pub const BROKEN: &str = "broken";
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            open: Level::default(),
            accepted: Tally::default(),
            failures: Words::new([
                Self::TOO_MANY,
                Self::IDLE,
                Self::HANDSHAKE,
                Self::NOT_HTTP,
                Self::SLOW_READER,
                Self::BROKEN,
            ]),
            certificates: Words::new([SERVED, REFUSED]),
            certificate_expires: Level::default(),
        }
    }
}
