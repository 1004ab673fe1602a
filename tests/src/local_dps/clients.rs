//! Devices and services with official clients: small programs in `tests/clients` around what npm and PyPI have.
//!
//! `cargo xtask test --clients` installs the clients and says where they are.

use std::{
    env,
    net::Ipv4Addr,
    path::PathBuf,
    process::{self, Stdio},
    sync::atomic::{AtomicU8, Ordering},
};

use berth::dps::certificates::Pem;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{ID_SCOPE, LocalDps};
use crate::{pages::repository, within_patience};

/// Says where the clients are installed: set by `cargo xtask test --clients`.
pub const INSTALLED: &str = "BERTH_CLIENTS";

/// An official device client and the way it goes.
#[derive(Debug, Clone, Copy)]
pub enum Client {
    /// That for Node, and `http`, `mqtt` or `mqtt-ws`.
    Node(&'static str),
    /// That for Python, and `mqtt` or `mqtt-ws`.
    Python(&'static str),
    /// Its other half, whose calls are awaited.
    AsyncPython(&'static str),
}

/// What a device has to show.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A symmetric key in base64.
    Key(String),
    /// A certificate, those above it, and its key.
    Certificate(Pem),
    /// A TPM whose state is in this folder.
    Tpm(PathBuf),
}

/// An address of this machine that no other test has, so that each can have DPS's own ports.
///
/// # Panics
///
/// If this program has taken more than there are.
#[must_use]
pub fn own_address() -> Ipv4Addr {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    let [.., low, high] = process::id().to_be_bytes();
    let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
    assert!(taken < 254, "a program of tests has 254 addresses");
    // 127.0 is left to everybody else.
    Ipv4Addr::new(127, low % 127 + 128, high, taken + 1)
}

impl Client {
    /// Registers a device once for each payload, one after another, and tells what came of each.
    ///
    /// # Panics
    ///
    /// If the program around the client fails.
    pub async fn registers(self, dps: &LocalDps, id: &str, proof: &Proof, payloads: &[Value]) -> Vec<Value> {
        let mut task = json!({
            "host": dps.host(),
            "idScope": ID_SCOPE,
            "registrationId": id,
            "authority": dps.authority(),
            "payloads": payloads,
        });
        proof.write(&mut task);
        let mut command = match self {
            Self::Node(transport) => {
                task["transport"] = json!(transport);
                node("device.js")
            }
            Self::Python(transport) | Self::AsyncPython(transport) => {
                task["transport"] = json!(transport);
                task["isAsynchronous"] = json!(matches!(self, Self::AsyncPython(_)));
                python("device.py")
            }
        };
        command.env("NODE_EXTRA_CA_CERTS", dps.authority_file());
        match run(command, &task).await {
            Value::Array(results) => results,
            other => panic!("a list of results, not {other}"),
        }
    }
}

impl Proof {
    fn write(&self, task: &mut Value) {
        match self {
            Self::Key(key) => task["symmetricKey"] = json!(key),
            Self::Certificate(pem) => {
                task["certificate"] = json!(pem.chain);
                task["key"] = json!(pem.key);
            }
            Self::Tpm(state) => task["tpmState"] = json!(state),
        }
    }
}

/// The endorsement key of the TPM whose state is in this folder, as the client shows it.
///
/// # Panics
///
/// If the program around the client fails.
pub async fn endorsement_key(state: PathBuf) -> String {
    let mut task = json!({ "registrationId": "unknown", "wants": "endorsementKey" });
    Proof::Tpm(state).write(&mut task);
    run(node("device.js"), &task).await.as_str().expect("a key").to_owned()
}

/// Has the official service client make these calls, each the name of a method and its arguments, and tells what came of
/// each.
///
/// # Panics
///
/// If the program around the client fails.
pub async fn service(dps: &LocalDps, calls: Value) -> Vec<Value> {
    let mut command = node("service.js");
    command.env("NODE_EXTRA_CA_CERTS", dps.authority_file());
    match run(command, &json!({ "connectionString": dps.connection_string(), "calls": calls })).await {
        Value::Array(results) => results,
        other => panic!("a list of results, not {other}"),
    }
}

fn installed(client: &str) -> PathBuf {
    let folder = env::var_os(INSTALLED).map(PathBuf::from);
    folder.unwrap_or_else(|| panic!("no clients are installed: run cargo xtask test --clients")).join(client)
}

fn node(program: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(repository().join("tests/clients/node").join(program));
    command.env("NODE_PATH", installed("node").join("node_modules"));
    command
}

fn python(program: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(repository().join("tests/clients/python").join(program));
    command.env("PYTHONPATH", installed("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs a program with this task, and reads what it prints.
async fn run(mut command: Command, task: &Value) -> Value {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("a program");
    child.stdin.take().expect("a pipe").write_all(task.to_string().as_bytes()).await.expect("a task is taken");
    let output = within_patience("a client's end", child.wait_with_output()).await.expect("an output");
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    match serde_json::from_str(&said) {
        Ok(value) if output.status.success() => value,
        _ => panic!("the client ended with {}, saying {said:?} and complaining:\n{complained}", output.status),
    }
}
