//! A policy's files are broken while it serves: what served before still serves, and the log says which file, at which
//! stage, and why. Mended, they serve.

use std::{
    fs::{self, File},
    path::Path,
};

use berth_tests::{
    Berth, Catalogue, Folder, bodies,
    guests::{Guest, example, importing, of_another_world},
    log::Entry,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use crate::version;

/// Serves version 1, breaks the policy's folder with `broken`, and holds the server to keeping version 1 and to saying
/// at which stage the files failed, with this phrase. Then mends the folder with version 2.
async fn keeps_serving(broken: impl FnOnce(&Folder), stage: &str, phrase: &str) -> Entry {
    let catalogue = Catalogue::new().tenant("contoso").policy("p", version(1));
    let berth = Berth::serving(catalogue.policy("other", version(7))).await;
    let folder = berth.files("contoso/p");
    let answers = async |number: u32| {
        let answer = berth.asks("contoso/p").with(bodies::first()).await;
        assert_eq!(answer.json()["payload"], json!({ "version": number }));
        let other = berth.asks("contoso/other").with(bodies::first()).await;
        assert_eq!(other.json()["payload"], json!({ "version": 7 }));
    };

    broken(&folder);
    let line = berth.refuses("contoso/p").await;
    assert_eq!(line.message(), "policy refused; what served before still serves");
    assert_eq!((line.text("level"), line.text("stage")), ("WARN", stage), "{line}");
    assert!(line.text("reason").contains(phrase), "`{phrase}` is not in {line}");
    answers(1).await;

    mend(&folder);
    berth.serves("contoso/p").await;
    answers(2).await;
    line
}

/// Whatever the folder has become, makes it that of version 2.
fn mend(folder: &Folder) {
    let new = folder.path().with_file_name(".mended");
    folder_of_version_2(&new);
    folder.swap_for(&new);
}

fn folder_of_version_2(new: &Path) {
    fs::create_dir(new).unwrap();
    fs::write(new.join("policy.wasm"), version(2).component()).unwrap();
}

/// Replaces the component.
async fn component(bytes: impl AsRef<[u8]>, stage: &str, phrase: &str) {
    keeps_serving(|folder| folder.replace("policy.wasm", bytes), stage, phrase).await;
}

/// A file of no bytes.
#[tokio::test]
async fn an_empty_component() {
    component("", "compile", "the component is empty (0 bytes)").await;
}

/// A file that lacks its end, as after a full disk.
#[tokio::test]
async fn a_truncated_component() {
    let whole = version(2).component();
    component(&whole[..whole.len() / 2], "compile", "the component is damaged").await;
    component(&whole[..6], "compile", "the component is damaged").await;
}

/// A file that was damaged on its way.
#[tokio::test]
async fn a_component_with_a_changed_byte() {
    let mut bytes = version(2).component();
    let code = bytes.windows(8).position(|eight| eight == b"allocate").unwrap();
    bytes[code] = 0xff;
    component(bytes, "compile", "the component is damaged").await;
}

/// A file of another kind.
#[tokio::test]
async fn something_else_than_a_component() {
    component("#!/bin/sh\nexit\n", "compile", "not a WebAssembly component").await;
}

/// What a compiler leaves before it is made a component.
#[tokio::test]
async fn a_core_module() {
    component(version(2).core_module(), "compile", "a core WebAssembly module, not a component").await;
}

/// A component that is no policy.
#[tokio::test]
async fn a_component_of_another_world() {
    component(of_another_world(), "world", "exports no function `allocate`").await;
}

/// What a compiler makes that thinks of a whole operating system.
#[tokio::test]
async fn a_component_that_needs_wasi() {
    component(importing("wasi:cli/environment@0.2.0"), "imports", "imports wasi:cli/environment@0.2.0").await;
}

/// An interface that Berth may have one day, and one of a version it does not speak.
#[tokio::test]
async fn a_component_that_needs_more_of_berth() {
    for interface in ["berth:allocation/clock@1.0.0", "berth:allocation/log@2.0.0"] {
        component(importing(interface), "imports", &format!("imports {interface}, which Berth does not offer")).await;
    }
}

/// A component whose memory alone is more than a decision may have.
#[tokio::test]
async fn a_component_that_is_too_large_to_run() {
    component(version(2).pages(2000).component(), "compile", "exceeds the limit of 0x4000000 bytes").await;
}

/// A file of a gigabyte is not read into memory: it is refused for its size.
#[tokio::test]
async fn a_huge_component() {
    let sparse = |folder: &Folder| {
        let new = folder.path().join(".new");
        File::create(&new).unwrap().set_len(1 << 30).unwrap();
        fs::rename(new, folder.path().join("policy.wasm")).unwrap();
    };
    keeps_serving(sparse, "size", "policy.wasm is larger than 67108864 bytes").await;
}

/// A file that is removed while its folder stays.
#[tokio::test]
async fn a_missing_component() {
    keeps_serving(|folder| folder.remove("policy.wasm"), "read", "policy.wasm: No such file").await;
}

/// A link to nowhere is a file that is missing.
#[tokio::test]
async fn a_dangling_link() {
    keeps_serving(|folder| folder.link("policy.wasm", "nowhere"), "read", "policy.wasm: No such file").await;
}

/// A folder where the file should be.
#[tokio::test]
async fn a_folder_in_place_of_the_component() {
    let folder_in_place = |folder: &Folder| {
        folder.remove("policy.wasm");
        fs::create_dir(folder.path().join("policy.wasm")).unwrap();
    };
    keeps_serving(folder_in_place, "read", "policy.wasm").await;
}

/// A pipe would hold up whoever opens it, and so everybody else's changes.
#[tokio::test]
async fn a_pipe_in_place_of_the_component() {
    let pipe = |folder: &Folder| {
        let new = folder.path().join(".new");
        mknodat(CWD, &new, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        fs::rename(new, folder.path().join("policy.wasm")).unwrap();
    };
    keeps_serving(pipe, "read", "policy.wasm is not a plain file").await;
}

/// A file that may not be read. Nothing is forbidden to root, for whom this test says nothing.
#[tokio::test]
async fn an_unreadable_component() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        return;
    }
    let forbid = |folder: &Folder| {
        folder.replace("new.wasm", version(2).component());
        let new = folder.path().join("new.wasm");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o0)).unwrap();
        fs::rename(new, folder.path().join("policy.wasm")).unwrap();
    };
    keeps_serving(forbid, "read", "policy.wasm: Permission denied").await;
}

