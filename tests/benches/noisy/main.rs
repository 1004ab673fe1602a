//! `cargo xtask bench noisy`: what a tenant notices of another that does its worst.
//!
//! Tenant `quiet` asks a plain policy at half the rate that it gets alone, whether answers come or not; a time counts from
//! when a request was to be sent. In every other round tenant `noisy` has as many requests in flight as it may have, of
//! policies that spin, allocate, trap, log and answer megabytes. Server and callers share the machine; the callers of
//! `noisy`, which anywhere else would be other machines, run at the lowest priority, and where the server runs what they ask for.
//!
//! Prints both tenants' medians over all rounds, and the quotient of the 99th percentiles. A round in which the machine did
//! not have its processors to itself is shown and not counted, and another is run in its place. Fails if the quotient is 2 or
//! more.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark stops at what it did not expect")]

mod hostile;
mod machine;

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use berth_tests::{
    Catalogue, bodies,
    compare::{berth, server::Server},
    guests::example,
    load::{Caller, Latencies, at_rate, hammer, saturate},
};

/// Connections of the quiet tenant.
const QUIET: usize = 16;
/// Connections of the noisy tenant to each of its policies: more than it may have requests.
const NOISY: usize = 40;

/// What the quiet tenant's 99th percentile beside the noise has to stay under, in terms of that alone.
const GOAL: f64 = 2.0;
/// Share of the processors' time that the machine may have been without in a round that counts.
const STOLEN: f64 = 0.01;
/// Rounds that are run at most, for each that is to count.
const TRIES: usize = 4;

const QUIET_POLICY: &str = "quiet/by-suffix";

fn main() {
    let rounds = setting("BERTH_BENCH_ROUNDS", 15);
    let time = Duration::from_millis(setting("BERTH_BENCH_ROUND_MS", 4000));
    let only = env::var("BERTH_BENCH_ONLY").ok();
    let policies: Vec<_> =
        hostile::policies().into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)).collect();
    let server = serving(&policies);
    let mut quiet: Vec<Caller> =
        (0..QUIET).map(|_| Caller::of(server.address, QUIET_POLICY, bodies::first())).collect();

    // Warms up, and finds the most there is.
    let most = (0..3).map(|_| saturate(&mut quiet, time / 4)).fold(0.0, f64::max);
    let rate = most / 2.0;
    println!("alone, the quiet tenant gets {most:.0} decisions/s; it asks for {rate:.0}");
    println!("{:>5}  {:>21}  {:>21}  {:>9}", "round", "alone p50 / p99 [us]", "noisy p50 / p99 [us]", "p99 ratio");
    let (mut rows, mut outcomes) = (Vec::new(), BTreeMap::new());
    for round in 1..=rounds * TRIES {
        let before = machine::Processors::now();
        let alone = figures(at_rate(&mut quiet, rate, time));
        let noisy = figures(beside_noise(&server, &policies, &mut outcomes, || at_rate(&mut quiet, rate, time)));
        let stolen = before.stolen_since();
        let note = if stolen > STOLEN {
            format!("  not counted: {:.0} % of the processors' time was stolen", stolen * 1e2)
        } else {
            String::new()
        };
        println!("{round:>5}  {}  {}  {:>9.2}{note}", shown(alone), shown(noisy), noisy[1] / alone[1]);
        if stolen > STOLEN {
            continue;
        }
        rows.push([alone[0], alone[1], noisy[0], noisy[1], noisy[1] / alone[1]]);
        if rows.len() == rounds {
            break;
        }
    }
    assert!(!rows.is_empty(), "the machine was never undisturbed for a round");
    let middle = |column: usize| median(rows.iter().map(|row| row[column]).collect());
    let [alone, noisy] = [[middle(0), middle(1)], [middle(2), middle(3)]];
    println!("{:>5}  {}  {}  {:>9.2}", "all", shown(alone), shown(noisy), middle(4));
    println!("answers to the noisy tenant, by policy and status:");
    for ((policy, status), count) in outcomes {
        println!("  {policy:<10} {status} {count:>8}");
    }
    println!("the server has {} MiB of memory", server.memory().expect("what the system says") >> 20);
    assert!(middle(4) < GOAL, "the quiet tenant's p99 beside the noise is not under {GOAL} times that alone");
}

/// A server that serves a plain policy to one tenant and these to another.
fn serving(hostile: &[(&'static str, berth_tests::Policy)]) -> Server {
    let quiet = Catalogue::new().tenant("quiet").policy("by-suffix", example("by-suffix"));
    let all = hostile.iter().fold(quiet.tenant("noisy"), |all, (name, policy)| all.policy(name, policy.clone()));
    let folder = berth::folder_of(&all).expect("a folder");
    berth::start(folder.path()).expect("the server starts").keeping(folder)
}

/// Runs the work while the noisy tenant has as many requests in flight as it may.
fn beside_noise(
    server: &Server,
    policies: &[(&'static str, berth_tests::Policy)],
    outcomes: &mut BTreeMap<(&'static str, u16), u64>,
    work: impl FnOnce() -> Latencies,
) -> Latencies {
    let stop = AtomicBool::new(false);
    let outcomes = Mutex::new(outcomes);
    thread::scope(|scope| {
        let callers = (0..policies.len() * NOISY).map(|number| {
            let (stop, outcomes) = (&stop, &outcomes);
            let policy = policies[number % policies.len()].0;
            scope.spawn(move || {
                give_way();
                let caller = Caller::of(server.address, &format!("noisy/{policy}"), bodies::first());
                hammer(caller, stop, |outcome| {
                    *outcomes.lock().expect("no thread panics").entry((policy, outcome.status)).or_default() += 1;
                });
            })
        });
        let callers: Vec<_> = callers.collect();
        thread::sleep(Duration::from_millis(300));
        let latencies = work();
        stop.store(true, Ordering::Relaxed);
        callers.iter().for_each(|caller| caller.thread().unpark());
        latencies
    })
}

/// Takes no time from whoever else wants it, and keeps half of the processors free of anything.
fn give_way() {
    let _ = rustix::process::nice(19);
    ::berth::engine::priority::keep_to_half();
}

/// Median and 99th percentile in microseconds.
fn figures(mut latencies: Latencies) -> [f64; 2] {
    [0.5, 0.99].map(|share| latencies.within(share).as_secs_f64() * 1e6)
}

fn shown([median, percentile]: [f64; 2]) -> String {
    format!("{median:>9.0} / {percentile:>9.0}")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn setting<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
