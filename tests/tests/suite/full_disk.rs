//! The disk is full: what serves serves on, a change that cannot be remembered is refused with a word that says so, none
//! that was acknowledged is lost, and once there is space again changes are made again.

use berth_tests::{Berth, Catalogue, api::version_of, bodies};
use serde_json::json;

use crate::version;

/// Bytes that a component fits into and a database does not.
const SMALL: u64 = 16 << 10;

async fn serving_1() -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await
}

async fn answers(berth: &Berth, number: u32) {
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": number }));
}

/// The digest's name of a version.
fn named(number: u32) -> String {
    version_of(&version(number).component())
}

/// A push and a rollback are refused, and the folder of the policy is as it was; with space again both are made, by the
/// same process, and survive its end.
#[tokio::test]
async fn pushes_and_rollbacks() {
    let berth = serving_1().await;
    berth.push("contoso/p", version(2)).await.is_change(&named(2), Some(&named(1)));
    // Too full for the folder, and then only for what has to be remembered of it.
    for bytes in [0, SMALL] {
        berth.files_end_at(Some(bytes));
        berth.push("contoso/p", version(3)).await.is_error(500, "storage");
        answers(&berth, 2).await;
        let component = berth.files("contoso/p").path().join("policy.wasm");
        assert_eq!(std::fs::read(component).unwrap(), version(2).component());
    }
    let message = berth.rollback("contoso/p", None).await.is_error(500, "storage");
    assert!(message.contains("cannot be remembered") && message.contains("space"), "{message}");
    answers(&berth, 2).await;
    assert_eq!(berth.policy("contoso/p").await["origin"], "catalogue");
    berth.files_end_at(None);
    berth.push("contoso/p", version(4)).await.is_change(&named(4), Some(&named(2)));
    berth.rollback("contoso/p", Some(&named(1))).await.is_change(&named(1), Some(&named(4)));
    let berth = berth.killed_and_restarted("", |_| ()).await;
    answers(&berth, 1).await;
    let kinds: Vec<_> = berth.history("contoso/p").await.iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["rolled-back", "served", "served", "served"]);
}

/// A change of files is refused, says why, and is made by itself once there is space.
#[tokio::test]
async fn files() {
    let berth = serving_1().await;
    berth.files_end_at(Some(SMALL));
    berth.files("contoso/p").replace("policy.wasm", version(2).component());
    let refused = "policy refused: it cannot be remembered; what served before still serves";
    berth.logs(refused).await;
    answers(&berth, 1).await;
    berth.files_end_at(None);
    berth.serves("contoso/p").await;
    answers(&berth, 2).await;
}

/// A server that is killed on a full disk, and started on one, serves what was acknowledged.
#[tokio::test]
async fn a_kill_on_a_full_disk() {
    let berth = serving_1().await;
    berth.push("contoso/p", version(2)).await.is_change(&named(2), Some(&named(1)));
    berth.files_end_at(Some(SMALL));
    berth.push("contoso/p", version(3)).await.is_error(500, "storage");
    berth.rollback("contoso/p", None).await.is_error(500, "storage");
    let berth = berth.killed_and_restarted("", |_| ()).await;
    answers(&berth, 2).await;
    assert_eq!(berth.history("contoso/p").await.len(), 2);
}
