//! Checks: recorded requests with the decision expected of them, kept in a policy's `checks` folder.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
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
    /// The line of the file in which the request begins.
    line: usize,
    expect: Expect,
}

/// A file that is not a check.
#[derive(Debug, Error)]
pub enum CheckError {
    /// Not of the form `{"request": …, "expect": …}`.
    #[error("not a check: {0}")]
    Form(#[from] serde_json::Error),
    /// The recorded request is not one.
    #[error("the check's request, which begins in line {line}: {source}")]
    Request {
        /// The line of the file in which it begins, from which lines in `source` are counted.
        line: usize,
        /// What is wrong.
        source: MalformedRequest,
    },
}

/// The difference between what a check expects and what was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// What the check expects.
    pub expected: Outcome,
    /// What was decided.
    pub found: Outcome,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, but the policy answered {}", self.expected, self.found)
    }
}

/// What a check came to.
#[derive(Debug)]
pub struct Checked {
    /// The decision, with what it left behind.
    pub decided: Decided,
    /// How it differs from what is expected, if it does.
    pub mismatch: Option<Mismatch>,
}

impl Check {
    /// Reads the text of a check file.
    ///
    /// # Errors
    ///
    /// If it is not a check; unknown members are errors.
    pub fn parse(text: &str) -> Result<Self, CheckError> {
        let file: CheckFile<'_> = serde_json::from_str(text)?;
        // The request's text is borrowed from the file's.
        let start = (file.request.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        Ok(Self { request: file.request.to_owned(), line, expect: file.expect })
    }

    /// Runs the check against a release. A recorded request may be as deep as the server takes one.
    ///
    /// # Errors
    ///
    /// If the recorded request is not one. That the decision is another than expected is a value, not an error.
    pub async fn run(&self, release: &Release, json_depth: usize) -> Result<Checked, CheckError> {
        let body = Body::parse(self.request.get().as_bytes(), json_depth)
            .map_err(|source| CheckError::Request { line: self.line, source })?;
        let decided = decide(release, &body.request()).await;
        let mismatch = self.expect.compare(&decided);
        Ok(Checked { decided, mismatch })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckFile<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
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

/// A decision as checks have it: comparable, in words, and as a check file writes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The allocation response, with the reasons if they count.
    Decision {
        /// The response. Parsed, so that neither spaces nor the order of members matter.
        response: Value,
        /// The reasons.
        reasons: Option<Vec<String>>,
    },
    /// The device is not welcome.
    Reject(String),
    /// Not now.
    RetryLater(String),
    /// The policy failed, which no check can expect.
    Fault(String),
}

impl Outcome {
    /// What a verdict is for checks.
    #[must_use]
    pub fn of(verdict: &Verdict, with_reasons: bool) -> Self {
        match verdict {
            Verdict::Allocated { response, reasons, .. } => Self::Decision {
                response: serde_json::from_slice(response.as_bytes()).unwrap_or(Value::Null),
                reasons: with_reasons.then(|| reasons.clone()),
            },
            Verdict::Refused(Refusal::Reject { message }) => Self::Reject(message.clone()),
            Verdict::Refused(Refusal::RetryLater { message, .. }) => Self::RetryLater(message.clone()),
            Verdict::Faulted(fault) => Self::Fault(fault.to_string()),
        }
    }

    /// What a check that expects this has as its `expect`.
    #[must_use]
    pub fn expectation(&self) -> Value {
        match self {
            Self::Decision { response, reasons } => {
                let mut decision = response.clone();
                if let (Some(members), Some(reasons)) = (decision.as_object_mut(), reasons) {
                    members.insert("reasons".to_owned(), json!(reasons));
                }
                json!({ "decision": decision })
            }
            Self::Reject(message) => json!({ "refusal": { "kind": "reject", "message": message } }),
            Self::RetryLater(message) => json!({ "refusal": { "kind": "retryLater", "message": message } }),
            Self::Fault(fault) => json!({ "fault": fault }),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decision { response, reasons: Some(reasons) } => {
                write!(f, "the decision {response} for the reasons {reasons:?}")
            }
            Self::Decision { response, reasons: None } => write!(f, "the decision {response}"),
            Self::Reject(message) => write!(f, "the rejection {message:?}"),
            Self::RetryLater(message) => write!(f, "a request to retry later, {message:?}"),
            Self::Fault(fault) => write!(f, "with a fault: {fault}"),
        }
    }
}

impl Expect {
    fn compare(&self, decided: &Decided) -> Option<Mismatch> {
        let reasons_count = matches!(self, Self::Decision(ExpectedDecision { reasons: Some(_), .. }));
        let found = Outcome::of(&decided.verdict, reasons_count);
        let expected = match self {
            Self::Decision(decision) => decision.outcome(),
            Self::Refusal(refusal) => refusal.outcome(&found),
        };
        (expected != found).then_some(Mismatch { expected, found })
    }
}

impl ExpectedDecision {
    fn outcome(&self) -> Outcome {
        let mut response = serde_json::Map::new();
        response.insert("iotHubHostName".into(), self.iot_hub_host_name.as_str().into());
        for (member, value) in [("initialTwin", &self.initial_twin), ("payload", &self.payload)] {
            if let Some(value) = value {
                response.insert(member.into(), value.clone());
            }
        }
        Outcome::Decision { response: Value::Object(response), reasons: self.reasons.clone() }
    }
}

impl ExpectedRefusal {
    /// The refusal; a message that the check leaves open is taken from what was found.
    fn outcome(&self, found: &Outcome) -> Outcome {
        let found = match found {
            Outcome::Reject(message) | Outcome::RetryLater(message) => message.as_str(),
            Outcome::Decision { .. } | Outcome::Fault(_) => "…",
        };
        match self {
            Self::Reject { message } => Outcome::Reject(message.as_deref().unwrap_or(found).to_owned()),
            Self::RetryLater { message } => Outcome::RetryLater(message.as_deref().unwrap_or(found).to_owned()),
        }
    }
}
