//! The references in `docs/` are what the code says, and the links in them lead somewhere.

use std::{fs, path::Path};

use berth_tests::{
    pages::{pages, repository},
    reference::{documents, markdown},
};

/// Set by `cargo xtask bless`: write what is generated instead of comparing it.
const BLESS: &str = "BERTH_BLESS";

fn blessing() -> bool {
    std::env::var_os(BLESS).is_some_and(|value| value == "1")
}

#[test]
fn reference_is_up_to_date() {
    let bless = blessing();
    let mut stale = Vec::new();
    for document in documents(&repository()).unwrap() {
        let path = repository().join(document.path);
        if bless {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write(&path, document.text.as_bytes());
            continue;
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        if committed != document.text {
            stale.push(format!("{}: {}", document.path, difference(&committed, &document.text)));
        }
    }
    assert!(stale.is_empty(), "\n{}\nrun `cargo xtask bless`", stale.join("\n"));
}

/// What answers the runtimes of Go and C in place of WASI is made of its source.
#[test]
fn reference_of_the_stubs_is_up_to_date() {
    let folder = repository().join("host/src/toolchain");
    let made = wat::parse_file(folder.join("stubs.wat")).unwrap();
    if blessing() {
        write(&folder.join("stubs.wasm"), &made);
    }
    assert!(fs::read(folder.join("stubs.wasm")).unwrap() == made, "stubs.wasm is old: run `cargo xtask bless`");
}

/// Writes a file, unless it has this content: what is written anew is compiled anew.
fn write(path: &Path, content: &[u8]) {
    if !fs::read(path).is_ok_and(|found| found == content) {
        fs::write(path, content).unwrap();
    }
}

/// The first line that differs.
fn difference(committed: &str, generated: &str) -> String {
    let count = committed.lines().count().max(generated.lines().count());
    let line = |text: &str, number| text.lines().nth(number).unwrap_or("(nothing)").to_owned();
    let differing = (0..count).find(|number| line(committed, *number) != line(generated, *number));
    differing.map_or("the ends of lines differ".to_owned(), |number| {
        format!(
            "line {} is\n  {}\nbut the code says\n  {}",
            number + 1,
            line(committed, number),
            line(generated, number)
        )
    })
}

#[test]
fn links_lead_somewhere() {
    if blessing() {
        // The pages are being rewritten at this moment; the next run looks.
        return;
    }
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in markdown::links(&text) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap_or(Path::new("")).join(file) };
            let found = target.exists()
                && (anchor.is_empty()
                    || markdown::anchors(&fs::read_to_string(&target).unwrap_or_default())
                        .iter()
                        .any(|found| found == anchor));
            if !found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}
