//! The example `by-model` decides the same in every language, to the byte.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Mutex};

use berth_tests::{Berth, Catalogue, Policy, bodies, guests::example, log::Entry, pages::repository};
use serde_json::{Value, json};

use crate::{PATIENT, berth};

/// The languages that the example is rewritten in.
const LANGUAGES: [&str; 5] = ["javascript", "typescript", "python", "c", "go"];

fn examples() -> PathBuf {
    repository().join("example-policies")
}

/// The components built so far in this run, by language: each is large, and compiled by every server.
static BUILT: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// The Rust policy's files, with the component of another language.
fn rewritten(language: &str) -> Policy {
    let mut built = BUILT.lock().expect("a build that failed has failed its test");
    let component = built.entry(language.to_owned()).or_insert_with(|| build(language));
    example("by-model").file("policy.wasm", component.clone())
}

/// Builds it from source, and sees that it imports nothing but what Berth gives.
fn build(language: &str) -> Vec<u8> {
    let output = tempfile::tempdir().expect("a folder");
    let component = output.path().join("policy.wasm");
    let source = examples().join(format!("by-model-{language}"));
    let report = berth(&source, &["policy", "build", "--json", "--output", component.to_str().expect("a path")]);
    let report: Value = serde_json::from_str(&report).expect("a report");
    let foreign = |import: &Value| !import.as_str().is_some_and(|import| import.starts_with("berth:allocation/"));
    let imports = report["imports"].as_array().expect("imports");
    assert!(!imports.iter().any(foreign), "{language} imports {imports:?}");
    fs::read(component).expect("a component")
}

/// Bodies of the example's checks, and others that an SDK has to read with care.
fn all_bodies() -> Vec<String> {
    let mut all = vec![bodies::first().to_owned(), bodies::again().to_owned(), bodies::phone().to_owned()];
    all.extend([bodies::individual_x509(), bodies::individual_tpm()].map(str::to_owned));
    for entry in fs::read_dir(examples().join("by-model/checks")).expect("checks") {
        let check = fs::read_to_string(entry.expect("a file").path()).expect("a check");
        let check: Value = serde_json::from_str(&check).expect("a check");
        all.push(check["request"].to_string());
    }
    let payloads = [
        json!({"modelId": 5}),
        json!({"modelId": null, "iotcModelId": "dtmi:com:example:Thermostat;1"}),
        json!({"modelId": "modèle \u{2028} \"\\\u{1} 🦀"}),
        json!({"modelId": ["dtmi:com:example:Thermostat;1"]}),
        json!([{"modelId": "dtmi:com:example:Thermostat;1"}]),
        json!("  {\"modelId\": \"dtmi:com:example:Thermostat;1\"}"),
        json!("{broken"),
        json!("plain"),
        json!(7),
        json!(true),
        json!({"modelId": "dtmi:com:example:Exotic;1"}),
    ];
    all.extend(payloads.iter().map(|payload| bodies::with_payload(&payload.to_string())));
    for n in 0..20 {
        all.push(bodies::first_but(|body| {
            let context = &mut body["deviceRuntimeContext"];
            context["registrationId"] = json!(format!("Contoso-Sensor-Ä-{n}"));
            context["payload"] = json!({"modelId": "dtmi:com:example:TemperatureController;2"});
            let hubs: Vec<String> = (0..5).map(|hub| format!("Contoso-Climate-{hub}.azure-devices.net")).collect();
            body["linkedHubs"] = json!(hubs);
        }));
    }
    all
}

/// A row whose members come in no order, with all that JSON has.
fn models() -> String {
    let models = fs::read_to_string(examples().join("by-model/tables/models.json")).expect("a table");
    let mut models: Value = serde_json::from_str(&models).expect("a table");
    let exotic = r#"{"hub": "", "tags": {"z": 1, "10": 2, "9": 3, "é": "\u2028\u0007/\"\\ 🦀", "a": {"b": [], "A": {}}},
        "desired": {"whole": -12, "half": 1.5, "small": 0.00001, "tiny": 1.5e-7, "huge": 9007199254740991, "no": false, "none": null},
        "settings": {}}"#;
    models["dtmi:com:example:Exotic;1"] = serde_json::from_str(exotic).expect("a row");
    models.to_string()
}

#[tokio::test]
async fn every_language_decides_as_rust_does() {
    let languages = ["rust"].into_iter().chain(LANGUAGES);
    let mut catalogue = Catalogue::new().tenant("contoso");
    for language in languages {
        let policy = if language == "rust" { example("by-model") } else { rewritten(language) };
        // Without its table, the refusal's words are those of the SDK.
        catalogue = catalogue.policy(&format!("{language}-bare"), Policy::of(policy.component()));
        let policy = policy.file("tables/models.json", models());
        let spreading = policy.clone().manifest("[settings]\nunknownModel = \"spread\"\n");
        catalogue = catalogue.policy(language, policy).policy(&format!("{language}-spreading"), spreading);
    }
    let berth = Berth::configured(PATIENT, catalogue).await;
    for body in all_bodies() {
        for suffix in ["", "-spreading", "-bare"] {
            let expected = berth.asks(&format!("contoso/rust{suffix}")).with(body.clone()).await;
            for language in LANGUAGES {
                let answer = berth.asks(&format!("contoso/{language}{suffix}")).with(body.clone()).await;
                let said = |answer: &berth_tests::Answer| answer.text().replace(answer.id(), "ID");
                assert_eq!((answer.status, said(&answer)), (expected.status, said(&expected)), "{language}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused_in_every_language() {
    let unfit = "[settings]\nunknownModel = \"ignore\"\n";
    let mut catalogue = Catalogue::new().tenant("contoso").policy("rust", example("by-model").manifest(unfit));
    for language in LANGUAGES {
        catalogue = catalogue.policy(language, rewritten(language).manifest(unfit));
    }
    let berth = Berth::configured(PATIENT, catalogue).await;
    for language in ["rust"].into_iter().chain(LANGUAGES) {
        let policy = format!("contoso/{language}");
        let told = |line: &Entry| line.message().starts_with("policy refused") && line.is_about(&policy);
        let (_, refused) = berth.log().find("`policy refused`", 0, told).await;
        assert!(refused.mentions("unknownModel") || refused.mentions("ignore"), "{refused:?}");
    }
}
