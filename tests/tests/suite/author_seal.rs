//! `berth policy seal`: a component that was built for WASI decides like any other, and reaches nothing.

use berth_tests::{
    Berth, Catalogue, Policy,
    author::Author,
    bodies::{self, TOASTERS},
    guests::{Guest, Reply, built, importing},
};
use serde_json::json;

/// As much of WASI as the guest below imports, in WASI's words.
const WASI: &str = "
package wasi:io@0.2.3 {
  interface error { resource error { to-debug-string: func() -> string; } }
  interface poll { resource pollable { ready: func() -> bool; block: func(); }
    poll: func(in: list<borrow<pollable>>) -> list<u32>; }
  interface streams {
    use error.{error};
    use poll.{pollable};
    variant stream-error { last-operation-failed(error), closed }
    resource input-stream { blocking-read: func(len: u64) -> result<list<u8>, stream-error>; }
    resource output-stream {
      check-write: func() -> result<u64, stream-error>;
      blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
      subscribe: func() -> pollable;
    }
  }
}
package wasi:cli@0.2.3 {
  interface stdout { use wasi:io/streams@0.2.3.{output-stream}; get-stdout: func() -> output-stream; }
  interface stderr { use wasi:io/streams@0.2.3.{output-stream}; get-stderr: func() -> output-stream; }
  interface stdin { use wasi:io/streams@0.2.3.{input-stream}; get-stdin: func() -> input-stream; }
  interface environment { get-environment: func() -> list<tuple<string, string>>; }
  interface exit { exit: func(status: result); }
}
package wasi:clocks@0.2.3 {
  interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
  interface monotonic-clock { type instant = u64; now: func() -> instant; }
}
package wasi:random@0.2.3 {
  interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
}
package wasi:filesystem@0.2.3 {
  interface types { resource descriptor { sync: func() -> result<_, u32>; } }
  interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}
";

const ITEMS: &str = "import wasi:cli/stdout@0.2.3; import wasi:cli/stderr@0.2.3; import wasi:cli/stdin@0.2.3;
    import wasi:cli/environment@0.2.3; import wasi:cli/exit@0.2.3; import wasi:clocks/wall-clock@0.2.3;
    import wasi:clocks/monotonic-clock@0.2.3; import wasi:random/random@0.2.3; import wasi:filesystem/preopens@0.2.3;
    import wasi:io/poll@0.2.3;";

