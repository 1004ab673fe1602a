//! What became of the webhook's requests: each is accounted for once, also one whose caller left.

use std::time::{Duration, Instant};

use super::{Held, Histogram, Level, Words};

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
    phases: [Histogram; Phase::ALL.len()],
}

/// A part of a request's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The key is compared, the body arrives and is parsed.
    Read,
    /// The request waits for a place.
    Queue,
    /// An instance is made and decides.
    Run,
    /// The answer is checked and written.
    Check,
}

impl Phase {
    /// All phases, in the order of a request.
    pub const ALL: [Self; 4] = [Self::Read, Self::Queue, Self::Run, Self::Check];

    /// The stable word for this phase.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Queue => "queue",
            Self::Run => "run",
            Self::Check => "check",
        }
    }
}

impl Requests {
    pub(super) fn new(codes: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            outcomes: Words::new([DECISION, CALLER_LEFT].into_iter().chain(codes)),
            in_flight: Level::default(),
            time: Histogram::default(),
            phases: Default::default(),
        }
    }

    /// Opens the account of a request whose head has arrived.
    pub fn begin(&self) -> Account<'_> {
        let now = Instant::now();
        Account { requests: self, _held: self.in_flight.hold(), began: now, phase_began: now, outcome: CALLER_LEFT }
    }

    /// The times of each phase.
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
    phase_began: Instant,
    outcome: &'static str,
}

impl Account<'_> {
    /// A phase ends now, and the next begins. Gives its time.
    pub fn ends(&mut self, phase: Phase) -> Duration {
        let now = Instant::now();
        let time = now.duration_since(self.phase_began);
        self.phase_began = now;
        self.time(phase, time);
        time
    }

    /// Two phases end now, of which the first took this long.
    pub fn end_both(&mut self, first: (Phase, Duration), second: Phase) {
        self.time(first.0, first.1);
        self.phase_began += first.1;
        self.ends(second);
    }

    /// The request is answered, with this outcome.
    pub fn close(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }

    fn time(&self, phase: Phase, time: Duration) {
        if let Some((_, histogram)) = self.requests.phases().find(|(known, _)| *known == phase) {
            histogram.record(time);
        }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.requests.outcomes.add(self.outcome);
        self.requests.time.record(self.began.elapsed());
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
}
