//! A running server.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{
    Answer, Ask, Catalogue, Connection, Folder,
    log::{Entry, Log},
    tcp::Line,
    within_patience,
};

/// What every server of the suite is configured with: decisions that should succeed have all the time they need on a
/// busy machine. A policy that is to run out of time has a limit of its own.
const PATIENT: &str = "[limits]\ntime_ms = 20000\ncpu_ms = 20000\n";

/// What is removed is soon gone, and a start waits for every policy, unless a test has a `[catalogue]` of its own.
const FOLLOWED: &str = "[catalogue]\nremoval_grace_ms = 50\nstart_timeout_ms = 60000\n\n";

/// The folder of the catalogue, beside `berth.toml`.
const CATALOGUE: &str = "policies";

/// Names the folder of the programs under test, where that is not the one that the test's own is built in.
const PROGRAMS: &str = "BERTH_PROGRAMS";

/// Whether the environment names the programs: those for production, which `cargo xtask bench` builds.
#[must_use]
pub fn is_shipped() -> bool {
    env::var_os(PROGRAMS).is_some()
}

/// The server's binary: beside the folder of the test's own executable, or where the environment says.
///
/// # Panics
///
/// If it has not been built.
#[must_use]
pub fn binary() -> PathBuf {
    let programs = env::var_os(PROGRAMS).map_or_else(own_profile, PathBuf::from);
    let binary = programs.join("berth");
    assert!(
        binary.is_file(),
        "{} is missing: build it with `cargo build --release -p berth` (without `--release` for a debug test run)",
        binary.display()
    );
    binary
}

/// The folder that cargo builds into.
///
/// # Panics
///
/// If the test's own executable is in no such folder.
#[must_use]
pub fn target_folder() -> PathBuf {
    own_profile().parent().expect("a target folder").to_owned()
}

/// What the test's own executable was built in: `target/<profile>`.
fn own_profile() -> PathBuf {
    let test = env::current_exe().expect("the test knows its executable");
    test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>").to_owned()
}

/// A running `berth serve`, killed when dropped.
pub struct Berth {
    child: Child,
    log: Log,
    webhook: SocketAddr,
    admin: SocketAddr,
    folder: TempDir,
}

impl Berth {
    /// Starts a server for this catalogue and waits until it is ready.
    pub async fn serving(catalogue: Catalogue) -> Self {
        Self::configured("", catalogue).await
    }

