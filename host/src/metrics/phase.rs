//! Where the time of a request goes: its phases, and the timer that a sample of the requests carries.
//!
//! A phase begins where the one before ends, so that a request's phases add up to all of its time. Most of them are shorter
//! than it takes to look at the clock a few dozen times, as telling them apart does: hence a sample, whose shape is that of
//! all requests.

use std::time::{Duration, Instant};

/// Of so many requests one is timed by phase. A prime: callers that send a few kinds of requests in turn are not always met
/// at the same kind.
pub const SAMPLE: u64 = 61;

/// A part of a request's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The key is compared, and the body arrives.
    Read,
    /// The request waits for a place and for a thread.
    Queue,
    /// The body is parsed.
    Parse,
    /// An instance is made.
    Instantiate,
    /// The request is written into the instance's memory.
    Lower,
    /// The guest decides. What the host does for it meanwhile is part of that.
    Run,
    /// The answer is read from the instance's memory, and the guest tidies up.
    Lift,
    /// The instance is taken away and its memory cleared.
    Discard,
    /// The whole decision, if the process for long decisions makes it.
    Behind,
    /// The answer is checked and written as DPS has it, or that of the fallback.
    Check,
    /// What came of it is counted and logged.
    Log,
    /// The answer gets its head, and is ready to be sent.
    Write,
}

impl Phase {
    /// All phases, in the order of a request.
    pub const ALL: [Self; 12] = [
        Self::Read,
        Self::Queue,
        Self::Parse,
        Self::Instantiate,
        Self::Lower,
        Self::Run,
        Self::Lift,
        Self::Discard,
        Self::Behind,
        Self::Check,
        Self::Log,
        Self::Write,
    ];

    /// The stable word for this phase.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Queue => "queue",
            Self::Parse => "parse",
            Self::Instantiate => "instantiate",
            Self::Lower => "lower",
            Self::Run => "run",
            Self::Lift => "lift",
            Self::Discard => "discard",
            Self::Behind => "behind",
            Self::Check => "check",
            Self::Log => "log",
            Self::Write => "write",
        }
    }
}

/// The times of one request's phases, if it is in the sample; else it does nothing.
#[derive(Debug, Clone)]
pub struct Timer(Option<Box<Times>>);

#[derive(Debug, Clone)]
struct Times {
    phase: Phase,
    since: Instant,
    so_far: [Option<Duration>; Phase::ALL.len()],
}

impl Timer {
    /// Of a request that began at this moment.
    pub(super) fn new(in_sample: bool, began: Instant) -> Self {
        let times = || Box::new(Times { phase: Phase::Read, since: began, so_far: [None; _] });
        Self(in_sample.then(times))
    }

    /// Whether the request is in the sample.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The request goes on to this phase now.
    pub fn enters(&mut self, phase: Phase) {
        if self.is_on() {
            self.entered(phase, Instant::now());
        }
    }

    /// The request went on to this phase at this moment, which is not before that of the phase before.
    pub fn entered(&mut self, phase: Phase, at: Instant) {
        if let Some(times) = &mut self.0 {
            times.end(at);
            times.phase = phase;
        }
    }

    /// The request ended at this moment. Gives the time of each phase that it was in.
    pub(super) fn ended(&mut self, at: Instant) -> impl Iterator<Item = (usize, Duration)> {
        let times = self.0.take().map(|mut times| {
            times.end(at);
            times.so_far
        });
        let in_order = times.into_iter().flatten().enumerate();
        in_order.filter_map(|(place, time)| Some((place, time?)))
    }
}

impl Times {
    fn end(&mut self, at: Instant) {
        let time = at.saturating_duration_since(self.since);
        self.since = self.since.max(at);
        if let Some(so_far) = self.so_far.get_mut(self.phase as usize) {
            *so_far = Some(so_far.unwrap_or_default() + time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_stand_in_their_order() {
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, place);
        }
    }

    #[test]
    fn phases_add_up_to_the_whole() {
        let began = Instant::now();
        let at = |micros| began + Duration::from_micros(micros);
        let mut timer = Timer::new(true, began);
        timer.entered(Phase::Queue, at(3));
        timer.entered(Phase::Log, at(10));
        // Once more, and one that claims to have begun before the last.
        timer.entered(Phase::Log, at(12));
        timer.entered(Phase::Write, at(11));
        let times: Vec<_> = timer.ended(at(20)).map(|(place, time)| (Phase::ALL[place], time.as_micros())).collect();
        assert_eq!(times, [(Phase::Read, 3), (Phase::Queue, 7), (Phase::Log, 2), (Phase::Write, 8)]);
        assert_eq!(timer.ended(at(30)).count(), 0);
    }

    #[test]
    fn a_request_outside_the_sample_has_no_times() {
        let mut timer = Timer::new(false, Instant::now());
        timer.enters(Phase::Run);
        assert_eq!(timer.ended(Instant::now()).count(), 0);
    }
}
