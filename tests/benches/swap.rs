//! What a swap of a 12 MB component does to requests that use both processors fully.
//!
//! Three kinds of time take turns: without a swap, with the swap to a version that has to be compiled, and with the swap
//! to one whose compiled code is on disk. What is compared is the 99th percentile of each kind over all rounds, and that
//! of each kind's worst second, in one run on one machine. Not a test: it fails only if a request fails.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "a benchmark stops at what it did not expect")]

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use berth_tests::{
    Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply},
};
use tokio::time::sleep;

/// Connections that ask without a pause: enough that neither processor ever waits.
const CONNECTIONS: usize = 8;
/// Turns of each kind.
const ROUNDS: u32 = 3;
/// How long a time without a swap is.
const QUIET: Duration = Duration::from_secs(10);
/// About a quarter of a millisecond of computing in a decision, so that requests and not those who ask need the time.
const WORK: &str = "(local.set $request (i32.const 250000))
    (loop $again (local.set $request (i32.sub (local.get $request) (i32.const 1))) (br_if $again (local.get $request)))";

/// When each request was answered, and how long that took.
#[derive(Default)]
struct Latencies(Mutex<Vec<(Instant, Duration)>>);

impl Latencies {
    fn add(&self, begun: Instant) {
        let ended = Instant::now();
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((ended, ended - begun));
    }

    /// Those of the requests that were answered since.
    fn since(&self, begun: Instant) -> Vec<(Instant, Duration)> {
        let all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = all.partition_point(|(when, _)| *when < begun);
        all[first..].to_vec()
    }
}

/// What the requests of all times of one kind took.
struct Kind {
    name: &'static str,
    times: Vec<Duration>,
    /// The 99th percentile of each second.
    seconds: Vec<Duration>,
    /// How long each lasted.
    lasted: Vec<Duration>,
}

impl Kind {
    fn new(name: &'static str) -> Self {
        Self { name, times: Vec::new(), seconds: Vec::new(), lasted: Vec::new() }
    }

    fn add(&mut self, begun: Instant, latencies: &Latencies) {
        let requests = latencies.since(begun);
        self.lasted.push(begun.elapsed());
        let second = |when: Instant| (when - begun).as_secs();
        for second in requests.chunk_by(|one, other| second(one.0) == second(other.0)) {
            self.seconds.push(percentile(second.iter().map(|(_, took)| *took).collect(), 99));
        }
        self.times.extend(requests.into_iter().map(|(_, took)| took));
    }

    /// Prints its figures, and how they compare. By how much its 99th percentile is higher.
    fn report(&self, quiet: Option<&Self>) -> f64 {
        let value = |kind: &Self| (percentile(kind.times.clone(), 99), percentile(kind.seconds.clone(), 100));
        let (all, worst) = value(self);
        let half = percentile(self.times.clone(), 50);
        print!(
            "{:<16} {:>8} requests in {:>5.1} s each; p50 {:>6.2} ms, p99 {:>6.2} ms, worst second's p99 {:>6.2} ms",
            self.name,
            self.times.len(),
            percentile(self.lasted.clone(), 50).as_secs_f64(),
            millis(half),
            millis(all),
            millis(worst)
        );
        let (quiet, quiet_worst) = quiet.map_or((all, worst), value);
        let change = millis(all) / millis(quiet);
        println!("; p99 x {change:.2}, worst x {:.2}", millis(worst) / millis(quiet_worst));
        change
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// A policy of 12 MB: 8 MB of code in functions of a kilobyte, and 4 MB of data, as languages with a runtime bring them.
/// Generated, so that the benchmark needs no other toolchain. Each number makes another.
fn large(number: u32) -> Vec<u8> {
    let step = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 77)) (i32.load (i32.and (local.get 0) (i32.const 4095)))))
      (if (i32.lt_u (local.get 0) (i32.const 1000)) (then (local.set 1 (i32.xor (local.get 1) (local.get 0)))))";
    let body = step.repeat(32);
    let answer = Reply::hub(bodies::TOASTERS).payload(&format!(r#"{{"version":{number}}}"#));
    let mut guest =
        Guest::answering(answer).pages(128).function(&format!("(data (i32.const 131072) \"{}\")", "x".repeat(4 << 20)));
    for function in 0..8000 {
        guest = guest.function(&format!(
            "(func $f{function} (param i32) (result i32) (local i32) {body} (i32.add (local.get 1) (i32.const {function})))"
        ));
    }
    guest.component()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let versions: Vec<Vec<u8>> = (0..=ROUNDS).map(large).collect();
    println!("component: {} bytes; {CONNECTIONS} connections, {ROUNDS} rounds", versions[0].len());
    let small = Guest::doing(WORK);
    let catalogue = Catalogue::new().tenant("contoso").policy("small", small).policy("large", versions[0].clone());
    let berth = Berth::serving(catalogue).await;
    // Written beforehand: that takes this program's time and disk, which the callers would wait for.
    for round in 1..=ROUNDS as usize {
        for (kind, version) in turns(round) {
            Policy::of(versions[version].clone()).write(&folder(&berth, round, kind, version));
        }
    }
    let latencies = Latencies::default();
    let load = async || {
        let mut connection = berth.connection().await;
        loop {
            let begun = Instant::now();
            let answer = connection.asks(berth.asks("contoso/small").with(bodies::first())).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            latencies.add(begun);
        }
    };
    let rounds = async {
        let mut kinds = ["no swap", "swap, compiled", "swap, cached"].map(Kind::new);
        sleep(Duration::from_secs(2)).await;
        for round in 1..=ROUNDS as usize {
            let begun = Instant::now();
            sleep(QUIET).await;
            kinds[0].add(begun, &latencies);
            for (kind, version) in turns(round) {
                let new = folder(&berth, round, kind, version);
                let begun = Instant::now();
                swap(&berth, &new).await;
                kinds[kind].add(begun, &latencies);
            }
        }
        let [quiet, swaps @ ..] = &kinds;
        quiet.report(None);
        let most = swaps.iter().map(|swap| swap.report(Some(quiet))).fold(0.0, f64::max);
        println!("a swap changes p99 by less than half: {}", if most < 1.5 { "yes" } else { "no" });
    };
    const { assert!(CONNECTIONS == 8) };
    tokio::select! {
        () = rounds => {}
        _ = async { tokio::join!(load(), load(), load(), load(), load(), load(), load(), load()) } => {}
    }
}

/// The swaps of a round, by kind and version: to a new one, back to the one before, and to the new one again.
fn turns(round: usize) -> [(usize, usize); 3] {
    [(1, round), (2, round - 1), (2, round)]
}

/// Where the files of a swap wait.
fn folder(berth: &Berth, round: usize, kind: usize, version: usize) -> PathBuf {
    berth.folder().join(format!("new-{round}-{kind}-{version}"))
}

/// Replaces the large policy's folder and waits until the new version serves, however long that takes.
async fn swap(berth: &Berth, new: &Path) {
    let mark = berth.log().len();
    berth.files("contoso/large").swap_for(new);
    loop {
        let lines = berth.log().lines(mark..berth.log().len());
        if let Some(refused) = lines.iter().find(|line| line.message().starts_with("policy refused")) {
            panic!("{refused}");
        }
        if lines.iter().any(|line| line.message() == "catalogue published") {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
}
