//! How `berth policy run` shows a decision.

use std::time::Duration;

use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::{
    author::{Outlook, Trial, TwinFate},
    cli::output::say,
    contract::{Digest, Fault, Refusal},
    decide::{Trail, Verdict},
    engine::{LogLevel, LogLine},
};

/// Lines of the log that a fault is shown with.
const LAST_LINES: usize = 10;

/// The decision as JSON.
pub(super) fn json(name: &str, version: &Digest, trial: &Trial) -> Value {
    let Trial { ruling, outlook, used, limits } = trial;
    let trail = &ruling.decided.trail;
    let (mut outcome, mut response, mut reasons, mut refusal) = ("faulted", Value::Null, json!([]), Value::Null);
    let mut fault = ruling.fell_back.as_ref().map(|fell_back| &fell_back.fault);
    match &ruling.decided.verdict {
        Verdict::Allocated { response: answer, reasons: why, .. } => {
            outcome = "allocated";
            response = serde_json::from_slice(answer.as_bytes()).unwrap_or_default();
            reasons = json!(why);
        }
        Verdict::Refused(Refusal::Reject { message }) => {
            outcome = "refused";
            refusal = json!({"kind": "reject", "message": message});
        }
        Verdict::Refused(Refusal::RetryLater { message, after_seconds }) => {
            outcome = "refused";
            refusal = json!({"kind": "retryLater", "message": message, "afterSeconds": after_seconds});
        }
        Verdict::Faulted(found) => fault = Some(found),
    }
    json!({
        "policy": name,
        "version": version.to_string(),
        "outcome": outcome,
        "response": response,
        "reasons": reasons,
        "refusal": refusal,
        "fault": fault.map(fault_json),
        "fallback": ruling.fell_back.as_ref().map(|fell_back| fell_back.to.as_str()),
        "dps": outlook_json(outlook),
        "log": trail.log.iter().map(|line| json!({"level": level(line.level), "message": line.message})).collect::<Value>(),
        "logDropped": trail.log_dropped,
        "used": {
            "timeMicroseconds": micros(used.time),
            "cpuMicroseconds": micros(used.cpu),
            "memoryBytes": used.memory,
        },
        "limits": {
            "timeMicroseconds": micros(limits.time),
            "cpuMicroseconds": micros(limits.cpu),
            "memoryBytes": limits.memory,
        },
    })
}

fn fault_json(fault: &Fault) -> Value {
    let limit = fault.overrun.map(|overrun| {
        let (key, unit) = overrun.limit.key_and_unit();
        json!({"key": key, "unit": unit, "allowed": overrun.allowed, "reached": overrun.reached})
    });
    json!({
        "kind": fault.kind.as_str(),
        "message": fault.message,
        "limit": limit,
        "panic": fault.panic,
        "backtrace": fault.backtrace,
    })
}

fn outlook_json(outlook: &Outlook) -> Value {
    json!({
        "status": outlook.status,
        "code": outlook.code,
        "retryAfterSeconds": outlook.retry_after,
        "device": outlook.device,
        "twin": outlook.twin.map(TwinFate::as_str),
        "payloadArrives": outlook.payload_arrives,
        "notes": outlook.notes,
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The decision in a few lines.
pub(super) fn print(name: &str, version: &Digest, trial: &Trial) {
    let Trial { ruling, outlook, used, limits } = trial;
    let trail = &ruling.decided.trail;
    let fell_back = ruling.fell_back.as_ref();
    let fault = fell_back.map(|fell_back| &fell_back.fault).or(match &ruling.decided.verdict {
        Verdict::Faulted(fault) => Some(fault),
        _ => None,
    });
    if let Some(fault) = fault {
        say!("{name} {version:#} failed: {}", fault.kind);
        print_fault(fault);
    }
    let who = if fell_back.is_some() { "its fallback" } else { name };
    match &ruling.decided.verdict {
        Verdict::Allocated { response, reasons, .. } => {
            say!("{who} {version:#} decided");
            row("answer", &String::from_utf8_lossy(response.as_bytes()));
            if !reasons.is_empty() {
                row("reasons", &reasons.join(", "));
            }
        }
        Verdict::Refused(Refusal::Reject { message }) => {
            say!("{who} {version:#} rejected the device");
            row("because", message);
        }
        Verdict::Refused(Refusal::RetryLater { message, .. }) => {
            say!("{who} {version:#} asked to be asked later");
            row("because", message);
        }
        Verdict::Faulted(_) => {}
    }
    print_outlook(outlook);
    print_log(trail, fault.is_some());
    row("time", &format!("{} of {}", milliseconds(used.time), milliseconds(limits.time)));
    row("processor", &format!("{} of {}", milliseconds(used.cpu), milliseconds(limits.cpu)));
    row("memory", &format!("{} of {}", HumanBytes(used.memory as u64), HumanBytes(limits.memory as u64)));
}

fn print_fault(fault: &Fault) {
    row("because", &fault.message);
    if let Some(panic) = &fault.panic {
        row("panic", panic);
    }
    if let Some(overrun) = &fault.overrun {
        row("limit", &overrun.to_string());
        if let Some(over) = overrun.reached.and_then(|reached| reached.checked_sub(overrun.allowed)) {
            let (key, unit) = overrun.limit.key_and_unit();
            row("over", &format!("by {over} {unit}; a policy sets its own in policy.toml, [limits] {key}"));
        }
    }
    // A panic tells its place in the source. Behind it are functions of the language's own runtime.
    if fault.panic.is_none() {
        fault.backtrace.iter().for_each(|function| row("in", function));
    }
}

fn print_outlook(outlook: &Outlook) {
    let code = outlook.code.map(|code| format!(" {code}")).unwrap_or_default();
    let retry = outlook.retry_after.map(|seconds| format!(", Retry-After {seconds}")).unwrap_or_default();
    row("to DPS", &format!("{}{code}{retry}", outlook.status));
    row("device", &outlook.device);
    match outlook.twin {
        Some(TwinFate::Answers) => row("twin", "starts from the answer's initialTwin"),
        Some(TwinFate::Enrollments) => row("twin", "starts from the enrollment's initialTwin: the answer has none"),
        Some(TwinFate::Empty) => row("twin", "starts empty: neither the answer nor the enrollment has one"),
        Some(TwinFate::Kept { because }) => row("twin", &format!("stays as it is: {because}")),
        None => {}
    }
    if outlook.payload_arrives {
        row("payload", "reaches the device");
    }
    outlook.notes.iter().for_each(|note| row("note", note));
}

/// The policy's log; of a policy that failed, its last words.
fn print_log(trail: &Trail, last_only: bool) {
    let skipped = if last_only { trail.log.len().saturating_sub(LAST_LINES) } else { 0 };
    if skipped > 0 {
        row("log", &format!("{skipped} earlier lines"));
    }
    trail.log.iter().skip(skipped).for_each(print_line);
    if trail.log_dropped > 0 {
        row("log", &format!("{} lines did not fit and are lost", trail.log_dropped));
    }
}

/// A line of a policy's log.
pub(super) fn print_line(line: &LogLine) {
    row("log", &format!("{:5} {}", level(line.level), line.message));
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

/// A line of a report: what it is about, and what is to be said.
pub(super) fn row(what: &str, text: &str) {
    say!("  {what:10} {text}");
}

fn milliseconds(time: Duration) -> String {
    let micros = micros(time);
    if micros.is_multiple_of(1000) {
        format!("{} ms", micros / 1000)
    } else {
        format!("{}.{:03} ms", micros / 1000, micros % 1000)
    }
}
