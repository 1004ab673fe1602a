//! Checks: recorded requests with the decision expected of them, kept in a policy's `checks` folder.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use thiserror::Error;

use super::{Decided, Verdict, decide};
use crate::{
    catalogue::Release,
    contract::Refusal,
    wire::{Body, MalformedRequest},
};

/// A check as read from its file.
#[derive(Debug)]
pub struct Check {
    request: Box<RawValue>,
    expect: Expect,
}

/// A file that is not a check.
#[derive(Debug, Error)]
pub enum CheckError {
    /// Not of the form `{"request": …, "expect": …}`.
    #[error("not a check: {0}")]
    Form(#[from] serde_json::Error),
    /// The recorded request is not one.
    #[error("the check's request: {0}")]
    Request(#[from] MalformedRequest),
}

/// The difference between what a check expects and what was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What the check expects.
    pub expected: String,
    /// What was decided.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, but the policy answered {}", self.expected, self.found)
    }
}

impl Check {
    /// Reads the text of a check file.
    ///
    /// # Errors
    ///
    /// If it is not a check; unknown members are errors.
    pub fn parse(text: &str) -> Result<Self, CheckError> {
        let file: CheckFile = serde_json::from_str(text)?;
        Ok(Self { request: file.request, expect: file.expect })
    }

    /// Runs the check against a release. A recorded request may be as deep as the server takes one.
    ///
    /// # Errors
    ///
    /// If the recorded request is not one. That the decision is another than expected is a value, not an error.
    pub async fn run(&self, release: &Release, json_depth: usize) -> Result<Option<Mismatch>, CheckError> {
        let body = Body::parse(self.request.get().as_bytes(), json_depth)?;
        let decided = decide(release, &body.request()).await;
        Ok(self.expect.compare(&decided))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckFile {
    request: Box<RawValue>,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Expect {
    Decision(ExpectedDecision),
    Refusal(ExpectedRefusal),
}

/// The allocation response, plus the reasons, which are compared only if the check names any.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectedDecision {
    iot_hub_host_name: String,
    initial_twin: Option<Value>,
    payload: Option<Value>,
    reasons: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum ExpectedRefusal {
    Reject { message: Option<String> },
    RetryLater { message: Option<String> },
}

impl Expect {
    fn compare(&self, decided: &Decided) -> Option<Mismatch> {
        let found =
            describe(&decided.verdict, matches!(self, Self::Decision(ExpectedDecision { reasons: Some(_), .. })));
        let expected = match self {
            Self::Decision(decision) => decision.describe(),
            Self::Refusal(refusal) => refusal.describe(&decided.verdict),
        };
        (expected != found).then_some(Mismatch { expected, found })
    }
}

impl ExpectedDecision {
    fn describe(&self) -> String {
        let mut response = serde_json::Map::new();
        response.insert("iotHubHostName".into(), self.iot_hub_host_name.as_str().into());
        for (member, value) in [("initialTwin", &self.initial_twin), ("payload", &self.payload)] {
            if let Some(value) = value {
                response.insert(member.into(), value.clone());
            }
        }
        with_reasons(Value::Object(response), self.reasons.as_deref())
    }
}

impl ExpectedRefusal {
    /// The refusal in words; a message that the check leaves open is taken from the verdict.
    fn describe(&self, verdict: &Verdict) -> String {
        let found = match verdict {
            Verdict::Refused(Refusal::Reject { message } | Refusal::RetryLater { message, .. }) => message.as_str(),
            Verdict::Allocated { .. } | Verdict::Faulted(_) => "…",
        };
        match self {
            Self::Reject { message } => reject(message.as_deref().unwrap_or(found)),
            Self::RetryLater { message } => retry_later(message.as_deref().unwrap_or(found)),
        }
    }
}

/// A verdict in words that can be compared with an expectation's.
fn describe(verdict: &Verdict, show_reasons: bool) -> String {
    match verdict {
        Verdict::Allocated { response, reasons, .. } => {
            // Parsed and printed again, so that neither spaces nor the order of members matter.
            let value = serde_json::from_slice(response.as_bytes()).unwrap_or(Value::Null);
            with_reasons(value, show_reasons.then_some(reasons))
        }
        Verdict::Refused(Refusal::Reject { message }) => reject(message),
        Verdict::Refused(Refusal::RetryLater { message, .. }) => retry_later(message),
        Verdict::Faulted(fault) => format!("with a fault: {fault}"),
    }
}

fn with_reasons(response: Value, reasons: Option<&[String]>) -> String {
    match reasons {
        Some(reasons) => format!("the decision {response} for the reasons {reasons:?}"),
        None => format!("the decision {response}"),
    }
}

fn reject(message: &str) -> String {
    format!("the rejection {message:?}")
}

fn retry_later(message: &str) -> String {
    format!("a request to retry later, {message:?}")
}
