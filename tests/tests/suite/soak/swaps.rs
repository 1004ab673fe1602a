//! Policies are swapped, well and badly, while all of them are asked without a pause.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use berth_tests::{Berth, Catalogue, Policy, api::version_of, bodies, log::Entry};

use super::{count, random::Random};
use crate::{
    verification::{STAGES, failing},
    version,
};

const POLICIES: usize = 50;
const CONNECTIONS: usize = 4;

/// What is known of a policy's versions: those that were acknowledged, in order, and the one that is on its way.
struct Timeline {
    name: String,
    known: Mutex<Known>,
}

struct Known {
    acknowledged: Vec<String>,
    begun: Option<String>,
}

impl Timeline {
    fn acknowledged(&self) -> usize {
        self.known.lock().unwrap().acknowledged.len()
    }

    fn begin(&self, version: &str) {
        self.known.lock().unwrap().begun = Some(version.to_owned());
    }

    fn acknowledge(&self, version: &str) {
        let mut known = self.known.lock().unwrap();
        known.begun = None;
        known.acknowledged.push(version.to_owned());
    }

    /// Whether this version served at some moment since so many were acknowledged.
    fn had(&self, version: &str, since: usize) -> bool {
        let known = self.known.lock().unwrap();
        let mut current = known.acknowledged[since - 1..].iter().chain(&known.begun);
        current.any(|current| current == version)
    }
}

/// The swaps that are to come, taken one by one by those who make them.
struct Plan {
    swaps: u32,
    broken: u32,
    taken: AtomicU32,
}

impl Plan {
    /// The next swap, and whether it is a broken one. They are spread evenly.
    fn next(&self) -> Option<(u32, bool)> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let before = |number: u32| u64::from(number) * u64::from(self.broken) / u64::from(self.swaps);
        (number < self.swaps).then(|| (number, before(number + 1) > before(number)))
    }
}

/// Under a constant load on 50 policies, swaps, some of them broken in every way of verification, fail no request; and
/// each answer names a version that was current at some moment of its request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_swap_is_noticed() {
    let swaps = count("BERTH_SOAK_SWAPS", 40_u32);
    let plan = Plan { swaps, broken: count("BERTH_SOAK_BROKEN", 8), taken: AtomicU32::new(0) };
    let first = version_of(&version(0).component());
    let name = |number| format!("p{number:02}");
    let catalogue =
        (0..POLICIES).fold(Catalogue::new().tenant("contoso"), |all, number| all.policy(&name(number), version(0)));
    let timelines: Vec<Timeline> = (0..POLICIES)
        .map(|number| {
            let known = Known { acknowledged: vec![first.clone()], begun: None };
            Timeline { name: format!("contoso/{}", name(number)), known: Mutex::new(known) }
        })
        .collect();
    let berth = Berth::serving(catalogue).await;
    // What each version answers.
    let numbers = Mutex::new(HashMap::from([(first, 0)]));
    let (over, asked, refused) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(HashSet::new()));

    let load = async |seed: u64| {
        let mut random = Random::seeded(seed);
        let mut connection = berth.connection().await;
        while !over.load(Ordering::Relaxed) {
            let timeline = &timelines[random.below(POLICIES)];
            let since = timeline.acknowledged();
            let answer = connection.asks(berth.asks(&timeline.name).with(bodies::first())).await;
            assert_eq!(answer.status, 200, "{}: {}", timeline.name, answer.text());
            let version = answer.version().expect("an answer names its version");
            assert!(timeline.had(version, since), "{} answered as {version}, which was not current", timeline.name);
            assert_eq!(answer.json()["payload"]["version"], numbers.lock().unwrap()[version], "{version}");
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    // Each has policies of its own, so that no change of one comes between two of another.
    let swapper = async |lane: usize| {
        let mut random = Random::seeded(100 + lane as u64);
        while let Some((number, broken)) = plan.next() {
            let timeline = &timelines[random.below(POLICIES / 2) * 2 + lane];
            if broken {
                let stage = STAGES[number as usize / 5 % STAGES.len()];
                refuse(&berth, &timeline.name, stage, number).await;
                refused.lock().unwrap().insert(stage);
            } else {
                numbers.lock().unwrap().insert(version_of(&version(number + 1).component()), number + 1);
                swap(&berth, timeline, number).await;
            }
        }
    };
    let swaps_done = async {
        tokio::join!(swapper(0), swapper(1));
        over.store(true, Ordering::Relaxed);
    };
    const { assert!(CONNECTIONS == 4) };
    tokio::join!(load(1), load(2), load(3), load(4), swaps_done);

    for timeline in &timelines {
        let answer = berth.asks(&timeline.name).with(bodies::first()).await;
        assert!(timeline.had(answer.version().unwrap(), timeline.acknowledged()), "{}", timeline.name);
    }
    let lines = berth.log().lines(0..berth.log().len());
    assert!(!lines.iter().any(|line| line.text("level") == "ERROR"), "{}", berth.log());
    let refused = refused.lock().unwrap().len();
    assert_eq!(refused, STAGES.len().min(plan.broken as usize), "broken in every way there is time for");
    println!(
        "soak: {} swaps, {} of them broken at {refused} stages; {} requests on {CONNECTIONS} connections, none failed",
        plan.swaps,
        plan.broken,
        asked.load(Ordering::Relaxed)
    );
}

/// Swaps to a good version, now by a push, now by files.
async fn swap(berth: &Berth, timeline: &Timeline, number: u32) {
    let policy = Policy::from(version(number + 1));
    let version = version_of(policy.component());
    timeline.begin(&version);
    if number.is_multiple_of(3) {
        let mark = berth.log().len();
        exchange(berth, &timeline.name, &policy, number);
        let serves = |line: &Entry| line.message() == "policy serves" && line.is_about(&timeline.name);
        let (at, line) = berth.log().find("`policy serves`", mark, serves).await;
        assert_eq!(line.text("version"), version);
        berth.log().find("its publication", at, |line| line.message() == "catalogue published").await;
    } else {
        let answer = berth.push(&timeline.name, policy).await;
        assert_eq!((answer.status, &answer.json()["version"]), (200, &version.as_str().into()), "{}", answer.text());
    }
    timeline.acknowledge(&version);
}

/// Tries to swap to a version that fails this stage.
async fn refuse(berth: &Berth, name: &str, stage: &str, number: u32) {
    // Files that are the same as those refused before are not refused again.
    let policy = failing(stage, version(number + 1)).file("tables/soak.json", format!(r#"{{"number":"{number}"}}"#));
    // What cannot be read is no text of a push either.
    if stage == "read" || number.is_multiple_of(2) {
        let mark = berth.log().len();
        exchange(berth, name, &policy, number);
        let refused = |line: &Entry| line.message().starts_with("policy refused") && line.is_about(name);
        assert_eq!(berth.log().find("`policy refused`", mark, refused).await.1.text("stage"), stage);
    } else {
        let message = berth.push(name, policy).await.is_error(422, "refused");
        assert!(message.starts_with(&format!("refused at the stage {stage}: ")), "{message}");
    }
}

fn exchange(berth: &Berth, name: &str, policy: &Policy, number: u32) {
    let new = berth.folder().join(format!("new-{number}"));
    policy.write(&new);
    berth.files(name).swap_for(&new);
}
