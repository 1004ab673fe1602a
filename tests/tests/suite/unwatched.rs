//! A part of the catalogue that cannot be watched keeps no server from starting and no other part from being followed, and is
//! followed once it can be.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use berth_tests::{Berth, Catalogue, bodies};
use serde_json::json;

use crate::version;

async fn answers(berth: &Berth, policy: &str, number: u32) {
    let answer = berth.asks(policy).with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": number }));
}

/// Whether the server says that it does not see every change.
async fn is_deaf(berth: &Berth) -> bool {
    let ready = berth.admin("/readyz").await;
    assert_eq!(ready.status, 200);
    ready.text().contains("changes of the catalogue are not seen as they happen")
}

/// The catalogue lies in a folder that is not there when the server starts, as before a disk is mounted.
#[tokio::test]
async fn a_missing_parent() {
    let toml = "[catalogue]\ndirectory = \"disk/policies\"\n";
    let folder = tempfile::tempdir().unwrap();
    Catalogue::new().tenant("contoso").policy("p", version(1)).write(&folder.path().join("disk/policies"));
    let berth = Berth::start(toml, folder).await;
    let away = |folder: &Path| fs::rename(folder.join("disk"), folder.join("away")).unwrap();
    let berth = berth.killed_and_restarted(toml, away).await;
    answers(&berth, "contoso/p", 1).await;
    assert_eq!(berth.policy("contoso/p").await["origin"], "last-known-good");
    assert!(is_deaf(&berth).await);

    let disk = berth.folder().join("disk");
    fs::rename(berth.folder().join("away"), &disk).unwrap();
    berth.serves("contoso/p").await;
    assert_eq!(berth.policy("contoso/p").await["origin"], "catalogue");
    assert!(!is_deaf(&berth).await);
    fs::write(disk.join("policies/contoso/p/policy.wasm"), version(2).component()).unwrap();
    berth.serves("contoso/p").await;
    answers(&berth, "contoso/p", 2).await;
}

/// Folders of a policy and of a tenant that may not be read. Nothing is forbidden to root, for whom this test says nothing.
#[tokio::test]
async fn forbidden_folders() {
    if rustix::process::geteuid().is_root() {
        return;
    }
    let set = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let catalogue = Catalogue::new().tenant("contoso").policy("p", version(1)).policy("q", version(2));
    let berth = Berth::serving(catalogue.tenant("adatum").policy("r", version(3))).await;
    let berth = berth
        .killed_and_restarted("", |folder| {
            set(&folder.join("policies/adatum"), 0o0);
            set(&folder.join("policies/contoso/p"), 0o0);
        })
        .await;
    // What comes after them is followed, and what is in them serves from memory: it is not removed.
    for number in 4..6 {
        berth.files("contoso/q").replace("policy.wasm", version(number).component());
        berth.serves("contoso/q").await;
        answers(&berth, "contoso/q", number).await;
    }
    answers(&berth, "contoso/p", 1).await;
    answers(&berth, "adatum/r", 3).await;

    set(berth.files("contoso/p").path(), 0o755);
    set(berth.files("adatum").path(), 0o755);
    berth.files("contoso/p").replace("policy.wasm", version(6).component());
    berth.files("adatum/r").replace("policy.wasm", version(7).component());
    for (policy, number) in [("contoso/p", 6), ("adatum/r", 7)] {
        let version = berth_tests::api::version_of(&version(number).component());
        let wanted =
            |line: &berth_tests::log::Entry| line.message() == "policy serves" && line.text("version") == version;
        let (at, _) = berth.log().find("the version", 0, wanted).await;
        berth.log().find("the snapshot", at, |line| line.message() == "catalogue published").await;
        answers(&berth, policy, number).await;
    }
}
