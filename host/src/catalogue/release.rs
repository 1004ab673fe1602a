//! What a policy serves.

use std::sync::Arc;

use crate::{
    contract::{Digest, Limits, PolicyId},
    engine::{Program, Surroundings},
};

/// A policy of the catalogue: what it serves, and what became of the last attempt to change that.
#[derive(Clone)]
pub struct Policy {
    /// Whose policy it is, and its name.
    pub id: PolicyId,
    /// What serves. `None` while no version of the policy could be loaded.
    pub release: Option<Arc<Release>>,
    /// Why the files as they are now do not serve, if they do not.
    pub failure: Option<String>,
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
