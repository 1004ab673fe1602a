//! Starts the owner of the catalogue again if it fails.
//!
//! A mistake of Berth's in reading files must neither end what serves nor leave it deaf for ever to changes and rollbacks. The
//! process goes on: what serves needs nobody to own it. `/readyz` and the metrics say meanwhile that changes are not seen.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tracing::error;

use crate::metrics::Metrics;

/// The pause before it is started again, doubled each time: what made it fail may still be there.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs `own` until it says that it is done, and again whenever it panics or ends early. `pause` waits, or says that there is
/// no more need.
pub(super) fn supervise(metrics: &Metrics, mut own: impl FnMut() -> bool, mut pause: impl FnMut(Duration) -> bool) {
    let mut wait = PAUSE;
    loop {
        // Whatever it left behind is dropped; the next begins with what is on disk.
        let done = catch_unwind(AssertUnwindSafe(&mut own));
        if let Ok(true) = done {
            return;
        }
        metrics.catalogue_down.set(1);
        error!(after_s = wait.as_secs(), "the owner of the catalogue failed and is started again; what serves goes on");
        if !pause(wait) {
            return;
        }
        metrics.catalogue_restarts.add();
        wait = (wait * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_started_again_until_it_is_done() {
        let metrics = Metrics::new([]);
        let (mut runs, mut pauses) = (0, Vec::new());
        let own = || {
            runs += 1;
            match runs {
                1 => panic!("a mistake"),
                2 => false,
                _ => true,
            }
        };
        supervise(&metrics, own, |time| {
            assert_eq!(metrics.catalogue_down.get(), 1);
            pauses.push(time.as_secs());
            true
        });
        assert_eq!((runs, pauses, metrics.catalogue_restarts.get()), (3, vec![1, 2], 2));
    }

    #[test]
    fn the_end_of_the_server_ends_it_too() {
        let metrics = Metrics::new([]);
        supervise(&metrics, || false, |_| false);
        assert_eq!(metrics.catalogue_restarts.get(), 0);
    }
}
