//! How fast a tenant is: how much of the processors it uses; and how long a policy's decisions are.
//!
//! Not how many requests it makes: those are counted one by one, and a limiter from elsewhere does that. What is used here
//! is known only afterwards. Paces by one number, the moment at which all that was used so far will have been earned (the generic cell rate
//! algorithm). It moves on with what is used, and time catches up with it.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Share, processors};

/// A tenant keeps its pace while it uses less than one part in this many of the processors.
const PART: u32 = 2;
/// How far ahead of its pace a tenant may be, in processor time: a burst of small decisions, or a few long ones.
const AHEAD: Duration = Duration::from_millis(20);
/// How far ahead it counts as at most, so that it is soon forgiven.
const MOST_AHEAD: Duration = Duration::from_millis(200);

/// A policy is brief while its decisions take no longer than this, which is more than one tick.
pub(super) const BRIEF: Duration = Duration::from_millis(2);
/// A longer decision moves the habit by one part in this many of the difference: not all the way, since a processor's
/// clock also runs while the kernel makes one tenant wait for another.
const ALARM: u64 = 4;
/// A shorter decision moves it by one part in this many of the difference: after a decision of 40 ms a policy is brief
/// again after some 800 short ones, so that what it took of others' time is about what it used itself.
const PATIENCE: u64 = 512;
/// A policy's decisions are long if they take more than this, or fail: they may take all the time there is.
const LONG: Duration = Duration::from_millis(10);
/// What a failed decision counts for at least.
const FAILED: Duration = Duration::from_millis(40);

/// How long a policy's decisions are. Its own, since a tenant's brief policies say nothing of its long ones.
#[derive(Debug, Default)]
pub struct Habit {
    /// Nanoseconds: moves quickly towards a longer decision, and slowly towards shorter ones.
    length: AtomicU64,
}

/// How many of a tenant's decisions are measured exactly after one that had a thread for more than a tick at once.
const WATCHED: u32 = 512;

/// Whether the time of a tenant's decisions is to be measured exactly. That one had a thread for more than a tick at once may
/// have been the system's doing; or the guest did much where it meets no tick, and then it does so again, perhaps seldom.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    left: AtomicU32,
}

impl Suspicion {
    /// Whether the next decision is to be measured exactly.
    pub(super) fn is_there(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// There is reason to measure the next ones exactly.
    pub(super) fn arises(&self) {
        self.left.store(WATCHED, Ordering::Relaxed);
    }

    /// One was measured, and was as it should be.
    pub(super) fn fades(&self) {
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    }
}

impl Habit {
    /// Whether its next decision is likely to be over soon.
    pub(super) fn is_brief(&self) -> bool {
        self.length.load(Ordering::Relaxed) <= nanoseconds(BRIEF)
    }

    /// Whether its next decision is likely to be very long, or to fail.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.length.load(Ordering::Relaxed) >= nanoseconds(LONG)
    }

    /// Counts a decision that failed, as a long one: explaining a fault costs more than a decision, and a policy that
    /// fails has no claim to be quick.
    pub fn failed(&self) {
        self.ended(FAILED);
    }

    /// Counts a decision that took this long.
    pub fn ended(&self, cost: Duration) {
        let cost = nanoseconds(cost);
        // Two at the same time may overwrite each other: the next will be as long.
        let length = self.length.load(Ordering::Relaxed);
        let next = if cost > length { length + (cost - length) / ALARM } else { length - (length - cost) / PATIENCE };
        self.length.store(next, Ordering::Relaxed);
    }
}

/// How much of the processors a tenant uses.
#[derive(Debug, Default)]
pub(super) struct Pace {
    earned: Moment,
}

impl Pace {
    /// Whether the tenant keeps its pace.
    pub(super) fn is_kept(&self) -> bool {
        self.earned.ahead() <= earned_in(AHEAD)
    }

    /// Counts processor time that the tenant used.
    pub(super) fn count(&self, used: Duration) {
        self.earned.advance(|ahead| (ahead + earned_in(used)).min(earned_in(MOST_AHEAD)));
    }
}

/// For how long after its last brief decision others give way to a tenant.
const PRESENT: Duration = Duration::from_millis(100);

/// Whether more than one tenant has brief decisions made. Long ones are made where they give way to everybody: nobody who
/// went aside would make them any quicker.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The name of the tenant that asked last.
    last: AtomicU64,
    /// Until when what the one before asked matters.
    crowded: Moment,
}

impl Crowd {
    /// Notes a tenant's brief decision. Whether it is the only tenant at the moment, so that its pace is nobody's business.
    pub(super) fn is_alone(&self, share: &Share) -> bool {
        let tenant = share.name();
        if self.last.load(Ordering::Relaxed) != tenant {
            self.last.store(tenant, Ordering::Relaxed);
            self.crowded.advance(|_| nanoseconds(PRESENT));
        }
        self.crowded.ahead() == 0
    }
}

/// Nanoseconds in which a tenant earns this much processor time.
fn earned_in(used: Duration) -> u64 {
    static PROCESSORS: LazyLock<u32> = LazyLock::new(|| u32::try_from(processors()).unwrap_or(1));
    nanoseconds(used * PART / *PROCESSORS)
}

/// The moment at which what was used will have been earned, in nanoseconds since the first use of any.
#[derive(Debug, Default)]
struct Moment(AtomicU64);

impl Moment {
    /// Nanoseconds until then.
    fn ahead(&self) -> u64 {
        self.0.load(Ordering::Relaxed).saturating_sub(now())
    }

    /// Makes it so many nanoseconds as the step says of those there are.
    fn advance(&self, step: impl Fn(u64) -> u64) {
        let now = now();
        let next = |earned: u64| Some(now + step(earned.saturating_sub(now)));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    nanoseconds(START.elapsed())
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_kept_until_too_much_is_used() {
        let pace = Pace::default();
        assert!(pace.is_kept());
        pace.count(AHEAD / 2);
        assert!(pace.is_kept());
        pace.count(Duration::from_secs(3600));
        assert!(!pace.is_kept());
        assert!(pace.earned.ahead() <= earned_in(MOST_AHEAD), "an hour is soon forgiven");
    }

    #[test]
    fn a_tenant_is_alone_until_another_asks() {
        let [one, other] = [(), ()].map(|()| Share::new(crate::admission::Quotas::default()));
        let crowd = Crowd::default();
        while !crowd.is_alone(&one) {}
        assert!(crowd.is_alone(&one));
        assert!(!crowd.is_alone(&other) && !crowd.is_alone(&one));
        while !crowd.is_alone(&one) {}
    }

    #[test]
    fn a_long_decision_is_forgotten_after_many_short_ones() {
        let habit = Habit::default();
        habit.ended(Duration::from_micros(50));
        assert!(habit.is_brief());
        habit.ended(Duration::from_millis(40));
        let short = (0..10_000).take_while(|_| {
            habit.ended(Duration::from_micros(50));
            !habit.is_brief()
        });
        assert!((500..2000).contains(&short.count()));
        habit.failed();
        assert!(!habit.is_brief());
    }
}
