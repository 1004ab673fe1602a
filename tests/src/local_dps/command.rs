//! `berth` as somebody runs it in the folder of a local DPS.

use std::{fs, process::Stdio};

use serde_json::Value;
use tokio::process::Command;

use super::LocalDps;
use crate::{binary, within_patience};

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if it was killed.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Ended {
    /// Runs a command to its end.
    ///
    /// # Panics
    ///
    /// If it cannot be run, does not end, or prints what is no text.
    pub async fn of(mut command: Command) -> Self {
        let output = within_patience("the command's end", command.output()).await.expect("it runs");
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
        Self { code: output.status.code(), stdout, stderr }
    }

    /// What it printed as JSON.
    ///
    /// # Panics
    ///
    /// If that is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("JSON, not {self:?}"))
    }

    /// That it did what it was asked without a complaint, and what it printed.
    ///
    /// # Panics
    ///
    /// If it did not.
    #[must_use]
    #[track_caller]
    pub fn printed(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        &self.stdout
    }

    /// That it failed with this exit code, and said all of this.
    ///
    /// # Panics
    ///
    /// If it did not.
    #[track_caller]
    pub fn failed(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for said in said {
            assert!(self.stderr.contains(said), "`{said}` is not in {}", self.stderr);
        }
    }
}

impl LocalDps {
    /// Writes a file into its folder.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("a file");
    }

    /// `berth` with these arguments, in its folder, and with variables that lead it to this local DPS.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("BERTH_DPS", self.url())
            .env("BERTH_DPS_CA", self.authority_file())
            .env("BERTH_DPS_CONTROL", self.control_url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `berth` with these arguments to its end.
    pub async fn berth(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments)).await
    }

    /// Runs `berth device register` with these arguments to its end.
    pub async fn register(&self, arguments: &[&str]) -> Ended {
        self.berth(&[&["device", "register"], arguments].concat()).await
    }

    /// The devices that it knows.
    ///
    /// # Panics
    ///
    /// If that is no list.
    pub async fn devices(&self) -> Vec<Value> {
        match self.berth(&["dps", "devices", "--json"]).await.json() {
            Value::Array(devices) => devices,
            other => panic!("a list, not {other}"),
        }
    }
}
