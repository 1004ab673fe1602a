//! What an author is told of a mistake: what was expected, what was found, and the line or command that mends it. The same by
//! `berth policy run`, by `check`, and by a server that verifies the policy.

use berth_tests::{
    Berth, Catalogue, Policy,
    author::Author,
    bodies::{self, TOASTERS},
    guests::{Guest, Reply, example, importing, of_another_world},
};
use serde_json::json;

/// A mistake, and what is said of it.
struct Mistake {
    policy: Policy,
    body: &'static str,
    /// The exit code of `run`.
    code: i32,
    /// The stage at which a server refuses it.
    stage: &'static str,
    words: &'static [&'static str],
    /// What is in the policy's log besides.
    log: &'static str,
}

impl Mistake {
    fn of(component: impl Into<Vec<u8>>) -> Self {
        let policy = Policy::of(component);
        Self { policy, body: bodies::first(), code: 1, stage: "checks", words: &[], log: "" }
    }

    /// Has `run`, `check` and a server say it.
    async fn told(self) {
        let check = json!({"request": bodies::parsed(self.body), "expect": {"decision": {"iotHubHostName": TOASTERS}}});
        let policy = self.policy.file("checks/x.json", check.to_string());
        let author = Author::default().has("wrong", policy.clone()).file("body.json", self.body);
        for (arguments, code) in [(["run", "wrong", "-r", "body.json"].as_slice(), self.code), (&["check", "wrong"], 1)]
        {
            let told = author.tries(arguments).await;
            told.says(code, self.words);
            told.says(code, &[self.log]);
        }
        let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("wrong", policy)).await;
        let failure = &berth.policy("contoso/wrong").await["failure"];
        assert_eq!(failure["stage"], self.stage, "{failure}");
        for words in self.words {
            assert!(failure["reason"].as_str().is_some_and(|reason| reason.contains(words)), "`{words}`: {failure}");
        }
    }
}

#[tokio::test]
async fn another_version_of_the_contract() {
    let words = &["berth:allocation/log@0.9.0", "this Berth speaks 1.0.0", "this Berth's SDK: `berth policy new NAME`"];
    Mistake { stage: "imports", words, ..Mistake::of(importing("berth:allocation/log@0.9.0")) }.told().await;
}

#[tokio::test]
async fn a_missing_export() {
    let words = &["no function `allocate`", "it exports answer", "`berth_sdk::policy!(allocate);` exports it"];
    Mistake { stage: "world", words, ..Mistake::of(of_another_world()) }.told().await;
}

#[tokio::test]
async fn a_path_that_the_payload_does_not_have() {
    let words = &["the payload has no `modelId`; it has `MyDeviceFirmwareVersion`, `MyDeviceProvisioningVersion`"];
    let by_model = Mistake::of(example("by-model").component());
    Mistake { body: bodies::again(), code: 3, words, ..by_model }.told().await;
}

#[tokio::test]
async fn a_hub_that_is_not_linked() {
    let words = &["`nowhere.azure-devices.net`, which is not linked", TOASTERS, "`az iot dps linked-hub create`"];
    let guest = Guest::answering(Reply::hub("nowhere.azure-devices.net"));
    Mistake { code: 4, words, ..Mistake::of(guest.component()) }.told().await;
}

#[tokio::test]
async fn a_table_that_is_not_there() {
    let by_model = Mistake::of(example("by-model").component());
    let policy = by_model.policy.clone().file("tables/modles.json", "{}");
    let words = &["table `models`: the policy has no such table: put it at tables/models.csv or tables/models.json"];
    let log = "warn  there is no table `models`; the policy has `modles`";
    Mistake { policy, body: bodies::phone(), code: 3, words, log, ..by_model }.told().await;
}

/// An error is said once, and without what may be a secret of the body.
#[tokio::test]
async fn an_error_is_said_once() {
    let body = bodies::first().replace("\"linkedHubs\": [", "\"linkedHubs\": \"S3CRET\", \"other\": [");
    let author = Author::default().has("toasters", Guest::answering(Reply::hub(TOASTERS))).file("body.json", body);
    for (body, once) in [("none.json", "No such file"), ("body.json", "not a DPS allocation request")] {
        let told = author.tries(&["run", "toasters", "-r", body]).await;
        told.says(1, &[body, once]);
        assert_eq!(told.stderr.matches(once).count(), 1, "{told:?}");
        assert!(!told.stderr.contains("S3CRET"), "{told:?}");
    }
    let told = author.tries(&["check", "toasters", "--record", "body.json"]).await;
    assert!(told.code == 1 && !told.stderr.contains("S3CRET"), "{told:?}");
    let told = author.tries(&["run", "toasters", "-r", "none.json", "--tables", "nowhere"]).await;
    assert_eq!(told.stderr.matches("No such file").count(), 1, "{told:?}");
}
