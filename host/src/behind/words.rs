//! The vocabulary as it crosses: what [`contract`](crate::contract) and the engine say without serde, in serde's terms.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    contract::{Answer, Decision, Fault, FaultKind, InitialTwin, Limit, Limits, Overrun, Refusal},
    engine::{LogLevel, LogLine, Run},
};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Limits")]
pub(super) struct LimitsWord {
    time: Duration,
    cpu: Duration,
    memory: usize,
    memories: usize,
    tables: usize,
    table_elements: usize,
    instances: usize,
    handles: usize,
    stack: usize,
    host_calls: usize,
    answer: usize,
    json_depth: usize,
    log_lines: usize,
    log_bytes: usize,
    table_lookups: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FaultKind")]
enum FaultKindWord {
    Trap,
    Deadline,
    Cpu,
    Memory,
    Resources,
    HostCalls,
    InvalidAnswer,
    Load,
    SetAside,
    Lost,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Limit")]
enum LimitWord {
    Time,
    Cpu,
    Memory,
    Memories,
    Tables,
    TableElements,
    Instances,
    Handles,
    Stack,
    HostCalls,
    Answer,
    JsonDepth,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LogLevel")]
enum LogLevelWord {
    Debug,
    Info,
    Warn,
    Error,
}

/// What a run came to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ran {
    result: Result<Said, Failed>,
    log: Vec<Line>,
    log_dropped: usize,
    elapsed: Duration,
    memory: usize,
    grown: usize,
}

#[derive(Debug, Serialize, Deserialize)]
enum Said {
    Decision { hub: String, twin: Option<Twin>, payload: Option<String>, reasons: Vec<String> },
    Reject(String),
    RetryLater(String, Option<u32>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Twin {
    tags: Option<String>,
    desired: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    #[serde(with = "FaultKindWord")]
    kind: FaultKind,
    message: String,
    over: Option<Over>,
    panic: Option<String>,
    backtrace: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Over {
    #[serde(with = "LimitWord")]
    limit: Limit,
    allowed: u64,
    reached: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line(#[serde(with = "LogLevelWord")] LogLevel, String);

impl From<Run<Answer>> for Ran {
    fn from(run: Run<Answer>) -> Self {
        Self {
            result: run.result.map(Said::from).map_err(Failed::from),
            log: run.log.into_iter().map(|line| Line(line.level, line.message)).collect(),
            log_dropped: run.log_dropped,
            elapsed: run.elapsed,
            memory: run.memory,
            grown: run.grown,
        }
    }
}

impl From<Ran> for Run<Answer> {
    fn from(ran: Ran) -> Self {
        Self {
            result: ran.result.map(Answer::from).map_err(Fault::from),
            log: ran.log.into_iter().map(|Line(level, message)| LogLine { level, message }).collect(),
            log_dropped: ran.log_dropped,
            elapsed: ran.elapsed,
            memory: ran.memory,
            grown: ran.grown,
            // A server's engine counts none, and phases are those of this process.
            fuel: None,
            phases: Vec::new(),
        }
    }
}

impl From<Answer> for Said {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Decision(Decision { hub, initial_twin, payload, reasons }) => {
                let twin = |twin: InitialTwin| Twin { tags: twin.tags, desired: twin.desired_properties };
                Self::Decision { hub, twin: initial_twin.map(twin), payload, reasons }
            }
            Answer::Refusal(Refusal::Reject { message }) => Self::Reject(message),
            Answer::Refusal(Refusal::RetryLater { message, after_seconds }) => Self::RetryLater(message, after_seconds),
        }
    }
}

impl From<Said> for Answer {
    fn from(said: Said) -> Self {
        match said {
            Said::Decision { hub, twin: first, payload, reasons } => {
                let twin = |twin: Twin| InitialTwin { tags: twin.tags, desired_properties: twin.desired };
                Self::Decision(Decision { hub, initial_twin: first.map(twin), payload, reasons })
            }
            Said::Reject(message) => Self::Refusal(Refusal::Reject { message }),
            Said::RetryLater(message, after_seconds) => Self::Refusal(Refusal::RetryLater { message, after_seconds }),
        }
    }
}

impl From<Fault> for Failed {
    fn from(Fault { kind, message, overrun, panic, backtrace }: Fault) -> Self {
        let over = overrun.map(|Overrun { limit, allowed, reached }| Over { limit, allowed, reached });
        Self { kind, message, over, panic, backtrace }
    }
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Self {
        let overrun = failed.over.map(|Over { limit, allowed, reached }| Overrun { limit, allowed, reached });
        // Once more of bearable length, whoever says so.
        let fault = Self::new(failed.kind, failed.message);
        Self { overrun, panic: failed.panic, backtrace: failed.backtrace, ..fault }
    }
}
