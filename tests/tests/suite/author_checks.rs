//! `berth policy check` and `test`: what they find, and what they record.

use berth_tests::{
    Berth, Catalogue, Policy,
    author::Author,
    bodies::{self, TOASTERS},
    guests::{Guest, Reply, example},
    pages::repository,
};
use serde_json::json;

fn check(request: &str, expect: &str) -> String {
    format!("{{\n  \"request\": {request},\n  \"expect\": {expect}\n}}\n")
}

#[tokio::test]
async fn a_check_that_fails_shows_where_it_differs() {
    let expect = r#"{"decision": {"iotHubHostName": "other", "payload": {"n": 1}}}"#;
    let policy = Policy::from(Guest::answering(Reply::hub(TOASTERS).payload(r#"{"n": 2}"#)))
        .file("checks/fails.json", check(bodies::first(), expect))
        .file("checks/passes.json", check(bodies::first(), &expect.replace("other", TOASTERS).replace('1', "2")));
    let author = Author::default().has("toasters", policy);
    let told = author.tries(&["check", "toasters"]).await;
    let hub = format!("+     \"iotHubHostName\": \"{TOASTERS}\",");
    let lines =
        ["ok      checks/passes.json", "failed  checks/fails.json", "-     \"iotHubHostName\": \"other\"", &hub];
    told.says(1, &lines);
    told.says(1, &["-       \"n\": 1", "+       \"n\": 2", "toasters: 1 of 2 checks passed"]);
    let report = author.tries(&["check", "toasters", "--json"]).await.json();
    assert_eq!(report["failed"], 1);
    assert_eq!(report["checks"][1], json!({"file": "passes.json", "passed": true, "problem": null}));
    assert_eq!(report["checks"][0]["problem"]["expected"]["decision"]["iotHubHostName"], "other");
}

#[tokio::test]
async fn files_that_are_no_checks_are_told_by_file_and_line() {
    let request = "{\n    \"deviceRuntimeContext\": 1\n  }";
    let decision = r#"{"decision": {"iotHubHostName": "x"}}"#;
    let policy = Policy::from(Guest::answering(Reply::hub(TOASTERS)))
        .file("checks/syntax.json", "{\n  \"request\": {},\n  oops\n}")
        .file("checks/member.json", "{\n  \"request\": {},\n  \"expects\": 1\n}")
        .file("checks/request.json", check(request, decision))
        .file("checks/inner.json", check(bodies::first(), "{\n    \"decision\": {\"hub\": 1}}"));
    let told = Author::default().has("toasters", policy).tries(&["check", "toasters"]).await;
    told.says(1, &["broken  checks/syntax.json: not a check: ", "at line 3 column"]);
    told.says(1, &["broken  checks/member.json", "unknown field `expects`, expected `request` or `expect` at line 3"]);
    told.says(1, &["checks/request.json: the check's request, which begins in line 2: the body is not"]);
    told.says(1, &["checks/inner.json", "unknown field `hub`", "0 of 4 checks passed"]);
}

/// What is recorded passes, and serves.
#[tokio::test]
async fn a_recorded_check_passes_and_tells_no_secret() {
    let secret = "https://app.azurewebsites.net/api/hook?code=SECRET";
    let body = bodies::first().replace("?****", "?code=SECRET");
    assert!(body.contains("?code=SECRET"));
    let body =
        body.replace("\"symmetricKey\": {}", &format!("\"symmetricKey\": {{}}, \"payload\": {{\"u\": \"{secret}\"}}"));
    let guest = Guest::answering(Reply::hub(TOASTERS).payload(r#"{"n": 1.50}"#));
    let author = Author::default().has("toasters", guest).file("body.json", &body);
    let record = ["check", "toasters", "--record", "body.json"];
    author.tries(&record).await.says(0, &["recorded toasters/checks/breakroom499-contoso-tstrsd-007.json"]);
    author.tries(&record).await.says(1, &["already", "--name"]);
    author.tries(&[&record[..], &["--name", "../x"]].concat()).await.says(1, &["no name for a check"]);
    author.tries(&[&record[..], &["--name", "again"]].concat()).await.says(0, &["checks/again.json"]);
    let text = author.read("toasters/checks/again.json");
    assert!(!text.contains("SECRET") && text.contains("hook?****"), "{text}");
    author.tries(&["check", "toasters"]).await.says(0, &["2 of 2 checks passed"]);
    let component = std::fs::read(author.path("toasters/policy.wasm")).unwrap();
    let author = author.file("alone/policy.wasm", component);
    author.tries(&["check", "alone/policy.wasm", "--record", "body.json"]).await.says(1, &["a component alone"]);

    let served =
        Policy::of(std::fs::read(author.path("toasters/policy.wasm")).unwrap()).file("checks/again.json", text);
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("toasters", served)).await;
    assert_eq!(berth.asks("contoso/toasters").with(bodies::first()).await.status, 200);
}

/// A check is a body too, and the component of a folder is the folder's policy.
#[tokio::test]
async fn a_check_is_run_by_its_file_with_what_is_around_the_component() {
    let text = check(bodies::first(), r#"{"decision": {"iotHubHostName": "x"}}"#);
    let policy = Policy::from(Guest::answering(Reply::hub(TOASTERS).payload("{}")).answering_settings())
        .manifest("[settings]\na = 1\n")
        .file("checks/x.json", &*text);
    let author = Author::default().has("toasters", policy);
    for policy in ["toasters", "toasters/policy.wasm"] {
        let told = author.tries(&["run", policy, "-r", "toasters/checks/x.json", "--json"]).await;
        assert_eq!(told.json()["response"]["payload"], json!({"a": 1}), "{policy}");
        author.tries(&["check", policy]).await.says(1, &["checks/x.json", "toasters: 0 of 1 checks passed"]);
    }
    let record = ["check", "toasters", "--record", "toasters/checks/x.json", "--name", "y"];
    author.tries(&record).await.says(0, &["recorded toasters/checks/y.json"]);
    let recorded: serde_json::Value = serde_json::from_str(&author.read("toasters/checks/y.json")).unwrap();
    assert_eq!(recorded["request"], bodies::parsed(bodies::first()));
    let author = author.file("wrong.json", check("{\n    \"linkedHubs\": 7\n  }", "{}"));
    author.tries(&["run", "toasters", "-r", "wrong.json"]).await.says(1, &["wrong.json: ", "line 3"]);
}

#[tokio::test]
async fn checks_that_did_not_run_or_are_not_there_are_not_counted() {
    let refuses = Policy::from(Guest::answering(Reply::hub(TOASTERS)).refusing_settings("no colour"));
    let expect = r#"{"decision": {"iotHubHostName": "x"}}"#;
    let author = Author::default()
        .has("refused", refuses.file("checks/x.json", check(bodies::first(), expect)))
        .has("bare", Guest::answering(Reply::hub(TOASTERS)));
    let told = author.tries(&["check", "refused"]).await;
    told.says(1, &["no colour", "refused: the checks did not run"]);
    author.tries(&["check", "bare"]).await.says(0, &["bare: there are no checks; `berth policy check --record BODY`"]);
}

#[tokio::test]
async fn a_build_warns_of_what_a_server_would_refuse() {
    let manifest = "[package]\nname = \"idle\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    let author = Author::default().file("idle/Cargo.toml", manifest).file("idle/src/lib.rs", "");
    let told = author.runs(&["build", "idle"]).await;
    told.says(0, &["warning: a server would refuse it", "no function `allocate`", "berth_sdk::policy!"]);
}

#[tokio::test]
async fn nothing_is_recorded_of_a_policy_that_fails() {
    let author =
        Author::default().has("fails", Guest::answering(Reply::hub("none"))).file("body.json", bodies::first());
    author.tries(&["check", "fails", "--record", "body.json"]).await.says(1, &["the policy failed", "not linked"]);
    assert!(!author.path("fails/checks").exists());
}

#[tokio::test]
async fn the_examples_checks_pass_and_a_refusal_is_recorded_too() {
    let author = Author::default().has("by-model", example("by-model")).file("body.json", bodies::first());
    author.tries(&["check", "by-model"]).await.says(0, &["by-model: 7 of 7 checks passed"]);
    author.tries(&["check", "by-model", "--record", "body.json", "--name", "no-payload-2"]).await.says(0, &[]);
    let text = author.read("by-model/checks/no-payload-2.json");
    assert!(text.contains("\"kind\": \"reject\""), "{text}");
    author.tries(&["check", "by-model"]).await.says(0, &["8 of 8"]);
}

#[tokio::test]
async fn unit_tests_come_before_the_build_and_the_checks() {
    let author = Author::default();
    let folder = repository().join("example-policies/by-suffix");
    let told = author.tries(&["test", folder.to_str().unwrap()]).await;
    told.says(0, &["by-suffix: unit tests passed (`cargo test --quiet`), 6 of 6 checks passed"]);
    // A component beside a Makefile: what `make` says counts.
    let author = author.file("c/Makefile", "test:\n\t@exit 3\n");
    let told = author.tries(&["test", "c"]).await;
    told.says(1, &["c: unit tests failed (`make test`", "nothing was built or checked"]);
}
