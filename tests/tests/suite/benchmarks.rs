//! `cargo xtask bench` measures all that its page tells of, and `cargo xtask profile` tells of every phase. How fast anything
//! is is not looked at.

use std::time::Duration;

use berth::metrics::SAMPLE;
use berth_tests::compare::{
    PERCENT, Plan, page,
    profile::Subject,
    report::Report,
    run,
    training::{Lesson, train},
};

#[test]
fn the_comparison_measures_all_that_its_page_tells() {
    let plan = Plan::quick();
    let (effort, policies) = (plan.effort, plan.policies.clone());
    let report = run(plan, &|line| println!("{line}")).unwrap();

    assert_eq!(report.missing, []);
    let ids: Vec<&str> = report.contenders.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["native-by-model", "berth-by-model", "native-by-suffix", "berth-by-suffix"]);
    for one in &report.contenders {
        assert_eq!(one.throughput.len(), effort.rounds as usize, "{one:?}");
        assert!(one.throughput.iter().all(|rate| *rate > 0.0) && one.memory > 0, "{one:?}");
        assert_eq!(one.latencies.iter().map(|latency| latency.percent).collect::<Vec<_>>(), PERCENT, "{one:?}");
        for latency in &one.latencies {
            let all = [&latency.p50, &latency.p99, &latency.p999];
            assert!(all.iter().all(|values| values.len() == effort.latency_rounds as usize), "{one:?}");
        }
    }
    assert_eq!(report.growth.iter().map(|growth| growth.policies).collect::<Vec<_>>(), policies);
    for growth in &report.growth {
        assert_eq!(growth.throughput.len(), effort.rounds as usize, "{growth:?}");
        assert!(growth.new_ms.len() == effort.swaps as usize && growth.back_ms.len() == growth.new_ms.len());
        assert!(
            growth.code > growth.component / 10 && growth.cold_ms > Some(0.0) && growth.warm_ms > 0.0,
            "{growth:?}"
        );
    }
    let reload = report.reload.as_ref().unwrap();
    let swaps = [&reload.new_ms, &reload.back_ms].map(Vec::len);
    assert!(swaps == [effort.swaps as usize; 2] && reload.component > 0, "{reload:?}");

    let written = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&written).unwrap(), report, "what is written can be read");
    let page = &page::documents(&report)[0].text;
    for start in ["| native handler ", "| Berth, Rust 0", "| Berth / Node http | ≥ 1.60 | not measured", "| 2 | "] {
        assert!(page.lines().any(|line| line.starts_with(start)), "{start} is not in\n{page}");
    }
}

/// What `cargo xtask dist` has programs learn from does not fail, whoever does it.
#[test]
fn programs_for_production_have_something_to_learn_from() {
    let lesson = Lesson { load: Duration::from_millis(50), swaps: 1, handshakes: 2 };
    train(lesson, &|line| println!("{line}")).unwrap();
}

#[test]
fn a_profile_tells_of_every_phase_of_a_decision() {
    let subject = Subject::start("by-suffix").unwrap();
    let profile = subject.measure(Duration::from_millis(300)).unwrap();
    assert!(profile.rate > 0.0 && profile.processor > 0.0);
    let table = profile.table();
    assert_eq!(profile.whole.requests, profile.requests, "{table}");
    let count = |word: &str| profile.phases.iter().find(|share| share.phase == word).map_or(0, |share| share.requests);
    for word in ["read", "queue", "log", "write"] {
        let sample = profile.requests / SAMPLE;
        assert!((sample..=sample + 1).contains(&count(word)), "{word} of {} requests: {table}", profile.requests);
    }
    // On a busy machine some may take so long that they are made in the other process, or fail.
    for word in ["parse", "instantiate", "lower", "run", "lift", "discard", "check"] {
        let (decided, begun) = (count(word) + count("behind"), count("read"));
        assert!(decided > 0 && decided <= begun && decided + profile.failed >= begun, "{word}: {table}");
    }
    for share in &profile.phases {
        assert!(share.mean > 0.0 && share.median > 0.0 && table.contains(&format!("| {} | ", share.phase)), "{table}");
    }
}
