//! What happened in one registration, step by step, for people who want to know why a device is where it is.
//!
//! Kept in memory for the devices that registered last, one trace a device. Signatures and keys are not in it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Devices of which a trace is kept.
const MOST_TRACES: usize = 1000;
/// Steps of a trace. A registration that retries to its end has about thirty.
const MOST_STEPS: usize = 100;
/// Bytes that a step shows of a body.
const MOST_BYTES: usize = 16 << 10;

/// What happened in the last registration of a device.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// As the device gave it.
    pub registration_id: String,
    /// In the order they happened.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// When.
    pub at: String,
    /// What.
    pub what: What,
    /// In words.
    pub text: String,
    /// What was sent, received or stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// The kinds of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// What the device sent.
    Received,
    /// It was refused.
    Refused,
    /// It was let in, and by which enrollment.
    Admitted,
    /// What went to the webhook.
    ToWebhook,
    /// What came back from it.
    FromWebhook,
    /// The webhook is tried again later.
    Retry,
    /// What was stored.
    Stored,
    /// What the device heard.
    Answered,
}

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<String, Trace>,
    oldest_first: VecDeque<String>,
}

/// The traces. Cloning it is cheap, and all clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Traces(Arc<Mutex<Kept>>);

impl Traces {
    /// Begins a device's trace anew.
    pub(super) fn begin(&self, registration_id: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = registration_id.to_ascii_lowercase();
        let trace = Trace { registration_id: registration_id.to_owned(), steps: Vec::new() };
        if kept.by_id.insert(id.clone(), trace).is_none() {
            kept.oldest_first.push_back(id);
        }
        if kept.oldest_first.len() > MOST_TRACES
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            kept.by_id.remove(&oldest);
        }
    }

    /// Adds a step.
    pub(super) fn step(&self, registration_id: &str, what: What, text: impl Into<String>, data: Option<&[u8]>) {
        let step =
            Step { at: format!("{:.3}", jiff::Timestamp::now()), what, text: text.into(), data: data.map(shown) };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trace = kept.by_id.get_mut(&registration_id.to_ascii_lowercase());
        if let Some(trace) = trace.filter(|trace| trace.steps.len() < MOST_STEPS) {
            trace.steps.push(step);
        }
    }

    /// A device's trace.
    pub(super) fn of(&self, registration_id: &str) -> Option<Trace> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_id.get(&registration_id.to_ascii_lowercase()).cloned()
    }

    /// The devices that have one, the latest last.
    pub(super) fn ids(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.oldest_first.iter().cloned().collect()
    }
}

/// A body as it is shown: JSON, or text, and not without end.
fn shown(body: &[u8]) -> Value {
    if body.len() <= MOST_BYTES
        && let Ok(value) = serde_json::from_slice(body)
    {
        return value;
    }
    let text = String::from_utf8_lossy(body.get(..body.len().min(MOST_BYTES)).unwrap_or_default());
    Value::String(if body.len() > MOST_BYTES { format!("{text}…") } else { text.into_owned() })
}
