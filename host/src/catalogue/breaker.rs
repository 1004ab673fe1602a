//! Sets a release aside that fails again and again, and tries it again later, one request at a time.
//!
//! Knows no faults and no clock: it is told how each request went, and when.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Whether a release is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Trusted,
    /// It failed too often in a row, and is not asked for a while.
    SetAside,
    /// That while is over: one request at a time is tried.
    OnTrial,
}

impl Standing {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::SetAside => "set-aside",
            Self::OnTrial => "on-trial",
        }
    }
}

/// Decides whether a release is asked.
#[derive(Debug)]
pub struct Breaker {
    /// Faults in a row that set it aside; 0 for never.
    tolerated: u32,
    /// How long it is set aside.
    pause: Duration,
    record: Mutex<Record>,
}

#[derive(Debug)]
enum Record {
    Trusted { faults: u32 },
    SetAside { until: Instant },
    OnTrial,
}

impl Breaker {
    /// A breaker for a release with a clean record.
    #[must_use]
    pub fn new(tolerated: u32, pause: Duration) -> Self {
        Self { tolerated, pause, record: Mutex::new(Record::Trusted { faults: 0 }) }
    }

    /// Whether the release is to be asked at this moment. What is given has to be told how it went; a trial that is not,
    /// since the caller left, makes room for another.
    pub fn begin(&self, now: Instant) -> Option<Attempt<'_>> {
        let mut record = self.record();
        match *record {
            Record::Trusted { .. } => Some(Attempt { breaker: self, trial: false }),
            Record::SetAside { until } if until <= now => {
                *record = Record::OnTrial;
                Some(Attempt { breaker: self, trial: true })
            }
            Record::SetAside { .. } | Record::OnTrial => None,
        }
    }

    /// How the release stands at this moment.
    pub fn standing(&self, now: Instant) -> Standing {
        match *self.record() {
            Record::Trusted { .. } => Standing::Trusted,
            Record::SetAside { until } if until > now => Standing::SetAside,
            Record::SetAside { .. } | Record::OnTrial => Standing::OnTrial,
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing that can panic is done under the lock.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that a release is asked.
#[derive(Debug)]
pub struct Attempt<'a> {
    breaker: &'a Breaker,
    trial: bool,
}

impl Attempt<'_> {
    /// Says how it went. Gives the release's standing if that changed it.
    pub fn end(mut self, faulted: bool, now: Instant) -> Option<Standing> {
        let trial = std::mem::take(&mut self.trial);
        let Breaker { tolerated, pause, .. } = *self.breaker;
        let mut record = self.breaker.record();
        let faults = match *record {
            Record::Trusted { faults } if faulted => faults.saturating_add(1),
            Record::Trusted { .. } => 0,
            // Begun before it was set aside: says nothing that is not known.
            _ if !trial => return None,
            _ if faulted => tolerated,
            _ => 0,
        };
        let set_aside = faulted && tolerated > 0 && faults >= tolerated;
        *record = if set_aside { Record::SetAside { until: now + pause } } else { Record::Trusted { faults } };
        match (set_aside, trial) {
            (true, false) => Some(Standing::SetAside),
            (false, true) => Some(Standing::Trusted),
            _ => None,
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.trial {
            *self.breaker.record() = Record::SetAside { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(5);

    /// A breaker that three faults at this moment have set aside.
    fn set_aside(now: Instant) -> Breaker {
        let breaker = Breaker::new(3, PAUSE);
        for expected in [None, None, Some(Standing::SetAside)] {
            assert_eq!(breaker.begin(now).unwrap().end(true, now), expected);
        }
        breaker
    }

    #[test]
    fn so_many_faults_in_a_row_set_aside() {
        let now = Instant::now();
        let breaker = set_aside(now);
        assert_eq!(breaker.standing(now), Standing::SetAside);
        assert!(breaker.begin(now + PAUSE / 2).is_none());
    }

    #[test]
    fn a_decision_between_begins_the_row_anew() {
        let now = Instant::now();
        let breaker = Breaker::new(2, PAUSE);
        for faulted in [true, false, true, false, true] {
            assert_eq!(breaker.begin(now).unwrap().end(faulted, now), None);
        }
        assert_eq!(breaker.begin(now).unwrap().end(true, now), Some(Standing::SetAside));
    }

    #[test]
    fn one_trial_at_a_time_decides() {
        let now = Instant::now();
        let breaker = set_aside(now);
        let later = now + PAUSE;
        assert_eq!(breaker.standing(later), Standing::OnTrial);
        let trial = breaker.begin(later).unwrap();
        assert!(breaker.begin(later).is_none(), "one at a time");
        assert_eq!(trial.end(true, later), None);
        assert!(breaker.begin(later).is_none(), "set aside anew");
        let trial = breaker.begin(later + PAUSE).unwrap();
        assert_eq!(trial.end(false, later + PAUSE), Some(Standing::Trusted));
        assert_eq!(breaker.standing(later + PAUSE), Standing::Trusted);
        assert!(breaker.begin(later).is_some());
    }

    #[test]
    fn a_trial_that_is_left_makes_room_for_another() {
        let now = Instant::now();
        let breaker = set_aside(now - PAUSE);
        drop(breaker.begin(now).unwrap());
        assert!(breaker.begin(Instant::now()).is_some());
    }

    #[test]
    fn what_began_before_says_nothing_new() {
        let now = Instant::now();
        let breaker = Breaker::new(1, PAUSE);
        let (early, fault) = (breaker.begin(now).unwrap(), breaker.begin(now).unwrap());
        assert_eq!(fault.end(true, now), Some(Standing::SetAside));
        assert_eq!(early.end(false, now), None);
        assert_eq!(breaker.standing(now), Standing::SetAside);
    }

    #[test]
    fn none_tolerates_everything() {
        let now = Instant::now();
        let breaker = Breaker::new(0, PAUSE);
        for _ in 0..100 {
            assert_eq!(breaker.begin(now).unwrap().end(true, now), None);
        }
    }
}
