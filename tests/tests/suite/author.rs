//! `berth policy run`, `bench`, `inspect` and `test`: what an author sees without a server is what a server would do.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::{fs, process::Stdio};

use berth_tests::{
    Policy,
    author::{Author, to_its_end},
    bodies::{self, HEAT_PUMPS, TOASTERS},
    guests::{Guest, Reply, example, importing, of_another_world},
};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};

fn author() -> Author {
    Author::default().file("first.json", bodies::first()).file("again.json", bodies::again())
}

#[tokio::test]
async fn a_decision_comes_with_all_that_an_author_wants_to_know() {
    let reply = Reply::hub(&TOASTERS.to_uppercase()).payload(r#"{"a":1}"#).tags(r#"{"t":1}"#);
    let guest = Guest::answering(reply).logging().first("(call $log (i32.const 2) (i32.const 1024) (i32.const 0))");
    let author = author().has("toasters", guest);
    let told = author.tries(&["run", "toasters", "--request", "first.json", "--json"]).await;
    let report = told.json();
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(report["policy"], "toasters");
    assert_eq!(report["outcome"], "allocated");
    let response = json!({"iotHubHostName": TOASTERS, "initialTwin": {"tags": {"t": 1}}, "payload": {"a": 1}});
    assert_eq!(report["response"], response);
    assert_eq!(report["dps"]["status"], 200);
    assert_eq!(report["dps"]["twin"], "answers");
    assert_eq!(report["dps"]["payloadArrives"], true);
    assert_eq!(report["log"], json!([{"level": "warn", "message": ""}]));
    assert_eq!(report["used"]["memoryBytes"], 65536);
    assert!(report["used"]["cpuMicroseconds"].as_u64().unwrap() > 0);
    assert_eq!(report["limits"]["timeMicroseconds"], 20_000_000);

    let told = author.tries(&["run", "toasters/policy.wasm", "-r", "first.json"]).await;
    told.says(
        0,
        &["toasters ", "is assigned to custom-allocation-toasters", "starts from the answer's", "64.00 KiB of"],
    );
}

/// The captured device may move, and its data moves along.
#[tokio::test]
async fn what_dps_would_ignore_is_told() {
    let guest = |hub: &str| Guest::answering(Reply::hub(hub).tags("{}"));
    // The second body's hubs have names of their own.
    let body = bodies::parsed(bodies::again());
    let hub = |number: usize| body["linkedHubs"][number].as_str().unwrap().to_owned();
    let mut pinned = body.clone();
    pinned["enrollmentGroup"]["reprovisionPolicy"]["updateHubAssignment"] = false.into();
    let author =
        author().has("stays", guest(&hub(0))).has("moves", guest(&hub(1))).file("pinned.json", pinned.to_string());
    let ignored = "DPS ignores the answer's initialTwin";
    author.tries(&["run", "stays", "-r", "again.json"]).await.says(0, &["stays at", ignored, "keeps its hub"]);
    author
        .tries(&["run", "moves", "-r", "again.json"])
        .await
        .says(0, &["its data with it", ignored, "migrateDeviceData"]);
    let never = "never moves a device";
    author.tries(&["run", "moves", "-r", "pinned.json"]).await.says(0, &["stays at", ", not ", never, ignored]);
}

#[tokio::test]
async fn refusals_and_faults_have_codes_of_their_own() {
    let fallback = "[fallback]\non_fault = \"spread\"\n";
    let overrun = Guest::answering(Reply::hub(TOASTERS)).first("(drop (memory.grow (i32.const 2000)))(unreachable)");
    let author = author()
        .has("rejects", Guest::answering(Reply::reject("not you")))
        .has("later", Guest::answering(Reply::retry_later("busy", Some(7))))
        .has("elsewhere", Guest::answering(Reply::hub("nowhere.azure-devices.net")))
        .has("spreads", Policy::from(Guest::answering(Reply::hub(""))).manifest(fallback))
        .has("large", overrun.after_verification());
    let run = async |name: &str| author.tries(&["run", name, "-r", "first.json"]).await;
    run("rejects").await.says(3, &["rejected the device", "not you", "403 rejected", "400207"]);
    run("later").await.says(3, &["busy", "503 retry-later, Retry-After 7", "ten times"]);
    let linked = ["invalid-answer", "`nowhere.azure-devices.net`, which is not linked", TOASTERS, HEAT_PUMPS];
    run("elsewhere").await.says(4, &linked);
    run("elsewhere").await.says(4, &["503 policy-fault", "fallback is `retry`"]);
    run("spreads").await.says(4, &["named no hub", "its fallback", "fallback `spread`", "200"]);
    run("large").await.says(4, &["memory", "memory_mib", "over", "policy.toml, [limits] memory_mib", "in         "]);
}

#[tokio::test]
async fn what_a_server_would_refuse_is_refused() {
    let author = author()
        .has("settings", Guest::answering(Reply::hub(TOASTERS)).refusing_settings("no colour"))
        .has("manifest", Policy::from(Guest::answering(Reply::hub(TOASTERS))).manifest("[limit]\n"))
        .has("other", of_another_world())
        .has("wasi", importing("wasi:cli/environment@0.2.3"))
        .has("old", importing("berth:allocation/log@0.9.0"));
    let run = async |name: &str| author.tries(&["run", name, "-r", "first.json"]).await;
    run("settings").await.says(1, &["settings", "no colour"]);
    run("manifest").await.says(1, &["policy.toml: line 1", "limit"]);
    run("other").await.says(1, &["world", "no function `allocate`", "it exports answer"]);
    run("wasi").await.says(1, &["imports", "wasi:cli/environment@0.2.3", "berth policy seal"]);
    run("old").await.says(1, &["berth:allocation/log@0.9.0", "speaks 1.0.0"]);
    author.tries(&["run", "nothing", "-r", "first.json"]).await.says(1, &["there is no policy at nothing"]);
    author.tries(&["run", "old", "-r", "none.json"]).await.says(1, &["none.json"]);
}

#[tokio::test]
async fn a_body_may_come_from_a_pipe_and_settings_from_files() {
    let guest = Guest::answering(Reply::hub(TOASTERS).payload("{}")).answering_settings();
    let author =
        author().has("echo", Policy::from(guest).manifest("[settings]\na = 1\n")).file("s.json", r#"{"b": [2]}"#);
    let run = ["run", "echo", "--request", "-", "--json"];
    assert_eq!(author.pipes(bodies::first(), &run).await.json()["response"]["payload"], json!({"a": 1}));
    let told = author.pipes(bodies::first(), &[&run[..], &["--settings", "s.json"]].concat()).await;
    assert_eq!(told.json()["response"]["payload"], json!({"b": [2]}));
    author.pipes("{}", &run).await.says(1, &["not a DPS allocation request"]);
}

/// The text of `allocate` in the source that is watched.
fn source(payload: u32) -> String {
    format!(
        "use berth_sdk::{{Decision, Refusal, Request, json}};\nberth_sdk::policy!(allocate);\n\
         fn allocate(request: &Request) -> Result<Decision, Refusal> {{\n    \
         Ok(Decision::to(request.hubs().first()?).payload(json!({{\"n\": {payload}}})))\n}}\n"
    )
}

async fn line_with(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>, text: &str) {
    let wait = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(text) {
                return;
            }
        }
        panic!("`{text}` was never printed");
    };
    to_its_end(wait).await;
}

