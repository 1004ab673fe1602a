//! The comparison behind `docs/benchmarks.md`: Berth beside what one would use in its place, in one run on one machine.
//!
//! Contenders take turns, round by round, and a ratio is that of two turns of the same round: what else the machine does
//! meets both alike. All get the same bodies, and all have to answer the same.
//!
//! Not a test: it measures. What it writes down is rendered by [`page`], which a test holds against what is committed.

pub mod berth;
mod chart;
pub mod contender;
pub mod driver;
mod exchange;
mod goals;
mod growth;
mod machine;
mod native;
pub mod page;
pub mod peers;
pub mod profile;
mod reload;
pub mod report;
pub mod server;
pub mod training;

use std::time::Duration;

use self::{
    contender::{Contender, Running},
    driver::{CONNECTIONS, Times},
    report::{Effort, Latency, Measured, Missing, Report},
};

/// Rates of the open load, in percent of each contender's own throughput.
pub const PERCENT: [u32; 4] = [25, 50, 75, 90];

/// What is measured, and how long.
pub struct Plan {
    /// Who takes part.
    pub contenders: Vec<Contender>,
    /// How much is done.
    pub effort: Effort,
    /// Numbers of policies that Berth grows to.
    pub policies: Vec<usize>,
}

impl Plan {
    /// All that needs no more than the repository; a few minutes, and more with [`peers`](peers::peers).
    #[must_use]
    pub fn whole() -> Self {
        let effort = Effort {
            connections: CONNECTIONS,
            rounds: 6,
            seconds: 3.0,
            latency_rounds: 3,
            latency_seconds: 1.0,
            swaps: 9,
        };
        Self { contenders: contender::own(), effort, policies: vec![1, 10, 100, 1000, 5000] }
    }

    /// The same in seconds: figures that nobody should trust.
    #[must_use]
    pub fn quick() -> Self {
        let effort = Effort {
            connections: CONNECTIONS,
            rounds: 2,
            seconds: 0.3,
            latency_rounds: 1,
            latency_seconds: 0.1,
            swaps: 1,
        };
        Self { contenders: contender::own(), effort, policies: vec![1, 2] }
    }
}

/// Measures all of it. `tell` hears how it goes, line by line.
///
/// # Errors
///
/// If a native handler cannot be had, or somebody answers otherwise.
pub fn run(plan: Plan, tell: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let (running, missing) = start(plan.contenders, tell)?;
    let throughput = rounds_of_throughput(&running, plan.effort, tell);
    let latencies = rounds_of_latency(&running, &throughput, plan.effort, tell);
    let mut contenders = Vec::new();
    for ((one, throughput), latencies) in running.into_iter().zip(throughput).zip(latencies) {
        contenders.push(Measured {
            id: one.contender.id.to_owned(),
            name: one.contender.name.to_owned(),
            rule: one.contender.rule.name().to_owned(),
            isolation: one.contender.isolation.to_owned(),
            memory: one.server.memory()?,
            failed: one.driver.failed(),
            version: one.version,
            throughput,
            latencies,
        });
    }
    let grows = !plan.policies.is_empty();
    Ok(Report {
        machine: machine::machine()?,
        effort: plan.effort,
        contenders,
        missing,
        growth: growth::measure(&plan.policies, plan.effort, tell)?,
        reload: grows.then(|| reload::measure(plan.effort.swaps)).transpose()?,
    })
}

/// Starts all, and sees that they do the same work. Who cannot be had is missing, but for the ceilings.
fn start(contenders: Vec<Contender>, tell: &dyn Fn(&str)) -> anyhow::Result<(Vec<Running>, Vec<Missing>)> {
    let (mut running, mut missing): (Vec<Running>, _) = (Vec::new(), Vec::new());
    for contender in contenders {
        let (id, name, ceiling) = (contender.id, contender.name, contender.rule.ceiling());
        tell(&format!("starting {id}; what it needs is built first"));
        match Running::start(contender) {
            Ok(started) => {
                if let Some(native) = running.iter().find(|one| one.contender.id == ceiling) {
                    started.agrees_with(native)?;
                }
                running.push(started);
            }
            Err(error) if id != ceiling => {
                tell(&format!("{id} is missing: {error:#}"));
                let why = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
                missing.push(Missing { name: name.to_owned(), why });
            }
            Err(error) => return Err(error),
        }
    }
    Ok((running, missing))
}

/// Answers per second by contender and round.
fn rounds_of_throughput(running: &[Running], effort: Effort, tell: &dyn Fn(&str)) -> Vec<Vec<f64>> {
    let time = Duration::from_secs_f64(effort.seconds);
    for one in running {
        let _ = one.driver.saturate(time / 2);
    }
    let mut all = vec![Vec::new(); running.len()];
    for round in 0..effort.rounds {
        for turn in 0..running.len() {
            // Nobody is always the first, or always after the same one's heat.
            let number = (turn + round as usize) % running.len();
            let rate = running[number].driver.saturate(time);
            tell(&format!("round {}: {:<20} {rate:>9.0}/s", round + 1, running[number].contender.id));
            all[number].push(report::rounded(rate));
        }
    }
    all
}

/// Times at constant rates by contender.
fn rounds_of_latency(
    running: &[Running],
    throughput: &[Vec<f64>],
    effort: Effort,
    tell: &dyn Fn(&str),
) -> Vec<Vec<Latency>> {
    let time = Duration::from_secs_f64(effort.latency_seconds);
    let none = |percent, most: &Vec<f64>| {
        let rate = report::rounded(report::median(most) * f64::from(percent) / 100.0);
        Latency { percent, rate, p50: Vec::new(), p99: Vec::new(), p999: Vec::new() }
    };
    let mut all: Vec<Vec<Latency>> =
        throughput.iter().map(|most| PERCENT.map(|percent| none(percent, most)).into()).collect();
    for round in 0..effort.latency_rounds {
        for rate in 0..PERCENT.len() {
            for (one, latencies) in running.iter().zip(&mut all) {
                let latency = &mut latencies[rate];
                let times = one.driver.at_rate(latency.rate, time);
                latency.p50.push(micros(&times, 0.5));
                latency.p99.push(micros(&times, 0.99));
                latency.p999.push(micros(&times, 0.999));
            }
        }
        tell(&format!("latencies: round {} of {}", round + 1, effort.latency_rounds));
    }
    all
}

fn micros(times: &Times, share: f64) -> f64 {
    report::rounded(times.value_at_quantile(share) as f64 / 1000.0)
}
