//! Times, sorted into buckets without a lock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets, in nanoseconds: from less than the shortest phase to more than the longest decision.
const BOUNDS: [u64; 39] = [
    100,
    200,
    300,
    500,
    750,
    1_000,
    1_500,
    2_000,
    3_000,
    4_000,
    5_000,
    7_500,
    10_000,
    20_000,
    30_000,
    40_000,
    50_000,
    75_000,
    100_000,
    150_000,
    200_000,
    300_000,
    500_000,
    750_000,
    1_000_000,
    1_500_000,
    2_000_000,
    3_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// A histogram of times.
///
/// The sum, the buckets and so the count are read one after the other: a reading taken while others write may be off by
/// the few that came in between, and is right again at the next.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    /// Times above the last bound.
    above: AtomicU64,
    /// The sum in nanoseconds. Holds 584 years.
    nanoseconds: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        let (above, nanoseconds) = (AtomicU64::default(), AtomicU64::default());
        Self { buckets: [const { AtomicU64::new(0) }; _], above, nanoseconds }
    }
}

impl Histogram {
    /// Counts a time.
    pub fn record(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        self.buckets.get(place).unwrap_or(&self.above).fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The upper bounds in seconds, the last infinite, with how many times fell into each bucket.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e9).chain([f64::INFINITY]);
        let counts = self.buckets.iter().chain([&self.above]);
        bounds.zip(counts.map(|count| count.load(Ordering::Relaxed))).collect()
    }

    /// The sum in seconds.
    pub(super) fn sum(&self) -> f64 {
        self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        for (time, bound) in [
            (Duration::ZERO, 1e-7),
            (Duration::from_micros(5), 5e-6),
            (Duration::from_nanos(5_001), 7.5e-6),
            (Duration::from_secs(10), 10.0),
            (Duration::from_secs(11), f64::INFINITY),
            (Duration::MAX, f64::INFINITY),
        ] {
            let histogram = Histogram::default();
            histogram.record(time);
            let filled: Vec<_> = histogram.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
            assert_eq!(filled, [(bound, 1)], "{time:?}");
        }
    }

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_sum_is_in_seconds() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_millis(1500));
        histogram.record(Duration::from_millis(500));
        assert!((histogram.sum() - 2.0).abs() < 1e-9);
    }
}
