//! Files that arrive in pieces never serve half a change: each answer is of a component and settings that belong together.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use berth_tests::{Berth, Catalogue, Policy, bodies};
use serde_json::json;

use crate::version;

/// A policy of two files that say the same number: a component that answers it, and a check that expects it. One without
/// the other fails verification.
fn pair(number: u32) -> Policy {
    Policy::from(version(number)).file("checks/number.json", check(number)).manifest(&manifest(number))
}

/// Settings that say the number too, as the longest time a decision may take.
fn manifest(number: u32) -> String {
    format!("[limits]\ntime_ms = {}\n", 10_000 + number)
}

fn check(number: u32) -> String {
    let hub = bodies::TOASTERS;
    let expect = json!({ "decision": { "iotHubHostName": hub, "payload": { "version": number } } });
    json!({ "request": bodies::parsed(bodies::first()), "expect": expect }).to_string()
}

async fn serving_1() -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy("p", pair(1))).await
}

/// Changes the files to these numbers, one after the other, while requests are made all the time. Each answer has to be
/// the number before the change or after it, and the newest one in the end.
async fn changes(berth: &Berth, change: impl Fn(u32)) {
    let (serving, last) = (AtomicU32::new(1), 6);
    let ask = async || {
        let mut connection = berth.connection().await;
        while serving.load(Ordering::Relaxed) < last {
            let oldest = serving.load(Ordering::Relaxed);
            let answer = connection.asks(berth.asks("contoso/p").with(bodies::first())).await;
            let number = answer.json()["payload"]["version"].as_u64().unwrap();
            assert!(number == oldest.into() || number == u64::from(oldest) + 1, "{number} while {oldest} served");
        }
    };
    let change = async {
        for number in 2..=last {
            change(number);
            berth.serves("contoso/p").await;
            serving.store(number, Ordering::Relaxed);
        }
    };
    tokio::join!(ask(), change);
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": last }));
}

/// The component first and what belongs to it afterwards, each written over what is there.
#[tokio::test]
async fn one_file_after_the_other() {
    let berth = serving_1().await;
    let folder = berth.files("contoso/p");
    changes(&berth, |number| {
        folder.overwrite("policy.wasm", version(number).component());
        folder.overwrite("checks/number.json", check(number));
        folder.overwrite("policy.toml", manifest(number));
    })
    .await;
}

/// As rsync does: each file under a temporary name beside it, then renamed over.
#[tokio::test]
async fn each_file_is_renamed_over() {
    let berth = serving_1().await;
    let folder = berth.files("contoso/p");
    changes(&berth, |number| {
        for (path, content) in pair(number).files() {
            let path = folder.path().join(path);
            let name = path.file_name().unwrap().to_str().unwrap();
            let new = path.with_file_name(format!(".{name}.Xa91Bz"));
            fs::write(&new, content).unwrap();
            fs::rename(new, path).unwrap();
        }
    })
    .await;
}

/// As a checkout does: each file is deleted and then written.
#[tokio::test]
async fn each_file_is_deleted_and_written() {
    let berth = serving_1().await;
    let folder = berth.files("contoso/p");
    changes(&berth, |number| {
        for (path, content) in pair(number).files() {
            folder.remove(path);
            folder.overwrite(path, content);
        }
    })
    .await;
}

/// The whole folder is deleted and written anew: nothing is removed meanwhile.
#[tokio::test]
async fn the_folder_is_deleted_and_written() {
    let berth = serving_1().await;
    let folder = berth.files("contoso/p");
    changes(&berth, |number| {
        folder.remove_all();
        pair(number).write(folder.path());
    })
    .await;
}

/// As Kubernetes does: all files are links through one link, which is flipped.
#[tokio::test]
async fn a_link_is_flipped() {
    let folder = tempfile::tempdir().unwrap();
    Catalogue::new().tenant("contoso").policy("p", Policy::default()).write(&folder.path().join("policies"));
    let policy = folder.path().join("policies/contoso/p");
    let lay_out = |policy: &Path, number: u32| pair(number).write(&policy.join(format!("..{number}")));
    lay_out(&policy, 1);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, policy.join(name)).unwrap();
    link("..1", "..data");
    for name in ["policy.wasm", "policy.toml", "checks"] {
        link(&format!("..data/{name}"), name);
    }
    let berth = Berth::start("", folder).await;
    let folder = berth.files("contoso/p");
    changes(&berth, |number| {
        lay_out(folder.path(), number);
        folder.link("..data", &format!("..{number}"));
    })
    .await;
}

/// A component whose settings come much later is verified as it is: it does not pass, and the old pair serves until the
/// new one is whole.
#[tokio::test]
async fn a_half_that_stays_a_half_is_refused() {
    let berth = serving_1().await;
    let folder = berth.files("contoso/p");
    folder.replace("policy.wasm", version(2).component());
    assert_eq!(berth.refuses("contoso/p").await.text("stage"), "checks");
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": 1 }));
    folder.overwrite("checks/number.json", check(2));
    berth.serves("contoso/p").await;
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": 2 }));
}