/// A guest that uses what WASI gives it, stops where something is not as it has to be, and then decides.
fn guest(then: &str) -> Vec<u8> {
    let import = |interface: &str, function: &str, name: &str, signature: &str| {
        format!("(import \"wasi:{interface}@0.2.3\" \"{function}\" (func ${name} {signature}))")
    };
    let imports = [
        import("cli/stdout", "get-stdout", "stdout", "(result i32)"),
        import("cli/stderr", "get-stderr", "stderr", "(result i32)"),
        import("cli/stdin", "get-stdin", "stdin", "(result i32)"),
        import("cli/environment", "get-environment", "environment", "(param i32)"),
        import("cli/exit", "exit", "exit", "(param i32)"),
        import("clocks/wall-clock", "now", "wall", "(param i32)"),
        import("clocks/monotonic-clock", "now", "now", "(result i64)"),
        import("random/random", "get-random-bytes", "bytes", "(param i64 i32)"),
        import("random/random", "get-random-u64", "random", "(result i64)"),
        import("filesystem/preopens", "get-directories", "directories", "(param i32)"),
        import("io/poll", "poll", "poll", "(param i32 i32 i32)"),
        import("io/streams", "[method]input-stream.blocking-read", "read", "(param i32 i64 i32)"),
        import("io/streams", "[method]output-stream.check-write", "may", "(param i32 i32)"),
        import("io/streams", "[method]output-stream.blocking-write-and-flush", "write", "(param i32 i32 i32 i32)"),
        import("io/streams", "[method]output-stream.subscribe", "subscribe", "(param i32) (result i32)"),
    ];
    let needs = |what: &str| format!("(if (i32.eqz {what}) (then (unreachable)))\n");
    let at = |address: u32| format!("(i32.load (i32.const {address}))");
    let lines = [
        // Nothing is around it: no variables, no folders, no time, nothing to read.
        "(call $environment (i32.const 32)) (call $directories (i32.const 40)) (call $wall (i32.const 48))".to_owned(),
        needs(&format!("(i32.eqz (i32.or {} (i32.or {} {})))", at(36), at(44), at(48))),
        needs("(i64.lt_u (call $now) (call $now))"),
        "(call $read (call $stdin) (i64.const 8) (i32.const 32))".to_owned(),
        needs(&format!("(i32.and (i32.load8_u (i32.const 32)) {})", at(36))),
        // A stream may be written to at once.
        "(call $may (call $stdout) (i32.const 48))".to_owned(),
        needs(&at(56)),
        "(i32.store (i32.const 32) (call $subscribe (call $stdout)))
         (call $poll (i32.const 32) (i32.const 1) (i32.const 40))"
            .to_owned(),
        needs(&format!("(i32.and (i32.eq {} (i32.const 1)) (i32.eqz (i32.load {})))", at(44), at(40))),
        // Chance differs from call to call, and not from request to request.
        needs("(i64.ne (call $random) (call $random))"),
        "(call $bytes (i64.const 9) (i32.const 32))".to_owned(),
        needs(&format!("(i32.eq {} (i32.const 9))", at(36))),
        "(call $write (call $stdout) (i32.load (i32.const 32)) (i32.const 9) (i32.const 48))
         (call $write (call $stderr) (i32.const 700) (i32.const 5) (i32.const 48))
         (call $write (call $stdout) (i32.const 705) (i32.const 9) (i32.const 48))
         (call $write (call $stderr) (i32.const 714) (i32.const 4) (i32.const 48))"
            .to_owned(),
        then.to_owned(),
    ];
    let words = r#"(data (i32.const 700) "care\n" "end h\c3\a9\n" "x" "low\n")"#;
    let guest = Guest::answering(Reply::hub(TOASTERS).payload(r#"{"n":1}"#)).function(words);
    let guest = imports.iter().fold(guest, |guest, import| guest.import(import));
    guest.first(&lines.concat()).in_world(ITEMS, WASI)
}

#[tokio::test]
async fn what_was_built_for_wasi_decides_and_writes_to_the_log() {
    let author = Author::default().file("wasi.wasm", guest("")).file("body.json", bodies::first());
    author
        .tries(&["run", "wasi.wasm", "-r", "body.json"])
        .await
        .says(1, &["wasi:cli/stdout@0.2.3", "berth policy seal"]);
    let told = author.runs(&["seal", "wasi.wasm", "-o", "sealed.wasm"]).await;
    told.says(0, &["sealed.wasm", "sealed     wasi:cli/environment@0.2.3", "wasi:io/streams@0.2.3"]);
    let imports = author.runs(&["inspect", "sealed.wasm", "--json"]).await.json()["imports"].clone();
    assert!(imports.as_array().unwrap().iter().all(|import| import["granted"] == true), "{imports}");

    let run = async || author.tries(&["run", "sealed.wasm", "-r", "body.json", "--json"]).await.json();
    let report = run().await;
    assert_eq!(report["response"], json!({"iotHubHostName": TOASTERS, "payload": {"n": 1}}), "{report}");
    let log = report["log"].as_array().unwrap();
    let lines: Vec<_> =
        log.iter().map(|line| (line["level"].as_str().unwrap(), line["message"].as_str().unwrap())).collect();
    assert!(
        matches!(lines[..], [("warn", "care"), ("info", chance), ("warn", "low")] if chance.ends_with("end hé")),
        "{lines:?}"
    );
    assert_eq!(run().await["log"], report["log"], "chance is the same for every request");

    let sealed = std::fs::read(author.path("sealed.wasm")).unwrap();
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("sealed", Policy::of(sealed))).await;
    assert_eq!(berth.asks("contoso/sealed").with(bodies::first()).await.status, 200);
}

/// Compiled from Rust, with the bindings that its standard library has for wasm32-wasip2.
#[tokio::test]
async fn what_rust_asks_of_wasi_is_answered_and_reaches_nothing() {
    let body = bodies::parsed(bodies::first());
    let mut exits = body.clone();
    exits["deviceRuntimeContext"]["registrationId"] = "exits".into();
    let author = Author::default()
        .file("wasi.wasm", built("wasi").component())
        .file("body.json", body.to_string())
        .file("exits.json", exits.to_string());
    let told = author.runs(&["seal", "wasi.wasm", "-o", "sealed.wasm"]).await;
    told.says(0, &["wasi:filesystem/types@0.2.", "wasi:cli/terminal-stdout@0.2.", "wasi:random/insecure-seed@0.2."]);
    let run = async |body: &str| author.tries(&["run", "sealed.wasm", "-r", body, "--json"]).await.json();
    let report = run("body.json").await;
    let mut payload = report["response"]["payload"].clone();
    let chance = payload["chance"].take();
    assert_ne!(chance, json!(0), "{report}");
    let seed = payload["seed"].take();
    let expected = json!({
        "written": true, "read": false, "variables": 0, "arguments": 0, "directory": null, "folders": [],
        "terminal": false, "seconds": 0, "forward": true, "seed": null, "chance": null, "bytes": 3,
    });
    assert_eq!(payload, expected, "{seed}");
    let said = |level: &str, message: &str| json!({"level": level, "message": message});
    let log = json!([said("info", "from standard output"), said("warn", "from standard error")]);
    assert_eq!(report["log"], log);
    assert_eq!(run("body.json").await["response"], report["response"], "the same request, the same decision");
    let exited = run("exits.json").await;
    assert_eq!((&exited["outcome"], &exited["fault"]["kind"]), (&json!("faulted"), &json!("trap")), "{exited}");

    let sealed = std::fs::read(author.path("sealed.wasm")).unwrap();
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("sealed", Policy::of(sealed))).await;
    let answer = berth.asks("contoso/sealed").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], report["response"]["payload"]);
}

