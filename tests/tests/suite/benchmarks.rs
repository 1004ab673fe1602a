//! The comparison of `cargo xtask bench` measures all that its page tells of. How fast anything is is not looked at.

use berth_tests::compare::{PERCENT, Plan, page, report::Report, run};

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

    let written = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&written).unwrap(), report, "what is written can be read");
    let page = &page::documents(&report)[0].text;
    for start in ["| native handler ", "| Berth, Rust 0", "| Berth / Node http | ≥ 1.60 | not measured", "| 2 | "] {
        assert!(page.lines().any(|line| line.starts_with(start)), "{start} is not in\n{page}");
    }
}
