//! `berth policy new`: what it makes is tested, built and served as it is, in every language.

use std::{fs, path::Path};

use berth_tests::{Berth, Catalogue};
use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENT, berth, run};

/// A language as `--lang` has it, the command for unit tests, the file with the rule, and a line that fails in it in place
/// of another.
struct Language {
    lang: &'static str,
    test: &'static [&'static str],
    source: &'static str,
    line: &'static str,
    failing: &'static str,
    fault: &'static str,
}

const RUST: Language = Language {
    lang: "rust",
    test: &["cargo", "test", "--quiet"],
    source: "src/lib.rs",
    line: "let model = request.model_id()?;",
    failing: "let model = request.model_id()?; assert!(!model.is_empty() && model.len() > 99, \"too short\");",
    fault: "panicked at src/lib.rs:8: too short",
};

const JAVASCRIPT: Language = Language {
    lang: "js",
    test: &["npm", "test"],
    source: "policy.js",
    line: "const model = request.modelId();",
    failing: "const model = request.modelId().nothing.here;",
    fault: "panicked at policy.js:7:",
};

const TYPESCRIPT: Language = Language {
    lang: "ts",
    source: "policy.ts",
    failing: "const model: string = (request.modelId() as any).nothing.here;",
    fault: "panicked at policy.ts:6:",
    ..JAVASCRIPT
};

const PYTHON: Language = Language {
    lang: "python",
    test: &["python3", "-m", "unittest"],
    source: "policy.py",
    line: "model = request.model_id()",
    failing: "model = request.model_id().nothing",
    fault: "panicked at policy.py:7 in allocate: AttributeError: 'str' object has no attribute 'nothing'",
};

const C: Language = Language {
    lang: "c",
    test: &["make", "test"],
    source: "policy.c",
    line: "berth_decide(request, hub);",
    failing: "if (!berth_refused(request)) berth_assert(hub == NULL);",
    fault: "panicked at policy.c:8: `hub == NULL` does not hold",
};

const GO: Language = Language {
    lang: "go",
    test: &["go", "test"],
    source: "policy.go",
    line: "model, err := request.ModelID()",
    failing: "model, err := request.ModelID(); if err == nil { panic(\"out of hubs\") }",
    fault: "panicked at policy.go:11: out of hubs",
};

impl Language {
    /// Begins it as a policy of a catalogue, which lies below the folder.
    fn begin(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let catalogue = folder.path().join("policies");
        Catalogue::new().tenant("contoso").write(&catalogue);
        berth(&catalogue, &["policy", "new", "contoso/first", "--lang", self.lang]);
        folder
    }

    async fn works(&self) {
        let folder = self.begin();
        let policy = folder.path().join("policies/contoso/first");
        run(&policy, self.test[0], &self.test[1..]);
        let built = berth(&policy, &["policy", "build"]);
        assert!(built.contains("berth:allocation/") && !built.contains("wasi:"), "{built}");
        let tested = berth(&policy, &["policy", "test"]);
        assert!(tested.contains("unit tests passed") && tested.contains("2 of 2 checks passed"), "{tested}");
        let check = read_check(&policy);
        let ran = berth(&policy, &["policy", "run", "--json", "--request", "checks/with-model.json"]);
        let ran: Value = serde_json::from_str(&ran).expect("a report");
        assert_eq!(ran["response"]["iotHubHostName"], check["expect"]["decision"]["iotHubHostName"], "{ran:#}");
        let server = Berth::start(PATIENT, folder).await;
        let answer = server.asks("contoso/first").with(check["request"].to_string()).await;
        let mut decision = check["expect"]["decision"].clone();
        decision.as_object_mut().expect("a decision").remove("reasons");
        answer.is_decision(&decision);
    }

    /// A fault is told with its words and its place in the author's own file.
    async fn fails(&self) {
        let folder = self.begin();
        let policy = folder.path().join("policies/contoso/first");
        let source = policy.join(self.source);
        let rule = fs::read_to_string(&source).expect("the rule");
        assert!(rule.contains(self.line), "{rule}");
        fs::write(&source, rule.replace(self.line, self.failing)).expect("another rule");
        berth(&policy, &["policy", "build"]);
        let check = read_check(&policy);
        fs::remove_dir_all(policy.join("checks")).expect("checks");
        let server = Berth::start(PATIENT, folder).await;
        server.asks("contoso/first").with(check["request"].to_string()).await.is_error(503, "policy-fault");
        let told = server.log().next(self.fault, |line| line.mentions(self.fault)).await;
        assert!(told.mentions("first"), "{told:?}");
    }
}

fn read_check(policy: &Path) -> Value {
    let check = fs::read_to_string(policy.join("checks/with-model.json")).expect("a check");
    serde_json::from_str(&check).expect("a check")
}

macro_rules! languages {
    ($($name:ident: $language:expr;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn begins_is_tested_built_and_served() {
                $language.works().await;
            }

            #[tokio::test]
            async fn tells_its_faults() {
                $language.fails().await;
            }
        }
    )*};
}

languages! {
    rust: RUST;
    javascript: JAVASCRIPT;
    typescript: TYPESCRIPT;
    python: PYTHON;
    c: C;
    go: GO;
}

/// Names of Go's own commands and packages are no module's, but end one's.
#[test]
fn a_policy_in_go_may_be_called_as_what_go_has_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["go", "fmt"] {
        berth(folder.path(), &["policy", "new", name, "--lang", "go"]);
        run(&folder.path().join(name), "go", &["test"]);
    }
}

#[test]
fn what_cannot_be_a_policy_is_not_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |name: &str| {
        let mut command = std::process::Command::new(berth_tests::binary());
        let output = command.args(["policy", "new", name]).current_dir(folder.path()).output().expect("berth");
        assert!(!output.status.success(), "{name}");
        String::from_utf8(output.stderr).expect("words")
    };
    assert!(refused("No_Name").contains("lower-case letters, digits and hyphens"));
    assert!(refused("7th").contains("begin with a letter"));
    assert!(refused("berth-sdk").contains("the name of the SDK's package"));
    fs::create_dir(folder.path().join("taken")).expect("a folder");
    assert!(refused("taken").contains("exists already: nothing was written"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "only what was there");
}
