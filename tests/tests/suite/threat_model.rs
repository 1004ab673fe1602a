//! Every test that the threat model names is there.

use std::fs;

use berth_tests::pages::repository;

/// The tests that the page names: `module::name` of this suite, or `path/of/a/file.rs::name`.
fn named(page: &str) -> Vec<(String, String)> {
    let spans = page.split('`').skip(1).step_by(2);
    let tests = spans.filter_map(|span| span.rsplit_once("::"));
    tests.map(|(place, name)| (place.to_owned(), name.to_owned())).collect()
}

#[test]
fn every_test_it_names_exists() {
    let page = fs::read_to_string(repository().join("docs/threat-model.md")).unwrap();
    let tests = named(&page);
    assert!(tests.len() > 50, "{tests:?}");
    let mut missing = Vec::new();
    for (place, name) in tests {
        let file = match place.strip_suffix(".rs") {
            Some(_) => place.clone(),
            None => format!("tests/tests/suite/{}.rs", place.replace("::", "/")),
        };
        let text = fs::read_to_string(repository().join(&file)).unwrap_or_default();
        // A test is a function, or in the siege a line of its table.
        if !text.contains(&format!("fn {name}(")) && !text.contains(&format!("\n    {name} => ")) {
            missing.push(format!("{place}::{name}"));
        }
    }
    assert!(missing.is_empty(), "the threat model names tests that are not there: {missing:#?}");
}

/// A row that names no test is a promise and no defence.
#[test]
fn every_defence_is_shown() {
    let page = fs::read_to_string(repository().join("docs/threat-model.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.matches(" | ").count() == 3);
    let rows: Vec<_> = rows.filter(|line| !line.starts_with("| attack |") && !line.starts_with("| --- |")).collect();
    assert!(rows.len() > 30, "{rows:#?}");
    for row in rows {
        assert!(row.contains("::"), "{row}");
    }
}
