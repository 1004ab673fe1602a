//! Every `unsafe` of the workspace is in `docs/unsafe.md`, and stands where unsafe code may.
//!
//! That nobody writes one in passing is the compiler's to see: `unsafe_code` is denied.

use std::{collections::BTreeMap, fs};

use berth_tests::pages::repository;

use crate::architecture::rust_files;

/// Where unsafe code may be.
const ALLOWED: [&str; 3] = ["host/src/engine/", "host/src/heap.rs", "guest-sdk/src/arena.rs"];

/// Code without comments and without what is in its strings.
fn bare(code: &str) -> String {
    let mut bare = String::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let raw = rest
            .strip_prefix("r#\"")
            .map(|inner| (inner, "\"#"))
            .or(rest.strip_prefix("r\"").map(|inner| (inner, "\"")));
        rest = if rest.starts_with("//") {
            rest.find('\n').map_or("", |end| &rest[end..])
        } else if let Some((inner, end)) = raw {
            inner.split_once(end).map_or("", |(_, after)| after)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            &rest[3..]
        } else if let Some(inner) = rest.strip_prefix('"') {
            let mut escaped = false;
            let ends = |byte: u8| {
                let end = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                end
            };
            inner.bytes().position(ends).map_or("", |end| &inner[end + 1..])
        } else {
            bare.push(first);
            &rest[first.len_utf8()..]
        };
    }
    bare
}

/// How often code says `unsafe`.
fn count(code: &str) -> usize {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    bare(code).split(|c| !word(c)).filter(|found| *found == "unsafe").count()
}

/// The files that say `unsafe`, and how often.
fn found() -> BTreeMap<String, usize> {
    let folders = ["host", "guest-sdk", "example-policies", "tests", "xtask"].map(|folder| repository().join(folder));
    let files = folders.iter().flat_map(|folder| rust_files(folder));
    let counted = files.map(|path| {
        let name = path.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
        (name, count(&fs::read_to_string(path).unwrap()))
    });
    counted.filter(|(_, count)| *count > 0).collect()
}

/// The table of the page: file and number in its first two columns.
fn listed() -> BTreeMap<String, usize> {
    let page = fs::read_to_string(repository().join("docs/unsafe.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(file, rest)| (file.to_owned(), rest.split(' ').next().unwrap().parse().unwrap())).collect()
}

#[test]
fn every_unsafe_is_listed() {
    assert_eq!(found(), listed(), "left: in the code; right: in docs/unsafe.md");
}

#[test]
fn unsafe_stands_where_it_may() {
    let found = found();
    let wrong: Vec<_> = found.keys().filter(|file| !ALLOWED.iter().any(|allowed| file.starts_with(allowed))).collect();
    assert!(wrong.is_empty() && found.len() >= 3, "{wrong:?}");
}

/// How many lines above an `unsafe` its argument may begin.
const NEAR: usize = 6;

#[test]
fn every_unsafe_says_why_it_is_sound() {
    for file in found().keys() {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let begins = line.contains("unsafe {") || line.contains("unsafe impl");
            let argued = || lines[at.saturating_sub(NEAR)..=at].iter().any(|line| line.contains("SAFETY: "));
            assert!(!begins || line.trim_start().starts_with("//") || argued(), "{file}:{}", at + 1);
        }
    }
}

#[test]
fn words_in_comments_and_strings_do_not_count() {
    let quoted = ["\"unsafe \\\" unsafe\"", "r#\"unsafe \" unsafe\"#", "// unsafe\n", "'\"' + \"unsafe\" + '\\''"];
    assert_eq!(count(&quoted.join(";")), 0);
    assert_eq!(count(&format!("{} unsafe {{}} not_unsafe #[unsafe(no_mangle)]", quoted.join(";"))), 2);
}
