//! A policy's author at work: a folder, and `berth policy …` run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{Policy, berth::binary, guests::target};

/// A server's configuration under which a decision has all the time it needs on a busy machine.
const PATIENT: &str = "[limits]\ntime_ms = 20000\ncpu_ms = 20000\n";

/// Longer than any build takes on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_secs(300);

/// Awaits something that a build may come before, and fails if it does not happen.
///
/// # Panics
///
/// If it does not happen.
pub async fn to_its_end<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.expect("it ends")
}

/// A folder with policies and bodies in it.
pub struct Author {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Told {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Default for Author {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("berth.toml"), PATIENT).expect("a file");
        Self { folder }
    }
}

impl Author {
    /// Their folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a policy's folder, as a catalogue has it.
    #[must_use]
    pub fn has(self, name: &str, policy: impl Into<Policy>) -> Self {
        policy.into().write(&self.folder().join(name));
        self
    }

    /// Writes a file.
    ///
    /// # Panics
    ///
    /// If the system says no.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
        self
    }

    /// What a file has in it.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// `berth policy` with these arguments, in the folder.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .arg("policy")
            .args(arguments)
            .current_dir(self.folder())
            // Where the guests of the other tests are compiled.
            .env("CARGO_TARGET_DIR", target())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `berth policy` with these arguments, under limits that leave a busy machine its time.
    pub async fn tries(&self, arguments: &[&str]) -> Told {
        let config = ["--config", "berth.toml"];
        self.runs(&[arguments, &config].concat()).await
    }

    /// Runs `berth policy` with these arguments.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn runs(&self, arguments: &[&str]) -> Told {
        Told::of(self.command(arguments)).await
    }

    /// Runs it with this on its standard input.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn pipes(&self, input: &str, arguments: &[&str]) -> Told {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().expect("the command runs");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(input.as_bytes()).await.expect("it reads");
        drop(pipe);
        Told::output(to_its_end(child.wait_with_output()).await)
    }

    /// Where something in the folder is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }
}

impl Told {
    async fn of(mut command: Command) -> Self {
        Self::output(to_its_end(command.output()).await)
    }

    fn output(output: std::io::Result<std::process::Output>) -> Self {
        let output = output.expect("the command runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code().expect("a code"), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Holds it to this code and these words, wherever they were said.
    ///
    /// # Panics
    ///
    /// If it is otherwise.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for said in words {
            assert!(self.stdout.contains(said) || self.stderr.contains(said), "`{said}` is not in {self:?}");
        }
    }
}
