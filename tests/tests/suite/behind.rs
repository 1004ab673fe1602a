//! Long decisions are made in a process of their own, which may end in any way and at any time.

use std::{fs, path::PathBuf};

use berth_tests::{
    Answer, Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply},
    log::Entry,
    metrics::Reading,
    within_patience,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::toasters;

const BRIEF_DRAIN: &str = "[webhook]\ndrain_timeout_ms = 1\n";

/// A policy that needs some tens of milliseconds, and says which version of it answered.
fn long(version: u32) -> Policy {
    let work = "(local $left i32)
        (local.set $left (i32.const 30000000))
        (loop $again
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (local.get $left)))";
    let reply = Reply::hub(bodies::TOASTERS).payload(&format!(r#"{{"version":{version}}}"#));
    Guest::answering(reply).first(work).into()
}

/// A tenant with a policy that is long and one that never ends, beside `contoso/toasters`.
fn catalogue() -> Catalogue {
    let settings = "[limits]\ntime_ms = 60000\n[fallback]\non_fault = \"reject\"\nfaults_in_a_row = 1\n";
    let spin = Policy::from(Guest::doing("(loop $again (br $again))").after_verification()).manifest(settings);
    toasters().tenant("slow").policy("long", long(1)).policy("spin", spin)
}

/// The process behind a server.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Behind(Pid);

impl Behind {
    /// The one there is at the moment.
    fn of(berth: &Berth) -> Option<Self> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let found = numbers.into_iter().find(|number| {
            let command = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            let is_worker = command.split(|byte| *byte == 0).any(|argument| argument == b"decide-worker");
            is_worker && stat(*number).is_some_and(|stat| stat[1] == berth.process().to_string())
        });
        Pid::from_raw(found?.cast_signed()).map(Self)
    }

    /// The next one after this, once there is one.
    async fn next(self, berth: &Berth) -> Self {
        loop {
            if let Some(next) = Self::of(berth).filter(|next| *next != self) {
                return next;
            }
            honest(berth).await;
        }
    }

    fn signal(self, signal: Signal) {
        kill_process(self.0, signal).unwrap();
    }

    fn is_there(self) -> bool {
        let number = self.0.as_raw_nonzero().get().cast_unsigned();
        stat(number).is_some_and(|stat| stat[0] != "Z")
    }

    /// The processor time it has used, in whatever the system counts.
    fn used(self) -> u64 {
        let stat = stat(self.0.as_raw_nonzero().get().cast_unsigned()).unwrap_or_default();
        let number = |field: usize| stat.get(field).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
        number(11) + number(12)
    }

    /// Waits until it is in the middle of a decision that does not end, while others are answered.
    async fn is_busy(self, berth: &Berth) {
        let before = self.used();
        let busy = async {
            while self.used() < before + 10 {
                honest(berth).await;
            }
        };
        within_patience("a busy process", busy).await;
    }
}

