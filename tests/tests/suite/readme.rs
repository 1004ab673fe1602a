//! Every command on the pages that users read is run, and prints what the page says.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use berth_tests::{
    pages::{pages, repository},
    snippets::{Page, Walk},
};

/// Where the webhook listens by default, and so on every page. A walk's own server has another port.
const WEBHOOK: &str = "127.0.0.1:7071";

/// Where the local DPS has HTTPS by default, as URLs on pages have it.
const DPS: &str = "localhost:8443";

/// Stands in for curl on machines that have none.
const CURL: &str = env!("CARGO_BIN_EXE_curl-stand-in");

/// The folder of the `berth` that is tested: two above the tests' own program.
fn programs() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().to_owned()
}

/// A walk on which `berth` is the one that is tested, and its servers take ports that are free.
fn walk() -> Walk {
    let log = "--log-format human";
    let any = "127.0.0.1:0";
    Walk::new()
        .unwrap()
        .programs_in(&programs())
        .stand_in("curl", Path::new(CURL))
        .unwrap()
        .replace("berth serve", &format!("berth serve {log} --listen {any} --admin-listen {any}"))
        .replace(
            "berth dps serve",
            &format!("berth dps serve {log} --listen {any} --mqtt-listen {any} --control-listen {any}"),
        )
        .learn(learn)
}

/// Where a server that is ready listens, and so what its clients on the page have to be told.
fn learn(ready: &str) -> Vec<(String, String)> {
    let field = |name: &str| ready.split_whitespace().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let mut learnt = Vec::new();
    if let Some(webhook) = field("webhook") {
        learnt.push((WEBHOOK.to_owned(), webhook.to_owned()));
    }
    if let (Some(https), Some(control)) = (field("https"), field("control")) {
        let here = https.replace("127.0.0.1", "localhost");
        let with = |variable: &str, command: &str| (command.to_owned(), format!("{variable} {command}"));
        learnt.push(with(&format!("BERTH_DPS=https://{here}"), "berth device register"));
        learnt.push(with(&format!("BERTH_DPS_CONTROL=http://{control}"), "berth dps "));
        learnt.push((DPS.to_owned(), here));
    }
    learnt
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
        // These have walks of their own; what the languages need is fetched, so it is walked with the clients' tests.
        if ["README.md", "docs/languages.md"].map(|page| repository().join(page)).contains(&path) {
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
