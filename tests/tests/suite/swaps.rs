//! A change of files is a deployment, however people change files.

use std::{fs, os::unix::fs::symlink, path::Path};

use berth_tests::{
    Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply, example},
};
use serde_json::json;

use crate::version;

fn catalogue(number: u32) -> Catalogue {
    Catalogue::new().tenant("contoso").policy("p", version(number))
}

async fn answers(berth: &Berth, number: u32) {
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": number }));
}

/// A folder outside of the catalogue with this version of the policy in it.
fn policy_folder(path: &Path, number: u32) {
    Policy::from(version(number)).write(path);
}

/// The way of editors and of careful deployments.
#[tokio::test]
async fn a_file_is_renamed_over() {
    let berth = Berth::serving(catalogue(1)).await;
    for number in 2..5 {
        berth.files("contoso/p").replace("policy.wasm", version(number).component());
        let line = berth.serves("contoso/p").await;
        assert!(!line.text("version").is_empty() && line.text("version") != line.text("previous"), "{line}");
        answers(&berth, number).await;
    }
}

/// The way of `cp`. A version that is seen half written does not serve, and the whole one does in the end.
#[tokio::test]
async fn a_file_is_written_over() {
    let berth = Berth::serving(catalogue(1)).await;
    for number in 2..5 {
        berth.files("contoso/p").overwrite("policy.wasm", version(number).component());
        berth.serves("contoso/p").await;
        answers(&berth, number).await;
    }
}

/// A folder is renamed away and another to its place.
#[tokio::test]
async fn a_policys_folder_is_replaced() {
    let berth = Berth::serving(catalogue(1)).await;
    for number in 2..5 {
        let new = berth.folder().join(format!("new-{number}"));
        policy_folder(&new, number);
        berth.files("contoso/p").swap_for(&new);
        berth.serves("contoso/p").await;
        answers(&berth, number).await;
    }
    // The folder that is there now is followed too.
    berth.files("contoso/p").replace("policy.wasm", version(5).component());
    berth.serves("contoso/p").await;
    answers(&berth, 5).await;
}

/// The same for a tenant with all of its policies.
#[tokio::test]
async fn a_tenants_folder_is_replaced() {
    let berth = Berth::serving(catalogue(1)).await;
    let new = berth.folder().join("new");
    catalogue(2).write(&new);
    berth.files("contoso").swap_for(&new.join("contoso"));
    berth.serves("contoso/p").await;
    answers(&berth, 2).await;
    berth.files("contoso/p").replace("policy.wasm", version(3).component());
    berth.serves("contoso/p").await;
    answers(&berth, 3).await;
}

/// The same for the whole catalogue.
#[tokio::test]
async fn the_whole_catalogue_is_replaced() {
    let berth = Berth::serving(catalogue(1)).await;
    for number in [2, 3] {
        let new = berth.folder().join(format!("new-{number}"));
        catalogue(number).write(&new);
        berth.files("").swap_for(&new);
        berth.serves("contoso/p").await;
        answers(&berth, number).await;
    }
    berth.files("contoso/p").replace("policy.wasm", version(4).component());
    berth.serves("contoso/p").await;
    answers(&berth, 4).await;
}

/// The way of Kubernetes: the files are links through `..data`, which is a link that is flipped.
#[tokio::test]
async fn links_through_a_link_are_flipped() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(1).write(&folder.path().join("policies"));
    let policy = folder.path().join("policies/contoso/p");
    for number in [1, 2, 3] {
        policy_folder(&policy.join(format!("..{number}")), number);
    }
    fs::remove_file(policy.join("policy.wasm")).unwrap();
    symlink("..1", policy.join("..data")).unwrap();
    symlink("..data/policy.wasm", policy.join("policy.wasm")).unwrap();

    let berth = Berth::start("", folder).await;
    answers(&berth, 1).await;
    for number in [2, 3, 1] {
        berth.files("contoso/p").link("..data", &format!("..{number}"));
        berth.serves("contoso/p").await;
        answers(&berth, number).await;
    }
}

/// A policy's folder may itself be a link, flipped from one release to the next.
#[tokio::test]
async fn a_policys_folder_is_a_link() {
    let folder = tempfile::tempdir().unwrap();
    for number in [1, 2, 3] {
        policy_folder(&folder.path().join(format!("releases/{number}")), number);
    }
    Catalogue::new().tenant("contoso").write(&folder.path().join("policies"));
    symlink("../../releases/1", folder.path().join("policies/contoso/p")).unwrap();

    let berth = Berth::start("", folder).await;
    answers(&berth, 1).await;
    for number in [2, 3] {
        berth.files("contoso").link("p", &format!("../../releases/{number}"));
        berth.serves("contoso/p").await;
        answers(&berth, number).await;
    }
}

