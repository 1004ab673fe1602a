//! Compiled components by digest: identical bytes are compiled and held once, however many policies use them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::{contract::Digest, engine::Program};

/// The programs that some release still uses.
#[derive(Default)]
pub(super) struct Programs(Mutex<HashMap<Digest, Place>>);

/// Where the program of a digest is found. Locked while it is made: who wants the same waits for it.
type Place = Arc<tokio::sync::Mutex<Weak<Program>>>;

impl Programs {
    /// The program of this digest: the one in use, or a new one.
    pub(super) async fn get_or_make<E>(
        &self,
        digest: Digest,
        make: impl Future<Output = Result<Arc<Program>, E>>,
    ) -> Result<Arc<Program>, E> {
        let place = self.place(digest);
        let mut program = place.lock().await;
        if let Some(program) = program.upgrade() {
            return Ok(program);
        }
        let made = make.await?;
        *program = Arc::downgrade(&made);
        Ok(made)
    }

    fn place(&self, digest: Digest) -> Place {
        // Nothing panics while it holds the lock.
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = |place: &Place| place.try_lock().is_ok_and(|program| program.strong_count() == 0);
        if !places.contains_key(&digest) {
            // Each is looked at once for each that is new.
            places.retain(|_, place| Arc::strong_count(place) > 1 || !unused(place));
        }
        places.entry(digest).or_default().clone()
    }
}
