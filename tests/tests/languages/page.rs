//! The commands of `docs/languages.md` do as it says.

use std::fs;

use berth_tests::{
    binary,
    pages::repository,
    snippets::{Page, Walk},
};

#[test]
fn every_language_begins_as_its_page_says() {
    let page =
        Page::parse(&fs::read_to_string(repository().join("docs/languages.md")).expect("a page")).expect("a page");
    let programs = binary().parent().expect("a folder").to_owned();
    let mut walk = Walk::new().expect("a folder").programs_in(&programs);
    if let Err(error) = walk.follow(&page) {
        panic!("docs/languages.md: {error:#}");
    }
}