    /// Starts a server with these lines in its `berth.toml`.
    ///
    /// # Panics
    ///
    /// If it does not become ready.
    pub async fn configured(toml: &str, catalogue: Catalogue) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        catalogue.write(&folder.path().join(CATALOGUE));
        Self::start(toml, folder).await
    }

    /// Starts a server in a folder that holds the catalogue already.
    ///
    /// # Panics
    ///
    /// If it does not become ready.
    pub async fn start(toml: &str, folder: TempDir) -> Self {
        let mut child = spawn(toml, folder.path(), Stdio::piped());
        let log = Log::of(child.stderr.take().expect("a pipe"));
        let ready = log.next("`berth is ready`", |line| line.message() == "berth is ready").await;
        let address = |field: &str| ready.text(field).parse().expect("an address");
        Self { child, webhook: address("webhook"), admin: address("admin"), log, folder }
    }

    /// Starts a server in such a folder, and kills it so soon after, whatever it is at.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn killed_at_its_start(toml: &str, folder: &TempDir, life: Duration) {
        let mut child = spawn(toml, folder.path(), Stdio::null());
        let _ = tokio::time::timeout(life, child.wait()).await;
        within_patience("the server's end", child.kill()).await.expect("the server ends");
    }

    /// Kills it as a power failure does, does something to what it left on disk, and starts another in the same folder.
    ///
    /// # Panics
    ///
    /// If the other does not become ready.
    pub async fn killed_and_restarted(self, toml: &str, meanwhile: impl FnOnce(&Path)) -> Self {
        let folder = self.killed().await;
        meanwhile(folder.path());
        Self::start(toml, folder).await
    }

    /// Kills it as a power failure does. What it left on disk stays.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn killed(mut self) -> TempDir {
        within_patience("the server's end", self.child.kill()).await.expect("the server ends");
        self.folder
    }

    /// A request for `tenant/policy`, with the tenant's key and no body yet.
    #[must_use]
    pub fn asks(&self, policy: &str) -> Ask {
        Ask::policy(self.webhook, policy)
    }

    /// A POST to this path of the webhook's listener.
    #[must_use]
    pub fn posts(&self, path: &str) -> Ask {
        Ask::path(self.webhook, path)
    }

    /// A GET of this path of the admin listener.
    pub async fn admin(&self, path: &str) -> Answer {
        Ask::path(self.admin, path).by(hyper::Method::GET).await
    }

    /// A connection to the webhook's listener, for proper requests.
    pub async fn connection(&self) -> Connection {
        Connection::to(self.webhook).await
    }

    /// A connection to the webhook's listener, for any bytes.
    ///
    /// # Panics
    ///
    /// If it is refused.
    pub async fn line(&self) -> Line {
        Line::to(self.webhook).await.expect("the server accepts connections")
    }

    /// Where the webhook listens.
    #[must_use]
    pub fn webhook(&self) -> SocketAddr {
        self.webhook
    }

    /// Where the admin listener listens.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The folder in which `berth.toml` and the catalogue are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The catalogue's folder, or that of a tenant or policy in it.
    #[must_use]
    pub fn files(&self, below: &str) -> Folder {
        Folder::new(self.folder.path().join(CATALOGUE).join(below))
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Waits for a line with this message, after the line the last wait found.
    pub async fn logs(&self, message: &str) -> Entry {
        self.log.next(&format!("`{message}`"), |line| line.message() == message).await
    }

    /// Waits until another version of the policy serves.
    pub async fn serves(&self, policy: &str) -> Entry {
        let wanted = |line: &Entry| line.message() == "policy serves" && line.is_about(policy);
        let line = self.log.next(&format!("`policy serves` of {policy}"), wanted).await;
        self.publishes().await;
        line
    }

    /// Waits until the policy's files have been refused.
    pub async fn refuses(&self, policy: &str) -> Entry {
        let wanted = |line: &Entry| line.message().starts_with("policy refused") && line.is_about(policy);
        let line = self.log.next(&format!("`policy refused` of {policy}"), wanted).await;
        self.publishes().await;
        line
    }

    /// Waits until a change of the catalogue answers requests.
    pub async fn publishes(&self) -> Entry {
        self.logs("catalogue published").await
    }

    /// The place in the log that what happens from now on is logged after: lines of what happened before are written by
    /// then.
    ///
    /// # Panics
    ///
    /// If the server ends.
    pub async fn mark(&self) -> usize {
        self.logged_since(self.log.len()).await;
        self.log.len()
    }

    /// What was logged from this place on about requests that have been answered.
    ///
    /// A request that is known to be logged is made, and its line awaited: everything before it has been written.
    pub async fn logged_since(&self, mark: usize) -> Vec<Entry> {
        let fence = self.posts("/fence").await;
        let wanted = |line: &Entry| line.text("request") == fence.id();
        let (end, _) = self.log.find("the fence", mark, wanted).await;
        self.log.lines(mark..end)
    }

    /// Its process's number.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    ///
    /// If it has ended already.
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).expect("a signal");
    }

    /// Has writing to a file fail beyond so many bytes, as it does on a full disk; `None` if not any more.
    ///
    /// # Panics
    ///
    /// If it has ended already.
    pub fn files_end_at(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.pid()), Resource::Fsize, limit).expect("a limit");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process().cast_signed()).expect("the server runs")
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn ends(&mut self) -> ExitStatus {
        within_patience("the server's end", self.child.wait()).await.expect("a status")
    }
}

/// A server in a folder that holds the catalogue, with these lines in its `berth.toml`.
fn spawn(toml: &str, folder: &Path, log: Stdio) -> Child {
    let config = folder.join("berth.toml");
    let followed = if toml.contains("[catalogue]") { "" } else { FOLLOWED };
    fs::write(&config, format!("{followed}{PATIENT}{toml}")).expect("a file");
    Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--log-format", "json", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("the server starts")
}
