//! What a policy's callers hear when it fails: the same whatever the failure, as its release says.

use berth_tests::{
    Answer, Berth, Catalogue, Policy,
    api::version_of,
    bodies,
    guests::{Guest, Reply, example},
    within_patience,
};
use serde_json::{Value, json};

use crate::version;

/// Fails for the device `broken`, known by the six bytes of its name, and for no other.
const BREAKS: &str = "(if (i32.eq (i32.load offset=4 (local.get $request)) (i32.const 6)) (then (unreachable)))";

/// A policy that fails in each way, by the word for it. `load` is no component at all, and `set-aside` is so after its
/// first fault.
fn faulty() -> Vec<(&'static str, Policy, &'static str)> {
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))) (unreachable))";
    let huge = format!(r#"{{"a":"{}"}}"#, "x".repeat(5 << 20));
    let guest = |guest: Guest| Policy::from(guest.after_verification());
    vec![
        ("trap", guest(Guest::doing("(unreachable)")), ""),
        ("deadline", guest(Guest::doing("(loop $again (br $again))")), "[limits]\ntime_ms = 300\n"),
        ("memory", guest(Guest::doing(grow)), ""),
        ("host-calls", guest(Guest::answering(Reply::hub(bodies::TOASTERS).payload(&huge))), ""),
        ("invalid-answer", guest(Guest::answering(Reply::hub("elsewhere.azure-devices.net"))), ""),
        ("set-aside", guest(Guest::doing("(unreachable)")), ASIDE_AT_ONCE),
        ("load", Policy::of("no component"), ""),
    ]
}

const ASIDE_AT_ONCE: &str = "faults_in_a_row = 1\nset_aside_ms = 600000\n";

/// The manifest of a policy with this fallback and these lines.
fn manifest(fallback: &str, lines: &str) -> String {
    // Keys of the section come before the next one.
    let (own, other) = if lines.starts_with('[') { ("", lines) } else { (lines, "") };
    format!("[fallback]\non_fault = \"{fallback}\"\n{own}{other}")
}

/// The device registers again, and may move, from this hub.
const CURRENT: &str = "contoso-toasters-hub-1098.azure-devices.net";

/// Starts a server with a policy for each fault, all with this fallback, asks each with this body, and holds every answer
/// against `expected`, each line of the log against the fault, and the status against both.
async fn every_fault(fallback: &str, body: &str, answers: bool, expected: impl Fn(&Answer)) {
    let with = |all: Catalogue, (fault, policy, lines): (&'static str, Policy, &str)| {
        all.policy(fault, policy.manifest(&manifest(fallback, lines)))
    };
    let berth = Berth::serving(faulty().into_iter().fold(Catalogue::new().tenant("contoso"), with)).await;
    for (fault, _, _) in faulty() {
        asked(&berth, fault, [fallback, body], answers, &expected).await;
    }
}

async fn asked(berth: &Berth, fault: &str, [fallback, body]: [&str; 2], answers: bool, expected: impl Fn(&Answer)) {
    let id = format!("contoso/{fault}");
    if fault == "set-aside" {
        berth.asks(&id).with(body).await;
    }
    let (mark, before) = (berth.mark().await, berth.policy(&id).await);
    let answer = berth.asks(&id).with(body).await;
    expected(&answer);
    let lines = berth.logged_since(mark).await;
    let line = lines.iter().find(|line| line.text("request") == answer.id()).unwrap();
    assert_eq!((line.text("fault"), line.message()), (fault, "policy fault"), "{line}");
    assert_eq!(line.text("fallback"), if answers { fallback } else { "" }, "{line}");
    let header = answer.headers.get("x-berth-fallback").map(|header| header.to_str().unwrap());
    assert_eq!(header, answers.then_some(fallback));
    let after = berth.policy(&id).await;
    let more = |count: &str| after[count].as_u64().unwrap() - before[count].as_u64().unwrap();
    assert_eq!([more("faulted"), more("fallbacks")], [1, u64::from(answers)], "{after}");
    assert_eq!([more("allocated"), more("refused")], [0, 0], "{after}");
    assert_eq!(after["fallback"], fallback);
}

fn is_fault(answer: &Answer) {
    answer.is_error(503, "policy-fault");
}

#[tokio::test]
async fn retry() {
    every_fault("retry", bodies::first(), false, is_fault).await;
}

