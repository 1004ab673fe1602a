//! How much processor time one guest has used.
//!
//! Costs nothing for a guest that is done before the first tick, which is nearly every one: a thread's clock is read only
//! where a guest is interrupted and where it goes on. Between the two others may run on the thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use super::TICK;

/// A guest's processor time. Begins with the instance.
#[derive(Debug)]
pub(super) struct Cpu {
    used: Duration,
    started: Instant,
    /// What the clock of the thread showed when the guest last went on, in nanoseconds; `None` before the first tick.
    resumed: Option<Arc<AtomicU64>>,
}

impl Cpu {
    pub(super) fn since(started: Instant) -> Self {
        Self { used: Duration::ZERO, started, resumed: None }
    }

    /// Counts what the guest has used up to this tick, and says how much that is in all.
    pub(super) fn interrupt(&mut self) -> Duration {
        self.used += match &self.resumed {
            // No clock was read at the start. The first tick comes at most a tick after it, unless the thread had to wait.
            None => self.started.elapsed().min(TICK),
            Some(resumed) => Duration::from_nanos(thread_time().saturating_sub(resumed.load(Ordering::Relaxed))),
        };
        self.used
    }

    /// Lets others have the thread, and reads the clock when the guest goes on, on whichever thread that is.
    pub(super) fn give_way(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let resumed = self.resumed.get_or_insert_default().clone();
        async move {
            tokio::task::yield_now().await;
            resumed.store(thread_time(), Ordering::Relaxed);
        }
    }
}

fn thread_time() -> u64 {
    u64::try_from(processor_time().as_nanos()).unwrap_or(u64::MAX)
}

/// The processor time that this thread has used. Wall time would charge a tenant for the time that others took from it.
#[must_use]
pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
