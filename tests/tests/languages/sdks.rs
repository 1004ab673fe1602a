//! The SDKs' own unit tests, and those of the examples, which need no WebAssembly.

use berth_tests::pages::repository;

use crate::run;

#[test]
fn javascript() {
    run(&repository().join("guest-sdk/javascript"), "npm", &["test"]);
    run(&repository().join("example-policies/by-model-javascript"), "npm", &["test"]);
    run(&repository().join("example-policies/by-model-typescript"), "npm", &["test"]);
}

#[test]
fn python() {
    let sdk = repository().join("guest-sdk/python");
    let path = format!("PYTHONPATH={}", sdk.display());
    run(&sdk, "env", &[&path, "python3", "-m", "unittest", "discover", "-s", "tests"]);
    let example = repository().join("example-policies/by-model-python");
    run(&example, "env", &[&path, "python3", "-m", "unittest"]);
}

#[test]
fn c() {
    run(&repository().join("guest-sdk/c"), "make", &["test"]);
    run(&repository().join("example-policies/by-model-c"), "make", &["test"]);
}

#[test]
fn go() {
    run(&repository().join("guest-sdk/go"), "go", &["test", "./..."]);
    run(&repository().join("example-policies/by-model-go"), "go", &["test"]);
}
