//! What the client certificate of a device says reaches a rule in every language, in the same words.

use berth_tests::bodies;
use serde_json::json;

use crate::asker::{Asker, C, GO, JAVASCRIPT, PYTHON, RUST, TYPESCRIPT};

#[test]
fn every_language_reads_the_same_certificate() {
    let rules = [
        (RUST, include_str!("certificate/policy.rs")),
        (JAVASCRIPT, include_str!("certificate/policy.js")),
        (TYPESCRIPT, include_str!("certificate/policy.ts")),
        (PYTHON, include_str!("certificate/policy.py")),
        (C, include_str!("certificate/policy.c")),
        (GO, include_str!("certificate/policy.go")),
    ];
    for (start, rule) in rules {
        let policy = Asker::build(start, rule);
        let report = policy.asked(bodies::individual_x509());
        let told = bodies::press_certificate();
        assert_eq!(report["response"]["initialTwin"]["tags"], told, "{start:?}: {report:#}");
        let report = policy.asked(bodies::first());
        assert_eq!(report["reasons"], json!(["no-certificate"]), "{start:?}: {report:#}");
    }
}
