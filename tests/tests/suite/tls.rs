//! TLS of both listeners: what is shown, what becomes of a new certificate, and who is not waited for.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use berth_tests::{
    Berth, Catalogue, bodies, key, startup,
    tls::{Authority, Pair},
};
use tempfile::TempDir;

use crate::toasters;

const WEBHOOK: &str = "[webhook.tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n";

/// A folder with a catalogue and this pair.
fn folder(catalogue: Catalogue, pair: &Pair) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    catalogue.write(&folder.path().join("policies"));
    pair.write(folder.path());
    restrict(folder.path());
    folder
}

fn restrict(folder: &Path) {
    fs::set_permissions(folder.join("tls.key"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn request() -> Vec<u8> {
    let (key, body) = (key("contoso"), bodies::first());
    let head = format!(
        "POST /allocate/contoso/toasters?code={key} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

#[tokio::test]
async fn the_webhook_speaks_tls() {
    let authority = Authority::default();
    let pair = authority.signs();
    let berth = Berth::start(WEBHOOK, folder(toasters(), &pair)).await;
    let connection = authority.connects(berth.webhook()).await.unwrap();
    assert_eq!(connection.shown(), pair.der);
    assert_eq!(connection.protocol(), Some(&b"http/1.1"[..]));
    let answer = connection.exchange(&request()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(bodies::TOASTERS), "{answer}");
    let expires =
        berth.metrics().await.sum("berth_tls_certificate_expiry_timestamp_seconds", &["listener=\"webhook\""]);
    assert!(expires > 1.7e9, "{expires}");
}

/// Plain HTTP, a caller that trusts another authority, and one that says nothing get nowhere, and harm nobody.
#[tokio::test]
async fn without_a_handshake_there_is_nothing() {
    let authority = Authority::default();
    let config = format!("[webhook]\nhead_timeout_ms = 200\n{WEBHOOK}");
    let berth = Berth::start(&config, folder(toasters(), &authority.signs())).await;
    let mut plain = berth.line().await;
    plain.say(request()).await;
    let heard = plain.hear().await;
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");
    assert!(Authority::default().connects(berth.webhook()).await.is_err());
    assert_eq!(berth.line().await.hear().await, b"");
    let labels = ["listener=\"webhook\"", "reason=\"tls-handshake\""];
    berth.metrics_once("three failures", |now| now.sum("berth_connection_failures_total", &labels) == 3.0).await;
    let connection = authority.connects(berth.webhook()).await.unwrap();
    assert!(connection.exchange(&request()).await.starts_with("HTTP/1.1 200 "));
}

/// A certificate that is renamed into place serves without a restart.
#[tokio::test]
async fn a_new_certificate_serves() {
    let authority = Authority::default();
    let (old, new) = (authority.signs(), authority.signs());
    let berth = Berth::start(WEBHOOK, folder(toasters(), &old)).await;
    let before = authority.connects(berth.webhook()).await.unwrap();
    new.write(berth.folder());
    berth.logs("a new certificate serves").await;
    assert_eq!(authority.connects(berth.webhook()).await.unwrap().shown(), new.der);
    // A connection that was there goes on.
    assert_eq!(before.shown(), old.der);
    assert!(before.exchange(&request()).await.starts_with("HTTP/1.1 200 "));
    let labels = ["listener=\"webhook\"", "result=\"served\""];
    assert_eq!(berth.metrics().await.sum("berth_tls_reloads_total", &labels), 1.0);
}

/// So does one behind a symbolic link that is turned, as Kubernetes mounts secrets.
#[tokio::test]
async fn a_turned_link_is_a_new_certificate() {
    let authority = Authority::default();
    let (old, new) = (authority.signs(), authority.signs());
    let folder = folder(toasters(), &old);
    for (name, pair) in [("one", &old), ("two", &new)] {
        let data = folder.path().join(name);
        fs::create_dir(&data).unwrap();
        pair.write(&data);
        restrict(&data);
    }
    let link = |target: &str, folder: &Path| {
        std::os::unix::fs::symlink(target, folder.join("turned")).unwrap();
        fs::rename(folder.join("turned"), folder.join("data")).unwrap();
    };
    link("one", folder.path());
    let config = WEBHOOK.replace("tls.pem", "data/tls.pem").replace("tls.key", "data/tls.key");
    let berth = Berth::start(&config, folder).await;
    assert_eq!(authority.connects(berth.webhook()).await.unwrap().shown(), old.der);
    link("two", berth.folder());
    berth.logs("a new certificate serves").await;
    assert_eq!(authority.connects(berth.webhook()).await.unwrap().shown(), new.der);
}

/// What cannot be used changes nothing, is said, and the next good pair serves.
#[tokio::test]
async fn a_bad_pair_keeps_the_one_before() {
    let authority = Authority::default();
    let (old, other, new) = (authority.signs(), authority.signs(), authority.signs());
    let berth = Berth::start(WEBHOOK, folder(toasters(), &old)).await;
    let mixed = Pair { key: other.key.clone(), ..new.clone() };
    let garbage = Pair { certificate: "no certificate".to_owned(), ..old.clone() };
    for (number, bad) in [mixed, garbage].into_iter().enumerate() {
        bad.write(berth.folder());
        let refused = berth.logs("the new certificate is refused; the one before still serves").await;
        assert!(refused.text("reason").contains("tls.pem"), "{refused}");
        assert_eq!(authority.connects(berth.webhook()).await.unwrap().shown(), old.der);
        let labels = ["listener=\"webhook\"", "result=\"refused\""];
        assert_eq!(berth.metrics().await.sum("berth_tls_reloads_total", &labels), number as f64 + 1.0);
    }
    fs::remove_file(berth.folder().join("tls.key")).unwrap();
    berth.logs("the new certificate is refused; the one before still serves").await;
    assert_eq!(authority.connects(berth.webhook()).await.unwrap().shown(), old.der);
    new.write(berth.folder());
    berth.logs("a new certificate serves").await;
    assert_eq!(authority.connects(berth.webhook()).await.unwrap().shown(), new.der);
}

/// A server that cannot speak TLS as it is told to does not start and speak plainly instead.
#[tokio::test]
async fn a_bad_pair_at_start() {
    let authority = Authority::default();
    let (one, other) = (authority.signs(), authority.signs());
    for (pair, said) in [
        (Pair { key: other.key, ..one.clone() }, "cannot be used with the certificate"),
        (Pair { certificate: String::new(), ..one.clone() }, "tls.pem holds no certificate in PEM"),
        (Pair { key: String::new(), ..one.clone() }, "tls.key holds no private key in PEM"),
    ] {
        let folder = folder(toasters(), &pair);
        fs::write(folder.path().join("berth.toml"), WEBHOOK).unwrap();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let ending = startup::run(folder.path(), &arguments).await;
        assert_eq!(ending.code, Some(1), "{}", ending.stderr);
        assert!(ending.stderr.contains(said), "{}", ending.stderr);
        assert!(!ending.stderr.contains("PRIVATE KEY"), "{}", ending.stderr);
    }
}

/// A key that others can read is used, and said to be such.
#[tokio::test]
async fn a_key_that_others_can_read() {
    let folder = folder(toasters(), &Authority::default().signs());
    fs::set_permissions(folder.path().join("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let berth = Berth::start(WEBHOOK, folder).await;
    let warned = "others than its owner can read or change this private key: chmod 600 it";
    berth.log().find("the warning", 0, |line| line.message() == warned).await;
}
