//! What was measured, as `docs/benchmarks.json` has it. Plain figures: what follows from them is worked out when the page is
//! written.

use serde::{Deserialize, Serialize};

/// All that one run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// For how long.
    pub effort: Effort,
    /// Those that answered, in the order in which they are told of.
    pub contenders: Vec<Measured>,
    /// Those that could not be had.
    pub missing: Vec<Missing>,
    /// Berth with more and more policies.
    pub growth: Vec<Growth>,
    /// Swaps of a component of the size that the goal is about, if growth was measured.
    pub reload: Option<Reload>,
}

/// The machine, which servers and load shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// How many.
    pub processors: usize,
    /// What they call themselves.
    pub processor: String,
    /// GiB of memory.
    pub memory_gib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The compiler's version.
    pub rustc: String,
}

/// How much was done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// Connections of every load.
    pub connections: usize,
    /// Rounds of throughput, in each of which all contenders take a turn.
    pub rounds: u32,
    /// Seconds of a turn.
    pub seconds: f64,
    /// Rounds of latencies.
    pub latency_rounds: u32,
    /// Seconds of a turn at each rate.
    pub latency_seconds: f64,
    /// Swaps to a new version, and as many back.
    pub swaps: u32,
}

/// One contender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// By which the goals find it.
    pub id: String,
    /// For people.
    pub name: String,
    /// The rule it follows: that of one of the examples.
    pub rule: String,
    /// What is between a request and the next, or other tenants.
    pub isolation: String,
    /// Of what it is.
    pub version: String,
    /// Answers per second, by round.
    pub throughput: Vec<f64>,
    /// Resident bytes after the load.
    pub memory: u64,
    /// Answers that were failures. None should be.
    pub failed: u64,
    /// Times at constant rates.
    pub latencies: Vec<Latency>,
}

/// Times at a constant rate, in microseconds, by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The rate in percent of the contender's own throughput.
    pub percent: u32,
    /// Requests per second.
    pub rate: f64,
    /// Medians.
    pub p50: Vec<f64>,
    /// Of 100 requests, one took longer.
    pub p99: Vec<f64>,
    /// Of 1000 requests, one took longer.
    pub p999: Vec<f64>,
}

/// A contender that could not be had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// For people.
    pub name: String,
    /// The first line of what went wrong.
    pub why: String,
}

/// Berth with so many policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// How many.
    pub policies: usize,
    /// Of how many different components they are.
    pub components: usize,
    /// Milliseconds of a start at which everything is compiled. Not measured where fewer policies told the same.
    pub cold_ms: Option<f64>,
    /// Milliseconds of a start that finds everything compiled.
    pub warm_ms: f64,
    /// Resident bytes after that start, before the first request.
    pub idle_memory: u64,
    /// Resident bytes after the load.
    pub memory: u64,
    /// Bytes of one policy's component.
    pub component: u64,
    /// Bytes of its compiled code.
    pub code: u64,
    /// Answers that were failures. None should be.
    pub failed: u64,
    /// Answers per second, by round, if all policies are asked in turn.
    pub throughput: Vec<f64>,
    /// Milliseconds from the rename of a version never seen before to its first decision, by swap.
    pub new_ms: Vec<f64>,
    /// The same, back to a version that has been compiled before.
    pub back_ms: Vec<f64>,
}

/// Swaps of the only policy of a server, by-suffix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// Bytes of its component.
    pub component: u64,
    /// Milliseconds from the rename of a version never seen before to its first decision, by swap.
    pub new_ms: Vec<f64>,
    /// The same, back to a version that has been compiled before.
    pub back_ms: Vec<f64>,
}

impl Report {
    /// The contender with this id, if it took part.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Measured> {
        self.contenders.iter().find(|one| one.id == id)
    }
}

impl Measured {
    /// Its throughput in terms of another's, round by round.
    #[must_use]
    pub fn ratios_to(&self, other: &Self) -> Vec<f64> {
        self.throughput.iter().zip(&other.throughput).map(|(own, others)| own / others).collect()
    }

    /// Its times at this share of its own throughput, if they were measured.
    #[must_use]
    pub fn at(&self, percent: u32) -> Option<&Latency> {
        self.latencies.iter().find(|latency| latency.percent == percent)
    }
}

/// To one digit after the point: more would be noise, and not be read back as it was written.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The median, or nothing at all.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(value)) => *value,
        (_, Some(value)) => f64::midpoint(*value, sorted[middle - 1]),
    }
}
