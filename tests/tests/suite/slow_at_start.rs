//! Verification that takes minutes keeps no server from starting: what served last serves meanwhile, or nothing does, but only
//! of that policy.

use std::{fs, path::Path};

use berth_tests::{Berth, Policy, bodies, log::Entry};
use serde_json::json;

use crate::{toasters, verification::compile_bomb, version};

/// Nothing is waited for.
const AT_ONCE: &str = "[catalogue]\nstart_timeout_ms = 0\n";

/// Waits until this was said of the policy, however early, and what it says is published.
async fn published(berth: &Berth, policy: &str, message: &str) {
    let wanted = |line: &Entry| line.message() == message && line.is_about(policy);
    let (at, _) = berth.log().find(message, 0, wanted).await;
    berth.log().find("the snapshot", at, |line| line.message() == "catalogue published").await;
}

/// A compile bomb was put in place of a policy while the server was down, and another where nothing served before. The
/// start waits for neither: the one serves what it served last, the other answers 503, and all others serve.
#[tokio::test]
async fn a_compile_bomb_at_the_start_holds_nobody_up() {
    let berth = Berth::serving(toasters().policy("p", version(1))).await;
    let lay_bombs = |folder: &Path| {
        let tenant = folder.join("policies/contoso");
        fs::write(tenant.join("p/policy.wasm"), compile_bomb().component()).unwrap();
        Policy::from(compile_bomb()).write(&tenant.join("new"));
    };
    let berth = berth.killed_and_restarted(AT_ONCE, lay_bombs).await;
    published(&berth, "contoso/p", "policy serves from memory").await;
    published(&berth, "contoso/toasters", "policy serves").await;
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": 1 }));
    let status = berth.policy("contoso/p").await;
    assert_eq!((&status["origin"], status.get("failure")), (&json!("last-known-good"), None), "{status}");
    assert_eq!(berth.admin("/readyz").await.text(), "ready; last-known-good serves for 1 policies\n");
    berth.asks("contoso/new").with(bodies::first()).await.is_error(503, "policy-fault");
    assert_eq!(berth.policy("contoso/new").await["origin"], "nothing");
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    // All of that while the bombs were being compiled.
    let over = |line: &Entry| {
        line.message().starts_with("policy refused")
            || line.is_about("contoso/new") && line.message() == "policy serves"
    };
    assert!(!berth.log().lines(0..berth.log().len()).iter().any(over), "the bombs were over too early");
}
