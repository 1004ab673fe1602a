//! Every command on the pages that users read is run, and prints what the page says.

use std::{fs, path::PathBuf};

use berth_tests::{
    pages::{pages, repository},
    snippets::{Page, Walk},
};

/// The folder of the `berth` that is tested: two above the tests' own program.
fn programs() -> PathBuf {
    let tests = std::env::current_exe().expect("a program has a path");
    tests
        .ancestors()
        .nth(2)
        .expect("the tests lie in a target folder")
        .to_owned()
}

#[test]
fn commands_in_docs_do_as_they_say() {
    for path in pages() {
        // The README has a walk of its own.
        if path == repository().join("README.md") {
            continue;
        }
        let page = Page::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(page.skipped().is_empty(), "{}: everything is run", path.display());
        let mut walk = Walk::new().unwrap().programs_in(&programs());
        if let Err(error) = walk.follow(&page) {
            panic!("{}: {error:#}", path.display());
        }
    }
}