/// The name of what is wrong in `policy.toml` is in the log.
#[tokio::test]
async fn a_bad_manifest() {
    for (manifest, phrase) in [
        ("[limits]\ntime = 5\n", "time"),
        ("[setings]\n", "setings"),
        ("[settings]\nsince = 2026-01-01\n", "settings.since"),
        ("[limits]\ntime_ms = 0\n", "time_ms"),
        ("not toml", "policy.toml"),
    ] {
        keeps_serving(|folder| folder.replace("policy.toml", manifest), "manifest", phrase).await;
    }
}

/// A manifest that is text by its name only.
#[tokio::test]
async fn a_manifest_that_is_no_text() {
    keeps_serving(|folder| folder.replace("policy.toml", b"\xff\xfe"), "read", "policy.toml is not UTF-8").await;
}

/// Adds a file in a folder that is not there yet.
async fn added(below: &str, file: &str, content: &str, stage: &str, phrase: &str) {
    let add = |folder: &Folder| {
        let new = folder.path().join(".new");
        fs::create_dir(&new).unwrap();
        fs::write(new.join(file), content).unwrap();
        fs::rename(new, folder.path().join(below)).unwrap();
    };
    keeps_serving(add, stage, phrase).await;
}

/// Tables whose look-ups would have no meaning.
#[tokio::test]
async fn a_bad_table() {
    added("tables", "models.csv", "k,v\na,1\na,2\n", "tables", "models.csv: the key `a` stands in more than one row")
        .await;
    added("tables", "models.json", "[1]", "tables", "models.json: not a JSON object").await;
    added("tables", "models.json", "{\"a\": ", "tables", "models.json: not a JSON object").await;
}