/// And so may the whole catalogue, as a checkout that is flipped from one commit to the next.
#[tokio::test]
async fn the_catalogue_is_a_link() {
    let folder = tempfile::tempdir().unwrap();
    for number in [1, 2, 3] {
        catalogue(number).write(&folder.path().join(format!("releases/{number}")));
    }
    symlink("releases/1", folder.path().join("policies")).unwrap();

    let berth = Berth::start("", folder).await;
    answers(&berth, 1).await;
    for number in [2, 3] {
        let new = berth.folder().join(".new");
        symlink(format!("releases/{number}"), &new).unwrap();
        fs::rename(new, berth.folder().join("policies")).unwrap();
        berth.serves("contoso/p").await;
        answers(&berth, number).await;
    }
}

/// A policy put beside the others serves; taken away, it is gone, and its neighbours are not touched.
#[tokio::test]
async fn a_policy_comes_and_goes() {
    let berth = Berth::serving(catalogue(1)).await;
    let ask = || berth.asks("contoso/q").with(bodies::first());
    ask().await.is_error(404, "not-found");
    berth.files("contoso").write("q", Guest::answering(Reply::hub(bodies::HEAT_PUMPS)));
    berth.serves("contoso/q").await;
    ask().await.is_hub(bodies::HEAT_PUMPS);
    answers(&berth, 1).await;
    berth.files("contoso/q").remove_all();
    let line = berth.logs("policy removed").await;
    assert_eq!(line.text("policy"), "contoso/q");
    berth.publishes().await;
    ask().await.is_error(404, "not-found");
    answers(&berth, 1).await;
}

/// So does a tenant with all of its policies.
#[tokio::test]
async fn a_tenant_comes_and_goes() {
    let berth = Berth::serving(catalogue(1)).await;
    let ask = || berth.asks("fabrikam/q").with(bodies::first());
    ask().await.is_error(404, "not-found");
    let guest = Guest::answering(Reply::hub(bodies::HEAT_PUMPS));
    Catalogue::new().tenant("fabrikam").policy("q", guest).write(berth.files("").path());
    berth.serves("fabrikam/q").await;
    ask().await.is_hub(bodies::HEAT_PUMPS);
    let away = berth.folder().join("away");
    fs::rename(berth.files("fabrikam").path(), &away).unwrap();
    let line = berth.logs("tenant removed").await;
    assert_eq!(line.text("tenant"), "fabrikam");
    berth.publishes().await;
    ask().await.is_error(404, "not-found");
    answers(&berth, 1).await;
    // And comes back.
    fs::rename(&away, berth.files("fabrikam").path()).unwrap();
    berth.serves("fabrikam/q").await;
    ask().await.is_hub(bodies::HEAT_PUMPS);
}

/// Other settings are another decision by the same version.
#[tokio::test]
async fn settings_change_decisions() {
    let policy = Policy::of(example("keep-or-spread").component())
        .manifest("[settings.weights]\ncustom-allocation-toasters-hub = 0\n");
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("spread", policy)).await;
    let ask = || berth.asks("contoso/spread").with(bodies::first());
    ask().await.is_hub(bodies::HEAT_PUMPS);
    let settings = "[settings.weights]\ncustom-allocation-heatpumps-hub = 0\n";
    berth.files("contoso/spread").replace("policy.toml", settings);
    let line = berth.serves("contoso/spread").await;
    assert_eq!(line.text("version"), line.text("previous"));
    ask().await.is_hub(bodies::TOASTERS);
}

/// Another table is another decision too.
#[tokio::test]
async fn tables_change_decisions() {
    let row = |interval: u32| {
        json!({ "dtmi:azureiot:PhoneAsADevice;2": {
            "hub": "IoTPnPWS-Hub", "tags": {}, "desired": {}, "settings": { "interval": interval },
        } })
    };
    let policy = Policy::of(example("by-model").component()).file("tables/models.json", row(1).to_string());
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("by-model", policy)).await;
    for interval in [1, 2] {
        let answer = berth.asks("contoso/by-model").with(bodies::phone()).await;
        assert_eq!(answer.json()["payload"], json!({ "interval": interval }));
        berth.files("contoso/by-model/tables").replace("models.json", row(interval + 1).to_string());
        berth.serves("contoso/by-model").await;
    }
}

/// A file that is written again as it was is no deployment.
#[tokio::test]
async fn the_same_bytes_again_are_no_change() {
    let berth = Berth::serving(catalogue(1)).await;
    let mark = berth.mark().await;
    berth.files("contoso/p").replace("policy.wasm", version(1).component());
    berth.files("contoso").write("q", version(2));
    berth.serves("contoso/q").await;
    let lines = berth.logged_since(mark).await;
    assert!(!lines.iter().any(|line| line.is_about("contoso/p")), "{lines:?}");
}
