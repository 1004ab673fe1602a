//! A start with a warm cache compiles nothing, and identical bytes are compiled and held once.

use std::fs;

use berth_tests::{Berth, Catalogue, bodies};

use super::count;
use crate::version;

/// So many policies, of so many versions.
fn many(policies: u32, versions: u32) -> Catalogue {
    let tenant = Catalogue::new().tenant("contoso");
    (0..policies).fold(tenant, |all, number| all.policy(&format!("p{number:04}"), version(number % versions)))
}

fn compilations(berth: &Berth) -> Vec<String> {
    let lines = berth.log().lines(0..berth.log().len());
    let compiled = lines.iter().filter(|line| line.message() == "component compiled");
    let mut versions: Vec<_> = compiled.map(|line| line.text("version").to_owned()).collect();
    versions.sort();
    versions
}

/// Policies are compiled as often as they have versions; started again nothing is, from the catalogue or without it.
#[tokio::test]
async fn nothing_is_compiled_twice() {
    let policies = count("BERTH_SOAK_POLICIES", 60_u32);
    let versions = policies / 3;
    let debug = "[log]\nfilter = \"info,berth::engine=debug\"\n";
    let mut berth = Berth::configured(debug, many(policies, versions)).await;
    let cold = compilations(&berth);
    assert_eq!(cold.len(), versions as usize, "{cold:?}");
    for catalogue_is_gone in [false, true] {
        let meanwhile = |folder: &std::path::Path| {
            if catalogue_is_gone {
                fs::remove_dir_all(folder.join("policies")).unwrap();
            }
        };
        let killed = std::time::Instant::now();
        berth = berth.killed_and_restarted(debug, meanwhile).await;
        let from = if catalogue_is_gone { "memory" } else { "the catalogue" };
        println!("soak: {policies} policies of {versions} versions serve from {from} in {:.1?}", killed.elapsed());
        assert_eq!(compilations(&berth), Vec::<String>::new());
        let answer = berth.asks("contoso/p0059").with(bodies::first()).await;
        assert_eq!(answer.json()["payload"], serde_json::json!({ "version": 59 % versions }));
    }
}
