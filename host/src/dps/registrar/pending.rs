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
    /// Whether it came to nothing, since the local DPS failed.
    is_lost: bool,
    task: JoinHandle<()>,
}

/// The operations under way, by lower-case registration id.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<String, Operation>>);

/// How an operation stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It is under way.
    Running,
    /// What it came to could not be stored.
    Lost,
    /// It is not here.
    Elsewhere,
}

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
        if operations.len() >= MOST {
            operations.retain(|_, operation| !operation.is_lost);
        }
        match operations.get(&key) {
            Some(running) if !running.is_lost && running.payload.as_deref() == payload => {
                return Begun::Operation(running.id.clone());
            }
            Some(other) => other.task.abort(),
            None if operations.len() >= MOST => return Begun::TooMany,
            None => {}
        }
        let unique = guid();
        let id = format!("5.{}.{unique}", unique.replace('-', "").get(..16).unwrap_or_default());
        let operation =
            Operation { id: id.clone(), payload: payload.map(str::to_owned), is_lost: false, task: start(&id) };
        operations.insert(key, operation);
        Begun::Operation(id)
    }

    /// How this operation of this device stands. That it is lost is told once: a device that goes on asking hears that
    /// there is no such operation, and begins another.
    pub(super) fn stands(&self, registration_id: &str, operation_id: &str) -> Stands {
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = registration_id.to_ascii_lowercase();
        match operations.get(&key).filter(|operation| operation.id == operation_id) {
            None => Stands::Elsewhere,
            Some(operation) if !operation.is_lost => Stands::Running,
            Some(_) => {
                operations.remove(&key);
                Stands::Lost
            }
        }
    }

    /// What an operation came to could not be stored.
    pub(super) fn lose(&self, registration_id: &str, operation_id: &str) {
        let mut operations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let operation = operations.get_mut(&registration_id.to_ascii_lowercase());
        if let Some(operation) = operation.filter(|operation| operation.id == operation_id) {
            operation.is_lost = true;
            operation.payload = None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lost_operation_is_told_once_and_gives_way() {
        let pending = Pending::default();
        let begin = || match pending.begin("Dev", None, |_| tokio::spawn(async {})) {
            Begun::Operation(id) => id,
            Begun::TooMany => panic!("there is one"),
        };
        let first = begin();
        assert_eq!((begin(), pending.stands("dev", &first)), (first.clone(), Stands::Running));
        pending.lose("dEV", &first);
        assert_eq!(pending.stands("dev", &first), Stands::Lost);
        assert_eq!(pending.stands("dev", &first), Stands::Elsewhere);
        let second = begin();
        pending.lose("dev", &second);
        assert_ne!(begin(), second);
    }
}
