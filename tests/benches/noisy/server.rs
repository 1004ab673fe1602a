//! The server under measurement, its log thrown away.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
};

use berth_tests::{Catalogue, Policy, binary, guests::example};
use tempfile::TempDir;

/// A running `berth serve`, killed when dropped.
pub(super) struct Server {
    child: Child,
    /// Where the webhook listens.
    pub(super) webhook: SocketAddr,
    _folder: TempDir,
}

impl Server {
    /// Starts one that serves a plain policy to one tenant and these to another.
    pub(super) fn start(hostile: &[(&'static str, Policy)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let quiet = Catalogue::new().tenant("quiet").policy("by-suffix", example("by-suffix"));
        let all = hostile.iter().fold(quiet.tenant("noisy"), |all, (name, policy)| all.policy(name, policy.clone()));
        all.write(&folder.path().join("policies"));
        fs::write(folder.path().join("berth.toml"), "").expect("a file");
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let webhook = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).expect("a log"), 0, "the server ended");
            let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
            if line["message"] == "berth is ready" {
                break line["webhook"].as_str().and_then(|text| text.parse().ok()).expect("an address");
            }
        };
        thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        Self { child, webhook, _folder: folder }
    }

    /// What the system says of its memory.
    pub(super) fn memory(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("Threads"));
        format!("the server: {}", lines.map(|line| line.replace('\t', " ")).collect::<Vec<_>>().join(", "))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
