//! What a policy serves.

use std::{sync::Arc, time::SystemTime};

use arc_swap::ArcSwapOption;

use super::Breaker;
use crate::{
    admission::Habit,
    contract::{Digest, Failure, Fallback, Fault, FaultKind, Limits, PolicyId},
    engine::{LogLine, Program, Surroundings},
    metrics::Tally,
};

/// A policy of the catalogue: what it serves, and what became of the last attempt to change that.
#[derive(Clone)]
pub struct Policy {
    /// Whose policy it is, and its name.
    pub id: PolicyId,
    /// What serves. `None` while no version of the policy could be loaded.
    pub serving: Option<Serving>,
    /// The version that served before, kept ready if what serves falls back to it.
    pub previous: Option<Arc<Release>>,
    /// Why the files as they are now do not serve, if they do not.
    pub failure: Option<Failed>,
    /// What is answered when it fails: what the serving release says, or the manifest in the catalogue if none serves.
    pub fallback: Fallback,
    /// How its decisions went, since this process began.
    pub counts: Arc<Counts>,
    /// How long they are.
    pub habit: Arc<Habit>,
}

impl Policy {
    /// Whether this version serves.
    #[must_use]
    pub fn serves(&self, version: &Digest) -> bool {
        self.serving.as_ref().is_some_and(|serving| serving.release.version == *version)
    }
}

/// What a policy serves, and how that came about.
#[derive(Clone)]
pub struct Serving {
    /// The release.
    pub release: Arc<Release>,
    /// Since when it serves, over restarts.
    pub since: SystemTime,
    /// Why it is this release.
    pub origin: Origin,
}

/// Why a policy serves the release it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is what the catalogue has.
    Catalogue,
    /// The catalogue's files cannot serve, or are still being verified at the start, and this is what served last.
    LastKnownGood,
    /// Somebody rolled back to it.
    Pinned {
        /// Who.
        by: String,
    },
}

/// A change that was refused.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Why.
    pub failure: Failure,
    /// When.
    pub at: SystemTime,
}

/// How decisions went.
#[derive(Debug, Default)]
pub struct Counts {
    allocated: Tally,
    refused: Tally,
    faults: [Tally; FaultKind::ALL.len()],
    fell_back: Tally,
    last_fault: ArcSwapOption<LastFault>,
}

/// The fault that a policy had last, for its owner.
#[derive(Debug)]
pub struct LastFault {
    /// When.
    pub at: SystemTime,
    /// The id of the request, which the log has too.
    pub request: String,
    /// The version that failed. `None` if there was none that could be loaded.
    pub version: Option<Digest>,
    /// What went wrong.
    pub fault: Fault,
    /// The last lines that the policy logged before it.
    pub log: Vec<LogLine>,
}

impl Counts {
    /// Counts a decision that sent a device to a hub.
    pub fn allocated(&self) {
        self.allocated.add();
    }

    /// Counts a deliberate "no".
    pub fn refused(&self) {
        self.refused.add();
    }

    /// Counts a fault.
    pub fn faulted(&self, kind: FaultKind) {
        if let Some((_, count)) = FaultKind::ALL.iter().zip(&self.faults).find(|(known, _)| **known == kind) {
            count.add();
        }
    }

    /// Keeps a fault until the next one.
    pub fn keep(&self, fault: LastFault) {
        self.last_fault.store(Some(Arc::new(fault)));
    }

    /// The fault that was kept last, since this process began.
    #[must_use]
    pub fn last_fault(&self) -> Option<Arc<LastFault>> {
        self.last_fault.load_full()
    }

    /// Counts a fault that the caller heard nothing of, since the fallback answered.
    pub fn fell_back(&self) {
        self.fell_back.add();
    }

    /// How many faults the fallback answered.
    #[must_use]
    pub fn fallbacks(&self) -> u64 {
        self.fell_back.get()
    }

    /// How many were allocated, refused and faulted.
    #[must_use]
    pub fn read(&self) -> [u64; 3] {
        [self.allocated.get(), self.refused.get(), self.faults.iter().map(Tally::get).sum()]
    }

    /// How many faults of each kind there were.
    pub fn faults(&self) -> impl Iterator<Item = (FaultKind, u64)> {
        FaultKind::ALL.into_iter().zip(self.faults.iter().map(Tally::get))
    }
}

/// A version plus what it runs with. Never changes, but for its counts and the record of its faults.
pub struct Release {
    /// The version: the digest of the component's bytes.
    pub version: Digest,
    /// The version, compiled.
    pub program: Arc<Program>,
    /// Settings and tables.
    pub surroundings: Arc<Surroundings>,
    /// What one decision may use.
    pub limits: Limits,
    /// What the tenant allowed when the release was verified. The limits are within it.
    pub ceiling: Limits,
    /// How the decisions of this release went.
    pub counts: Counts,
    /// What is answered when it fails.
    pub fallback: Fallback,
    /// Sets it aside when it fails again and again.
    pub breaker: Breaker,
}

impl Release {
    /// This release with the time that a verification has, so that a busy machine fails no check.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { limits: self.limits.of_verification(), ..self }
    }
}
