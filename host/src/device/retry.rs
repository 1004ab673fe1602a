//! When something that did not work is tried again, and for how long.

use std::time::{Duration, Instant};

use super::{Failure, Step, Watch};

/// The first wait, where the DPS says none.
const FIRST: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);

/// How long a device tries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a DPS may be away, throttle or fail at a stretch.
    pub outage: Duration,
    /// How long a registration may take in all. The real DPS tries a webhook again for seven minutes.
    pub whole: Duration,
}

/// A stretch of time in which nothing works.
pub(super) struct Outage<'a> {
    patience: Patience,
    watch: Watch<'a>,
    since: Option<Instant>,
    next: Duration,
}

impl<'a> Outage<'a> {
    pub(super) fn none(patience: Patience, watch: Watch<'a>) -> Self {
        Self { patience, watch, since: None, next: FIRST }
    }

    /// The DPS has said how an operation stands.
    pub(super) fn ends(&mut self) {
        self.since = None;
        self.next = FIRST;
    }

    /// Waits before the next try: as long as the DPS says, or longer each time. `failure` once patience has run out.
    pub(super) async fn wait(&mut self, told: Option<Duration>, failure: Failure) -> Result<(), Failure> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.patience.outage {
            return Err(failure);
        }
        let after = told.filter(|told| !told.is_zero()).unwrap_or_else(|| shorter(self.next));
        self.next = (self.next * 2).min(LONGEST);
        (self.watch)(Step::Again { why: &failure.to_string(), after });
        tokio::time::sleep(after).await;
        Ok(())
    }
}

/// From half of it to all of it, so that the devices of a fleet do not all come at the same moment.
fn shorter(time: Duration) -> Duration {
    let mut random = [0];
    // Without randomness it is the whole time.
    let _ = getrandom::fill(&mut random);
    time - time * u32::from(random[0]) / 512
}
