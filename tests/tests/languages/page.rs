//! The commands of the pages about languages do as they say.

use std::{fs, path::Path};

use berth_tests::{
    pages::{WITH_LANGUAGES, repository},
    snippets::{Page, Walk},
};

#[test]
fn every_language_does_as_its_pages_say() {
    for path in WITH_LANGUAGES {
        let page = Page::parse(&fs::read_to_string(repository().join(path)).expect("a page")).expect("a page");
        assert!(page.elsewhere().is_empty(), "{path}: everything is run");
        let mut walk = Walk::of_reader(Path::new(env!("CARGO_BIN_EXE_curl-stand-in"))).expect("a folder");
        if let Err(error) = walk.follow(&page) {
            panic!("{path}: {error:#}");
        }
    }
}
