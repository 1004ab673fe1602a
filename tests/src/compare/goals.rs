//! What Berth is to reach, and whether it did. A miss is told as a miss.

use super::report::{Growth, Report, median};

/// A figure and its bound.
pub(super) struct Goal {
    /// What is compared, for people.
    pub(super) figure: &'static str,
    pub(super) bound: Bound,
    unit: &'static str,
    digits: usize,
    measure: fn(&Report) -> Option<f64>,
}

#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// What was measured, if it was.
    pub(super) fn measured(&self, report: &Report) -> Option<f64> {
        (self.measure)(report).filter(|value| value.is_finite())
    }

    pub(super) fn is_met_by(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtLeast(least) => value >= least,
            Bound::AtMost(most) => value <= most,
        }
    }

    /// A value of this figure, with its unit.
    pub(super) fn shown(&self, value: f64) -> String {
        format!("{value:.*}{}", self.digits, self.unit)
    }

    /// The bound, likewise.
    pub(super) fn shown_bound(&self) -> String {
        match self.bound {
            Bound::AtLeast(least) => format!("≥ {}", self.shown(least)),
            Bound::AtMost(most) => format!("≤ {}", self.shown(most)),
        }
    }
}

fn at_least(figure: &'static str, least: f64, measure: fn(&Report) -> Option<f64>) -> Goal {
    Goal { figure, bound: Bound::AtLeast(least), unit: "", digits: 2, measure }
}

fn at_most(figure: &'static str, most: f64, unit: &'static str, measure: fn(&Report) -> Option<f64>) -> Goal {
    Goal { figure, bound: Bound::AtMost(most), unit, digits: usize::from(most < 10.0), measure }
}

/// All of them.
pub(super) fn goals() -> Vec<Goal> {
    vec![
        at_least("Berth, Rust, by-model / native handler", 0.8, |all| ratio(all, "berth-by-model", "native-by-model")),
        at_least("Berth, Rust, by-suffix / native handler", 0.8, |all| {
            ratio(all, "berth-by-suffix", "native-by-suffix")
        }),
        at_least("Berth, C / native handler", 0.75, |all| ratio(all, "berth-c", "native-by-model")),
        at_least("Berth, JavaScript / native handler", 0.15, |all| ratio(all, "berth-javascript", "native-by-model")),
        at_least("Berth, Go / native handler", 0.07, |all| ratio(all, "berth-go", "native-by-model")),
        at_least("Berth, Python / native handler", 0.02, |all| ratio(all, "berth-python", "native-by-model")),
        at_least("Berth / `wasmtime serve`, tuned", 5.0, |all| ratio(all, "berth-by-model", "wasmtime-serve-tuned")),
        at_least("Berth / Extism, fresh", 3.0, |all| ratio(all, "berth-by-model", "extism-fresh")),
        at_least("Berth / Node http", 1.6, |all| ratio(all, "berth-by-model", "node")),
        at_least("Berth / OPA", 3.0, |all| ratio(all, "berth-by-model", "opa")),
        at_most("p99 at half load, Berth minus native handler", 150.0, " µs", tail),
        at_least("throughput with 1000 policies / with 1", 0.9, |all| {
            let rounds = with(all, 1000)?.throughput.iter().zip(&with(all, 1)?.throughput);
            Some(median(&rounds.map(|(many, one)| many / one).collect::<Vec<_>>()))
        }),
        at_most("memory of an idle policy beyond its code", 64.0, " KiB", |all| idle_memory(all, with(all, 1000)?)),
        at_most("start with 1000 policies, all compiled before", 3.0, " s", |all| {
            Some(with(all, 1000)?.warm_ms / 1000.0)
        }),
        at_most("rename of a new component to its first decision, by-suffix", 150.0, " ms", |all| {
            Some(median(&all.reload.as_ref()?.new_ms))
        }),
        at_most("the same, by-model, which is twice as large as the goal means", 150.0, " ms", |all| {
            Some(median(&with(all, 1)?.new_ms))
        }),
    ]
}

/// The median of the ratios of each round.
fn ratio(all: &Report, own: &str, other: &str) -> Option<f64> {
    Some(median(&all.find(own)?.ratios_to(all.find(other)?)))
}

/// By how many microseconds the 99th percentile is higher than the native handler's, each at half its own throughput.
fn tail(all: &Report) -> Option<f64> {
    let [own, native] = [all.find("berth-by-model")?.at(50)?, all.find("native-by-model")?.at(50)?];
    Some(median(&own.p99.iter().zip(&native.p99).map(|(own, native)| own - native).collect::<Vec<_>>()))
}

fn with(all: &Report, policies: usize) -> Option<&Growth> {
    all.growth.iter().find(|growth| growth.policies == policies)
}

/// KiB that each policy but the first adds to an idle server, without its compiled code.
pub(super) fn idle_memory(all: &Report, growth: &Growth) -> Option<f64> {
    let one = with(all, 1)?;
    let policies = growth.policies.checked_sub(1).filter(|policies| *policies > 0)?;
    let each = (growth.idle_memory as f64 - one.idle_memory as f64) / policies as f64;
    // What has a component in common with another has its code in common as well.
    let code = growth.code as f64 * growth.components as f64 / growth.policies as f64;
    Some((each - code) / 1024.0)
}
