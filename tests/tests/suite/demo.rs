//! `berth demo` does what it says, from source to swap.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use berth_tests::{binary, pages::repository};

/// The demo in this folder, on ports that are free.
fn demo(folder: &Path) -> Command {
    let mut demo = Command::new(binary());
    demo.arg("demo").arg("--folder").arg(folder).current_dir(repository());
    for listener in ["listen", "admin-listen", "dps-listen", "dps-mqtt-listen", "dps-control-listen"] {
        demo.arg(format!("--{listener}")).arg("127.0.0.1:0");
    }
    demo
}

/// One run of the demo: every device has its row, the swap changes the decision, and no request fails. A second run does as
/// it did and then serves on: what it says to try next does what it says.
#[test]
fn the_demo_runs_once_and_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let demo = demo(folder.path()).arg("--once").output().unwrap();
    let (out, err) = (String::from_utf8(demo.stdout).unwrap(), String::from_utf8(demo.stderr).unwrap());
    assert!(demo.status.success(), "{out}\n{err}");
    let registered = |id: &str, cells: [&str; 4]| {
        let mut rows = out.lines().filter(|row| row.contains(id));
        assert!(rows.any(|row| cells.iter().all(|cell| row.contains(cell))), "{id} with {cells:?} is not in\n{out}");
    };
    let [model, climate] = ["{\"modelId\":\"dtmi:", "contoso-climate-"];
    registered("controller-1", ["TPM", model, climate, "\"telemetryInterval\":30"]);
    registered("thermostat-1", ["X.509", model, climate, "{\"telemetryInterval\":60}"]);
    registered("phone-1", ["symmetric key", model, "IoTPnPWS-Hub-1", "{\"telemetryInterval\":10}"]);
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
    serves_on(folder.path());
}

fn serves_on(folder: &Path) {
    let mut running = Killed(demo(folder).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut command = |named: &str| lines.find(|line| line.contains(named)).unwrap();
    for (named, answered) in [
        ("berth device register", ["my-phone is assigned", "{\"telemetryInterval\":10}"]),
        ("berth dps trace", ["register over HTTPS", "stored: IoTPnPWS-Hub-1"]),
    ] {
        // The program is wherever the tests have it.
        let said = command(named).replace("target/release/berth", &binary().display().to_string());
        let output = Command::new("sh").arg("-c").arg(&said).current_dir(repository()).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && answered.iter().all(|text| out.contains(text)), "{said}: {output:?}");
    }
}

/// Killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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
