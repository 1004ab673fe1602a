//! What a policy serves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use crate::{
    contract::{Digest, Failure, Limits, PolicyId},
    engine::{Program, Surroundings},
};

/// A policy of the catalogue: what it serves, and what became of the last attempt to change that.
#[derive(Clone)]
pub struct Policy {
    /// Whose policy it is, and its name.
    pub id: PolicyId,
    /// What serves. `None` while no version of the policy could be loaded.
    pub serving: Option<Serving>,
    /// Why the files as they are now do not serve, if they do not.
    pub failure: Option<Failed>,
    /// How its decisions went, since this process began.
    pub counts: Arc<Counts>,
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
    /// The catalogue's files cannot serve, and this is what served last.
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
    allocated: AtomicU64,
    refused: AtomicU64,
    faulted: AtomicU64,
}

impl Counts {
    /// Counts a decision that sent a device to a hub.
    pub fn allocated(&self) {
        self.allocated.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a deliberate "no".
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a fault.
    pub fn faulted(&self) {
        self.faulted.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were allocated, refused and faulted.
    #[must_use]
    pub fn read(&self) -> [u64; 3] {
        [&self.allocated, &self.refused, &self.faulted].map(|count| count.load(Ordering::Relaxed))
    }
}

/// A version plus what it runs with. Never changes.
pub struct Release {
    /// The version: the digest of the component's bytes.
    pub version: Digest,
    /// The version, compiled.
    pub program: Arc<Program>,
    /// Settings and tables.
    pub surroundings: Arc<Surroundings>,
    /// What one decision may use.
    pub limits: Limits,
}
