//! The server is killed at any moment, and started again.
#![expect(clippy::expect_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::{cell::RefCell, collections::BTreeSet, time::Duration};

use berth_tests::{Berth, Catalogue, Policy, api::version_of, bodies, log::Entry};

use super::{count, random::Random};
use crate::{
    verification::{STAGES, failing},
    version,
};

const POLICIES: [&str; 3] = ["contoso/a", "contoso/b", "fabrikam/c"];

/// The longest that a server lives, in microseconds from its being ready.
const LIFE: usize = 150_000;

/// The longest that a server lives that is killed while it starts, which takes about half of that.
const START: usize = 100_000;

/// Any version may be gone back to.
const KEEP: &str = "[data]\nkeep_versions = 1000000\n";

/// What the maker of changes knows of a policy.
struct Known {
    /// The version of the newest change that was acknowledged.
    acknowledged: String,
    /// The version of a change that was begun and not acknowledged: it may serve or not.
    begun: Option<String>,
    /// All that served.
    served: BTreeSet<String>,
}

impl Known {
    fn acknowledge(&mut self, version: String) {
        self.served.insert(version.clone());
        self.acknowledged = version;
        self.begun = None;
    }
}

struct Maker {
    known: [Known; 3],
    random: Random,
    /// The number of the next version: each is another.
    number: u32,
    changes: u64,
}

/// Killed at random moments of changes by push, rollback and files, good and broken, and of its start, the server always starts into
/// service, with every change that it acknowledged, and never with a version that was not verified.
#[tokio::test]
async fn no_kill_loses_a_change() {
    let (kills, seed) = (count("BERTH_SOAK_KILLS", 12), count("BERTH_SOAK_SEED", 1));
    let (zero, mut random) = (version_of(&version(0).component()), Random::seeded(seed));
    let known = || Known { acknowledged: zero.clone(), begun: None, served: BTreeSet::from([zero.clone()]) };
    let maker = Maker { known: [known(), known(), known()], random: Random::seeded(seed + 1), number: 1, changes: 0 };
    let maker = RefCell::new(maker);
    let (two, one) = (Catalogue::new().tenant("contoso").policy("a", version(0)).policy("b", version(0)), version(0));
    let mut berth = Berth::configured(KEEP, two.tenant("fabrikam").policy("c", one)).await;
    let (mut survived, mut starts) = (0, 0);
    for kill in 0..kills {
        let life = Duration::from_micros(random.below(LIFE) as u64);
        // The one place where time passes by itself: a kill has to come at any moment.
        let _ = tokio::time::timeout(life, change_without_end(&berth, &maker)).await;
        let folder = berth.killed().await;
        for _ in 0..random.below(3) {
            Berth::killed_at_its_start(KEEP, &folder, Duration::from_micros(random.below(START) as u64)).await;
            starts += 1;
        }
        berth = Berth::start(KEEP, folder).await;
        for (place, policy) in POLICIES.into_iter().enumerate() {
            let answer = berth.asks(policy).with(bodies::first()).await;
            let version = answer.version().expect("it serves").to_owned();
            let events = berth.history(policy).await;
            let known = &mut maker.borrow_mut().known[place];
            let begun = known.begun.as_ref() == Some(&version);
            assert!(
                begun || version == known.acknowledged,
                "after kill {kill} of seed {seed}, {policy} serves {version}; {} was acknowledged, {:?} begun: {events:?}",
                known.acknowledged,
                known.begun
            );
            assert!(events.iter().any(|event| event["to"] == known.acknowledged.as_str()), "{events:?}");
            survived += u32::from(begun);
            known.acknowledge(version);
        }
    }
    for tenant in ["contoso", "fabrikam"] {
        let left = std::fs::read_dir(berth.files(tenant).path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_str().unwrap().starts_with(".berth-")).collect();
        assert!(left.is_empty(), "left of pushes that were killed: {left:?}");
    }
    println!(
        "soak: {kills} kills (seed {seed}) and {starts} more during a start, {} changes acknowledged, none lost; {survived} begun ones survived",
        maker.borrow().changes
    );
}

/// Makes one change after the other until it is dropped.
async fn change_without_end(berth: &Berth, maker: &RefCell<Maker>) {
    loop {
        let (place, act, number, stage, target) = {
            let mut maker = maker.borrow_mut();
            maker.number += 1;
            let (place, act) = (maker.random.below(3), maker.random.below(10));
            let stage = STAGES[1 + maker.random.below(STAGES.len() - 1)];
            let served = maker.known[place].served.len();
            let target = maker.random.below(served);
            (place, act, maker.number, stage, maker.known[place].served.iter().nth(target).cloned().unwrap())
        };
        let (policy, good) = (POLICIES[place], version(number));
        let new = version_of(&good.component());
        let begin = |version: &str| maker.borrow_mut().known[place].begun = Some(version.to_owned());
        let acknowledged = match act {
            0..=4 => {
                begin(&new);
                berth.push(policy, good).await.json()["version"].as_str().map(str::to_owned)
            }
            5 | 6 => {
                begin(&target);
                berth.rollback(policy, Some(&target)).await.json()["version"].as_str().map(str::to_owned)
            }
            7 => {
                begin(&new);
                let mark = berth.log().len();
                let folder = berth.folder().join(format!("new-{number}"));
                Policy::from(good).write(&folder);
                berth.files(policy).swap_for(&folder);
                let serves = |line: &Entry| line.message() == "policy serves" && line.is_about(policy);
                Some(berth.log().find("`policy serves`", mark, serves).await.1.text("version").to_owned())
            }
            _ => {
                berth.push(policy, failing(stage, good)).await.is_error(422, "refused");
                continue;
            }
        };
        let mut maker = maker.borrow_mut();
        maker.changes += 1;
        let acknowledged = acknowledged.expect("a good change is made");
        maker.known[place].acknowledge(acknowledged);
    }
}
