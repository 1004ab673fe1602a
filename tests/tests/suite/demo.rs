//! `berth demo` does what it says, from source to swap.

use std::process::Command;

use berth_tests::{binary, pages::repository};

/// One run of the demo: every device has its row, the swap changes the decision, and no request fails.
#[test]
fn the_demo_runs_once() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Command::new(binary())
        .args(["demo", "--once", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--folder"])
        .arg(folder.path())
        .current_dir(repository())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(demo.stdout).unwrap(), String::from_utf8(demo.stderr).unwrap());
    assert!(demo.status.success(), "{out}\n{err}");
    for row in [
        "custom-allocation",
        "IoTPnPWS-Hub",
        "telemetryInterval=10",
        "403 rejected",
        "darknessSetting=dark",
        " 0 failed",
    ] {
        assert!(out.contains(row), "`{row}` is not in\n{out}");
    }
}

/// A folder that holds anything else is left alone.
#[test]
fn the_demo_empties_no_folder_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "kept").unwrap();
    let demo = Command::new(binary())
        .args(["demo", "--once", "--folder"])
        .arg(folder.path())
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(!demo.status.success());
    assert!(String::from_utf8(demo.stderr).unwrap().contains("--folder"));
    assert!(folder.path().join("mine").exists());
}
