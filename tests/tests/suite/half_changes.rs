//! Files that arrive in pieces never serve half a change: each answer is of a component and settings that belong together.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use berth_tests::{
    Answer, Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply},
};
use serde_json::json;

/// A component that says its number in its answer's tags, and its settings in the payload.
fn component(number: u32) -> Vec<u8> {
    let reply = Reply::hub(bodies::TOASTERS).tags(&format!(r#"{{"component":{number}}}"#)).payload("{}");
    Guest::answering(reply).answering_settings().component()
}

fn manifest(number: u32) -> String {
    format!("[settings]\nnumber = {number}\n")
}

/// A component and settings of the same number.
fn pair(number: u32) -> Policy {
    Policy::of(component(number)).manifest(&manifest(number))
}

/// A check that holds the two together: where files arrive one by one, nobody can know that more will come.
fn check(number: u32) -> String {
    let expect = json!({ "decision": {
        "iotHubHostName": bodies::TOASTERS,
        "initialTwin": { "tags": { "component": number } },
        "payload": { "number": number },
    } });
    json!({ "request": bodies::parsed(bodies::first()), "expect": expect }).to_string()
}

fn checked_pair(number: u32) -> Policy {
    pair(number).file("checks/number.json", check(number))
}

/// The number of component and settings, which have to be the same.
#[track_caller]
fn number(answer: &Answer) -> u32 {
    let answer = answer.json();
    let (component, settings) = (&answer["initialTwin"]["tags"]["component"], &answer["payload"]["number"]);
    assert_eq!(component, settings, "a half: {answer}");
    component.as_u64().and_then(|number| number.try_into().ok()).unwrap()
}

async fn serving_1() -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy("p", checked_pair(1))).await
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
            let number = number(&answer);
            assert!(number == oldest || number == oldest + 1, "{number} while {oldest} served");
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
    assert_eq!(number(&berth.asks("contoso/p").with(bodies::first()).await), last);
}

/// The component first and what belongs to it afterwards, each written over what is there.
#[tokio::test]
async fn one_file_after_the_other() {
    let berth = serving_1().await;
    let folder = berth.files("contoso/p");
    changes(&berth, |number| {
        folder.overwrite("policy.wasm", component(number));
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
        for (path, content) in checked_pair(number).files() {
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
        for (path, content) in checked_pair(number).files() {
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
        checked_pair(number).write(folder.path());
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
    for name in ["policy.wasm", "policy.toml"] {
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
    folder.replace("policy.wasm", component(2));
    assert_eq!(berth.refuses("contoso/p").await.text("stage"), "checks");
    assert_eq!(number(&berth.asks("contoso/p").with(bodies::first()).await), 1);
    folder.overwrite("policy.toml", manifest(2));
    folder.overwrite("checks/number.json", check(2));
    berth.serves("contoso/p").await;
    assert_eq!(number(&berth.asks("contoso/p").with(bodies::first()).await), 2);
}

/// As a careful deployment does: another folder is put in its place by a rename. No check is needed to keep it whole.
#[tokio::test]
async fn the_folder_is_exchanged() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", pair(1))).await;
    changes(&berth, |number| {
        let new = berth.folder().join(format!("new-{number}"));
        pair(number).write(&new);
        berth.files("contoso/p").swap_for(&new);
    })
    .await;
}
