//! The operations under way: at most one a device.
//!
//! In memory only. What an operation comes to is on disk before it is no longer here; one that a crash ended is gone, and
//! its device, told that there is none, registers again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::task::JoinHandle;

use super::guid;

/// Operations at the same time. Each holds a body of 96 KiB at the most.
const MOST: usize = 20_000;

#[derive(Debug)]
struct Operation {
    id: String,
    payload: Option<String>,
    task: JoinHandle<()>,
}

/// The operations under way, by lower-case registration id.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<String, Operation>>);

/// What came of the wish to begin an operation.
pub(super) enum Begun {
    /// This one runs.
    Operation(String),
    /// None: there are too many.
    TooMany,
}

impl Pending {
    /// The operation that runs for a device. One with the same payload goes on; any other gives way to a new one.
    pub(super) fn begin(
        &self,
        registration_id: &str,
        payload: Option<&str>,
        start: impl FnOnce(&str) -> JoinHandle<()>,
    ) -> Begun {
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = registration_id.to_ascii_lowercase();
        match operations.get(&key) {
            Some(running) if running.payload.as_deref() == payload => return Begun::Operation(running.id.clone()),
            Some(other) => other.task.abort(),
            None if operations.len() >= MOST => return Begun::TooMany,
            None => {}
        }
        let unique = guid();
        let id = format!("5.{}.{unique}", unique.replace('-', "").get(..16).unwrap_or_default());
        let operation = Operation { id: id.clone(), payload: payload.map(str::to_owned), task: start(&id) };
        operations.insert(key, operation);
        Begun::Operation(id)
    }

    /// Whether this operation is under way for this device.
    pub(super) fn is_running(&self, registration_id: &str, operation_id: &str) -> bool {
        let operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        operations.get(&registration_id.to_ascii_lowercase()).is_some_and(|operation| operation.id == operation_id)
    }

    /// An operation has come to its end.
    pub(super) fn end(&self, registration_id: &str, operation_id: &str) {
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = registration_id.to_ascii_lowercase();
        if operations.get(&key).is_some_and(|operation| operation.id == operation_id) {
            operations.remove(&key);
        }
    }
}