#[tokio::test]
async fn reject() {
    every_fault("reject", bodies::first(), true, |answer| {
        answer.is_error(403, "rejected");
    })
    .await;
}

#[tokio::test]
async fn keep_current_hub() {
    every_fault("keep-current-hub", bodies::again(), true, |answer| answer.is_hub(CURRENT)).await;
}

/// A new device has no hub to keep.
#[tokio::test]
async fn keep_current_hub_of_a_new_device() {
    every_fault("keep-current-hub", bodies::first(), false, is_fault).await;
}

/// A hub that is not linked any more is not kept: a fallback's answer is checked like any other.
#[tokio::test]
async fn keep_a_hub_that_is_gone() {
    let mut body = bodies::parsed(bodies::again());
    body["linkedHubs"] = json!(["another.azure-devices.net"]);
    every_fault("keep-current-hub", &body.to_string(), false, is_fault).await;
}

#[tokio::test]
async fn spread() {
    let linked = bodies::parsed(bodies::first())["linkedHubs"].clone();
    every_fault("spread", bodies::first(), true, |answer| {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(linked.as_array().unwrap().contains(&answer.json()["iotHubHostName"]));
    })
    .await;
}

/// A device that has to stay is not spread.
#[tokio::test]
async fn spread_of_a_device_that_has_to_stay() {
    let mut body = bodies::parsed(bodies::again());
    body["enrollmentGroup"]["reprovisionPolicy"]["updateHubAssignment"] = json!(false);
    body["linkedHubs"] = json!(["another.azure-devices.net", "a-third.azure-devices.net", CURRENT]);
    every_fault("spread", &body.to_string(), true, |answer| answer.is_hub(CURRENT)).await;
}