/// What the system says of a process, from its state on.
fn stat(process: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(PathBuf::from(format!("/proc/{process}/stat"))).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

async fn honest(berth: &Berth) {
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

fn is_version(answer: &Answer, version: u32) {
    answer.is_decision(&json!({ "iotHubHostName": bodies::TOASTERS, "payload": { "version": version } }));
}

/// A decision that turns out long, and those after it, which are known to be, all have their answers.
#[tokio::test]
async fn a_decision_that_turns_out_long_has_its_answer() {
    let berth = Berth::serving(catalogue()).await;
    for _ in 0..5 {
        is_version(&berth.asks("slow/long").with(bodies::first()).await, 1);
    }
}

/// While the process stands still, brief decisions are made, and long ones wait.
#[tokio::test]
async fn long_decisions_are_made_there_and_brief_ones_are_not() {
    let berth = Berth::serving(catalogue()).await;
    let behind = Behind::of(&berth).unwrap();
    behind.signal(Signal::STOP);
    let brief = async {
        for _ in 0..50 {
            honest(&berth).await;
        }
        behind.signal(Signal::CONT);
        true
    };
    let long = async {
        is_version(&berth.asks("slow/long").with(bodies::first()).await, 1);
        false
    };
    tokio::pin!(brief, long);
    let first = tokio::select! {
        brief = &mut brief => brief,
        long = &mut long => long,
    };
    assert!(first, "the long decision did not wait");
    long.await;
}

/// A new version of a long policy is what answers from the moment it serves.
#[tokio::test]
async fn a_new_version_answers_at_once() {
    let berth = Berth::serving(catalogue()).await;
    is_version(&berth.asks("slow/long").with(bodies::first()).await, 1);
    for version in 2..5 {
        berth.files("slow/long").replace("policy.wasm", long(version).component());
        berth.serves("slow/long").await;
        is_version(&berth.asks("slow/long").with(bodies::first()).await, version);
    }
}

/// The process lets go of a policy that is removed, although nothing new is asked of it.
#[tokio::test]
async fn a_policy_that_is_removed_is_forgotten() {
    let berth = Berth::serving(catalogue()).await;
    is_version(&berth.asks("slow/long").with(bodies::first()).await, 1);
    // Among them is the image of the policy's memory.
    let handles = |reading: &Reading| reading.sum("berth_behind_open_fds", &[]);
    let before = berth.metrics().await;
    assert!(handles(&before) > 0.0 && before.sum("berth_behind_resident_memory_bytes", &[]) > 0.0);
    berth.files("slow/long").remove_all();
    berth.metrics_once("its handle to be closed", |now| (1.0..handles(&before)).contains(&handles(now))).await;
    honest(&berth).await;
}

/// Killed in the middle of a decision, the process is started again and the decision made there. Nobody else notices.
#[tokio::test]
async fn a_decision_outlives_the_process() {
    let berth = Berth::serving(catalogue()).await;
    let behind = Behind::of(&berth).unwrap();
    behind.signal(Signal::STOP);
    let long = async { is_version(&berth.asks("slow/long").with(bodies::first()).await, 1) };
    let kill = async {
        for _ in 0..20 {
            honest(&berth).await;
        }
        behind.signal(Signal::KILL);
        behind.next(&berth).await;
    };
    tokio::join!(long, kill);
    berth.logs("the process for long decisions ended, and is started again").await;
}

/// A decision in which the process ends twice is a fault that says so, and nobody's: even a policy that has devices rejected
/// when it fails, and bears no fault, has this one asked again, and is not set aside. Everybody is answered all the while.
#[tokio::test]
async fn a_decision_that_ends_the_process_twice_is_a_fault() {
    let berth = Berth::configured(BRIEF_DRAIN, catalogue()).await;
    let mark = berth.mark().await;
    let spin = async { berth.asks("slow/spin").with(bodies::first()).await.is_error(503, "over-capacity") };
    let kill = async {
        let behind = Behind::of(&berth).unwrap();
        behind.is_busy(&berth).await;
        behind.signal(Signal::KILL);
        let next = behind.next(&berth).await;
        next.is_busy(&berth).await;
        next.signal(Signal::KILL);
        next.next(&berth).await;
    };
    tokio::join!(spin, kill);
    is_version(&berth.asks("slow/long").with(bodies::first()).await, 1);
    let lines = berth.logged_since(mark).await;
    let fault = |line: &&Entry| line.message() == "policy fault";
    let fault = lines.iter().find(fault).unwrap();
    assert_eq!(fault.text("fault"), "lost");
    assert!(fault.field("standing").is_null(), "{fault:?}");
}

/// However often it is killed, the process is there again.
#[tokio::test]
async fn the_process_is_started_again_and_again() {
    let berth = Berth::serving(catalogue()).await;
    let mut behind = Behind::of(&berth).unwrap();
    for _ in 0..5 {
        behind.signal(Signal::KILL);
        behind = behind.next(&berth).await;
        is_version(&berth.asks("slow/long").with(bodies::first()).await, 1);
    }
}

/// However the server ends, the process ends with it, whatever it is at.
#[tokio::test]
async fn the_process_ends_with_the_server() {
    for kill in [true, false] {
        let mut berth = Berth::configured(BRIEF_DRAIN, catalogue()).await;
        let behind = Behind::of(&berth).unwrap();
        let spin = async { berth.asks("slow/spin").with(bodies::first()).await };
        tokio::select! {
            _ = spin => panic!("the decision ended"),
            () = behind.is_busy(&berth) => {}
        }
        if kill {
            berth.killed().await;
        } else {
            berth.terminate();
            berth.ends().await;
        }
        let gone = async {
            while behind.is_there() {
                tokio::task::yield_now().await;
            }
        };
        within_patience("the end of the process", gone).await;
    }
}
