//! Berth remembers: what served before a restart serves after it, whatever became of the catalogue meanwhile.

use std::{fs, path::Path};

use berth_tests::{Berth, Catalogue, api::version_of, bodies};
use serde_json::{Value, json};

use crate::version;

/// Serves version 1 and kills the server; starts another after this happened to the folder.
async fn restarted_after(meanwhile: impl FnOnce(&Path)) -> Berth {
    serving_1().await.killed_and_restarted("", meanwhile).await
}

async fn serving_1() -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await
}

/// Holds the policy to answering as this version, and to having it for this reason. Returns its status.
async fn serves(berth: &Berth, number: u32, origin: &str) -> Value {
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": number }));
    let status = berth.policy("contoso/p").await;
    assert_eq!(status["origin"], origin, "{status}");
    assert_eq!(status["version"], version_of(&version(number).component()));
    assert_eq!(answer.version(), status["version"].as_str());
    status
}

/// Holds the server to serving version 1 from memory and to saying why.
async fn serves_last_known_good(berth: &Berth, stage: &str, phrase: &str) {
    let status = serves(berth, 1, "last-known-good").await;
    assert_eq!(status["failure"]["stage"], stage, "{status}");
    assert!(status["failure"]["reason"].as_str().unwrap().contains(phrase), "{status}");
    let ready = berth.admin("/readyz").await;
    assert_eq!((ready.status, ready.text()), (200, "ready; last-known-good serves for 1 policies\n"));
}

fn component(folder: &Path) -> std::path::PathBuf {
    folder.join("policies/contoso/p/policy.wasm")
}

/// A component that was damaged while the server was down.
#[tokio::test]
async fn a_broken_component_at_start() {
    let berth = restarted_after(|folder| fs::write(component(folder), "broken").unwrap()).await;
    serves_last_known_good(&berth, "compile", "not a WebAssembly component").await;
    // And mended, the catalogue serves again.
    berth.files("contoso/p").replace("policy.wasm", version(2).component());
    berth.serves("contoso/p").await;
    serves(&berth, 2, "catalogue").await;
}

/// A component that went missing, and one that became a folder.
#[tokio::test]
async fn a_component_that_cannot_be_read_at_start() {
    let berth = restarted_after(|folder| fs::remove_file(component(folder)).unwrap()).await;
    serves_last_known_good(&berth, "read", "policy.wasm").await;
    let berth = berth.killed_and_restarted("", |folder| fs::create_dir(component(folder)).unwrap()).await;
    serves_last_known_good(&berth, "read", "policy.wasm").await;
}

/// A manifest that is none any more.
#[tokio::test]
async fn a_broken_manifest_at_start() {
    let broken = |folder: &Path| fs::write(folder.join("policies/contoso/p/policy.toml"), "[setings]").unwrap();
    serves_last_known_good(&restarted_after(broken).await, "manifest", "setings").await;
}

/// A tenant's file that is broken at the start: the keys it had still open its policies.
#[tokio::test]
async fn a_broken_tenant_at_start() {
    let broken = |folder: &Path| fs::write(folder.join("policies/contoso/tenant.toml"), "[keys]").unwrap();
    serves(&restarted_after(broken).await, 1, "catalogue").await;
}

/// The whole catalogue is deleted under a running server and stays away over restarts: everything serves on, and the
/// server says that it is lost. Put back, it is the catalogue again.
#[tokio::test]
async fn the_whole_catalogue_is_deleted() {
    let berth = serving_1().await;
    let copy = berth.folder().join("copy");
    Catalogue::new().tenant("contoso").policy("p", version(1)).write(&copy);
    berth.files("").remove_all();
    berth.logs("the catalogue is lost; what served before still serves").await;
    berth.publishes().await;
    serves(&berth, 1, "catalogue").await;
    lost(&berth).await;

    let berth = berth.killed_and_restarted("", |_| ()).await;
    serves(&berth, 1, "last-known-good").await;
    lost(&berth).await;

    fs::rename(berth.folder().join("copy"), berth.files("").path()).unwrap();
    berth.serves("contoso/p").await;
    serves(&berth, 1, "catalogue").await;
    assert!(berth.status().await.get("catalogueLost").is_none());
    assert_eq!(berth.admin("/readyz").await.text(), "ready\n");
    // And it is followed.
    berth.files("contoso/p").replace("policy.wasm", version(2).component());
    berth.serves("contoso/p").await;
    serves(&berth, 2, "catalogue").await;
}