/// Checks that do not say what they expect, or of what.
#[tokio::test]
async fn a_check_that_is_none() {
    added("checks", "a.json", "{}", "checks", "a.json: not a check").await;
    added("checks", "a.json", r#"{"request": {}, "expect": {"refusal": {"kind": "reject"}}}"#, "checks", "a.json")
        .await;
}

/// A check that expects something else keeps the new version from serving; both answers are told.
#[tokio::test]
async fn a_failing_check() {
    let expect = json!({ "decision": { "iotHubHostName": bodies::HEAT_PUMPS } });
    let check = json!({ "request": bodies::parsed(bodies::first()), "expect": expect }).to_string();
    let phrase = format!(r#"heat.json: expected the decision {{"iotHubHostName":"{}"}}, but"#, bodies::HEAT_PUMPS);
    added("checks", "heat.json", &check, "checks", &phrase).await;
}

/// A version that fails its checks by running without end does not hold up the server.
#[tokio::test]
async fn a_check_that_never_ends() {
    let check = json!({ "request": bodies::parsed(bodies::first()), "expect": { "refusal": { "kind": "reject" } } });
    let hang = |folder: &Folder| {
        let new = folder.path().with_file_name(".hanging");
        fs::create_dir_all(new.join("checks")).unwrap();
        fs::write(new.join("policy.toml"), "[limits]\ntime_ms = 50\n").unwrap();
        fs::write(new.join("checks/a.json"), check.to_string()).unwrap();
        fs::write(new.join("policy.wasm"), Guest::doing("(loop $again (br $again))").component()).unwrap();
        folder.swap_for(&new);
    };
    keeps_serving(hang, "checks", "a.json").await;
}

/// Settings that the policy refuses do not serve; the policy's own words are in the log.
#[tokio::test]
async fn refused_settings() {
    let policy = example("keep-or-spread");
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("spread", policy)).await;
    let folder = berth.files("contoso/spread");
    for (settings, words) in [
        ("[settings]\ndefaultWeight = -1\n", "`defaultWeight` is -1, below zero"),
        ("[settings]\nweight = 1\n", "unknown field `weight`"),
    ] {
        folder.replace("policy.toml", settings);
        let line = berth.refuses("contoso/spread").await;
        assert_eq!(line.text("stage"), "settings");
        assert!(line.text("reason").contains("the policy refuses its settings: "), "{line}");
        assert!(line.text("reason").contains(words), "{line}");
        berth.asks("contoso/spread").with(bodies::phone()).await.is_hub("IoTPnPWS-Hub-20210726.azure-devices.net");
    }
}

/// The same broken file is reported once: touching it is no news.
#[tokio::test]
async fn a_broken_file_is_reported_once() {
    let catalogue = Catalogue::new().tenant("contoso").policy("p", version(1));
    let berth = Berth::serving(catalogue).await;
    let folder = berth.files("contoso/p");
    let mark = berth.mark().await;
    folder.replace("policy.wasm", "broken");
    berth.refuses("contoso/p").await;
    folder.replace("policy.wasm", "broken");
    folder.replace("policy.wasm", version(2).component());
    berth.serves("contoso/p").await;
    let lines = berth.logged_since(mark).await;
    let refused = lines.iter().filter(|line| line.message().starts_with("policy refused"));
    assert_eq!(refused.count(), 1, "{lines:?}");
}

/// The version that served before, put back, serves at once.
#[tokio::test]
async fn going_back_mends() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    let folder = berth.files("contoso/p");
    folder.replace("policy.wasm", "broken");
    berth.refuses("contoso/p").await;
    folder.replace("policy.wasm", version(1).component());
    berth.serves("contoso/p").await;
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": 1 }));
}
