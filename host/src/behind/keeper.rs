//! Keeps the process behind alive: starts it again whenever it ends.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::{error, warn};

use super::{Inbox, Link};
use crate::{contract::Limits, metrics::Metrics};

/// A process that lived for so long is started again at once.
const STEADY: Duration = Duration::from_secs(10);
/// How long is waited before the second start in a row; each further one waits twice as long.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest wait: a device that waits for a decision is not to give up meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Runs until nobody can ask any more.
pub(super) async fn keep((program, most): (PathBuf, Limits), mut link: Link, mut inbox: Inbox, metrics: Arc<Metrics>) {
    let (mut again, mut in_a_row) = (Vec::new(), 0);
    loop {
        let began = Instant::now();
        metrics.behind_process.set(link.process().into());
        let Some(reason) = link.serve(&mut inbox, &mut again, &metrics.behind).await else { return };
        metrics.behind_process.set(0);
        in_a_row = if began.elapsed() < STEADY { in_a_row + 1 } else { 0 };
        metrics.behind_restarts.add();
        warn!(reason, decisions = again.len(), "the process for long decisions ended, and is started again");
        link = loop {
            tokio::time::sleep(pause(in_a_row)).await;
            match Link::start(&program, &most).await {
                Ok(link) => break link,
                Err(error) => {
                    error!("failed to start the process for long decisions, which wait for it: {error:#}");
                    in_a_row += 1;
                    again.clear();
                    // Whoever asked hears that it is not made.
                    while inbox.asks.try_recv().is_ok() {}
                }
            }
        };
    }
}

/// How long to wait after so many ends in a row but one.
fn pause(in_a_row: u32) -> Duration {
    match in_a_row {
        0 | 1 => Duration::ZERO,
        more => (PAUSE * 2_u32.saturating_pow(more - 2)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_is_at_once_and_no_wait_is_long() {
        assert_eq!([0, 1, 2, 3].map(pause), [Duration::ZERO, Duration::ZERO, PAUSE, PAUSE * 2]);
        assert_eq!([10, 30, u32::MAX].map(pause), [LONGEST_PAUSE; 3]);
    }
}