#[tokio::test]
async fn a_watched_policy_is_built_and_run_again_when_it_changes() {
    let sdk = berth_tests::pages::repository().join("guest-sdk");
    let manifest = format!(
        "[package]\nname = \"watched\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nberth-sdk = {{ path = {:?} }}\n[workspace]\n",
        sdk.display().to_string()
    );
    let author = author().file("watched/Cargo.toml", manifest).file("watched/src/lib.rs", source(1));
    let arguments = ["run", "watched", "-r", "first.json", "--watch", "--config", "berth.toml"];
    let mut child = author.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    line_with(&mut lines, r#"{"n":1}"#).await;
    fs::write(author.path("watched/src/lib.rs"), "no Rust").unwrap();
    line_with(&mut lines, "error: ").await;
    fs::write(author.path("watched/src/lib.rs"), source(2)).unwrap();
    line_with(&mut lines, r#"{"n":2}"#).await;
}

#[tokio::test]
async fn measurements_stand_next_to_those_of_the_build_before() {
    let author = author().has("measured", Guest::answering(Reply::hub(TOASTERS)));
    let bench = async || {
        let arguments = ["bench", "measured", "-r", "first.json", "-n", "50", "--json", "--config", "berth.toml"];
        let mut command = author.command(&arguments);
        let output = command.env("BERTH_CACHE_DIR", author.path("cache")).output();
        let output = to_its_end(output).await.unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let first = bench().await;
    assert_eq!(first["before"], json!(null));
    assert_eq!(first["now"]["decisions"], 50);
    assert_eq!(first["now"]["memoryBytes"], 65536);
    let fuel = first["now"]["fuel"].as_u64().unwrap();
    assert!(fuel > 0 && first["now"]["p50Nanoseconds"].as_u64() <= first["now"]["p99Nanoseconds"].as_u64());
    assert!(first["now"]["p50Nanoseconds"].as_u64() > Some(1000), "an instance takes longer to make: {first}");
    let work = "(local $n i32) (loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
        (i32.const 1000))))";
    Policy::from(Guest::doing("(call $work)").function(&format!("(func $work {work})")))
        .write(&author.path("measured"));
    let second = bench().await;
    assert_eq!(second["before"], first["now"]);
    assert!(second["now"]["fuel"].as_u64().unwrap() > fuel + 1000, "{second}");
    // The same build again is compared with the other one.
    assert_eq!(bench().await["before"], first["now"]);
}

#[tokio::test]
async fn a_component_is_taken_apart() {
    let author = author()
        .has("by-suffix", example("by-suffix"))
        .has("wasi", importing("wasi:sockets/tcp@0.2.3"))
        .file("core.wasm", b"\0asm\x01\0\0\0");
    let good = author.runs(&["inspect", "by-suffix"]).await;
    good.says(
        0,
        &["berth:allocation@1.0.0", "allocate: decides", "granted", "code", "processed-by", "would take this"],
    );
    let report = author.runs(&["inspect", "by-suffix/policy.wasm", "--json"]).await.json();
    assert_eq!(report["refused"], json!(null));
    assert_eq!(report["contract"], json!(["1.0.0"]));
    let parts: u64 = report["sections"].as_array().unwrap().iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert!(parts <= report["bytes"].as_u64().unwrap(), "{report}");
    author.runs(&["inspect", "wasi"]).await.says(1, &["wasi:sockets/tcp@0.2.3: not granted", "refuse", "imports:"]);
    author.runs(&["inspect", "core.wasm"]).await.says(1, &["core WebAssembly module", "berth policy build"]);
}
