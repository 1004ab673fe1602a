//! What has to hold for any bytes holds for those that a fuzzer has found so far: [`berth_tests::fuzzing`].

use std::fs;

use berth_tests::{fuzzing::TARGETS, pages::repository};

/// Every file of `tests/fuzz`: those that together reach all the code that was ever reached, and those of past findings.
#[test]
fn what_was_found_holds() {
    for (target, holds) in TARGETS {
        let mut seen = 0;
        for kind in ["corpus", "findings"] {
            for entry in fs::read_dir(repository().join("tests/fuzz").join(kind).join(target)).into_iter().flatten() {
                let path = entry.unwrap().path();
                println!("{}", path.display());
                holds(&fs::read(path).unwrap());
                seen += 1;
            }
        }
        assert!(seen > 0, "there is no corpus of {target}");
    }
}