/// A device gets the hub that a policy's own `spread` gives it.
#[tokio::test]
async fn spread_as_policies_do() {
    let trap = Policy::from(Guest::doing("(unreachable)").after_verification()).manifest(&manifest("spread", ""));
    let catalogue = Catalogue::new().tenant("contoso").policy("trap", trap);
    let berth = Berth::serving(catalogue.policy("spread", Policy::of(example("keep-or-spread").component()))).await;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..40 {
        let mut body = bodies::parsed(&bodies::from_device(&format!("Device-{number}")));
        body["linkedHubs"] = json!(["North.azure-devices.net", "south.azure-devices.net", "east.azure-devices.net"]);
        let hub = async |policy: &str| berth.asks(policy).with(body.to_string()).await.json()["iotHubHostName"].clone();
        let (fallback, policy) = (hub("contoso/trap").await, hub("contoso/spread").await);
        assert_eq!(fallback, policy, "device {number}");
        seen.insert(policy.as_str().unwrap().to_owned());
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// The version before answers, also after a restart; where none ever served, the fault stands.
#[tokio::test]
async fn previous_version() {
    let old = version(1);
    let with = |all: Catalogue, (fault, _, lines): (&'static str, Policy, &str)| {
        all.policy(fault, Policy::from(old.clone()).manifest(&manifest("previous-version", lines)))
    };
    let policies = || faulty().into_iter().filter(|(fault, ..)| *fault != "load");
    let mut berth = Berth::serving(policies().fold(Catalogue::new().tenant("contoso"), with)).await;
    for (fault, policy, _) in policies() {
        let id = format!("contoso/{fault}");
        berth.files(&id).replace("policy.wasm", policy.component());
        berth.serves(&id).await;
    }
    let previous = version_of(&old.component());
    for restarts in 0..2 {
        for (fault, ..) in policies() {
            asked(&berth, fault, ["previous-version", bodies::first()], true, |answer| {
                assert_eq!(answer.json()["payload"], json!({ "version": 1 }));
                assert_eq!(answer.version(), Some(previous.as_str()));
            })
            .await;
            assert_eq!(berth.policy(&format!("contoso/{fault}")).await["previous"], previous.as_str());
        }
        if restarts == 0 {
            berth = berth.killed_and_restarted("", |_| ()).await;
        }
    }
}

/// Without a version before, or if that one fails too, the fault stands.
#[tokio::test]
async fn no_previous_version() {
    every_fault("previous-version", bodies::first(), false, is_fault).await;
    let trap = |number: u32| Guest::doing(&format!("(drop (i32.const {number})) (unreachable)")).after_verification();
    let first = Policy::from(trap(1)).manifest(&manifest("previous-version", ""));
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("trap", first)).await;
    berth.files("contoso/trap").replace("policy.wasm", trap(2).component());
    berth.serves("contoso/trap").await;
    asked(&berth, "trap", ["previous-version", bodies::first()], false, is_fault).await;
}

/// The policy `contoso/p`, which three faults in a row set aside for so many milliseconds.
async fn breaking(set_aside_ms: u32) -> Berth {
    let lines = format!("faults_in_a_row = 3\nset_aside_ms = {set_aside_ms}\n");
    let policy = Policy::from(Guest::doing(BREAKS)).manifest(&manifest("retry", &lines));
    Berth::serving(Catalogue::new().tenant("contoso").policy("p", policy)).await
}

async fn ask(berth: &Berth, device: &str) -> Answer {
    berth.asks("contoso/p").with(bodies::from_device(device)).await
}

async fn standing(berth: &Berth) -> Value {
    berth.policy("contoso/p").await["standing"].clone()
}

/// Faults in a row set a policy aside: then even what it could decide gets the fallback. A new version begins anew.
#[tokio::test]
async fn faults_in_a_row_set_a_policy_aside() {
    let berth = breaking(600_000).await;
    for device in ["broken", "broken", "sound-1", "broken", "broken"] {
        ask(&berth, device).await;
    }
    ask(&berth, "sound-1").await.is_hub(bodies::TOASTERS);
    assert_eq!(standing(&berth).await, "trusted");
    for _ in 0..3 {
        is_fault(&ask(&berth, "broken").await);
    }
    let line = |line: &berth_tests::log::Entry| line.text("standing") == "set-aside";
    berth.log().find("that it is set aside", 0, line).await;
    assert_eq!(standing(&berth).await, "set-aside");
    is_fault(&ask(&berth, "sound-1").await);

    berth.files("contoso/p").replace("policy.wasm", version(1).component());
    berth.serves("contoso/p").await;
    assert_eq!(standing(&berth).await, "trusted");
    assert_eq!(ask(&berth, "broken").await.status, 200);
}

/// When its time is over it is tried: a fault sets it aside anew, a decision takes it back.
#[tokio::test]
async fn a_policy_is_tried_again() {
    let berth = breaking(1).await;
    for _ in 0..10 {
        is_fault(&ask(&berth, "broken").await);
    }
    assert_ne!(standing(&berth).await, "trusted");
    let back = async { while ask(&berth, "sound-1").await.status != 200 {} };
    within_patience("a trial", back).await;
    assert_eq!(standing(&berth).await, "trusted");
    let line = |line: &berth_tests::log::Entry| line.text("standing") == "trusted";
    berth.log().find("that it is trusted again", 0, line).await;
    is_fault(&ask(&berth, "broken").await);
    ask(&berth, "sound-1").await.is_hub(bodies::TOASTERS);
}

/// What somebody rolled back from is not what the version they went back to falls back to.
#[tokio::test]
async fn a_version_rolled_back_from_is_no_fallback() {
    let falling = |number| Policy::from(version(number)).manifest("[fallback]\non_fault = \"previous-version\"\n");
    let named = |number| version_of(falling(number).component());
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", falling(1))).await;
    for number in [2, 3] {
        berth.push("contoso/p", falling(number)).await.is_change(&named(number), Some(&named(number - 1)));
        assert_eq!(berth.policy("contoso/p").await["previous"], named(number - 1));
    }
    berth.rollback("contoso/p", None).await.is_change(&named(2), Some(&named(3)));
    berth.logs("the previous version is ready").await;
    berth.publishes().await;
    assert_eq!(berth.policy("contoso/p").await["previous"], named(1));
}

/// A key nobody knows, or a word that is no fallback, is an error that names it.
#[tokio::test]
async fn a_broken_fallback_is_refused() {
    let berth = breaking(1).await;
    for (manifest, named) in [("[fallback]\non_fault = \"hope\"\n", "hope"), ("[fallback]\nfaults = 1\n", "faults")] {
        berth.files("contoso/p").replace("policy.toml", manifest);
        let line = berth.refuses("contoso/p").await;
        assert!(line.text("reason").contains(named), "{line}");
    }
    ask(&berth, "sound-1").await.is_hub(bodies::TOASTERS);
}
