//! Every command on the pages that users read is run, and prints what the page says.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use berth_tests::{
    pages::{WITH_LANGUAGES, pages, repository},
    snippets::{Page, Walk},
};

/// Stands in for curl on machines that have none.
const CURL: &str = env!("CARGO_BIN_EXE_curl-stand-in");

/// The folder of the `berth` that is tested: two above the tests' own program.
fn programs() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().to_owned()
}

fn walk() -> Walk {
    Walk::of_reader(Path::new(CURL)).unwrap()
}

#[test]
fn the_readme_is_true_word_for_word() {
    let page = Page::parse(&fs::read_to_string(repository().join("README.md")).unwrap()).unwrap();
    // The demo would compile everything anew, and the tests are what runs here.
    let elsewhere = [("demo", "cargo run --release -- demo"), ("tests", "cargo xtask test")];
    assert_eq!(page.elsewhere(), elsewhere);
    // Kept between runs, so that only the first compiles the SDK.
    let target = programs().with_file_name("readme");
    let mut walk = walk().begin_in(&repository()).unwrap().variable("CARGO_TARGET_DIR", &target.display().to_string());
    if let Err(error) = walk.follow(&page) {
        panic!("README.md: {error:#}");
    }
}

#[test]
fn commands_in_docs_do_as_they_say() {
    for path in pages() {
        // These have walks of their own.
        if ["README.md"].iter().chain(&WITH_LANGUAGES).any(|page| repository().join(page) == path) {
            continue;
        }
        let page = Page::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(page.elsewhere().is_empty(), "{}: everything is run", path.display());
        // Where the guests of the other tests are compiled.
        let target = programs().with_file_name("guests");
        let walk = walk().variable("BERTH", &repository().display().to_string());
        if let Err(error) = walk.variable("CARGO_TARGET_DIR", &target.display().to_string()).follow(&page) {
            panic!("{}: {error:#}", path.display());
        }
    }
}

/// What a page may do, with the real server: the walk of the README rests on this.
#[test]
fn a_page_can_serve_call_and_wait() {
    let page = r#"
```toml file=policies/contoso/tenant.toml
[keys]
primary = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
```
```sh
printf %s key | sha256sum
```
```text
2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683  -
```
```sh background until="berth is ready"
berth serve
```
```text
…
… INFO berth is ready webhook=127.0.0.1:7071 admin=…
```
```sh
curl -s -d '{}' 'http://127.0.0.1:7071/allocate/contoso/nothing?code=key'
```
```json
{"error": {"code": "not-found", "message": "the tenant contoso has …", "requestId": "…"}}
```
```sh until="policy refused"
mkdir policies/contoso/new
```
```sh
curl -si -X POST 'http://127.0.0.1:7071/allocate/contoso/new'
```
```text
HTTP/1.1 401 Unauthorized
…
{"error":{"code":"unauthorized",…
```
"#;
    // The second walk takes the stand-in for curl even where curl is.
    let stand_ins = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(CURL, stand_ins.path().join("curl")).unwrap();
    for mut walk in [walk(), walk().programs_in(stand_ins.path())] {
        if let Err(error) = walk.follow(&Page::parse(page).unwrap()) {
            panic!("{error:#}");
        }
    }
}
