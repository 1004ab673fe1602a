//! A catalogue that is partly broken when the server starts: the sound part serves, the rest answers 503 until mended.

use std::fs;

use berth_tests::{
    Berth, Catalogue, Policy, binary, bodies,
    guests::{Guest, importing, of_another_world},
    within_patience,
};
use serde_json::json;

use crate::{toasters, version};

/// Every kind of broken policy beside a good one.
#[tokio::test]
async fn broken_policies_answer_503_beside_a_good_one() {
    let good = version(1).component();
    let check = json!({ "request": bodies::parsed(bodies::phone()), "expect": { "refusal": { "kind": "reject" } } });
    let broken: [(&str, Policy, &str, &str); 10] = [
        ("empty", Policy::of(""), "compile", "empty"),
        ("truncated", Policy::of(&good[..good.len() / 2]), "compile", "damaged"),
        ("core-module", Policy::of(version(1).core_module()), "compile", "core WebAssembly module"),
        ("other-world", Policy::of(of_another_world()), "world", "exports no function `allocate`"),
        ("wasi", Policy::of(importing("wasi:cli/environment@0.2.0")), "imports", "wasi:cli/environment"),
        ("missing", Policy::default(), "read", "policy.wasm: No such file"),
        ("manifest", Policy::of(good.clone()).manifest("[limit]"), "manifest", "limit"),
        ("table", Policy::of(good.clone()).file("tables/t.json", "[]"), "tables", "t.json"),
        ("check", Policy::of(good.clone()).file("checks/c.json", check.to_string()), "checks", "c.json"),
        ("not-a-check", Policy::of(good.clone()).file("checks/c.json", ""), "checks", "c.json"),
    ];
    let catalogue = broken.iter().fold(toasters(), |all, (name, policy, ..)| all.policy(name, policy.clone()));
    let berth = Berth::serving(catalogue).await;
    for (name, _, stage, phrase) in &broken {
        let id = format!("contoso/{name}");
        let about = |line: &berth_tests::log::Entry| line.is_about(&id);
        let (_, line) = berth.log().find(&id, 0, about).await;
        assert_eq!(line.message(), "policy refused; the policy does not serve");
        assert_eq!(line.text("stage"), *stage, "{line}");
        assert!(line.text("reason").contains(phrase), "{line}");

        let mark = berth.mark().await;
        let answer = berth.asks(&id).with(bodies::first()).await;
        answer.is_error(503, "policy-fault");
        assert!(!answer.text().contains(phrase), "{}", answer.text());
        let lines = berth.logged_since(mark).await;
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((line.text("fault"), line.text("request")), ("load", answer.id()));
        assert!(line.text("reason").starts_with(&format!("{stage}: ")), "{line}");
        berth.asks(&id).with(bodies::first()).without_key().await.is_error(401, "unauthorized");
    }
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// A policy that could not be loaded serves as soon as its file is mended.
#[tokio::test]
async fn a_mended_policy_serves() {
    let berth = Berth::serving(toasters().policy("p", Policy::of("broken"))).await;
    berth.asks("contoso/p").with(bodies::first()).await.is_error(503, "policy-fault");
    berth.files("contoso/p").replace("policy.wasm", version(1).component());
    berth.serves("contoso/p").await;
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": 1 }));
}

/// A tenant whose file is broken is no tenant, until it is mended.
#[tokio::test]
async fn a_broken_tenant_beside_a_good_one() {
    let catalogue = Catalogue::new().tenant("fabrikam").policy("p", version(1));
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    toasters().write(&policies);
    catalogue.write(&policies);
    let sound = fs::read(policies.join("fabrikam/tenant.toml")).unwrap();
    fs::write(policies.join("fabrikam/tenant.toml"), "[keys]\n").unwrap();

    let berth = Berth::start("", folder).await;
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    berth.asks("fabrikam/p").with(bodies::first()).await.is_error(404, "not-found");
    berth.files("fabrikam").replace("tenant.toml", sound);
    berth.serves("fabrikam/p").await;
    assert_eq!(berth.asks("fabrikam/p").with(bodies::first()).await.status, 200);
}

/// A tenant that is refused is in the status, in the readiness and in the metrics, whether or not it ever served, until it
/// is mended or gone.
#[tokio::test]
async fn a_refused_tenant_is_seen() {
    let berth = Berth::serving(toasters()).await;
    let refused = async || {
        berth.logs("tenant refused; what served before still serves").await;
        berth.publishes().await;
    };
    let new = berth.folder().join("new");
    Catalogue::new().tenant("fabrikam").policy("p", version(1)).write(&new);
    fs::write(new.join("fabrikam/tenant.toml"), "[keys]\n").unwrap();
    fs::rename(new.join("fabrikam"), berth.files("fabrikam").path()).unwrap();
    refused().await;
    let seen = berth.status().await["tenants"].clone();
    assert_eq!(seen[0], json!({ "tenant": "contoso", "policies": 1, "serving": 1 }));
    assert_eq!((&seen[1]["tenant"], &seen[1]["failure"]["stage"]), (&json!("fabrikam"), &json!("manifest")), "{seen}");
    assert_eq!((&seen[1]["policies"], &seen[1]["serving"]), (&json!(0), &json!(0)), "{seen}");
    assert_eq!(berth.admin("/readyz").await.text(), "ready; the tenant.toml of 1 tenants is refused\n");

    let sound = fs::read(berth.files("contoso").path().join("tenant.toml")).unwrap();
    berth.files("contoso").replace("tenant.toml", "");
    refused().await;
    let seen = berth.status().await["tenants"].clone();
    assert!(seen[0]["failure"]["reason"].as_str().unwrap().contains("keys"), "{seen}");
    assert_eq!((&seen[0]["policies"], &seen[0]["serving"]), (&json!(1), &json!(1)), "{seen}");
    assert_eq!(berth.metrics().await.sum("berth_tenant_change_refused", &[]), 2.0);
    let url = format!("http://{}", berth.admin_address());
    let command = tokio::process::Command::new(binary()).args(["status", "--admin", &url]).output();
    let output = String::from_utf8(within_patience("the command's end", command).await.unwrap().stdout).unwrap();
    for said in ["contoso: tenant.toml refused at ", "contoso: 1 of its 1 policies", "fabrikam: 0 of its 0 policies"] {
        assert!(output.contains(said), "`{said}` is not in {output}");
    }

    berth.files("contoso").replace("tenant.toml", sound);
    berth.publishes().await;
    // In one step, so that it is never seen without its file.
    fs::rename(berth.files("fabrikam").path(), berth.folder().join("away")).unwrap();
    berth.publishes().await;
    assert_eq!(berth.status().await["tenants"], json!([{ "tenant": "contoso", "policies": 1, "serving": 1 }]));
    assert_eq!(berth.admin("/readyz").await.text(), "ready\n");
}

/// Files beside the tenants' folders, and folders whose names are no names, are nobody's business.
#[tokio::test]
async fn a_catalogue_with_other_things_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    toasters().write(&policies);
    for file in ["README.md", ".gitignore", "contoso/NOTES", "contoso/toasters/src.rs"] {
        fs::write(policies.join(file), "text").unwrap();
    }
    for below in [".git", "Not A Name", "contoso/.cache", "contoso/toasters/target", "contoso/toasters/checks"] {
        fs::create_dir(policies.join(below)).unwrap();
    }
    let berth = Berth::start("", folder).await;
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    let refused = |line: &berth_tests::log::Entry| line.text("level") == "WARN";
    assert!(!berth.log().lines(0..berth.log().len()).iter().any(refused), "{}", berth.log());
}

/// No tenants at all is a server that finds nothing, and serves what is put in later.
#[tokio::test]
async fn an_empty_catalogue() {
    let berth = Berth::serving(Catalogue::new()).await;
    berth.asks("contoso/toasters").with(bodies::first()).await.is_error(404, "not-found");
    let new = berth.folder().join("new");
    Catalogue::new().tenant("contoso").policy("spin", Guest::doing("")).write(&new);
    fs::rename(new.join("contoso"), berth.files("contoso").path()).unwrap();
    berth.serves("contoso/spin").await;
    berth.asks("contoso/spin").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}
