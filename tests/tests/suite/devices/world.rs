//! A local DPS in a folder of its own, and `berth` as somebody runs it there.
#![expect(clippy::expect_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::{fs, path::Path, process::Stdio};

use berth_tests::{Ask, Berth, Catalogue, binary, guests::example, key, local_dps, log::Log, within_patience};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The hub for phones, the key of groups, and enrollments, as all tests of the local DPS have them.
pub(crate) use berth_tests::local_dps::{
    PHONES, custom,
    keys::{KEY as GROUP_KEY, attestation as by_key},
};

/// The hubs for the climate models, as the policy `by-model` has them.
pub(crate) const CLIMATE: [&str; 2] = ["contoso-climate-1.azure-devices.net", "contoso-climate-2.azure-devices.net"];
/// The key of a device of its own enrollment.
pub(crate) const DEVICE_KEY: &str = "b3duLWtleS1vZi1hLWRldmljZS0x";

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// What it printed as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("JSON, not {self:?}"))
    }

    /// That it failed with all of this in what it says.
    pub(crate) fn failed(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for said in said {
            assert!(self.stderr.contains(said), "`{said}` is not in {}", self.stderr);
        }
    }
}

/// A running local DPS, killed when dropped.
struct Running {
    child: Child,
    /// Read to its end, so that the local DPS can write.
    _log: Log,
    https: String,
    control: String,
}

/// The local DPS and its folder.
pub(crate) struct World {
    running: Running,
    folder: TempDir,
}

/// A group of this name whose devices sign with keys of the group's, decided for by this webhook.
pub(crate) fn group(name: &str, webhook: &str) -> Value {
    local_dps::group(name, by_key(GROUP_KEY), webhook)
}

/// `berth serve` with the example policy `by-model`, and the URL of its webhook.
pub(crate) async fn by_model() -> (Berth, String) {
    let catalogue = Catalogue::new().tenant("contoso").policy("by-model", example("by-model"));
    let berth = Berth::serving(catalogue).await;
    let url = format!("http://{}/allocate/contoso/by-model?code={}", berth.webhook(), key("contoso"));
    (berth, url)
}

impl World {
    /// A local DPS with these enrollments. It tells devices to ask again at once, and waits for webhooks next to no time.
    pub(crate) async fn new(enrollments: impl IntoIterator<Item = Value>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut individual, mut groups) = (Vec::new(), Vec::new());
        for enrollment in enrollments {
            let of = if enrollment.get("registrationId").is_some() { &mut individual } else { &mut groups };
            of.push(enrollment);
        }
        let file = json!({"enrollments": individual, "enrollmentGroups": groups});
        fs::write(folder.path().join("enrollments.json"), file.to_string()).expect("a file");
        let running = serve(folder.path(), &["127.0.0.1:0"; 2]).await;
        Self { running, folder }
    }

    /// Kills it as a power failure does, and starts it again where it was.
    pub(crate) async fn killed_and_restarted(&mut self) {
        let Running { child, https, control, .. } = &mut self.running;
        within_patience("the local DPS's end", child.kill()).await.expect("it ends");
        let places = [https.clone(), control.clone()];
        self.running = serve(self.folder.path(), &[&places[0], &places[1]]).await;
    }

    /// Its folder, in which commands run.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into its folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("a file");
    }

    /// Its port for HTTPS.
    pub(crate) fn port(&self) -> &str {
        self.running.https.rsplit_once(':').expect("a port").1
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// `berth` with these arguments, and with variables that lead it to this local DPS.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("BERTH_DPS", self.url())
            .env("BERTH_DPS_CA", "data/authority.pem")
            .env("BERTH_DPS_CONTROL", format!("http://{}", self.running.control))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `berth` with these arguments to its end.
    pub(crate) async fn berth(&self, arguments: &[&str]) -> Ended {
        end(self.command(arguments)).await
    }

    /// Runs `berth device register` with these arguments to its end.
    pub(crate) async fn register(&self, arguments: &[&str]) -> Ended {
        self.berth(&[&["device", "register"], arguments].concat()).await
    }

    /// The devices that it knows, whole pages of them.
    pub(crate) async fn devices(&self) -> Vec<Value> {
        match self.berth(&["dps", "devices", "--json"]).await.json() {
            Value::Array(devices) => devices,
            other => panic!("a list, not {other}"),
        }
    }

    /// What the control listener answers at this path.
    pub(crate) async fn control(&self, path: &str) -> Value {
        let address = self.running.control.parse().expect("an address");
        Ask::path(address, path).by(hyper::Method::GET).await.json()
    }
}

/// Waits for a command's end.
pub(crate) async fn end(mut command: Command) -> Ended {
    let output = within_patience("the command's end", command.output()).await.expect("it runs");
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    Ended { code: output.status.code(), stdout, stderr }
}

async fn serve(folder: &Path, [https, control]: &[&str; 2]) -> Running {
    let mut command = Command::new(binary());
    command
        .args(["dps", "serve", "--log-format", "json", "--data", "data", "--enrollments", "enrollments.json"])
        .args(["--listen", https, "--mqtt-listen", "127.0.0.1:0", "--control-listen", control])
        .args(["--retry-after", "0", "--clock-speed", "100000"])
        .current_dir(folder);
    for hub in CLIMATE.iter().chain([&PHONES]) {
        command.args(["--hub", hub]);
    }
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
    let log = Log::of(child.stderr.take().expect("a pipe"));
    let ready = log.next("the local DPS", |line| line.message() == "the local DPS is ready").await;
    let (https, control) = (ready.text("https").to_owned(), ready.text("control").to_owned());
    Running { child, _log: log, https, control }
}
