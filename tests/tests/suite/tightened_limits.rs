//! A tenant's limits, tightened, hold for every policy that serves, whether or not the catalogue has what serves.

use std::fs;

use berth_tests::{Berth, Catalogue, Policy, api::version_of, bodies};

use crate::version;

/// Needs 100 ms and more once it serves, and is quick while it is verified.
fn slow(number: u32) -> Policy {
    use berth_tests::guests::Guest;
    let spin = format!("(loop $again (br $again)) (drop (i32.const {number}))");
    Guest::doing(&spin).after_verification().into()
}

fn tighten(berth: &Berth) {
    let file = berth.files("contoso").path().join("tenant.toml");
    let text = fs::read_to_string(file).unwrap();
    berth.files("contoso").replace("tenant.toml", format!("{text}[limits]\ntime_ms = 100\n"));
}

/// Tightened to a tenth of a second, an endless decision ends long before the suite's twenty seconds.
async fn ends_soon(berth: &Berth) {
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert!(answer.status >= 500, "{}", answer.text());
    let line = berth.log().find("the fault", 0, |line| line.mentions("still running after its")).await.1;
    assert!(line.mentions("after its 100 ms"), "{line}");
}

/// A pinned version.
#[tokio::test]
async fn of_a_pinned_policy() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", slow(1))).await;
    let first = version_of(slow(1).component());
    berth.push("contoso/p", version(2)).await;
    assert_eq!(berth.rollback("contoso/p", Some(&first)).await.status, 200);
    tighten(&berth);
    berth.logs("policy serves from memory").await;
    berth.publishes().await;
    ends_soon(&berth).await;
    assert_eq!(berth.policy("contoso/p").await["origin"], "pinned");
}

/// What served last, because the files are broken.
#[tokio::test]
async fn of_a_policy_whose_files_are_broken() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", slow(1))).await;
    let broken = |folder: &std::path::Path| fs::write(folder.join("policies/contoso/p/policy.wasm"), "broken").unwrap();
    let berth = berth.killed_and_restarted("", broken).await;
    tighten(&berth);
    berth.logs("tenant serves").await;
    berth.logs("policy serves from memory").await;
    berth.publishes().await;
    ends_soon(&berth).await;
    assert_eq!(berth.policy("contoso/p").await["origin"], "last-known-good");
}

/// Needs 32 MiB of memory, from its verification on.
fn large() -> Policy {
    Policy::from(version(1).pages(512)).manifest("[fallback]\non_fault = \"reject\"\n")
}

fn tighten_memory(berth: &Berth) {
    let file = berth.files("contoso").path().join("tenant.toml");
    let text = fs::read_to_string(file).unwrap();
    berth.files("contoso").replace("tenant.toml", format!("{text}[limits]\nmemory_mib = 16\n"));
}

/// A pinned version that does not pass under the new limits serves on until the next start, and then gives way to the
/// files that it was pinned against.
#[tokio::test]
async fn of_a_pinned_policy_that_cannot_serve_within_them() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", large())).await;
    let first = version_of(large().component());
    berth.push("contoso/p", version(2)).await;
    assert_eq!(berth.rollback("contoso/p", Some(&first)).await.status, 200);
    tighten_memory(&berth);
    berth.logs("what the policy served last cannot serve any more").await;
    let policy = berth.policy("contoso/p").await;
    assert_eq!((policy["version"].as_str(), &policy["origin"]), (Some(first.as_str()), &"pinned".into()));
    let berth = berth.killed_and_restarted("", |_| ()).await;
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], serde_json::json!({ "version": 2 }));
    assert_eq!(berth.policy("contoso/p").await["origin"], "catalogue");
}

/// A rollback to a version that does not pass under them is refused, and in the history with who wanted it.
#[tokio::test]
async fn of_a_version_to_go_back_to() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", large())).await;
    let (first, second) = (version_of(large().component()), version_of(&version(2).component()));
    berth.push("contoso/p", version(2)).await.is_change(&second, Some(&first));
    let mark = berth.mark().await;
    tighten_memory(&berth);
    berth.log().find("the tightened tenant", mark, |line| line.message() == "tenant serves").await;
    berth.rollback("contoso/p", None).await.is_error(422, "refused");
    let event = &berth.history("contoso/p").await[0];
    let told = ["kind", "by", "from", "to", "stage"].map(|member| event[member].as_str().unwrap_or_default());
    assert_eq!(told, ["refused", "loopback", &second, &first, "settings"], "{event}");
}

/// What only memory has, and cannot serve any more, is not gone: it answers with its fallback, and the status says why.
#[tokio::test]
async fn of_a_policy_that_only_memory_has() {
    let catalogue = Catalogue::new().tenant("contoso").policy("p", large()).policy("q", version(1).pages(512));
    let berth = Berth::serving(catalogue).await;
    tighten_memory(&berth);
    for _ in ["p", "q"] {
        berth.logs("what the policy served last cannot serve any more").await;
    }
    let lost = |folder: &std::path::Path| fs::remove_dir_all(folder.join("policies")).unwrap();
    let berth = berth.killed_and_restarted("", lost).await;
    berth.asks("contoso/p").with(bodies::first()).await.is_error(403, "rejected");
    berth.asks("contoso/q").with(bodies::first()).await.is_error(503, "policy-fault");
    for policy in ["contoso/p", "contoso/q"] {
        let policy = berth.policy(policy).await;
        assert_eq!(
            (&policy["origin"], &policy["failure"]["stage"]),
            (&"nothing".into(), &"settings".into()),
            "{policy}"
        );
    }
}
