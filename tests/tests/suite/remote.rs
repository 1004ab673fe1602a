//! The commands that ask a running server: over TLS, with bounded patience, and with nothing but what can be seen.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

use berth_tests::{
    Berth, Catalogue,
    api::version_of,
    binary,
    guests::{Guest, Reply},
    startup,
    tls::Authority,
    within_patience,
};
use tokio::{net::TcpListener, process::Command};

use crate::{toasters, version};

const ADMIN: &str = "[admin.tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n";

#[tokio::test]
async fn they_ask_over_tls() {
    let authority = Authority::default();
    let folder = tempfile::tempdir().unwrap();
    toasters().write(&folder.path().join("policies"));
    authority.signs().write(folder.path());
    fs::set_permissions(folder.path().join("tls.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.path().join("other.pem"), Authority::default().pem()).unwrap();
    let berth = Berth::start(ADMIN, folder).await;
    let url = format!("https://localhost:{}", berth.admin_address().port());
    let status = async |ca: &str| startup::run(berth.folder(), &["status", "--admin", &url, "--ca", ca]).await;
    let good = status("ca.pem").await;
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""));
    for (ca, said) in [("other.pem", "TLS handshake"), ("berth.toml", "--ca"), ("nothing.pem", "--ca")] {
        let bad = status(ca).await;
        assert_eq!(bad.code, Some(1));
        assert!(bad.stderr.contains(said), "{}", bad.stderr);
    }
}

/// Nobody is waited for longer than was said.
#[tokio::test]
async fn a_server_that_does_not_answer() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", mute.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let ending = startup::run(folder.path(), &["status", "--admin", &url, "--timeout", "1"]).await;
    assert_eq!(ending.code, Some(1));
    for said in ["did not answer", "berth status", "--timeout", "no answer within 1 s"] {
        assert!(ending.stderr.contains(said), "`{said}` is not in {}", ending.stderr);
    }
    assert!(!ending.stderr.contains("failed to reach"), "{}", ending.stderr);
}

/// `berth status | head -0`: whoever reads the output may stop.
#[tokio::test]
async fn a_reader_that_goes_away() {
    let berth = Berth::serving(toasters()).await;
    let url = format!("http://{}", berth.admin_address());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let command = Command::new(binary())
        .args(["status", "--admin", &url])
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output();
    let output = within_patience("the command's end", command).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{}", output.status);
}

/// What a policy says of its settings cannot tell the terminal anything.
#[tokio::test]
async fn a_reason_with_escapes() {
    let hostile = Guest::answering(Reply::hub("h")).refusing_settings("no\u{1b}[2J\u{7}\u{202e}");
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", hostile)).await;
    let url = format!("http://{}", berth.admin_address());
    let command = Command::new(binary()).args(["status", "--admin", &url]).stdin(Stdio::null()).output();
    let output = within_patience("the command's end", command).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("no\\u{1b}[2J\\u{7}\\u{202e}"), "{text:?}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
}

/// What an error advises to run can be run.
#[tokio::test]
async fn advice_can_be_followed() {
    let catalogue = Catalogue::new().tenant("contoso").policy("p", version(1));
    let berth = Berth::configured("[data]\nkeep_versions = 2\n", catalogue).await;
    for number in 2..=3 {
        assert_eq!(berth.push("contoso/p", version(number)).await.status, 200);
    }
    let url = format!("http://{}", berth.admin_address());
    for (number, status, code) in [(1, 410, "version-gone"), (9, 404, "unknown-version")] {
        let answer = berth.rollback("contoso/p", Some(&version_of(&version(number).component()))).await;
        let message = answer.is_error(status, code);
        let command = message.split('`').nth(1).unwrap();
        let arguments: Vec<&str> = command.split(' ').skip(1).chain(["--admin", &url]).collect();
        let ending = startup::run(berth.folder(), &arguments).await;
        assert_eq!((ending.code, ending.stderr.as_str()), (Some(0), ""), "{command}");
    }
}
