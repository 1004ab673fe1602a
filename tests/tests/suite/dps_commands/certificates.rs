//! `berth dps certificates`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use berth_tests::startup;

use crate::devices::world::serving;

#[tokio::test]
async fn dps_certificates_tells_what_it_wrote() {
    let dps = serving([]).await;
    let made =
        dps.berth(&["dps", "certificates", "made", "--device", "press-1", "--device", "a:b", "--server", "dps.local"]);
    let made = made.await;
    let kinds = ["root", "intermediate", "server", "press-1", "a:b"];
    let expected: Vec<String> =
        kinds.iter().flat_map(|name| ["pem", "key"].map(|kind| format!("made/{name}.{kind}"))).collect();
    assert_eq!(made.printed().lines().collect::<Vec<_>>(), expected);
    for file in &expected {
        let text = fs::read_to_string(dps.folder().join(file)).unwrap();
        assert!(text.starts_with("-----BEGIN "), "{file} holds {text}");
    }
    // The device's own certificate comes first, and the one above it behind it.
    let chain = fs::read_to_string(dps.folder().join("made/press-1.pem")).unwrap();
    assert!(chain.ends_with(&fs::read_to_string(dps.folder().join("made/intermediate.pem")).unwrap()));
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);

    // Again: what the authorities have signed stays good, and they sign more.
    let read = |name: &str| fs::read_to_string(dps.folder().join("made").join(name)).unwrap();
    let authorities = || ["root.pem", "root.key", "intermediate.pem", "intermediate.key"].map(read);
    let before = authorities();
    assert_eq!(dps.berth(&["dps", "certificates", "made", "--device", "press-2"]).await.code, Some(0));
    assert_eq!(authorities(), before);
    assert!(read("press-2.pem").ends_with(&before[2]));
    let mode = |name: &str| fs::metadata(dps.folder().join("made").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["root.key", "press-2.key"].map(mode), [0o600; 2]);
    assert_eq!(["root.pem", "press-2.pem"].map(mode), [0o644; 2]);
    let data = fs::metadata(dps.folder().join("dps-data/dps.redb")).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o600);
    fs::remove_file(dps.folder().join("made/root.key")).unwrap();
    dps.berth(&["dps", "certificates", "made"]).await.failed(1, &["failed to read made/root.key"]);

    // Without names there is one device.
    let plain = dps.berth(&["dps", "certificates", "plain"]).await;
    assert!(plain.printed().contains("plain/device1.pem\n"), "{plain:?}");
    let register = ["--cert", "plain/device1.pem", "--key", "plain/device1.key"];
    dps.register(&register).await.failed(1, &["device1 has no hub: refused: 401002 Invalid certificate."]);
}

#[tokio::test]
async fn dps_certificates_writes_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "kept").unwrap();
    for (arguments, said) in [
        (&["file"][..], "failed to make file"),
        (&["made", "--device", "../device"], "\"../device\" is no registration id"),
        (&["made", "--device", ""], "\"\" is no registration id"),
        (&["made", "--server", "dé.local"], "cannot be in a certificate"),
    ] {
        let ended = startup::run(folder.path(), &[&["dps", "certificates"][..], arguments].concat()).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(said), "{ended:?}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "kept");
    assert!(!folder.path().join("made").exists());
    assert_eq!(startup::run(folder.path(), &["dps", "certificates"]).await.code, Some(2));
}
