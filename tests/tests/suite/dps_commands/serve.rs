//! `berth dps serve`: its file, its options, and what can be wrong with them.

use std::{fs, path::Path};

use berth_tests::{
    Berth,
    bodies::TOASTERS,
    key,
    local_dps::{
        Ended, LocalDps,
        device::{register_path, request},
        keys,
    },
    startup,
    tls::Authority,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{devices::world::GROUP_KEY, toasters};

const FILE: &str = r#"
id_scope = "0neFile"
data = "kept"
retry_after_seconds = 3
clock_speed = 7

[[hubs]]
host_name = "far.azure-devices.net"
latency_ms = 20

[[hubs]]
host_name = "near.azure-devices.net"
latency_ms = 5

[listen]
https = "127.0.0.1:0"
mqtt = "127.0.0.1:0"
control = "127.0.0.1:0"

[tls]
certificate = "certificates/server.pem"
private_key = "certificates/server.key"

[webhook]
timeout_ms = 2000
authority = "certificates/root.pem"

[[policies]]
name = "reader"
key = "b25seS1mb3ItdGVzdHMtb2YtbWluZQ=="
permissions = ["enrollment-read"]
"#;

/// A folder with that file, the certificates that it names, and a group whose devices go to the nearest hub.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("etc/certificates");
    berth::dps::certificates::write_set(&made, &[], &["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("etc/dps.toml"), FILE).unwrap();
    let group = json!({"enrollmentGroupId": "all", "attestation": keys::attestation(GROUP_KEY), "allocationPolicy": "geoLatency"});
    fs::write(folder.path().join("all.json"), json!({"enrollmentGroups": [group]}).to_string()).unwrap();
    folder
}

/// Registers a device; it goes to the nearest hub.
async fn registers(dps: &LocalDps, scope: &str) -> Ended {
    dps.register(&["--registration-id", "dev1", "--group-key", GROUP_KEY, "--id-scope", scope, "--json"]).await
}

/// Paths in the file are relative to it.
#[tokio::test]
async fn dps_serve_does_what_its_file_says() {
    let options = ["--config", "etc/dps.toml", "--enrollments", "all.json"];
    let dps = LocalDps::serving(folder(), "etc/certificates/root.pem", &options).await;
    assert_eq!(registers(&dps, "0neFile").await.json()["assignedHub"], "near.azure-devices.net");
    let path = register_path("dev1").replace("0ne00000000", "0neFile");
    let signature = keys::sas(&keys::derived(GROUP_KEY, "dev1"), "0neFile", "dev1", keys::LATE);
    let asked = request("PUT", &path, &[("Authorization", &signature)], "{}");
    let began = dps.https_wire(None).await.request(asked).await;
    assert_eq!((began.status, &began.headers["retry-after"]), (202, &"3".parse().unwrap()));
    let connection = fs::read_to_string(dps.folder().join("etc/kept/connection-string.txt")).unwrap();
    assert!(connection.contains(";SharedAccessKeyName=reader;"), "{connection}");
}

#[tokio::test]
async fn dps_serve_takes_options_in_place_of_its_file() {
    let file = ["--config", "etc/dps.toml", "--enrollments", "all.json"];
    let hubs = ["--hub", "west.azure-devices.net=9", "--hub", "east.azure-devices.net=2", "--id-scope", "0neOption"];
    let rest = ["--data", "elsewhere", "--retry-after", "0", "--clock-speed", "1000", "--listen", "127.0.0.1:0"];
    let ports = ["--mqtt-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"];
    let options = [&file[..], &hubs, &rest, &ports].concat();
    let dps = LocalDps::serving(folder(), "etc/certificates/root.pem", &options).await;
    assert_eq!(registers(&dps, "0neOption").await.json()["assignedHub"], "east.azure-devices.net");
    registers(&dps, "0neFile").await.failed(1, &[]);
    assert!(dps.folder().join("elsewhere").is_dir() && !dps.folder().join("etc/kept").exists());
}

/// What has gone from the enrollments file is gone from its enrollment; one that is as it was keeps its etag.
#[tokio::test]
async fn dps_serve_stores_what_its_enrollments_file_says_now() {
    let mut dps = LocalDps::serving(
        folder(),
        "etc/certificates/root.pem",
        &["--config", "etc/dps.toml", "--enrollments", "all.json"],
    )
    .await;
    let shows = async |dps: &LocalDps| dps.berth(&["dps", "enrollment", "show", "all", "--group"]).await.json();
    let before = shows(&dps).await;
    assert_eq!(before["allocationPolicy"], "geoLatency");
    dps.is_killed_and_restarted().await;
    assert_eq!(shows(&dps).await, before);
    let group = json!({"enrollmentGroupId": "all", "attestation": keys::attestation(GROUP_KEY)});
    dps.write("all.json", &json!({"enrollmentGroups": [group]}).to_string());
    dps.is_killed_and_restarted().await;
    let after = shows(&dps).await;
    assert!(after.get("allocationPolicy").is_none() && after["etag"] != before["etag"], "{after}");
}

/// Without a file and without a certificate it makes one that its authority vouches for, and both are kept.
#[tokio::test]
async fn dps_serve_needs_no_file() {
    let any = ["--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"];
    let mut dps = LocalDps::serving(tempfile::tempdir().unwrap(), "dps-data/authority.pem", &any).await;
    let lines = dps.log().lines(0..dps.log().len());
    assert!(lines.iter().any(|line| line.mentions("no hub is linked") && line.mentions("--hub")), "{lines:?}");
    let register = ["--registration-id", "dev1", "--group-key", GROUP_KEY, "--ca", "dps-data/authority.pem"];
    dps.register(&register).await.failed(1, &["401002"]);
    let connection = dps.connection_string();
    dps.is_killed_and_restarted().await;
    dps.register(&register).await.failed(1, &["401002"]);
    assert_eq!(dps.connection_string(), connection);
}

/// A webhook whose certificate a private authority has signed.
#[tokio::test]
async fn dps_serve_trusts_the_webhooks_authority_that_it_is_told() {
    let authority = Authority::default();
    let served = tempfile::tempdir().unwrap();
    toasters().write(&served.path().join("policies"));
    authority.signs().write(served.path());
    let berth = Berth::start("[webhook.tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n", served).await;

    let folder = folder();
    fs::write(folder.path().join("webhook.pem"), authority.pem()).unwrap();
    let url = format!("https://{}/allocate/contoso/toasters?code={}", berth.webhook(), key("contoso"));
    let group = berth_tests::local_dps::group("all", keys::attestation(GROUP_KEY), &url);
    fs::write(folder.path().join("asking.json"), json!({"enrollmentGroups": [group]}).to_string()).unwrap();
    let options = ["--config", "etc/dps.toml", "--enrollments", "asking.json", "--hub", TOASTERS];
    let rest = ["--clock-speed", "100000", "--retry-after", "0", "--webhook-authority", "webhook.pem"];
    let dps = LocalDps::serving(folder, "etc/certificates/root.pem", &[&options[..], &rest].concat()).await;
    assert_eq!(registers(&dps, "0neFile").await.json()["assignedHub"], TOASTERS);
}

/// That `berth dps serve` ends with this code and says this.
async fn ends(folder: &Path, options: &[&str], code: i32, said: &[&str]) {
    let ended = startup::run(folder, &[&["dps", "serve"][..], options].concat()).await;
    assert_eq!(ended.code, Some(code), "{options:?}: {ended:?}");
    for said in said {
        assert!(ended.stderr.contains(said), "`{said}` is not in {}", ended.stderr);
    }
}

#[tokio::test]
async fn dps_serve_says_what_is_wrong_with_its_configuration() {
    let folder = folder();
    let folder = folder.path();
    ends(folder, &["--config", "nothing.toml"], 2, &["error: failed to read nothing.toml"]).await;
    for (text, said) in [
        ("port = 1", &["wrong.toml is not right", "port"][..]),
        ("id_scope = \"0ne 1\"", &["id_scope has to be letters and digits"]),
        ("clock_speed = 0", &["wrong.toml", "clock_speed"]),
        ("[listen]\ncontrol = \"0.0.0.0:7073\"", &["listen.control has to be a loopback address"]),
        ("[listen]\nhttps = \"localhost\"", &["wrong.toml", "https"]),
        ("[tls]\ncertificate = \"a.pem\"", &["tls.certificate and tls.private_key belong together"]),
        ("hubs = [{ host_name = \"a\" }, { host_name = \"A\" }]", &["hubs: \"A\"", "twice"]),
        ("hubs = [{ host_name = \"\" }]", &["hubs: \"\" is empty"]),
        ("[[policies]]\nname = \"p\"\nkey = \"secret!\"", &["policies: the key of p is not base64"]),
        ("[[policies]]\nname = \"p\"\nkey = \"\"\npermissions = [\"all\"]", &["wrong.toml", "all"]),
    ] {
        fs::write(folder.join("wrong.toml"), text).unwrap();
        ends(folder, &["--config", "wrong.toml"], 2, said).await;
    }
    ends(folder, &["--enrollments", "nothing.json"], 2, &["failed to read nothing.json"]).await;
    fs::write(folder.join("wrong.json"), "{\"enrollment\": []}").unwrap();
    ends(folder, &["--enrollments", "wrong.json"], 2, &["wrong.json is no enrollments file", "enrollment"]).await;
    ends(folder, &["--hub", "a=soon"], 2, &["a=soon", "--hub"]).await;
    ends(folder, &["--clock-speed", "0"], 2, &["--clock-speed"]).await;
    ends(folder, &["--control-listen", "192.0.2.1:1"], 2, &["listen.control has to be a loopback address"]).await;
}

#[tokio::test]
async fn dps_serve_says_why_it_cannot_start() {
    let options = ["--config", "etc/dps.toml", "--enrollments", "all.json"];
    let dps = LocalDps::serving(folder(), "etc/certificates/root.pem", &options).await;
    // In its folder its data are in use, and elsewhere its port is.
    ends(dps.folder(), &options, 1, &["failed to open etc/kept (data)", "another local DPS"]).await;
    let taken = dps.https().to_string();
    let busy = [&options[..], &["--data", "other", "--listen", &taken]].concat();
    ends(dps.folder(), &busy, 1, &[&format!("failed to bind {taken}"), "listen.https"]).await;

    let free = ["--config", "etc/dps.toml", "--data", "free"];
    let with = |more: &[&'static str]| [&free[..], more].concat();
    fs::write(dps.folder().join("text"), "text").unwrap();
    ends(dps.folder(), &with(&["--webhook-authority", "text"]), 1, &["text", "PEM"]).await;
    ends(dps.folder(), &with(&["--webhook-authority", "nothing.pem"]), 1, &["nothing.pem"]).await;
    let wrong = json!({"enrollments": [{"registrationId": "dev1", "attestation": {"type": "tpm"}}]});
    fs::write(dps.folder().join("wrong.json"), wrong.to_string()).unwrap();
    ends(
        dps.folder(),
        &with(&["--enrollments", "wrong.json"]),
        1,
        &["the enrollment dev1 is not right", "endorsementKey"],
    )
    .await;
    fs::create_dir(dps.folder().join("broken")).unwrap();
    fs::write(dps.folder().join("broken/dps.redb"), "no database at all, but some text of this length").unwrap();
    ends(dps.folder(), &["--data", "broken"], 1, &["failed to open broken (data)", "move it away"]).await;
    // Its own certificate, and nothing that clients could trust.
    let half = dps.folder().join("half");
    fs::create_dir(&half).unwrap();
    for file in ["server.pem", "server.key"] {
        fs::copy(dps.folder().join("etc/certificates").join(file), half.join(file)).unwrap();
    }
    let gone = ["half/authority.pem is gone", "remove half/server.pem and half/server.key"];
    ends(dps.folder(), &["--data", "half"], 1, &gone).await;
    let lost = FILE.replace("certificates/server.pem", "lost.pem");
    fs::write(dps.folder().join("etc/dps.toml"), lost).unwrap();
    ends(dps.folder(), &free, 1, &["lost.pem", "PEM"]).await;
}
