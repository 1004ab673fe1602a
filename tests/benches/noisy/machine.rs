//! What the machine took away while something was measured: a virtual one gives its processors to others at times.

use std::fs;

/// The system's own count of its processors' time, in ticks, since it started.
pub(super) struct Processors {
    all: u64,
    stolen: u64,
}

impl Processors {
    /// As the count is now.
    pub(super) fn now() -> Self {
        // The first line: user, nice, system, idle, iowait, irq, softirq, steal, and guests, which are counted as user too.
        let text = fs::read_to_string("/proc/stat").expect("Linux tells it");
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).map(|n| n.parse().expect("a number")).collect();
        Self { all: ticks.iter().sum(), stolen: ticks[7] }
    }

    /// The share of the processors' time since then that the machine did not have.
    pub(super) fn stolen_since(&self) -> f64 {
        let now = Self::now();
        (now.stolen - self.stolen) as f64 / (now.all - self.all).max(1) as f64
    }
}
