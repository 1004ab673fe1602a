//! What a policy asks of a system that it does not have: to print, the time, files. Its author hears an answer in the policy's
//! log, or why there is none and where it was asked, but never of a bare trap.

use berth_tests::bodies;
use serde_json::{Value, json};

use crate::asker::{Asker, C, GO, JAVASCRIPT, PYTHON};

/// A policy that asks for what the device's id says.
struct Asking(Asker);

impl Asking {
    fn of(&self, what: &str) -> Value {
        self.0.asked(&bodies::from_device(what))
    }

    /// It decides, with these lines in the policy's log.
    fn logs(&self, what: &str, lines: &[&str]) {
        let report = self.of(what);
        assert_eq!((&report["outcome"], said(&report)), (&json!("allocated"), lines.join("\n")), "{what}: {report:#}");
    }

    /// It fails, and the fault says this.
    fn fails(&self, what: &str, words: &str) {
        let report = self.of(what);
        let panic = report["fault"]["panic"].as_str().unwrap_or_default();
        assert!(panic.contains(words), "{what}: {report:#}");
        assert_eq!(said(&report).matches("panicked").count(), 1, "{what}: {report:#}");
    }
}

/// The policy's log, a line for each line.
fn said(report: &Value) -> String {
    let lines = report["log"].as_array().expect("a log").iter();
    let text = |line: &Value, member: &str| line[member].as_str().expect("a text").to_owned();
    let lines: Vec<String> = lines.map(|line| format!("{} {}", text(line, "level"), text(line, "message"))).collect();
    lines.join("\n")
}

#[test]
fn javascript() {
    let policy = Asking(Asker::build(JAVASCRIPT, include_str!("system/policy.js")));
    policy.logs(
        "print",
        &[
            "info loaded",
            "info a has 2 of {\"b\":[1]} null",
            "info TypeError: not thrown",
            "debug d",
            "warn w",
            "error e",
            "error assertion failed: sums",
        ],
    );
    policy.logs("dates", &["info loaded", "info 1970-01-02T00:00:00.000Z true 0"]);
    policy.logs("chance", &["info loaded", "info 0.8794664279557765 true"]);
    policy.logs("halfALetter", &["info loaded", "info half \u{fffd}"]);
    policy.logs("settings", &["info loaded", "info {}"]);
    policy.fails("now", "panicked at policy.js:16:19: Error: Date.now() asks for the time, and a policy has no clock");
    policy.fails("date", "panicked at policy.js:17:19: Error: new Date() asks for the time");
    policy.fails("dateText", "Error: Date() asks for the time");
    policy.fails("ofDate", "Error: new Date() asks for the time");
    policy.fails("performance", "Error: performance.now() asks for the time");
    policy.fails("setTimeout", "ReferenceError");
    policy.logs("halfAReason", &["info loaded"]);
    let report = policy.of("halfAHub");
    assert!(
        report["fault"]["message"].as_str().is_some_and(|told| told.contains("`\u{fffd}`, which is not linked")),
        "{report:#}"
    );
}

#[test]
fn python() {
    let policy = Asking(Asker::build(PYTHON, include_str!("system/policy.py")));
    policy.logs("printed", &["info loaded", "info one 2", "warn error", "info no end", "info half ?", "info last"]);
    policy.logs("logged", &["info loaded", "debug d", "info i 1", "warn w", "error e: caught"]);
    policy.logs("dates", &["info loaded", "info 2026-11-28T00:00:00 True True True 1970 True"]);
    policy.logs("chance", &["info loaded", "info True"]);
    policy.logs("exists", &["info loaded", "info False"]);
    for (what, words) in [
        (
            "time",
            "panicked at policy.py:86 in allocate: RuntimeError: time.time() asks for the time, and a policy has no clock",
        ),
        ("now", "RuntimeError: time.time() asks for the time"),
        ("monotonic", "RuntimeError: time.monotonic_ns() asks for the time"),
        ("strftime", "RuntimeError: time.strftime() asks for the time"),
        ("localtime", "RuntimeError: time.localtime() asks for the time"),
        ("sleep", "RuntimeError: time.sleep(): a policy has nothing to wait for"),
        ("datetime", "RuntimeError: datetime.now() asks for the time"),
        ("today", "RuntimeError: date.today() asks for the time"),
        ("urandom", "RuntimeError: os.urandom() asks for chance, and a policy has no chance"),
        ("secrets", "RuntimeError: os.urandom() asks for chance"),
        ("uuid", "RuntimeError: os.urandom() asks for chance"),
        ("open", "a policy has no files when it decides: reference data belongs in its tables: 'models.csv'"),
        ("path", "a policy has no files when it decides"),
        ("list", "a policy has no files when it decides"),
        ("input", "EOFError"),
        ("json", "panicked at policy.py:79 in <lambda>: JSONDecodeError"),
        (
            "imports",
            "in imports: ImportError: `import statistics` comes too late: imports belong at the top of a module",
        ),
        ("exit", "SystemExit: 3"),
        ("half", "UnicodeEncodeError"),
    ] {
        policy.fails(what, words);
    }
}

#[test]
fn c() {
    let policy = Asking(Asker::build(C, include_str!("system/policy.c")));
    policy.logs("print", &["info a has 2 more", "warn error", "info half ? é ???", "info no end"]);
    let letters: String = ('a'..='z').cycle().take(2000).collect();
    policy.logs("long", &[&format!("info {}", &letters[..1024]), &format!("info {}", &letters[1024..])]);
    policy.logs("sleep", &["info 0"]);
    policy.logs("open", &["info 1"]);
    policy.logs("getenv", &["info 1"]);
    policy.logs("chance", &["info 1"]);
    policy.fails("exit", "panicked: the policy called exit: it ends by returning from allocate");
    policy.fails("abort", "panicked: the policy called abort");
    policy.fails("assert", "panicked at policy.c:25: `asked == NULL` does not hold");
    policy.fails("time", "panicked: the policy looked at the clock, and a policy has none");
}

#[test]
fn go() {
    let policy = Asking(Asker::build(GO, include_str!("system/policy.go")));
    policy.logs("print", &["info loaded", "info one 2", "warn two 3", "info half ? é"]);
    policy.logs("log", &["info loaded", "warn logged 1"]);
    let half = "é".repeat(512);
    policy.logs("long", &["info loaded", &format!("info {half}"), &format!("info {}", "é".repeat(488))]);
    policy.logs("sleep", &["info loaded", "info 1970 true"]);
    policy.logs("timeout", &["info loaded", "info over"]);
    policy.logs("chance", &["info loaded", "info false"]);
    let told = policy.0.refused(r#"{"broken": true}"#);
    assert!(told.contains("panicked at policy.go:20: no such settings"), "{told}");
    policy.fails("exit", "panicked: the policy called os.Exit, or Go gave it up");
    policy.fails("open", "panicked: allocate returned the error open models.csv: ");
    // What ends Go itself is told by Go.
    for (what, words) in [
        ("fatal", "warn no more"),
        ("goroutine", "warn panic: apart"),
        ("deadlock", "warn fatal error: all goroutines are asleep - deadlock!"),
    ] {
        let report = policy.of(what);
        assert!(report["outcome"] == json!("faulted") && said(&report).contains(words), "{what}: {report:#}");
    }
}
