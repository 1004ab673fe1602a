//! What became of the webhook's requests: each is accounted for once, also one whose caller left.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use super::{
    Held, Histogram, Level, Words,
    phase::{Phase, SAMPLE, Timer},
};

/// The outcome of a request that was answered with a decision.
pub const DECISION: &str = "decision";

/// The outcome of a request whose caller was gone before it was answered.
pub const CALLER_LEFT: &str = "caller-left";

/// Counts and times of the webhook's requests.
#[derive(Debug)]
pub struct Requests {
    /// By outcome: [`DECISION`], [`CALLER_LEFT`], or the answer's `code`.
    pub outcomes: Words,
    /// Those not answered yet.
    pub in_flight: Level,
    /// From a request's head to its answer.
    pub time: Histogram,
    /// Those that ever began.
    begun: AtomicU64,
    phases: [Histogram; Phase::ALL.len()],
}

impl Requests {
    pub(super) fn new(codes: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            outcomes: Words::new([DECISION, CALLER_LEFT].into_iter().chain(codes)),
            in_flight: Level::default(),
            time: Histogram::default(),
            begun: AtomicU64::default(),
            phases: Default::default(),
        }
    }

    /// Opens the account of a request whose head has arrived.
    pub fn begin(&self) -> Account<'_> {
        let now = Instant::now();
        let timer = Timer::new(self.begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE), now);
        Account { requests: self, _held: self.in_flight.hold(), began: now, timer, outcome: CALLER_LEFT }
    }

    /// The times of each phase, of the sample.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, &Histogram)> {
        Phase::ALL.into_iter().zip(&self.phases)
    }
}

/// The account of one request. It closes when dropped; without an outcome by then, the caller left.
#[derive(Debug)]
pub struct Account<'a> {
    requests: &'a Requests,
    _held: Held<'a>,
    began: Instant,
    /// Of its phases.
    pub timer: Timer,
    outcome: &'static str,
}

impl Account<'_> {
    /// The request is answered, with this outcome.
    pub fn close(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        self.requests.outcomes.add(self.outcome);
        self.requests.time.record(now.saturating_duration_since(self.began));
        for (place, time) in self.timer.ended(now) {
            if let Some(histogram) = self.requests.phases.get(place) {
                histogram.record(time);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_accounted_for_once() {
        let requests = Requests::new(["rejected"]);
        requests.begin().close(DECISION);
        requests.begin().close("rejected");
        drop(requests.begin());
        let open = requests.begin();
        assert_eq!(requests.in_flight.get(), 1);
        let read: Vec<_> = requests.outcomes.read().collect();
        assert_eq!(read, [(DECISION, 1), (CALLER_LEFT, 1), ("rejected", 1)]);
        drop(open);
        assert_eq!(requests.in_flight.get(), 0);
    }

    #[test]
    fn the_first_request_of_so_many_is_timed_by_phase() {
        let requests = Requests::new([]);
        let timed = (0..2 * SAMPLE).filter(|_| requests.begin().timer.is_on()).count();
        assert!(requests.begin().timer.is_on());
        assert_eq!(timed, 2);
    }
}
