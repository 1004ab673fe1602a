//! Compiled components by digest: identical bytes are compiled and held once, however many policies use them.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use crate::{contract::Digest, engine::Program};

/// The programs that some release still uses.
#[derive(Default)]
pub(super) struct Programs(HashMap<Digest, Weak<Program>>);

impl Programs {
    /// The program of this digest, if one is in use.
    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Program>> {
        self.0.get(digest)?.upgrade()
    }

    /// Remembers a program for as long as it is used.
    pub(super) fn insert(&mut self, digest: Digest, program: &Arc<Program>) {
        self.0.retain(|_, program| program.strong_count() > 0);
        self.0.insert(digest, Arc::downgrade(program));
    }
}
