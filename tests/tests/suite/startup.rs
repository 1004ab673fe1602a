//! Servers that cannot start say why, and what to do, before they take a port.

use std::{fs, net::TcpListener, path::Path};

use berth_tests::{
    Berth, Catalogue, bodies,
    startup::{Ending, run},
};
use tempfile::TempDir;

use crate::toasters;

/// Exit code where the arguments or the configuration are wrong.
const USAGE: Option<i32> = Some(2);

/// A folder with this `berth.toml` and an empty catalogue.
fn folder(toml: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("berth.toml"), toml).unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    folder
}

async fn serve(folder: &Path, arguments: &[&str]) -> Ending {
    let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    all.extend(arguments);
    run(folder, &all).await
}

/// Holds an ending against an exit code and phrases that its text has to have.
fn says(ending: &Ending, code: Option<i32>, phrases: &[&str]) {
    assert_eq!(ending.code, code, "{}", ending.stderr);
    for phrase in phrases {
        assert!(ending.stderr.contains(phrase), "`{phrase}` is not in {}", ending.stderr);
    }
}

/// Keys that nobody knows are named, with the file they are in.
#[tokio::test]
async fn an_unknown_key() {
    for (toml, key) in [("[webhok]\n", "webhok"), ("[webhook]\nport = 1\n", "port"), ("limit = 1\n", "limit")] {
        says(&serve(folder(toml).path(), &[]).await, USAGE, &["error: ", "berth.toml", key]);
    }
}

/// Values that make no sense are named like keys.
#[tokio::test]
async fn a_value_that_makes_no_sense() {
    for (toml, key) in [
        ("[webhook]\nmax_body_bytes = 0\n", "max_body_bytes"),
        ("[webhook]\nlisten = \"here\"\n", "listen"),
        ("[log]\nformat = \"xml\"\n", "format"),
        ("[limits]\nmemory_mib = -1\n", "memory_mib"),
        ("[webhook\n", "berth.toml"),
    ] {
        says(&serve(folder(toml).path(), &[]).await, USAGE, &["error: ", "berth.toml", key]);
    }
}

/// A configuration that is named has to be there.
#[tokio::test]
async fn a_missing_configuration() {
    let ending = serve(folder("").path(), &["--config", "other.toml"]).await;
    says(&ending, USAGE, &["error: cannot read other.toml"]);
}

/// A catalogue that is not a directory is named, with the ways to name another.
#[tokio::test]
async fn a_missing_catalogue() {
    let ending = serve(folder("[catalogue]\ndirectory = \"rules\"\n").path(), &[]).await;
    says(&ending, USAGE, &["rules is not a directory: create it", "catalogue.directory", "--catalogue"]);
    let ending = serve(folder("").path(), &["--catalogue", "berth.toml"]).await;
    says(&ending, USAGE, &["the catalogue berth.toml is not a directory"]);
}

/// A port that is taken is named with the ways to choose another.
#[tokio::test]
async fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, key) in [("--listen", "webhook.listen"), ("--admin-listen", "admin.listen")] {
        let other = if flag == "--listen" { "--admin-listen" } else { "--listen" };
        let ending = run(folder("").path(), &["serve", flag, &address, other, "127.0.0.1:0"]).await;
        says(&ending, Some(1), &[&format!("failed to bind {address}"), key, flag]);
    }
}

/// Nobody is asked who they are on the admin listener, so it has to stay where only this machine can reach it.
#[tokio::test]
async fn an_open_admin_listener() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7072"] {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", address];
        let ending = run(folder("").path(), &arguments).await;
        says(&ending, USAGE, &["admin.listen is ", "loopback", "127.0.0.1:7072"]);
    }
}

/// Probes never share the webhook's port.
#[tokio::test]
async fn one_address_for_both_listeners() {
    let arguments = ["serve", "--listen", "127.0.0.1:7", "--admin-listen", "127.0.0.1:7"];
    let ending = run(folder("").path(), &arguments).await;
    says(&ending, USAGE, &["webhook.listen and admin.listen are both 127.0.0.1:7"]);
}

/// A filter of the log that is none is quoted.
#[tokio::test]
async fn a_filter_that_is_none() {
    let ending = serve(folder("[log]\nfilter = \"berth=loud=now\"\n").path(), &[]).await;
    assert!(ending.code != Some(0), "{}", ending.stderr);
    says(&ending, ending.code, &["log.filter", "berth=loud=now"]);
}

/// Wrong arguments get the usage.
#[tokio::test]
async fn wrong_arguments() {
    let folder = folder("");
    for arguments in [&["serve", "--port", "1"][..], &["sevre"], &[]] {
        says(&run(folder.path(), arguments).await, USAGE, &["Usage: "]);
    }
}

/// The catalogue is found from where the configuration is, not from where the server was started.
#[tokio::test]
async fn paths_are_relative_to_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    toasters().write(&folder.path().join("deep/rules"));
    Catalogue::new().write(&folder.path().join("policies"));
    let berth = Berth::start("[catalogue]\ndirectory = \"deep/rules\"\n", folder).await;
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}