#[tokio::test]
async fn an_exit_is_a_fault_with_its_reason_in_the_log() {
    let author =
        Author::default().file("wasi.wasm", guest("(call $exit (i32.const 0))")).file("body.json", bodies::first());
    author.runs(&["seal", "wasi.wasm", "-o", "sealed.wasm"]).await.says(0, &[]);
    author.tries(&["run", "sealed.wasm", "-r", "body.json"]).await.says(4, &["called exit", "trap"]);
}

#[tokio::test]
async fn what_cannot_be_sealed_is_refused_by_name() {
    let author = Author::default()
        .file("sockets.wasm", importing("wasi:sockets/tcp@0.2.3"))
        .file("http.wasm", importing("wasi:http/types@0.2.3"))
        .file("later.wasm", importing("wasi:cli/stdout@0.3.0"))
        .file("foreign.wasm", importing("example:things/here"))
        .file("old.wasm", importing("berth:allocation/log@0.9.0"))
        .file("empty.wasm", importing("wasi:cli/terminal-input@0.2.3"))
        .file("plain.wasm", Guest::answering(Reply::hub(TOASTERS)).component());
    let seal = async |name: &str| author.runs(&["seal", name, "-o", "out.wasm"]).await;
    seal("sockets.wasm").await.says(1, &["wasi:sockets/tcp@0.2.3 cannot be sealed"]);
    seal("http.wasm").await.says(1, &["wasi:http/types@0.2.3 cannot be sealed"]);
    seal("later.wasm").await.says(1, &["wasi:cli/stdout@0.3.0 cannot be sealed"]);
    seal("foreign.wasm").await.says(1, &["example:things/here cannot be sealed"]);
    seal("old.wasm").await.says(1, &["berth:allocation/log@0.9.0 cannot be sealed"]);
    seal("empty.wasm").await.says(1, &["exports no function `allocate`"]);
    seal("plain.wasm").await.says(1, &["nothing of WASI", "as it is"]);
    assert!(!author.path("out.wasm").exists());
}

/// A later WASI 0.2 may add functions: they are known by name as well.
#[tokio::test]
async fn a_function_that_is_not_known_is_refused() {
    let wit = "package wasi:cli@0.2.99 { interface environment { get-mood: func() -> u32; } }";
    let import = r#"(import "wasi:cli/environment@0.2.99" "get-mood" (func $mood (result i32)))"#;
    let guest = Guest::answering(Reply::hub(TOASTERS)).import(import).first("(drop (call $mood))");
    let component = guest.in_world("import wasi:cli/environment@0.2.99;", wit);
    let author = Author::default().file("new.wasm", component);
    author
        .runs(&["seal", "new.wasm", "-o", "out.wasm"])
        .await
        .says(1, &["wasi:cli/environment@0.2.99 get-mood cannot"]);
}