/// A catalogue that is there but empty, as a failed mount leaves it, is a lost one too.
#[tokio::test]
async fn an_emptied_catalogue_is_a_lost_one() {
    let berth = serving_1().await;
    berth.files("contoso").remove_all();
    berth.logs("the catalogue is lost; what served before still serves").await;
    berth.publishes().await;
    lost(&berth).await;
    let berth = berth.killed_and_restarted("", |_| ()).await;
    serves(&berth, 1, "last-known-good").await;
    lost(&berth).await;
}

/// Filled again where it is, it is the catalogue again.
#[tokio::test]
async fn an_emptied_catalogue_is_filled_again() {
    let berth = serving_1().await;
    berth.files("contoso").remove_all();
    berth.logs("the catalogue is lost; what served before still serves").await;
    Catalogue::new().tenant("contoso").policy("p", version(2)).write(berth.files("").path());
    berth.logs("the catalogue is back").await;
    berth.serves("contoso/p").await;
    serves(&berth, 2, "catalogue").await;
    assert!(berth.status().await.get("catalogueLost").is_none());
    assert_eq!(berth.admin("/readyz").await.text(), "ready\n");
}

async fn lost(berth: &Berth) {
    let status = berth.status().await;
    assert!(status["catalogueLost"].is_string(), "{status}");
    let ready = berth.admin("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.text().starts_with("ready: the catalogue is lost ("), "{}", ready.text());
}

/// One policy's folder, removed, is removed after the grace; a restart does not bring it back.
#[tokio::test]
async fn a_removed_policy_stays_removed() {
    let berth =
        Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1)).policy("q", version(2))).await;
    berth.files("contoso/q").remove_all();
    assert_eq!(berth.logs("policy removed").await.text("policy"), "contoso/q");
    berth.publishes().await;
    let gone = async |berth: &Berth| {
        berth.asks("contoso/q").with(bodies::first()).await.is_error(404, "not-found");
        berth.admin("/api/v1/policies/contoso/q").await.is_error(404, "not-found");
        assert_eq!(berth.history("contoso/q").await[0]["kind"], "removed");
    };
    gone(&berth).await;
    let berth = berth.killed_and_restarted("", |_| ()).await;
    gone(&berth).await;
    serves(&berth, 1, "catalogue").await;
}

/// A folder that is removed while the server is down is removed as well, once the grace is over.
#[tokio::test]
async fn a_policy_removed_while_down_is_removed() {
    let berth =
        Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1)).policy("q", version(2))).await;
    let remove = |folder: &Path| fs::remove_dir_all(folder.join("policies/contoso/q")).unwrap();
    let berth = berth.killed_and_restarted("", remove).await;
    assert_eq!(berth.logs("policy removed").await.text("policy"), "contoso/q");
    berth.publishes().await;
    berth.asks("contoso/q").with(bodies::first()).await.is_error(404, "not-found");
}

/// A folder that is back within the grace was never gone.
#[tokio::test]
async fn a_folder_that_is_moved_away_and_back_is_not_removed() {
    let catalogue = Catalogue::new().tenant("contoso").policy("p", version(1)).policy("q", version(2));
    let berth = Berth::configured("[catalogue]\nremoval_grace_ms = 60000\n", catalogue).await;
    let away = berth.folder().join("away");
    fs::rename(berth.files("contoso/q").path(), &away).unwrap();
    // This change is seen together with the removal, or after it.
    berth.files("contoso/p").replace("policy.wasm", version(3).component());
    berth.serves("contoso/p").await;
    assert_eq!(berth.asks("contoso/q").with(bodies::first()).await.status, 200);
    fs::rename(&away, berth.files("contoso/q").path()).unwrap();
    berth.files("contoso/p").replace("policy.wasm", version(4).component());
    berth.serves("contoso/p").await;
    assert_eq!(berth.asks("contoso/q").with(bodies::first()).await.status, 200);
    assert_eq!(berth.history("contoso/q").await.len(), 1);
}

/// Since when a version serves, and what happened, is remembered over restarts.
#[tokio::test]
async fn since_and_history_survive() {
    let berth = serving_1().await;
    let before = berth.policy("contoso/p").await;
    let history = berth.history("contoso/p").await;
    let generation = berth.status().await["generation"].as_u64().unwrap();
    let berth = berth.killed_and_restarted("", |_| ()).await;
    assert_eq!(berth.policy("contoso/p").await["since"], before["since"]);
    assert_eq!(berth.history("contoso/p").await, history);
    assert!(berth.status().await["generation"].as_u64().unwrap() >= generation);
}
